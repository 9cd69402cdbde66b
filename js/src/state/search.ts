/**
 * Looking for lines in a log of any length: what is looked for, and what the kernel has found so far. Pure.
 *
 * The rules: line numbers are kept in order and once each; what counts as found beyond those that are kept is only counted.
 */
import { plain } from "../ansi";
import { count, object, type Parse, WireError } from "../wire";
import { BLOCK, type LogBuffer } from "./logs";

export const STREAMS = ["stdout", "stderr", "log", "warning", "milo"] as const;
export const LEVELS = ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] as const;
/** Numbers that are kept. */
export const MOST_FOUND = 50_000;
export const LONGEST_QUERY = 500;
/** Of trying a pattern on one line: some hundredths of a second. */
const MOST_STEPS = 1e8;
const MOST_HERE_MS = 500;
const TOO_SLOW = "The kernel is gone: this pattern would take too long here.";

export interface Query {
  readonly text: string;
  readonly isRegex: boolean;
  readonly isExact: boolean;
  /** Empty: all. */
  readonly streams: readonly string[];
  readonly levels: readonly string[];
  /** Show nothing but lines that match. */
  readonly isOnly: boolean;
}

export const NO_QUERY: Query = { text: "", isRegex: false, isExact: false, streams: [], levels: [], isOnly: false };

export interface Found {
  /** In order. */
  readonly numbers: Uint32Array;
  /** How many match, also those whose numbers are not kept. */
  readonly count: number;
  readonly searched: number;
  readonly total: number;
  readonly isDone: boolean;
  /** Why nothing more will be found. */
  readonly error: string;
}

export const NOTHING: Found = { numbers: new Uint32Array(0), count: 0, searched: 0, total: 0, isDone: false, error: "" };

/** Does it narrow the log to some lines? */
export const isFilter = ({ text, streams, levels, isOnly }: Query): boolean =>
  streams.length > 0 || levels.length > 0 || (isOnly && text !== "");
export const isSearch = (query: Query): boolean => query.text !== "" || isFilter(query);

/** What the kernel is asked. */
export function toAsk(phase: number, query: Query, start: number): Readonly<Record<string, unknown>> {
  const { text, isRegex, isExact, streams, levels } = query;
  return { phase, text: text.slice(0, LONGEST_QUERY), regex: isRegex, case: isExact, streams, levels, start };
}

const parseProgress: Parse<{ searched: number; total: number; count: number }> = object({ searched: count, total: count, count });

/** Takes an answer of the kernel into what was found before that question. */
export function takeFound(before: Found, now: Found, body: unknown, data: DataView | undefined, isDone: boolean): Found {
  try {
    const told = parseProgress(body, "search");
    const numbers = merge(now.numbers, numbersOf(data));
    return { numbers, count: before.count + told.count, searched: told.searched, total: told.total, isDone, error: "" };
  } catch (error) {
    return { ...now, isDone: true, error: `${error}` };
  }
}

/** Line numbers as the wire has them: 32 bits each, the lowest byte first. */
function numbersOf(data: DataView | undefined): Uint32Array {
  if (!data) return NOTHING.numbers;
  if (data.byteLength % 4) throw new WireError("search", "whole numbers", data.byteLength);
  return Uint32Array.from({ length: data.byteLength / 4 }, (_, i) => data.getUint32(i * 4, true));
}

function merge(old: Uint32Array, more: Uint32Array): Uint32Array {
  if (more.length === 0) return old;
  const all = new Uint32Array(old.length + more.length);
  all.set(old);
  all.set(more, old.length);
  for (let i = Math.max(1, old.length); i < all.length; i++)
    if ((all[i - 1] ?? 0) >= (all[i] ?? 0)) return Uint32Array.from(new Set(all.sort())).subarray(0, MOST_FOUND);
  return all.subarray(0, MOST_FOUND);
}

/** Where a number is, or would be. */
export function placeOf(numbers: Uint32Array, number: number): number {
  let low = 0;
  let high = numbers.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((numbers[middle] ?? 0) < number) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The found line after (1) or before (-1) a line, round the ends; -1 if there is none. */
export function neighbour(numbers: Uint32Array, line: number, step: 1 | -1): number {
  const at = placeOf(numbers, step > 0 ? line + 1 : line) - (step > 0 ? 0 : 1);
  return numbers.at(at % (numbers.length || 1)) ?? -1;
}

/** What to mark in lines that are shown, or null: a pattern that JavaScript cannot read, or one that could take for ever. */
export function patternOf({ text, isRegex, isExact }: Query): RegExp | null {
  if (!text || (isRegex && mayRunAway(text))) return null;
  try {
    return new RegExp(isRegex ? text : literal(text), isExact ? "gu" : "giu");
  } catch {
    return null;
  }
}

/** A repeated group can take years on one line. The kernel has a process to end; this page has not. */
function mayRunAway(source: string): boolean {
  return /\)[*+{]|\\[1-9k]/.test(source) || longestFor(source) < 40;
}

/**
 * The longest line that a pattern can be tried on here without holding up the page, whatever the line says: with each
 * repetition the worst case has one power more of the length, with each choice it has twice the steps.
 */
export function longestFor(source: string): number {
  const bare = source.replace(/\\./gs, "x").replace(/\[[^\]]*\]/g, "x");
  const repetitions = (bare.match(/[*+]|\{\d*,/g) ?? []).length;
  const choices = (bare.match(/\||[^(*+?}]\?/g) ?? []).length;
  return Math.floor((MOST_STEPS / 2 ** choices) ** (1 / (repetitions + 1)));
}

/** A pattern's source that matches just this text. */
export function literal(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
}

/** The matching lines that are here: for when there is no kernel to ask. What would take too long is not looked at, and said. */
export function findHere(buffer: LogBuffer, query: Query, clock: () => number = () => performance.now()): Found {
  const pattern = query.isRegex ? patternOf(query) : new RegExp(literal(query.text), query.isExact ? "u" : "iu");
  if (!pattern) return { ...NOTHING, isDone: true, error: "The kernel is gone: this pattern cannot be looked for." };
  const found: number[] = [];
  const longest = longestFor(pattern.source);
  const end = clock() + MOST_HERE_MS;
  let [searched, passed] = [0, 0];
  for (const key of [...buffer.blocks.keys()].sort((a, b) => a - b)) {
    for (const [i, line] of (buffer.blocks.get(key) ?? []).entries()) {
      if (!line) continue;
      searched++;
      pattern.lastIndex = 0;
      const [, stream, level, text] = line;
      const isMeant = (of: readonly string[], word: string) => of.length === 0 || of.includes(word);
      if (isMeant(query.streams, stream) && isMeant(query.levels, level)) {
        const said = plain(text);
        if (said.length > longest || clock() > end) passed++;
        else if (pattern.test(said)) found.push(key * BLOCK + i);
      }
    }
  }
  const numbers = Uint32Array.from(found).subarray(0, MOST_FOUND);
  return { numbers, count: found.length, searched, total: buffer.end, isDone: true, error: passed ? TOO_SLOW : "" };
}
