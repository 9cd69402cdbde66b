/**
 * What phases have displayed, as far as it is here: of each a list from the kernel, and what each display holds, which
 * comes in pieces. The rules: immutable; a piece that is not the next one changes nothing; what is no longer listed goes,
 * and what has been listed least lately where views look at more phases than are kept.
 */
import type { FromKernel, Output, Outputs } from "../wire";

interface Body {
  readonly size: number;
  readonly pieces: readonly DataView[];
}

export interface Shelf extends Outputs {
  /** By display and version: an update of a display is another body. */
  readonly bodies: ReadonlyMap<string, Body>;
}

type Key = Pick<Output, "ref" | "version">;

const keyOf = ({ ref, version }: Key): string => `${ref} ${version}`;

/** As many views as a person has side by side look at a phase each. */
export const MOST_SHELVES = 4;
type Shelves = ReadonlyMap<number, Shelf>;

/** Takes a new list; what is here of its displays stays. */
export function shelve(shelves: Shelves, list: Outputs): Shelves {
  const known = shelves.get(list.phase)?.bodies ?? new Map<string, Body>();
  const listed = new Set(list.items.map(keyOf));
  const next = new Map(shelves);
  next.delete(list.phase);
  next.set(list.phase, { ...list, bodies: new Map([...known].filter(([key]) => listed.has(key))) });
  return new Map([...next].slice(-MOST_SHELVES));
}

export function putPiece(shelves: Shelves, piece: Extract<FromKernel, { type: "output" }>, data: DataView | undefined): Shelves {
  const shelf = shelves.get(piece.phase);
  const item = shelf?.items.find(({ ref, version }) => ref === piece.ref && version === piece.version);
  if (!shelf || !item || !data) return shelves;
  const start = bytesOf(shelf, item);
  const size = start + data.byteLength;
  if (piece.start !== start || size > item.size) return shelves;
  const pieces = [...(shelf.bodies.get(keyOf(item))?.pieces ?? []), data];
  return new Map(shelves).set(piece.phase, { ...shelf, bodies: new Map(shelf.bodies).set(keyOf(item), { size, pieces }) });
}

/** How many bytes of a display are here. */
export function bytesOf(shelf: Shelf, item: Key): number {
  return shelf.bodies.get(keyOf(item))?.size ?? 0;
}

/** All of a display, or null while it is not here. */
export function wholeOf(shelf: Shelf, item: Output): readonly DataView[] | null {
  return bytesOf(shelf, item) === item.size ? (shelf.bodies.get(keyOf(item))?.pieces ?? []) : null;
}
