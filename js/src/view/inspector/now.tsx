/** What a running phase is doing: the line of the person's code it is at, what it last said, what it costs. Asked once a second, while somebody looks. */
import { useEffect, useSignal } from "../../dom/hooks";
import { every } from "../../dom/lasting";
import { count, frame, listOf, number, object, type Parsed, text } from "../../wire";
import { formatDuration, formatPercent, plural } from "../format";
import { read } from "./answer";
import { formatBytes } from "./bytes";
import { Frames, type PaneProps } from "./output";

const ASK_EVERY_MS = 1_000;
/** So long without an answer, the interpreter is held by something that does not let go. */
const SILENT_MS = 4_000;
const QUIET_S = 60;

export const parseNow = object({
  at: number,
  last_line_at: number,
  stacks: listOf(object({ of: text, frames: listOf(frame) })),
  why: text,
  thread: text,
  thread_state: text,
  thread_cpu: number,
  cpu: number,
  clock: number,
  cores: count,
  memory: number,
  children: count,
  child_memory: count,
});
export type Now = Parsed<typeof parseNow>;

export interface Watched {
  readonly last: Now | null;
  readonly before: Now | null;
  readonly first: Now | null;
  /** On the kernel's clock: since when it is at the same line. */
  readonly since: number;
  /** On the page's clock. */
  readonly heard: number;
  readonly error: string;
}

const NOTHING: Watched = { last: null, before: null, first: null, since: 0, heard: 0, error: "" };

/** Takes one more answer. Pure. */
export function watch(watched: Watched, now: Now, heard: number): Watched {
  const isSame = watched.last !== null && placeOf(watched.last) === placeOf(now);
  return {
    last: now,
    before: watched.last,
    first: watched.first ?? now,
    since: isSame ? watched.since : now.clock,
    heard,
    error: "",
  };
}

/** Where the person's code is: the stacks without what lies below it. */
const placeOf = ({ stacks }: Now): string =>
  stacks.map(({ frames }) => frames.map((one) => `${one.file}:${one.line}:${one.function}`).join()).join("|");

/** Of one core, between two answers; null: not known. */
export function loadOf({ last, before }: Watched, of: "cpu" | "thread_cpu"): number | null {
  const passed = last && before ? last.clock - before.clock : 0;
  if (!last || !before || passed <= 0 || last[of] < 0 || before[of] < 0) return null;
  return Math.max(0, (last[of] - before[of]) / passed);
}

export function NowPane({ port, phase, index, now: page }: PaneProps) {
  const watched = useSignal<Watched>(NOTHING);
  const session = port.state.value.session?.session_id;
  useEffect(
    (ending) => {
      let drop = () => {};
      let isDue = false;
      watched.value = NOTHING;
      const ask = () => {
        if (document.hidden || isDue || port.state.peek().connection !== "live") return;
        isDue = true;
        drop = port.ask("now", { phase: index }, ({ done, error, body }) => {
          if (!done) return;
          isDue = false;
          const known = error ? { body: null, error } : read(parseNow, "now", body);
          watched.value = known.body ? watch(watched.peek(), known.body, performance.now()) : { ...watched.peek(), error: known.error };
        });
      };
      ask();
      every(ASK_EVERY_MS, ending, ask);
      ending.addEventListener("abort", () => drop(), { once: true });
    },
    [session, index, phase.attempt],
  );
  const { last, error } = watched.value;
  const silent = last ? page - watched.value.heard : 0;
  return (
    <div class="milo-pane" data-pane="now">
      {error ? <p>{error}</p> : null}
      {silent > SILENT_MS ? (
        <p class="milo-warning">
          No answer for {formatDuration(silent / 1000)}: the kernel is busy, or a call holds its interpreter. What follows is as old.
        </p>
      ) : null}
      {last ? <Doing watched={watched.value} last={last} /> : error ? null : <p class="milo-muted">Looking at what it is doing…</p>}
    </div>
  );
}

function Doing({ watched, last }: { watched: Watched; last: Now }) {
  const load = loadOf(watched, "cpu");
  const own = loadOf(watched, "thread_cpu");
  const age = last.last_line_at >= 0 ? Math.max(0, last.at - last.last_line_at) : -1;
  const here = last.clock - watched.since;
  const grown = last.memory - (watched.first?.memory ?? last.memory);
  const facts: readonly (readonly [string, string])[] = [
    ["At this line", last.stacks.length ? (here >= 1 ? `for ${formatDuration(here)}` : "just now") : ""],
    ["Last line", age < 0 ? "it has printed nothing" : `${formatDuration(age)} ago`],
    [
      "This phase",
      [last.thread_state, own !== null && `${formatPercent(own)} of a core`].filter(Boolean).join(", ") ||
        (last.thread ? "what its thread uses is not known on this system" : ""),
    ],
    ["Process", load === null ? "…" : `${Math.round(load * 100)}% of ${plural(last.cores, "core")}`],
    [
      "Memory",
      last.memory < 0
        ? "not known"
        : `${formatBytes(last.memory)}${Math.abs(grown) > 1e6 ? `, ${grown > 0 ? "+" : "−"}${formatBytes(Math.abs(grown))} since you look` : ""}`,
    ],
    ["Started processes", last.children ? `${last.children}, with ${formatBytes(last.child_memory)}` : ""],
    ["Thread", last.thread],
  ];
  return (
    <>
      {age > QUIET_S ? <p class="milo-warning">It has printed nothing for {formatDuration(age)}.</p> : null}
      {last.why ? <p>{last.why}</p> : null}
      <dl class="milo-facts">
        {facts
          .filter(([, fact]) => fact)
          .map(([term, fact]) => (
            <div key={term}>
              <dt>{term}</dt>
              <dd>{fact}</dd>
            </div>
          ))}
      </dl>
      {last.stacks.map(({ of, frames }, i) => (
        <section key={i} aria-label={of || "Running code"}>
          {last.stacks.length > 1 ? <h4>{of}</h4> : null}
          <Frames frames={frames} />
        </section>
      ))}
    </>
  );
}
