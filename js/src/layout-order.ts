/** The order of vertices within layers: barycentre sweeps and neighbour swaps, the order with fewest crossings wins. Pure. */
import type { Proper } from "./layout";

/** How many more crossings a picture may have for looking like the one before. */
const WORSE_BY = 1.5;
const WORSE_BY_FEW = 4;

/** The order of each layer; `before` is where phases stood until now, which is kept if it is not much worse. */
export function order(proper: Proper, before: readonly (number | undefined)[] = []): readonly (readonly number[])[] {
  const fresh = new Ordering(proper, depthFirst(proper)).sweep();
  if (!before.some((at) => at !== undefined)) return fresh.layers;
  const kept = new Ordering(proper, asBefore(proper, before)).swap();
  return kept.crossings <= fresh.crossings * WORSE_BY + WORSE_BY_FEW ? kept.layers : fresh.layers;
}

interface Ordered {
  readonly layers: readonly (readonly number[])[];
  readonly crossings: number;
}

class Ordering {
  readonly #up: readonly (readonly number[])[];
  readonly #down: readonly (readonly number[])[];
  readonly #layers: number[][];
  /** Index of each vertex within its layer. */
  readonly #index: Int32Array;
  readonly #key: Float64Array;
  readonly #size: number;

  constructor(proper: Proper, layers: number[][]) {
    this.#up = proper.up;
    this.#down = proper.down;
    this.#size = proper.layer.length;
    this.#index = new Int32Array(this.#size);
    this.#key = new Float64Array(this.#size);
    this.#layers = layers;
    layers.forEach((layer, i) => {
      this.#set(i, layer);
    });
  }

  /** Only neighbours that cross less the other way round change places. */
  swap(): Ordered {
    this.#swapNeighbours();
    return { layers: this.#layers, crossings: this.#crossings() };
  }

  sweep(): Ordered {
    const size = this.#size;
    const sweeps = size > 6000 ? 6 : size > 2000 ? 10 : 32;
    let fewest = Number.POSITIVE_INFINITY;
    let best = this.#layers;
    for (let sweep = 0, stale = 0; sweep < sweeps && fewest > 0 && stale < 8; sweep++) {
      this.#sweep(sweep);
      if (size < 9000) this.#swapNeighbours();
      const crossings = this.#crossings();
      stale = crossings < fewest ? 0 : stale + 1;
      if (crossings < fewest) {
        fewest = crossings;
        best = this.#layers.map((layer) => layer.slice());
      }
    }
    return { layers: best, crossings: fewest };
  }

  #set(at: number, layer: number[]): void {
    this.#layers[at] = layer;
    layer.forEach((vertex, i) => {
      this.#index[vertex] = i;
    });
  }

  #sweep(sweep: number): void {
    const backward = sweep % 2 === 1;
    const sides = backward ? this.#down : this.#up;
    const tie = sweep & 2 ? -1 : 1; // equal keys change places now and then, or symmetric graphs get stuck
    const count = this.#layers.length;
    for (let i = 0; i < count; i++) {
      const at = backward ? count - 1 - i : i;
      const layer = this.#layers[at] ?? [];
      for (const vertex of layer) {
        const side = sides[vertex] ?? [];
        const sum = side.reduce((total, neighbour) => total + (this.#index[neighbour] ?? 0), 0);
        this.#key[vertex] = side.length ? sum / side.length : (this.#index[vertex] ?? 0);
      }
      layer.sort((a, b) => (this.#key[a] ?? 0) - (this.#key[b] ?? 0) || tie * ((this.#index[a] ?? 0) - (this.#index[b] ?? 0)));
      this.#set(at, layer);
    }
  }

  #swapNeighbours(): void {
    for (let round = 0, changed = true; changed && round < 8; round++) {
      changed = false;
      for (const layer of this.#layers) {
        for (let i = 0; i + 1 < layer.length; i++) {
          const a = layer[i] ?? 0;
          const b = layer[i + 1] ?? 0;
          if (this.#gain(this.#up, a, b) + this.#gain(this.#down, a, b) <= 0) continue;
          layer[i] = b;
          layer[i + 1] = a;
          this.#index[b] = i;
          this.#index[a] = i + 1;
          changed = true;
        }
      }
    }
  }

  /** How many crossings fewer if b stood before a. */
  #gain(sides: readonly (readonly number[])[], a: number, b: number): number {
    let gain = 0;
    for (const p of sides[a] ?? []) {
      for (const q of sides[b] ?? []) gain += Math.sign((this.#index[p] ?? 0) - (this.#index[q] ?? 0));
    }
    return gain;
  }

  /** Counts inversions between neighbouring layers with a Fenwick tree. */
  #crossings(): number {
    let total = 0;
    for (let at = 0; at + 1 < this.#layers.length; at++) {
      const layer = this.#layers[at] ?? [];
      const width = this.#layers[at + 1]?.length ?? 0;
      const tree = new Int32Array(width + 1);
      for (let i = layer.length - 1; i >= 0; i--) {
        const targets = this.#down[layer[i] ?? 0] ?? [];
        for (const target of targets) for (let x = this.#index[target] ?? 0; x > 0; x -= x & -x) total += tree[x] ?? 0;
        for (const target of targets) for (let x = (this.#index[target] ?? 0) + 1; x <= width; x += x & -x) tree[x] = (tree[x] ?? 0) + 1;
      }
    }
    return total;
  }
}

const emptyLayers = (layer: readonly number[]): number[][] =>
  Array.from({ length: layer.reduce((most, at) => Math.max(most, at + 1), 0) }, () => []);

/** The order of before; what is new stands where its neighbours do. */
function asBefore({ layer, up, down }: Proper, before: readonly (number | undefined)[]): number[][] {
  const layers = emptyLayers(layer);
  layer.forEach((at, vertex) => {
    layers[at]?.push(vertex);
  });
  const place = layer.map((_, vertex) => before[vertex]);
  const guess = (vertices: readonly number[]) => {
    for (const vertex of vertices) {
      const known = [...(up[vertex] ?? []), ...(down[vertex] ?? [])].flatMap((one) => place[one] ?? []);
      if (before[vertex] === undefined && known.length) place[vertex] = known.reduce((sum, at) => sum + at, 0) / known.length;
    }
  };
  for (const vertices of layers) guess(vertices);
  for (const vertices of [...layers].reverse()) guess(vertices);
  const most = before.reduce<number>((last, at = 0) => Math.max(last, at), 0) + 1; // what nothing is known of comes last
  for (const vertices of layers) vertices.sort((a, b) => (place[a] ?? most) - (place[b] ?? most) || a - b);
  return layers;
}

/** A first order that keeps connected parts together. */
function depthFirst({ layer, up, down }: Proper): number[][] {
  const layers = emptyLayers(layer);
  const seen = new Uint8Array(layer.length);
  const visit = (root: number) => {
    const stack = [root];
    for (let vertex = stack.pop(); vertex !== undefined; vertex = stack.pop()) {
      if (seen[vertex]) continue;
      seen[vertex] = 1;
      layers[layer[vertex] ?? 0]?.push(vertex);
      const next = down[vertex] ?? [];
      for (let i = next.length - 1; i >= 0; i--) stack.push(next[i] ?? 0);
    }
  };
  layer.forEach((_, vertex) => {
    if (!up[vertex]?.length) visit(vertex);
  });
  return layers;
}
