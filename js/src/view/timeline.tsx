/** When each attempt ran: a bar per attempt against the session's clock. */
import { kernelNow, phaseElapsed } from "../state/selectors";
import type { State } from "../state/reducer";
import type { Port } from "../state/store";
import type { Attempt, Phase } from "../wire";
import type { View } from "./app";
import { formatDuration, phaseLabel, STATUS_WORDS } from "./format";
import { StatusIcon } from "./icons";
import { Rows } from "./rows";

export interface Span {
  readonly from: number;
  readonly to: number;
}

/** The stretch of time to show: from the session's start to its end, or to now while it runs. */
export function sessionSpan(state: State, at: number): Span {
  const { session } = state;
  if (!session) return { from: 0, to: 1 };
  const starts = session.phases.flatMap((phase) => [phase, ...phase.history]).flatMap((one) => (one.started_at > 0 ? [one.started_at] : []));
  const ends = session.phases.flatMap((phase) => attemptsOf(phase, phaseElapsed(state, phase, at))).map((one) => one.started_at + one.elapsed);
  const from = Math.min(...(session.started_at > 0 ? [session.started_at] : []), ...starts, Number.MAX_VALUE);
  if (from === Number.MAX_VALUE) return { from: 0, to: 1 };
  const now = session.status === "running" && state.connection !== "gone" ? kernelNow(state, at) : from;
  return { from, to: Math.max(from + 0.1, now, ...ends) };
}

/** Every attempt that ever started, oldest first, the current one with its time until now. */
export function attemptsOf(phase: Phase, elapsed: number): readonly Attempt[] {
  const current: Attempt = { attempt: phase.attempt, status: phase.status, started_at: phase.started_at, elapsed, error: phase.error };
  return [...phase.history, current].filter((one) => one.started_at > 0 && one.status !== "pending");
}

/** Round marks for a time axis, at most `most` of them, in seconds from its start. */
export function ticks(seconds: number, most: number): readonly number[] {
  const steps = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600, 43200, 86400];
  const step = steps.find((one) => seconds / one <= most) ?? Math.ceil(seconds / most / 86400) * 86400;
  return Array.from({ length: Math.floor(seconds / step + 1e-9) + 1 }, (_, i) => i * step);
}

export function Timeline({ port, view }: { port: Port; view: View }) {
  const state = port.state.value;
  const now = view.now.value;
  const phases = state.session?.phases ?? [];
  const span = sessionSpan(state, now);
  const length = span.to - span.from;
  const percent = (time: number) => `${Math.min(100, Math.max(0, ((time - span.from) / length) * 100))}%`;
  const marks = ticks(length, 6);
  return (
    <div class="milo-timeline" data-view="timeline">
      <Rows
        port={port}
        id={`${view.id}-time`}
        label="Pipeline phases over time"
        rowHeight={28}
        order={phases.map((_, i) => i)}
        head={
          <div class="milo-axis" aria-hidden="true">
            <div class="milo-axis-track">
              {marks.map((mark) => (
                <span key={mark} class="milo-tick" style={{ left: percent(span.from + mark) }}>
                  {mark === 0 ? "0" : formatDuration(mark).replace(".0s", "s")}
                </span>
              ))}
            </div>
          </div>
        }
        row={(index) => {
          const phase = phases[index];
          if (!phase) return null;
          const elapsed = phaseElapsed(state, phase, now);
          const attempts = attemptsOf(phase, elapsed);
          return (
            <div
              id={`${view.id}-time-${index}`}
              class="milo-time-row"
              role="option"
              aria-selected={index === state.choice.selected ? "true" : "false"}
              aria-label={phaseLabel(phase, phases, elapsed)}
              data-index={index}
              data-phase={phase.name}
              data-status={phase.status}
            >
              <span class="milo-time-label" title={phase.name}>
                <StatusIcon status={phase.status} size={14} />
                <span class="milo-ellipsis">{phase.name}</span>
              </span>
              <span class="milo-time-track">
                {marks.map((mark) => (
                  <i key={mark} class="milo-grid" style={{ left: percent(span.from + mark) }} />
                ))}
                {attempts.map((one, i) => (
                  <Bar key={one.attempt} one={one} left={percent(one.started_at)} width={(one.elapsed / length) * 100} isLast={i === attempts.length - 1} />
                ))}
                {attempts.slice(1).map((one, i) => {
                  const before = attempts[i];
                  const from = before ? before.started_at + before.elapsed : one.started_at;
                  return <i key={one.attempt} class="milo-wait" style={{ left: percent(from), width: `${((one.started_at - from) / length) * 100}%` }} />;
                })}
              </span>
            </div>
          );
        }}
      />
    </div>
  );
}

function Bar({ one, left, width, isLast }: { one: Attempt; left: string; width: number; isLast: boolean }) {
  const time = formatDuration(one.elapsed);
  return (
    <span class="milo-bar" data-status={one.status} title={`Attempt ${one.attempt}: ${STATUS_WORDS[one.status].toLowerCase()}, ${time}${one.error ? `\n${one.error}` : ""}`} style={{ left, width: `${Math.max(0, width)}%` }}>
      {isLast ? <span class={width > 12 ? "milo-bar-time" : "milo-bar-time milo-bar-beside"}>{time}</span> : null}
    </span>
  );
}
