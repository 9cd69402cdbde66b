/** What leads to a phase and what follows from it, and where arrow keys lead. Pure. */
import type { Layout } from "./layout";

type Links = readonly (readonly number[])[];

export interface Path {
  readonly up: ReadonlySet<number>;
  readonly down: ReadonlySet<number>;
}

/** All phases up- and downstream of `index`, which is in both. */
export function pathThrough(index: number, upstream: Links, downstream: Links): Path {
  return { up: reach(index, upstream), down: reach(index, downstream) };
}

export const isOnPath = ({ up, down }: Path, index: number): boolean => up.has(index) || down.has(index);

/** Does the edge lead to the phase, or on from it? An edge that passes it by does neither. */
export const isEdgeOnPath = ({ up, down }: Path, from: number, to: number): boolean =>
  (up.has(from) && up.has(to)) || (down.has(from) && down.has(to));

function reach(index: number, links: Links): ReadonlySet<number> {
  const seen = new Set([index]);
  for (const at of seen) for (const next of links[at] ?? []) seen.add(next); // a set goes on to what is added meanwhile
  return seen;
}

/** Where an arrow key leads: along an edge, or to the nearest phase of the same layer. */
export function neighbour(key: string, from: number, upstream: Links, downstream: Links, made: Layout): number | undefined {
  const { horizontal, layer, x, y } = made;
  const [back, ahead, before, after] = horizontal
    ? ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"]
    : ["ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight"];
  if (key === back) return upstream[from]?.[0];
  if (key === ahead) return downstream[from]?.[0];
  if (key !== before && key !== after) return undefined;
  const step = key === after ? 1 : -1;
  const place = horizontal ? y : x;
  const distance = (i: number) => ((place[i] ?? 0) - (place[from] ?? 0)) * step;
  return [...upstream.keys()].filter((i) => layer[i] === layer[from] && distance(i) > 0).sort((a, b) => distance(a) - distance(b))[0];
}
