/**
 * Where phases stand: a layered layout of a graph whose edges go from lower to higher index.
 *
 * The steps are Sugiyama's: layers by longest path (of bounded width), stand-ins for edges that pass a layer, orders by
 * barycentre and neighbour swaps with fewest crossings kept, places by isotonic regression towards the neighbours.
 * Pure and deterministic: the same graph gives the same picture.
 */
import { assignLayers } from "./layout-layers";
import { order } from "./layout-order";

export interface LayoutOptions {
  /** Do edges go left to right (or top to bottom)? */
  readonly horizontal: boolean;
  readonly nodeWidth: number;
  readonly nodeHeight: number;
  /** Space between layers, where edges bend. */
  readonly layerGap: number;
  /** Space between phases of a layer. */
  readonly nodeGap: number;
}

export interface Route {
  readonly from: number;
  readonly to: number;
  /** x, y pairs; every other stretch is straight, those between layers bend. */
  readonly points: Float64Array;
  /** Left, top, right, bottom. */
  readonly bounds: readonly [number, number, number, number];
}

export interface Layout {
  readonly horizontal: boolean;
  readonly nodeWidth: number;
  readonly nodeHeight: number;
  /** Centres. */
  readonly x: Float64Array;
  readonly y: Float64Array;
  readonly layer: Int32Array;
  readonly routes: readonly Route[];
  readonly width: number;
  readonly height: number;
}

/** A graph in which every edge joins neighbouring layers: phases first, then the stand-ins. */
export interface Proper {
  readonly phases: number;
  readonly layer: number[];
  readonly up: number[][];
  readonly down: number[][];
  /** Each edge as the vertices it passes. */
  readonly chains: number[][];
}

const MOST_STAND_INS = 80_000;
const STAND_IN_GAP = 7;
/** How much broader than its broadest layer a picture may get, for edges that are straighter. */
const ROOM = 1.15;

type Edge = readonly [number, number];

/** Who stands in which layer and in which order: all that does not depend on sizes and direction. */
export interface Arrangement {
  readonly proper: Proper;
  readonly layers: readonly (readonly number[])[];
  readonly edges: readonly Edge[];
}

/** `before` is how far across each phase stood until now, undefined for those that are new. */
export function arrange(upstream: readonly (readonly number[])[], before?: readonly (number | undefined)[]): Arrangement {
  const edges = upstream.flatMap((froms, to) =>
    [...new Set(froms)].filter((from) => from >= 0 && from < to).map((from) => [from, to] as const),
  );
  const proper = withStandIns(assignLayers(upstream.length, edges), edges);
  return { proper, layers: order(proper, before), edges };
}

/**
 * Stand-ins for the layers that edges pass. Edges of one phase share theirs, so that a fan is a trunk with branches:
 * those that leave it, or those that reach it, whichever are more.
 */
function withStandIns(phaseLayer: readonly number[], edges: readonly Edge[]): Proper {
  const layer = [...phaseLayer];
  const leaving: number[] = [];
  const reaching: number[] = [];
  for (const [from, to] of edges) {
    leaving[from] = (leaving[from] ?? 0) + 1;
    reaching[to] = (reaching[to] ?? 0) + 1;
  }
  const passed = edges.reduce((sum, [from, to]) => sum + (layer[to] ?? 0) - (layer[from] ?? 0) - 1, 0);
  // Beyond it straight, or stand-ins would outnumber phases by far.
  const longest = passed > MOST_STAND_INS ? Math.max(3, MOST_STAND_INS / edges.length) : Number.POSITIVE_INFINITY;
  const standIns = new Map<string, number>();
  const chains = edges.map(([from, to]) => {
    const isLeaving = (leaving[from] ?? 0) > (reaching[to] ?? 0);
    const [first = 0, last = 0] = [layer[from], layer[to]];
    const chain = [from];
    for (let at = first + 1; at < last && last - first <= longest; at++) {
      const key = `${isLeaving} ${isLeaving ? from : to} ${at}`;
      const vertex = standIns.get(key) ?? layer.push(at) - 1;
      standIns.set(key, vertex);
      chain.push(vertex);
    }
    return [...chain, to];
  });
  const up = layer.map(() => new Set<number>());
  const down = layer.map(() => new Set<number>());
  for (const chain of chains) {
    chain.forEach((below, i) => {
      const above = chain[i - 1] ?? below;
      if ((layer[below] ?? 0) - (layer[above] ?? 0) !== 1) return;
      down[above]?.add(below);
      up[below]?.add(above);
    });
  }
  const lists = (sets: readonly Set<number>[]) => sets.map((set) => [...set]);
  return { phases: phaseLayer.length, layer, up: lists(up), down: lists(down), chains };
}

