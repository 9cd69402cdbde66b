/**
 * How much room each stretch of time gets on an axis: idle time beyond a share of it is cut short. Pure.
 *
 * The rules: working time is drawn to scale; all idle time together gets at most a third of what work gets, so that a
 * night between two attempts leaves them readable; what is cut is a `Piece` with `isCut`, to be marked as such.
 */
import type { Span, Times } from "./bars";

export interface Piece extends Span {
  /** Where it begins and how long it is, in seconds as drawn. */
  readonly start: number;
  readonly length: number;
  readonly isCut: boolean;
}

export interface Scale {
  /** One after the other, without gaps. */
  readonly pieces: readonly Piece[];
  /** Seconds as drawn, and with what a session that goes on will need next: it is not drawn anew each time it grows. */
  readonly length: number;
  readonly room: number;
}

const IDLE_SHARE = 1 / 3;
/** Shorter idle times are never cut, and none to nearly what it is. */
const LEAST_CUT_S = 1;
const WORTH_IT = 1.25;
const LEAST_S = 0.1;

export function scaleOf({ from, to, busy, isOpen }: Times): Scale {
  const idle: Span[] = [];
  let at = from;
  let working = 0;
  for (const span of busy) {
    if (span.from > at) idle.push({ from: at, to: span.from });
    working += span.to - span.from;
    at = Math.max(at, span.to);
  }
  if (to > at) idle.push({ from: at, to });
  const most = Math.max(
    LEAST_CUT_S,
    level(
      idle.map((gap) => gap.to - gap.from),
      working * IDLE_SHARE,
    ),
  );
  const pieces: Piece[] = [];
  let start = 0;
  const put = (span: Span, length: number, isCut: boolean) => {
    pieces.push({ ...span, start, length, isCut });
    start += length;
  };
  at = from;
  for (const gap of working > 0 ? idle : []) {
    if (gap.to - gap.from <= most * WORTH_IT) continue;
    if (gap.from > at) put({ from: at, to: gap.from }, gap.from - at, false);
    put(gap, most, true);
    at = gap.to;
  }
  if (to > at || pieces.length === 0)
    put({ from: at, to: Math.max(to, at + (start ? 0 : LEAST_S)) }, Math.max(to - at, start ? 0 : LEAST_S), false);
  const step = roundStep(start / 6);
  return { pieces, length: start, room: isOpen ? Math.ceil(start / step + 1e-9) * step : start };
}

/** The height at which the lengths together, cut there, fill the room. */
function level(lengths: readonly number[], room: number): number {
  const sorted = [...lengths].sort((a, b) => a - b);
  let left = room;
  for (const [i, length] of sorted.entries()) {
    const share = left / (sorted.length - i);
    if (length > share) return share;
    left -= length;
  }
  return Number.POSITIVE_INFINITY;
}

/** Where a time of the session's clock is drawn, in seconds as drawn. */
export function place({ pieces }: Scale, time: number): number {
  const piece = pieces[pieceAt(pieces, time)];
  if (!piece || time <= piece.from) return piece?.start ?? 0;
  if (time >= piece.to) return piece.start + piece.length + (time - piece.to); // only behind the last one
  return piece.start + ((time - piece.from) / (piece.to - piece.from)) * piece.length;
}

/** The last piece that begins before or at the time. */
function pieceAt(pieces: readonly Piece[], time: number): number {
  let low = 0;
  let high = pieces.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((pieces[middle]?.from ?? 0) <= time) low = middle;
    else high = middle - 1;
  }
  return low;
}

const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400];

/** The least step of seconds that people count in and that is not below `rough`. */
export function roundStep(rough: number): number {
  if (!(rough > 0)) return LEAST_S;
  if (rough > 86_400) return Math.ceil(rough / 86_400) * 86_400;
  if (rough > 1) return STEPS.find((step) => step >= rough) ?? 86_400;
  const unit = 10 ** Math.floor(Math.log10(rough) + 1e-9);
  return ([1, 2, 5].find((one) => one * unit >= rough * (1 - 1e-9)) ?? 10) * unit;
}

export interface Mark {
  /** Seconds as drawn. */
  readonly at: number;
  /** Seconds since the axis began, or what was cut. */
  readonly seconds: number;
  readonly isCut: boolean;
}

/**
 * Round marks between `low` and `high` (seconds as drawn), none closer than `gap` to another, and every cut's middle
 * whatever is near.
 */
export function marksOf({ pieces, room }: Scale, step: number, gap: number, low = 0, high = room): readonly Mark[] {
  const origin = pieces[0]?.from ?? 0;
  const cuts = pieces
    .filter((piece) => piece.isCut && piece.start + piece.length >= low && piece.start <= high)
    .map((piece): Mark => ({ at: piece.start + piece.length / 2, seconds: piece.to - piece.from, isCut: true }));
  const marks: Mark[] = [];
  pieces.forEach((piece, i) => {
    if (piece.isCut) return;
    const end = i === pieces.length - 1 ? Math.max(room, piece.start + piece.length) : piece.start + piece.length;
    const shift = piece.from - origin - piece.start; // seconds left out before it
    const last = Math.min(end, high);
    for (let k = Math.ceil((Math.max(piece.start, low) + shift) / step - 1e-9) + 0; k * step - shift <= last + 1e-9; k++) {
      const at = k * step - shift;
      const isFree = !cuts.some((cut) => Math.abs(cut.at - at) < gap) && at - (marks.at(-1)?.at ?? Number.NEGATIVE_INFINITY) >= gap;
      if (isFree) marks.push({ at, seconds: k * step, isCut: false });
    }
  });
  return [...marks, ...cuts].sort((a, b) => a.at - b.at);
}
