/**
 * The log lines of one phase that the browser holds: a sparse window over any length.
 *
 * The rules: immutable; lines live in blocks of 500, so adding a batch copies a few blocks and never the log;
 * at most 50,000 lines stay, the blocks written longest ago go first and are asked for again when looked at.
 */
import { plain } from "../ansi";
import type { LogLine } from "../wire";

export const BLOCK = 500;
export const MOST_LINES = 50_000;

type Block = readonly (LogLine | undefined)[];

export interface LogBuffer {
  readonly blocks: ReadonlyMap<number, Block>;
  /** The oldest line number the kernel still keeps. */
  readonly first: number;
  /** One more than the last line number known of. */
  readonly end: number;
}

export const NO_LOGS: LogBuffer = { blocks: new Map(), first: 0, end: 0 };

/** Puts lines where they belong; the same lines twice change nothing a person can see. */
export function putLines(buffer: LogBuffer, start: number, lines: readonly LogLine[]): LogBuffer {
  if (lines.length === 0) return buffer;
  const blocks = new Map(buffer.blocks);
  for (let at = start; at < start + lines.length; ) {
    const key = Math.floor(at / BLOCK);
    const upTo = Math.min(start + lines.length, (key + 1) * BLOCK);
    const block = blocks.get(key)?.slice() ?? new Array<LogLine | undefined>(BLOCK).fill(undefined);
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

export function lineAt(buffer: LogBuffer, index: number): LogLine | undefined {
  return buffer.blocks.get(Math.floor(index / BLOCK))?.[index % BLOCK];
}

/** The first stretch within [from, to) that is not here and could be asked for, at most `most` lines long. */
export function missing(buffer: LogBuffer, from: number, to: number, most = BLOCK): { start: number; count: number } | null {
  const last = Math.min(to, buffer.end);
  let start = Math.max(from, buffer.first);
  while (start < last && lineAt(buffer, start)) start++;
  if (start >= last) return null;
  const limit = Math.min(buffer.end, start + most);
  let end = start + 1;
  while (end < limit && !lineAt(buffer, end)) end++;
  return { start, count: end - start };
}

/** Line numbers, in order, whose text holds the query (case and ANSI colours aside), among the lines that are here. */
export function findLines(buffer: LogBuffer, query: string, most = 10_000): readonly number[] {
  if (!query) return [];
  const pattern = new RegExp(literal(query), "i");
  const found: number[] = [];
  const keys = [...buffer.blocks.keys()].sort((a, b) => a - b);
  for (const key of keys) {
    const block = buffer.blocks.get(key) ?? [];
    for (let i = 0; i < block.length && found.length < most; i++) {
      const line = block[i];
      if (line && pattern.test(plain(line[3]))) found.push(key * BLOCK + i);
    }
  }
  return found;
}

/** A pattern's source that matches just this text. */
export function literal(query: string): string {
  return query.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
