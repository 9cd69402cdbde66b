/**
 * What one phase has displayed, as far as it is here: a list from the kernel, and what each display holds, which comes
 * in pieces. The rules: immutable; a piece that is not the next one changes nothing; what is no longer listed goes.
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

/** Takes a new list; what is here of its displays stays. */
export function relist(shelf: Shelf | null, list: Outputs): Shelf {
  const known = shelf?.phase === list.phase ? shelf.bodies : new Map<string, Body>();
  const listed = new Set(list.items.map(keyOf));
  return { ...list, bodies: new Map([...known].filter(([key]) => listed.has(key))) };
}

export function putPiece(shelf: Shelf | null, piece: Extract<FromKernel, { type: "output" }>, data: DataView | undefined): Shelf | null {
  const item = shelf?.items.find(({ ref, version }) => ref === piece.ref && version === piece.version);
  if (!shelf || shelf.phase !== piece.phase || !item || !data) return shelf;
  const start = bytesOf(shelf, item);
  const size = start + data.byteLength;
  if (piece.start !== start || size > item.size) return shelf;
  const pieces = [...(shelf.bodies.get(keyOf(item))?.pieces ?? []), data];
  return { ...shelf, bodies: new Map(shelf.bodies).set(keyOf(item), { size, pieces }) };
}

/** How many bytes of a display are here. */
export function bytesOf(shelf: Shelf, item: Key): number {
  return shelf.bodies.get(keyOf(item))?.size ?? 0;
}

/** All of a display, or null while it is not here. */
export function wholeOf(shelf: Shelf, item: Output): readonly DataView[] | null {
  return bytesOf(shelf, item) === item.size ? (shelf.bodies.get(keyOf(item))?.pieces ?? []) : null;
}
