/**
 * The log lines of one phase that the browser holds: a sparse window over any length.
 *
 * The rules: immutable; lines live in blocks of 500, so adding a batch copies a few blocks and never the log;
 * at most 50,000 lines stay, the blocks written longest ago go first and are asked for again when looked at.
 */
import type { LogLine } from "../wire";

export const BLOCK = 500;
export const MOST_LINES = 50_000;

/** A line of a log, or of all logs merged: then with the index of its phase. */
export type Line = LogLine | readonly [...LogLine, phase: number];
type Block = readonly (Line | undefined)[];

export interface LogBuffer {
  readonly blocks: ReadonlyMap<number, Block>;
  /** The number from which on the kernel still has every line. */
  readonly first: number;
  /** It also has those before this one; the lines from here to `first` were cut. */
  readonly head: number;
  /** One more than the last line number known of. */
  readonly end: number;
}

export const NO_LOGS: LogBuffer = { blocks: new Map(), first: 0, head: 0, end: 0 };

/** Puts lines where they belong; the same lines twice change nothing a person can see. */
export function putLines(buffer: LogBuffer, start: number, lines: readonly Line[]): LogBuffer {
  if (lines.length === 0) return buffer;
  const blocks = new Map(buffer.blocks);
  for (let at = start; at < start + lines.length; ) {
    const key = Math.floor(at / BLOCK);
    const upTo = Math.min(start + lines.length, (key + 1) * BLOCK);
    const block = blocks.get(key)?.slice() ?? new Array<Line | undefined>(BLOCK).fill(undefined);
    for (; at < upTo; at++) block[at - key * BLOCK] = lines[at - start];
    blocks.delete(key); // re-inserted last: Map order is the order of eviction
    blocks.set(key, block);
  }
  for (const oldest of blocks.keys()) {
    if (blocks.size <= MOST_LINES / BLOCK) break;
    blocks.delete(oldest);
  }
  return { ...buffer, blocks, end: Math.max(buffer.end, start + lines.length) };
}

/** Records how long the log is and where it begins now. */
export function withBounds(buffer: LogBuffer, first: number, total: number): LogBuffer {
  const end = Math.max(buffer.end, total);
  const begin = Math.min(Math.max(buffer.first, first), end);
  return begin === buffer.first && end === buffer.end ? buffer : { ...buffer, first: begin, end };
}

export function lineAt(buffer: LogBuffer, index: number): Line | undefined {
  return buffer.blocks.get(Math.floor(index / BLOCK))?.[index % BLOCK];
}

/** Records how many of the first lines were kept where later ones were cut. */
export function withHead(buffer: LogBuffer, head: number): LogBuffer {
  const kept = Math.min(head, buffer.first);
  return kept === buffer.head ? buffer : { ...buffer, head: kept };
}

/**
 * The first stretch that is not here and could be asked for because a line within [from, to) is missing: with lines
 * `around` it, and at most `most` long. `at` gives what is here.
 */
export function missing(
  buffer: Omit<LogBuffer, "blocks">,
  from: number,
  to: number,
  at: (line: number) => unknown,
  around = 0,
  most = BLOCK,
): { start: number; count: number } | null {
  const { head, first, end } = buffer;
  for (const [begin, stop] of [
    [0, head],
    [first, end],
  ] as const) {
    let start = Math.max(begin, from);
    while (start < Math.min(stop, to) && at(start)) start++;
    if (start >= Math.min(stop, to)) continue;
    const least = Math.max(begin, from - around);
    const last = Math.min(stop, Math.max(to + around, start + 1));
    while (start > least && !at(start - 1)) start--;
    let count = 1;
    while (count < most && start + count < last && !at(start + count)) count++;
    return { start, count };
  }
  return null;
}

// What a person scrolls through: the head, one row that names the cut, and all from `first` on.

const hasCut = ({ first }: LogBuffer): boolean => first > 0;

export function countRows(buffer: LogBuffer): number {
  return hasCut(buffer) ? buffer.head + 1 + buffer.end - buffer.first : buffer.end;
}

/** The line that a row shows, or -1: the row that names the cut. */
export function lineOfRow(buffer: LogBuffer, row: number): number {
  const { head, first } = buffer;
  return !hasCut(buffer) || row < head ? row : row === head ? -1 : row - head - 1 + first;
}

/** The row that shows a line, or the cut that it is in. */
export function rowOfLine(buffer: LogBuffer, line: number): number {
  const { head, first } = buffer;
  return !hasCut(buffer) || line < head ? line : Math.max(head, line - first + head + 1);
}
