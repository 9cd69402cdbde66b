/** The log of a phase: live, any length, found and copied from. */
import { pieces, plain } from "../ansi";
import { useMemo, useSignal } from "../dom/hooks";
import { findLines, type LogBuffer, lineAt, literal, missing } from "../state/logs";
import { isOver, logOf } from "../state/selectors";
import type { Port } from "../state/store";
import type { Phase } from "../wire";
import { formatStamp, plural } from "./format";
import { Window } from "./window";

/** Lines asked for beyond the window: people scroll up. */
const AHEAD = 100;

export function Log({ port, index }: { port: Port; index: number }) {
  const state = port.state.value;
  const { follow } = state.choice;
  const log = logOf(state, index);
  const query = useSignal("");
  const at = useSignal(0);
  const leftAt = useSignal(0);
  const copied = useSignal("");
  const found = useMemo(() => findLines(log, query.value), [log.blocks, query.value]);
  const current = found[at.value] ?? -1;
  const reveal = useMemo(() => (query.value ? { row: current - log.first } : null), [current, query.value]);
  const pattern = query.value ? new RegExp(literal(query.value), "gi") : null;
  const total = log.end - log.first;
  const phase = state.session?.phases[index];
  const fresh = follow ? 0 : log.end - leftAt.value;

  const setFollow = (next: boolean) => {
    leftAt.value = log.end;
    port.setFollow(next);
  };
  const goTo = (next: number) => {
    at.value = found.length ? (next + found.length) % found.length : 0;
    if (follow) setFollow(false);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Enter") goTo(at.value + (event.shiftKey ? -1 : 1));
    else if (event.key === "Escape" && query.value) query.value = "";
    else return;
    event.stopPropagation();
  };
  const onSight = (first: number, last: number) => {
    if (!missing(log, log.first + first, log.first + last)) return;
    const wanted = missing(log, log.first + first - AHEAD, log.first + last + AHEAD);
    if (wanted) port.wantLogs(index, wanted.start, wanted.count);
  };
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(textOf(log));
      copied.value = "Copied";
    } catch {
      copied.value = "The browser refused to copy";
    }
  };
  return (
    <div class="milo-log" data-pane="logs" style={`--m-digits:${String(log.end).length}`}>
      <div class="milo-line milo-log-bar">
        <input
          type="search"
          placeholder="Find in loaded lines"
          aria-label="Find in the log"
          value={query.value}
          onInput={(event) => {
            query.value = event.currentTarget.value;
            goTo(0);
          }}
          onKeyDown={onKeyDown}
        />
        {query.value ? `${found.length && at.value + 1} of ${found.length}` : null}
        <span class="milo-spring" />
        {copied.value || plural(total, "line")}
        <button type="button" class="milo-quiet" onClick={copy}>
          Copy
        </button>
        <button type="button" class="milo-quiet" aria-pressed={follow} title="Keep the end in sight (f)" onClick={() => setFollow(!follow)}>
          Follow
        </button>
      </div>
      <Window
        class="milo-log-host"
        count={total}
        rowHeight={18}
        follow={follow}
        onFollow={setFollow}
        reveal={reveal}
        onSight={onSight}
        body={{ role: "region", tabIndex: 0, "aria-label": "Log" }}
        row={(row) => (
          <Line
            log={log}
            index={log.first + row}
            since={state.session?.started_at ?? 0}
            starts={phase ? [...phase.history, phase].slice(1) : []}
            pattern={pattern}
            isCurrent={log.first + row === current}
          />
        )}
      />
      {total === 0 ? <p class="milo-empty">No lines{phase && isOver(phase) ? "" : " yet"}.</p> : null}
      {fresh > 0 ? (
        <button type="button" class="milo-pill" onClick={() => setFollow(true)}>
          ↓ {plural(fresh, "new line")}
        </button>
      ) : null}
    </div>
  );
}

interface LineProps {
  readonly log: LogBuffer;
  readonly index: number;
  /** When the session began, on the kernel's clock. */
  readonly since: number;
  /** The attempts after the first. */
  readonly starts: readonly Pick<Phase, "attempt" | "started_at">[];
  readonly pattern: RegExp | null;
  readonly isCurrent: boolean;
}

function Line({ log, index, since, starts, pattern, isCurrent }: LineProps) {
  const line = lineAt(log, index);
  const [time, stream, level, text] = line ?? [0, undefined, undefined, "…"];
  const before = lineAt(log, index - 1);
  const start = before && starts.find(({ started_at }) => before[0] < started_at && started_at <= time);
  return (
    <div
      class="milo-log-row"
      data-line={index + 1}
      data-stream={stream}
      data-level={level}
      data-current={isCurrent || undefined}
      data-attempt={start?.attempt}
    >
      <span class="milo-log-number">{index + 1}</span>
      <span class="milo-log-stamp">{line ? formatStamp(time - since) : ""}</span>
      <span class="milo-log-text">
        <Coloured text={text} pattern={pattern} />
      </span>
    </div>
  );
}

/** A line with its terminal colours. */
export function Coloured({ text, pattern = null }: { text: string; pattern?: RegExp | null }) {
  return pieces(text).map(({ text: part, colour, background, names }, i) => (
    <span key={i} class={names} style={colour || background ? `color:${colour};background:${background}` : undefined}>
      {pattern ? marked(part, pattern) : part}
    </span>
  ));
}

/** The text with its matches marked; across a change of colour a match is found but not marked. */
function marked(text: string, pattern: RegExp) {
  const others = text.split(pattern);
  const matches = text.match(pattern) ?? [];
  return others.map((other, i) => [other, matches[i] ? <mark>{matches[i]}</mark> : null]);
}

/** The lines that are here, in order, without colours; holes are named. */
function textOf(log: LogBuffer): string {
  const lines: string[] = [];
  let hole = 0;
  for (let i = log.first; i <= log.end; i++) {
    const line = lineAt(log, i);
    if (!line && i < log.end) hole++;
    else {
      if (hole) lines.push(`[${plural(hole, "line")} not loaded]`);
      hole = 0;
      lines.push(line ? plain(line[3]) : "");
    }
  }
  return lines.join("\n");
}
