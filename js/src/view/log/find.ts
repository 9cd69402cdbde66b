/** Has the kernel search a log while a person types, and what is printed later too. */
import { useEffect, useMemo, useRef, useSignal } from "../../dom/hooks";
import type { LogBuffer } from "../../state/logs";
import { type Found, findHere, isSearch, NOTHING, type Query, takeFound, toAsk } from "../../state/search";
import type { Port } from "../../state/store";

const WHILE_TYPING_MS = 100;
const LOOK_AGAIN_MS = 500;

/** What is found, and what searches once more after an error, if that is possible. */
export function useFound(port: Port, log: number, query: Query, buffer: LogBuffer): readonly [Found, (() => void) | null] {
  const state = port.state.value;
  const found = useSignal<Found>(NOTHING);
  const timer = useRef<ReturnType<typeof setTimeout> | null>(null);
  const drop = useRef<(() => void) | null>(null);
  const { text, isRegex, isExact, streams, levels } = query;
  const key = isSearch(query) ? JSON.stringify([state.session?.session_id, log, text, isRegex, isExact, streams, levels]) : "";
  const isGone = state.connection === "gone";
  const here = useMemo(() => (isGone && key ? findHere(buffer, query) : null), [isGone, key, buffer.blocks]);

  const search = () => {
    timer.current = null;
    const before = found.peek();
    found.value = { ...before, isDone: false, error: "" };
    drop.current = port.ask("search", toAsk(log, query, before.total), ({ done, error, body, data }) => {
      const now = found.peek();
      found.value = error ? { ...now, isDone: true, error } : takeFound(before, now, body, data, done);
    });
  };
  useEffect(
    (ending) => {
      found.value = NOTHING;
      if (!key || isGone) return;
      timer.current = setTimeout(search, WHILE_TYPING_MS);
      ending.addEventListener("abort", () => {
        clearTimeout(timer.current ?? undefined);
        timer.current = null;
        drop.current?.();
      });
    },
    [key, isGone],
  );
  useEffect(() => {
    // More was printed since. Not told anew with each line, or there would never be time for it.
    const { isDone, error, total } = found.peek();
    if (key && !isGone && isDone && !error && buffer.end > total) timer.current ??= setTimeout(search, LOOK_AGAIN_MS);
  });
  if (here) return [here, null];
  return key ? [found.value, search] : [NOTHING, null];
}
