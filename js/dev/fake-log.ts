/** What the fake kernel answers to questions about logs: pages, searches, times, text. Not shipped. */
import { plain } from "../src/ansi";
import { literal } from "../src/state/search";
import type { LogLine, Phase } from "../src/wire";

interface Ask {
  readonly what: string;
  readonly args: Readonly<Record<string, unknown>>;
}
export interface FakeAnswer {
  readonly body: Readonly<Record<string, unknown>>;
  readonly error?: string;
  readonly isDone?: boolean;
  readonly data?: DataView;
}
type Row = readonly [number, ...LogLine, number];

const SLICE = 40_000;

/** The answers to a question about the logs of these phases, or none: it is about something else. */
export function answerAboutLogs(
  ask: Ask,
  logs: readonly (readonly LogLine[])[],
  phases: readonly Pick<Phase, "name">[],
): readonly FakeAnswer[] {
  const { phase, start, count, numbers, at } = ask.args as Record<string, number> & { numbers: number[] };
  const index = phase ?? 0;
  const rows = rowsOf(logs, index);
  if (ask.what === "page")
    return [
      { body: { start, total: rows.length, first: 0, rows: rows.slice(start, (start ?? 0) + (count ?? 0)), kept: [[0, rows.length]] } },
    ];
  if (ask.what === "lines")
    return [{ body: { rows: numbers.flatMap((number) => rows[number] ?? []).length ? numbers.map((n) => rows[n]) : [] } }];
  if (ask.what === "when")
    return [
      {
        body: {
          line: Math.max(
            0,
            rows.findIndex(([, time]) => time >= (at ?? 0)),
          ),
        },
      },
    ];
  if (ask.what === "text") {
    const bytes = new TextEncoder().encode(rows.map((row) => `${plain(row[4])}\n`).join(""));
    const piece = bytes.slice(start, (start ?? 0) + 190_000);
    const name = `${phases[index]?.name ?? "all"}.log`;
    return [{ body: { start, size: bytes.length, name }, data: new DataView(piece.buffer) }];
  }
  return ask.what === "search" ? search(ask, rows) : [];
}

function rowsOf(logs: readonly (readonly LogLine[])[], index: number): readonly Row[] {
  const of = (i: number) => (logs[i] ?? []).map((line, n): Row => [n, ...line, i]);
  if (index <= logs.length) return of(index);
  return logs
    .flatMap((_, i) => of(i))
    .sort((a, b) => a[1] - b[1])
    .map(([, ...rest], n): Row => [n, ...rest]);
}

function search({ args }: Ask, rows: readonly Row[]): readonly FakeAnswer[] {
  const {
    text,
    regex,
    case: isExact,
    streams,
    levels,
    start,
  } = args as {
    text: string;
    regex: boolean;
    case: boolean;
    streams: string[];
    levels: string[];
    start: number;
  };
  let pattern: RegExp;
  try {
    pattern = new RegExp(regex ? text : literal(text), isExact ? "" : "i");
  } catch (wrong) {
    return [{ body: {}, error: `The pattern is wrong: ${wrong instanceof Error ? wrong.message : wrong}` }];
  }
  const isMeant = (of: readonly string[], word: string) => of.length === 0 || of.includes(word);
  const answers: FakeAnswer[] = [];
  let found = 0;
  for (let from = start; from === start || from < rows.length; from += SLICE) {
    const some = rows
      .slice(from, from + SLICE)
      .filter((row) => isMeant(streams, row[2]) && isMeant(levels, row[3]) && pattern.test(plain(row[4])))
      .map(([number]) => number);
    found += some.length;
    const searched = Math.min(rows.length, from + SLICE);
    const data = new DataView(Uint32Array.from(some).buffer);
    answers.push({ body: { searched, total: rows.length, count: found, kept: found }, isDone: searched === rows.length, data });
  }
  return answers;
}
