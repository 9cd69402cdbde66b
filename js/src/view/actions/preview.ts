/** What a command would do, asked of the kernel when somebody looks at its button, and never for its own sake. */
import { useEffect, useMemo, useRef, useSignal } from "../../dom/hooks";
import type { Options, Port } from "../../state/store";
import { count, listOf, object, type Snapshot, text } from "../../wire";
import type { Command } from "../../wire-browser";

/** A command that is not given. */
export interface Wish {
  readonly command: Command;
  readonly phases: readonly string[];
  readonly options: Options;
}

/** Somebody who only passes over a button asks nothing. */
export const ASK_AFTER_MS = 120;
const parsePreview = object({ text, runs: listOf(count), keeps: listOf(count), refused: text });

/** The sentences for a wish, "" until they are known. Asked once for each way the session stands. */
export function usePreview(port: Port, wish: Wish | null): string {
  const known = useMemo(() => new Map<string, string>(), []);
  const last = useRef({ wish: "", says: "" });
  const news = useSignal(0);
  const { session, connection } = port.state.value;
  const isAskable = wish !== null && session !== null && connection === "live";
  const key = isAskable ? `${JSON.stringify(wish)} ${standing(session)}` : "";
  useEffect(
    (ending) => {
      if (!isAskable || known.has(key)) return;
      const timer = setTimeout(() => {
        const drop = port.ask("preview", { ...wish }, ({ done, error, body }) => {
          if (!done) return;
          known.set(key, error || read(body));
          news.value += 1;
        });
        ending.addEventListener("abort", drop, { once: true });
      }, ASK_AFTER_MS);
      ending.addEventListener("abort", () => clearTimeout(timer), { once: true });
    },
    [key],
  );
  news.value;
  const wanted = JSON.stringify(wish);
  const says = known.get(key) ?? (last.current.wish === wanted ? last.current.says : "");
  last.current = { wish: wanted, says };
  return wish ? says : "";
}

/** Another text, another plan: states and attempts of all phases; not how far they are. */
function standing({ session_id, status, requested, waiting_for, phases }: Snapshot): string {
  return [session_id, status, requested, waiting_for, ...phases.map((one) => `${one.status}${one.attempt}${one.edited}`)].join(" ");
}

function read(body: unknown): string {
  try {
    return parsePreview(body, "preview").text;
  } catch (error) {
    return `What it would do could not be read: ${error}.`;
  }
}
