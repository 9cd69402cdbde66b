/** What the kernel answers when lines are asked for beside the story: checked here, put where they belong. Pure. */
import { count, type LogLine, line, listOf, object, type Parse, text, tuple, WireError } from "../wire";
import { type Line, type LogBuffer, putLines, withBounds, withHead } from "./logs";

/** Characters of a line that the kernel tells. */
const MOST_ON_THE_WAY = 16_000;

export interface Row {
  readonly number: number;
  readonly line: Line;
}

/** `[number, time, stream, level, text, phase]`. */
const row: Parse<Row> = (value, path) => {
  if (!Array.isArray(value) || value.length !== 6) throw new WireError(path, "a list of 6", value);
  const told: LogLine = line(value.slice(1, 5), path);
  return { number: count(value[0], path), line: [...told, count(value[5], path)] };
};
const rows = listOf(row);
const page = object({ start: count, total: count, first: count, rows });
const keptRanges = object({ kept: listOf(tuple(count, count)) });
const found = object({ rows });
const place = object({ line: count });
const piece = object({ start: count, size: count, name: text });

/** An answer to `lines`. */
export const rowsOf = (body: unknown): readonly Row[] => found(body, "lines").rows;
/** Was a line's text cut for the way here? */
export const isCut = (text: string): boolean => text.length > MOST_ON_THE_WAY && / more characters\]$/.test(text);

/** An answer to `lines` for one line: all of its text is in the binary part. */
export function wholeOf(body: unknown, data: DataView | undefined): Line | undefined {
  const line = rowsOf(body)[0]?.line;
  if (!line || !data) return line;
  const [time, stream, level, , ...phase] = line;
  return [time, stream, level, new TextDecoder().decode(data), ...phase] as unknown as Line;
}

/** An answer to `when`. */
export const lineOf = (body: unknown): number => place(body, "when").line;
/** An answer to `text`. */
export const pieceOf = (body: unknown): { readonly start: number; readonly size: number; readonly name: string } => piece(body, "text");

/** Takes an answer to `page`: lines, how long the log is, which lines were cut. */
export function takePage(buffer: LogBuffer, body: unknown): LogBuffer {
  const { first, total, rows: told } = page(body, "page");
  let next = buffer;
  for (let i = 0; i < told.length; ) {
    const start = told[i]?.number ?? 0; // a page may lie across a cut
    const stretch: Line[] = [];
    for (; told[i]?.number === start + stretch.length; i++) stretch.push(told[i]?.line as Line);
    next = putLines(next, start, stretch);
  }
  next = withBounds(next, first, total);
  const kept = (body as { kept?: unknown }).kept === undefined ? [] : keptRanges(body, "page").kept;
  return kept[0]?.[0] === 0 ? withHead(next, kept[0][1]) : next;
}

/** How many rows an answer to `page` has: to ask on from there. */
export const stretchOf = (body: unknown): readonly Row[] => page(body, "page").rows;
