/** The log of a phase: live, any length, found and copied from. */
import { useComputed, useSignal, useSignalEffect } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";
import { findLines, lineAt, literal, plain } from "../state/logs";
import type { State } from "../state/reducer";
import { logOf } from "../state/selectors";
import type { Port } from "../state/store";
import type { View } from "./app";
import { formatCount, plural } from "./format";
import { Sign } from "./icons";
import { LogWindow, type Marks } from "./log-window";

const NO_MARKS: Marks = { pattern: null, current: -1 };

export function Log({ port, view, index }: { port: Port; view: View; index: number }) {
  const host = useRef<HTMLDivElement>(null);
  const shown = useRef<LogWindow | null>(null);
  const marks = useRef<Marks>(NO_MARKS);
  const query = useSignal("");
  const at = useSignal(0);
  const leftAt = useSignal(0);
  const copied = useSignal("");
  const log = useComputed(() => logOf(port.state.value, index));
  const follow = useComputed(() => port.state.value.choice.follow);
  const found = useComputed(() => findLines(log.value, query.value));

  useLayoutEffect(() => {
    if (!host.current) return;
    const ending = new AbortController();
    const box = host.current;
    const events = {
      onMissing: (start: number, count: number) => port.wantLogs(index, start, count),
      onFollow: (next: boolean) => {
        leftAt.value = log.peek().end;
        port.setFollow(next);
      },
    };
    const made = new LogWindow(box, log.peek(), events, ending.signal);
    shown.current = made;
    const redraw = () => made.show(log.peek(), follow.peek(), marks.current);
    redraw();
    const resizing = new ResizeObserver(redraw);
    resizing.observe(box);
    return () => {
      resizing.disconnect();
      ending.abort();
      shown.current = null;
    };
  }, [index, port]);
  useSignalEffect(() => {
    const pattern = query.value ? new RegExp(literal(query.value), "gi") : null;
    const current = found.value[at.value] ?? -1;
    if (pattern?.source !== marks.current.pattern?.source || current !== marks.current.current) marks.current = { pattern, current };
    shown.current?.show(log.value, follow.value, marks.current);
  });

  const goTo = (step: number) => {
    const matches = found.peek();
    if (matches.length === 0) return;
    at.value = (at.peek() + step + matches.length) % matches.length;
    if (follow.peek()) port.setFollow(false);
    const line = matches[at.peek()];
    if (line !== undefined) shown.current?.reveal(line);
  };
  const onFind = (event: KeyboardEvent) => {
    if (event.key === "Enter") goTo(event.shiftKey ? -1 : 1);
    else if (event.key === "Escape") {
      query.value = "";
      host.current?.focus();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const copy = async () => {
    const text = textOf(port.state.peek(), index);
    const done = await view.copy(text);
    copied.value = done ? "Copied" : "The browser does not allow copying";
    setTimeout(() => {
      copied.value = "";
    }, 2500);
  };

  const total = log.value.end - log.value.first;
  const fresh = Math.max(0, log.value.end - leftAt.value);
  return (
    <div class="milo-log" data-pane="logs">
      <div class="milo-log-bar">
        <input
          class="milo-find"
          type="search"
          placeholder="Find in the lines here"
          aria-label="Find in the log"
          value={query.value}
          onInput={(event) => {
            query.value = event.currentTarget.value;
            at.value = 0;
            const line = found.peek()[0];
            if (line !== undefined) {
              if (follow.peek()) port.setFollow(false);
              shown.current?.reveal(line);
            }
          }}
          onKeyDown={onFind}
        />
        {query.value ? <span class="milo-muted">{found.value.length ? `${formatCount(at.value + 1)} of ${formatCount(found.value.length)}` : "no match"}</span> : null}
        <span class="milo-spring" />
        <span class="milo-muted">{copied.value || plural(total, "line")}</span>
        <button type="button" class="milo-button milo-quiet" disabled={total === 0} onClick={copy}>
          Copy
        </button>
        <button type="button" class="milo-button milo-quiet" aria-pressed={follow.value} title="Keep the end in sight (f)" onClick={() => port.setFollow(!follow.peek())}>
          Follow
        </button>
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard */}
      <div ref={host} class="milo-log-host" role="region" aria-label={`Log of ${port.state.value.session?.phases[index]?.name ?? "the phase"}`} tabIndex={0} />
      {total === 0 ? <p class="milo-empty milo-log-empty">No output yet.</p> : null}
      {!follow.value && fresh > 0 ? (
        <button type="button" class="milo-pill" onClick={() => port.setFollow(true)}>
          <Sign name="down" /> {plural(fresh, "new line")}
        </button>
      ) : null}
    </div>
  );
}

/** The lines that are here, in order, without colours; holes are named. */
function textOf(state: State, index: number): string {
  const log = logOf(state, index);
  const lines: string[] = [];
  let hole = 0;
  for (let i = log.first; i <= log.end; i++) {
    const line = i < log.end ? lineAt(log, i) : undefined;
    if (line || i === log.end) {
      if (hole) lines.push(`[${plural(hole, "line")} not loaded]`);
      hole = 0;
      if (line) lines.push(plain(line[3]));
    } else hole++;
  }
  return `${lines.join("\n")}\n`;
}
