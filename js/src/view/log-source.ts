/** Where the log's lines come from: the pipeline's story for a phase, pages on request for all phases, single lines for a filter. */
import { useEffect, useMemo, useRef, useSignal } from "../dom/hooks";
import { type Line, type LogBuffer, lineAt, missing, NO_LOGS, withHead } from "../state/logs";
import { rowsOf, takePage } from "../state/pages";
import { linesOf } from "../state/reducer";
import { logOf } from "../state/selectors";
import type { Port } from "../state/store";

/** Lines asked for beyond the window: people scroll up. */
const AHEAD = 100;
const PAGE = 1_000;
const MOST_ASKED = 500;
const MOST_SINGLE = 5_000;
const LOOK_AGAIN_MS = 400;
const OVERLAP = 50;

export interface Source {
  /** How long the log is, and the lines in a row that are here. */
  readonly buffer: LogBuffer;
  readonly lineAt: (number: number) => Line | undefined;
  /** These lines are in sight: what is missing of them is asked for. */
  readonly want: (from: number, to: number) => void;
  /** The same for lines here and there. */
  readonly wantSome: (numbers: Iterable<number>) => void;
  /** Why lines are missing. */
  readonly trouble: string;
}

/** The lines of a phase, or after the last one of what belongs to none, or then of all. */
export function useSource(port: Port, log: number): Source {
  const state = port.state.value;
  const { session } = state;
  const phases = session?.phases ?? [];
  const isAll = log > phases.length;
  const pages = useSignal(NO_LOGS); // of all phases; of one, only what was cut is of interest
  const trouble = useSignal("");
  const singles = useMemo(() => new Map<number, Line>(), [session?.session_id, log]);
  const drops = useRef<{ page?: () => void; lines?: () => void }>({});
  const known = isAll ? phases.reduce((sum, phase) => sum + phase.log_count, session?.other ?? 0) : linesOf(session, log);
  const buffer = isAll ? pages.value : withHead(logOf(state, log), pages.value.head);

  const ask = (what: "page" | "lines", args: Readonly<Record<string, unknown>>, take: (body: unknown) => void) => {
    if (drops.current[what]) return; // one at a time: who scrolls fast wants the lines where the scrolling ends
    let isOver = false;
    const drop = port.ask(what, { phase: log, ...args }, ({ error, body }) => {
      isOver = true;
      delete drops.current[what];
      try {
        if (!error) take(body);
        trouble.value = error;
      } catch (wrong) {
        trouble.value = `${wrong}`;
      }
    });
    if (!isOver) drops.current[what] = drop;
  };
  const askPage = (start: number, count: number) =>
    ask("page", { start, count: Math.min(PAGE, count) }, (body) => {
      pages.value = takePage(pages.peek(), body);
    });

  useEffect(
    (ending) => {
      pages.value = NO_LOGS;
      ending.addEventListener("abort", () => {
        for (const drop of Object.values(drops.current)) drop();
        drops.current = {};
      });
    },
    [session?.session_id, log],
  );
  useEffect(() => {
    if (!isAll && buffer.first > 0) askPage(0, 1); // tells how much of the head is there
  }, [session?.session_id, log, buffer.first > 0]);
  const looking = useRef(0);
  useEffect(
    (ending) => {
      ending.addEventListener("abort", () => {
        clearTimeout(looking.current);
        looking.current = 0;
      });
    },
    [log, isAll],
  );
  useEffect(() => {
    if (!isAll || looking.current) return;
    // All phases' lines are put in order by the kernel: the last ones may change places when others come.
    const look = () => {
      looking.current = 0;
      askPage(Math.max(0, pages.peek().end - OVERLAP), PAGE);
    };
    if (pages.peek().end) looking.current = window.setTimeout(look, LOOK_AGAIN_MS);
    else look();
  }, [known, isAll, session?.session_id]);

  return {
    buffer,
    trouble: trouble.value,
    lineAt: (number) => lineAt(buffer, number) ?? singles.get(number),
    want(from, to) {
      if (!missing(buffer, from, to)) return;
      const wanted = missing(buffer, from - AHEAD, to + AHEAD) ?? missing(buffer, from, to);
      if (!wanted) return;
      if (isAll) askPage(wanted.start, wanted.count);
      else port.wantLogs(log, wanted.start, wanted.count);
    },
    wantSome(numbers) {
      const wanted = [...numbers].filter((number) => !lineAt(buffer, number) && !singles.has(number)).slice(0, MOST_ASKED);
      if (wanted.length === 0) return;
      ask("lines", { numbers: wanted }, (body) => {
        if (singles.size > MOST_SINGLE) singles.clear();
        for (const { number, line } of rowsOf(body)) singles.set(number, line);
        pages.value = { ...pages.peek() }; // draws the lines
      });
    },
  };
}
