/**
 * Where the log's lines come from: the end of a phase's log from the pipeline's story, as it is told; all else on request,
 * in pages or, for a filter, here and there. What was looked at long ago is forgotten and asked for again.
 */
import { useEffect, useMemo, useRef, useSignal } from "../../dom/hooks";
import { type Line, type LogBuffer, lineAt, missing, NO_LOGS } from "../../state/logs";
import { isCut, rowsOf, takePage, wholeOf } from "../../state/pages";
import { logOf } from "../../state/selectors";
import type { Port } from "../../state/store";

/** Lines asked for beyond the window: people scroll up. */
const AHEAD = 100;
const PAGE = 1_000;
const MOST_ASKED = 500;
const MOST_SINGLE = 5_000;
const LOOK_AGAIN_MS = 400;
/** Lines that have not come by then are asked for anew, each time later: the answer may be lost, or still in the making. */
export const ASK_AGAIN_MS = 10_000;
const OVERLAP = 50;
/** The kernel may have cut lines of longer logs. */
const SHORT = 10_000;

export interface Source {
  /** How long the log is, what was cut of it. */
  readonly buffer: LogBuffer;
  readonly lineAt: (number: number) => Line | undefined;
  /** These lines are in sight: what is missing of them is asked for. */
  readonly want: (from: number, to: number) => void;
  /** The same for lines here and there. */
  readonly wantSome: (numbers: Iterable<number>) => void;
  /** All of a line that the kernel has cut for the way here. */
  readonly wantWhole: (number: number) => void;
  /** Why lines are missing. */
  readonly trouble: string;
}

/** The lines of a phase, or after the last one of what belongs to none, or then of all. */
export function useSource(port: Port, log: number): Source {
  const state = port.state.value;
  const { session } = state;
  const phases = session?.phases ?? [];
  const isAll = log > phases.length;
  const pages = useSignal(NO_LOGS);
  const trouble = useSignal("");
  const singles = useMemo(() => new Map<number, Line>(), []);
  const wholes = useMemo(() => new Map<number, Line>(), []);
  const drops = useRef<{ page?: () => void; lines?: () => void }>({});
  const patience = useRef(ASK_AGAIN_MS);
  const inVain = useRef(""); // lines that the kernel does not have, as long as the log is as long
  const looking = useRef<ReturnType<typeof setTimeout> | null>(null);
  const told = isAll ? NO_LOGS : logOf(state, log);
  const known = isAll ? phases.reduce((sum, phase) => sum + phase.log_count, session?.other ?? 0) : told.end;
  const buffer: LogBuffer = { ...pages.value, end: isAll ? pages.value.end : Math.max(told.end, pages.value.end) };
  const at = (number: number) => wholes.get(number) ?? lineAt(told, number) ?? lineAt(pages.value, number) ?? singles.get(number);

  const ask = (what: "page" | "lines", args: Readonly<Record<string, unknown>>, take: (body: unknown, data?: DataView) => void) => {
    if (drops.current[what]) return; // one at a time: who scrolls fast wants the lines where the scrolling ends
    let isOver = false;
    const again = setTimeout(() => {
      drops.current[what]?.();
      delete drops.current[what];
      patience.current *= 2;
      pages.value = { ...pages.peek() }; // draws anew, and whatever is in sight is wanted again
    }, patience.current);
    const end = () => clearTimeout(again);
    const drop = port.ask(what, { phase: log, ...args }, ({ error, body, data }) => {
      isOver = true;
      end();
      patience.current = ASK_AGAIN_MS;
      delete drops.current[what];
      try {
        if (!error) take(body, data);
        trouble.value = error;
      } catch (wrong) {
        trouble.value = `${wrong}`;
      }
    });
    if (isOver) return;
    drops.current[what] = () => {
      end();
      drop();
    };
  };
  const askPage = (start: number, count: number) =>
    ask("page", { start, count: Math.min(PAGE, count) }, (body) => {
      pages.value = takePage(pages.peek(), body);
    });

  useEffect((ending) => {
    ending.addEventListener("abort", () => {
      clearTimeout(looking.current ?? undefined);
      for (const drop of Object.values(drops.current)) drop();
    });
  }, []);
  const isLong = !isAll && known > SHORT;
  useEffect(() => {
    if (isLong) askPage(0, 1); // tells what was cut
  }, [isLong]);
  const isBehind = useRef(false);
  useEffect(() => {
    // All phases' lines are put in order by the kernel, a little later than they come here.
    const look = () => {
      looking.current = isBehind.current ? setTimeout(look, LOOK_AGAIN_MS) : null;
      isBehind.current = false;
      askPage(Math.max(0, pages.peek().end - OVERLAP), PAGE);
    };
    if (!isAll) return;
    isBehind.current = true;
    if (!looking.current) look();
  }, [known, session?.status]);

  return {
    buffer,
    trouble: trouble.value,
    lineAt: at,
    want(from, to) {
      const wanted = missing(buffer, from, to, at, AHEAD);
      if (wanted) askPage(wanted.start, wanted.count);
    },
    wantSome(numbers) {
      const wanted = [...numbers].filter((number) => !at(number)).slice(0, MOST_ASKED);
      const wish = `${known} ${wanted}`;
      if (wanted.length === 0 || wish === inVain.current) return;
      ask("lines", { numbers: wanted }, (body) => {
        const found = rowsOf(body);
        if (found.length === 0) {
          inVain.current = wish; // they were cut or removed: asked again, there would be no end of it
          return;
        }
        if (singles.size > MOST_SINGLE) singles.clear();
        for (const { number, line } of found) singles.set(number, line);
        pages.value = { ...pages.peek() }; // draws the lines
      });
    },
    wantWhole(number) {
      if (!isCut(at(number)?.[3] ?? "")) return;
      ask("lines", { numbers: [number] }, (body, data) => {
        const line = wholeOf(body, data);
        if (line) wholes.set(number, line);
        pages.value = { ...pages.peek() };
      });
    },
  };
}