/** Places across the layers: each layer is pulled to its neighbours' mean as far as order and gaps allow. */
function places(proper: Proper, layers: readonly (readonly number[])[], breadth: number, gap: number): Float64Array {
  const { phases, up, down } = proper;
  const across = new Float64Array(proper.layer.length);
  const offset = new Float64Array(proper.layer.length);
  const isPhase = (vertex: number) => vertex < phases;
  const half = (vertex: number) => (isPhase(vertex) ? breadth / 2 : 1);
  for (const layer of layers) {
    let at = 0;
    layer.forEach((vertex, i) => {
      const before = layer[i - 1];
      if (before !== undefined)
        at +=
          half(before) +
          half(vertex) +
          (isPhase(before) && isPhase(vertex) ? gap : isPhase(before) || isPhase(vertex) ? gap * 0.7 : STAND_IN_GAP);
      offset[vertex] = at;
    });
    for (const vertex of layer) across[vertex] = (offset[vertex] ?? 0) - at / 2;
  }
  const wish = (vertex: number, sides: readonly number[][][]): readonly [number, number] => {
    let sum = 0;
    let weight = 0;
    for (const side of sides) {
      for (const neighbour of side[vertex] ?? []) {
        const w = isPhase(vertex) && isPhase(neighbour) ? 1 : isPhase(vertex) || isPhase(neighbour) ? 2 : 8; // long edges straight
        sum += (across[neighbour] ?? 0) * w;
        weight += w;
      }
    }
    return weight ? [sum / weight, weight] : [across[vertex] ?? 0, 0.1];
  };
  const widest = layers.reduce((most, layer) => Math.max(most, offset[layer.at(-1) ?? 0] ?? 0), 0);
  const limit = (widest * ROOM) / 2;
  for (let sweep = 0; sweep < 8; sweep++) {
    const forward = sweep % 2 === 0;
    const sides = sweep < 5 ? [forward ? up : down] : [up, down];
    for (let i = 0; i < layers.length; i++) {
      const layer = layers[forward ? i : layers.length - 1 - i] ?? [];
      pull(layer, across, offset, limit, (vertex) => wish(vertex, sides));
    }
  }
  return across;
}

/** Isotonic regression (pool adjacent violators): the places within the limit, nearest to the wishes, that keep order and gaps. */
function pull(
  layer: readonly number[],
  across: Float64Array,
  offset: Float64Array,
  limit: number,
  wish: (vertex: number) => readonly [number, number],
): void {
  const pools: { at: number; weight: number; size: number }[] = [];
  for (const vertex of layer) {
    const [target, weight] = wish(vertex);
    const pool = { at: target - (offset[vertex] ?? 0), weight, size: 1 };
    for (let last = pools.at(-1); last && last.at >= pool.at; last = pools.at(-1)) {
      pools.pop();
      pool.at = (pool.at * pool.weight + last.at * last.weight) / (pool.weight + last.weight);
      pool.weight += last.weight;
      pool.size += last.size;
    }
    pools.push(pool);
  }
  const last = Math.max(-limit, limit - (offset[layer.at(-1) ?? 0] ?? 0));
  let i = 0;
  for (const pool of pools) {
    const at = Math.min(Math.max(pool.at, -limit), last);
    for (const end = i + pool.size; i < end; i++) {
      const vertex = layer[i] ?? 0;
      across[vertex] = at + (offset[vertex] ?? 0);
    }
  }
}

export function place({ proper, layers, edges }: Arrangement, options: LayoutOptions): Layout {
  const { horizontal, nodeWidth, nodeHeight, layerGap, nodeGap } = options;
  const count = proper.phases;
  const breadth = horizontal ? nodeHeight : nodeWidth;
  const depth = horizontal ? nodeWidth : nodeHeight;
  const across = places(proper, layers, breadth, nodeGap);
  let low = count ? Number.POSITIVE_INFINITY : 0;
  let high = count ? Number.NEGATIVE_INFINITY : 0;
  across.forEach((at, vertex) => {
    const half = vertex < count ? breadth / 2 : 1;
    low = Math.min(low, at - half);
    high = Math.max(high, at + half);
  });
  const along = (vertex: number) => (proper.layer[vertex] ?? 0) * (depth + layerGap) + depth / 2;
  const x = new Float64Array(count);
  const y = new Float64Array(count);
  for (let node = 0; node < count; node++) {
    const at = (across[node] ?? 0) - low;
    x[node] = horizontal ? along(node) : at;
    y[node] = horizontal ? at : along(node);
  }
  const routes = proper.chains.map((chain, i): Route => {
    const points: number[] = [];
    chain.forEach((vertex, k) => {
      const side = (across[vertex] ?? 0) - low;
      const put = (at: number) => points.push(...(horizontal ? [at, side] : [side, at]));
      if (k > 0) put(along(vertex) - depth / 2);
      if (k < chain.length - 1) put(along(vertex) + depth / 2);
    });
    const [from, to] = edges[i] ?? [0, 0];
    return { from, to, points: Float64Array.from(points), bounds: boundsOf(points) };
  });
  const length = layers.length ? layers.length * (depth + layerGap) - layerGap : 0;
  const size = high - low;
  return {
    horizontal,
    nodeWidth,
    nodeHeight,
    x,
    y,
    layer: Int32Array.from(proper.layer.slice(0, count)),
    routes,
    width: horizontal ? length : size,
    height: horizontal ? size : length,
  };
}

function boundsOf(points: readonly number[]): [number, number, number, number] {
  const bounds: [number, number, number, number] = [Infinity, Infinity, -Infinity, -Infinity];
  for (let i = 0; i < points.length; i += 2) {
    const x = points[i] ?? 0;
    const y = points[i + 1] ?? 0;
    bounds[0] = Math.min(bounds[0], x);
    bounds[1] = Math.min(bounds[1], y);
    bounds[2] = Math.max(bounds[2], x);
    bounds[3] = Math.max(bounds[3], y);
  }
  return bounds;
}
