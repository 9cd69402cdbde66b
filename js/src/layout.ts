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

const MOST_STAND_INS = 40_000;
const STAND_IN_GAP = 7;

export function layout(upstream: readonly (readonly number[])[], options: LayoutOptions): Layout {
  const edges = upstream.flatMap((froms, to) =>
    [...new Set(froms)].filter((from) => from >= 0 && from < to).map((from) => [from, to] as const),
  );
  const layer = assignLayers(upstream.length, edges);
  const proper = withStandIns(layer, edges);
  const layers = order(proper);
  return draw(proper, layers, edges, options);
}

function withStandIns(phaseLayer: readonly number[], edges: readonly (readonly [number, number])[]): Proper {
  const layer = [...phaseLayer];
  const up: number[][] = layer.map(() => []);
  const down: number[][] = layer.map(() => []);
  const span = (from: number, to: number) => (phaseLayer[to] ?? 0) - (phaseLayer[from] ?? 0);
  // Very long edges of very deep graphs go straight: stand-ins would outnumber the phases by far.
  const longest = [Number.POSITIVE_INFINITY, 200, 50, 20, 8, 3].find(
    (most) => edges.reduce((sum, [from, to]) => sum + (span(from, to) > most ? 0 : span(from, to) - 1), 0) <= MOST_STAND_INS,
  );
  const chains = edges.map(([from, to]) => {
    const chain = [from];
    if (span(from, to) > (longest ?? 1)) return [from, to];
    let last = from;
    const join = (vertex: number) => {
      down[last]?.push(vertex);
      up[vertex]?.push(last);
      chain.push(vertex);
      last = vertex;
    };
    for (let at = (phaseLayer[from] ?? 0) + 1; at < (phaseLayer[to] ?? 0); at++) {
      layer.push(at);
      up.push([]);
      down.push([]);
      join(layer.length - 1);
    }
    join(to);
    return chain;
  });
  return { phases: phaseLayer.length, layer, up, down, chains };
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
  for (let sweep = 0; sweep < 8; sweep++) {
    const forward = sweep % 2 === 0;
    const sides = sweep < 5 ? [forward ? up : down] : [up, down];
    for (let i = 0; i < layers.length; i++) {
      const layer = layers[forward ? i : layers.length - 1 - i] ?? [];
      pull(layer, across, offset, (vertex) => wish(vertex, sides));
    }
  }
  return across;
}

/** Isotonic regression (pool adjacent violators): the places nearest to the wishes that keep order and gaps. */
function pull(
  layer: readonly number[],
  across: Float64Array,
  offset: Float64Array,
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
  let i = 0;
  for (const pool of pools) {
    for (const end = i + pool.size; i < end; i++) {
      const vertex = layer[i] ?? 0;
      across[vertex] = pool.at + (offset[vertex] ?? 0);
    }
  }
}

function draw(
  proper: Proper,
  layers: readonly (readonly number[])[],
  edges: readonly (readonly [number, number])[],
  options: LayoutOptions,
): Layout {
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
    const place = (across[node] ?? 0) - low;
    x[node] = horizontal ? along(node) : place;
    y[node] = horizontal ? place : along(node);
  }
  const routes = proper.chains.map((chain, i): Route => {
    const points: number[] = [];
    chain.forEach((vertex, k) => {
      const place = (across[vertex] ?? 0) - low;
      const put = (at: number) => points.push(...(horizontal ? [at, place] : [place, at]));
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
