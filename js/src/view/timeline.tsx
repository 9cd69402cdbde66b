/** When each attempt ran: a bar per attempt against the session's clock. */
import type { State } from "../state/reducer";
import { kernelNow, phaseElapsed } from "../state/selectors";
import type { Attempt, Phase } from "../wire";
import { formatDuration } from "./format";
import { StatusIcon } from "./icons";
import { Rows } from "./rows";
import type { ViewProps } from "./view";

/** Every attempt that ever started, oldest first, the current one with its time until now. */
export function attemptsOf(phase: Phase, elapsed: number): readonly Attempt[] {
  return [...phase.history, { ...phase, elapsed }].filter((one) => one.started_at > 0 && one.status !== "pending");
}

/** The stretch of time to show, in kernel seconds: from the first start to the last end, or to now while it runs. */
export function sessionSpan(state: State, at: number): readonly [number, number] {
  const { session } = state;
  const attempts = session?.phases.flatMap((phase) => attemptsOf(phase, phaseElapsed(state, phase, at))) ?? [];
  if (!session || (attempts.length === 0 && session.started_at <= 0)) return [0, 1];
  const isRunning = session.status === "running" && state.connection !== "gone";
  const from = attempts.reduce((least, one) => Math.min(least, one.started_at), session.started_at || Number.POSITIVE_INFINITY);
  const to = attempts.reduce((most, one) => Math.max(most, one.started_at + one.elapsed), isRunning ? kernelNow(state, at) : from);
  return [from, Math.max(from + 0.1, to)];
}

/** Round marks for a time axis, at most `most` of them after 0, in seconds from its start. */
export function ticks(seconds: number, most: number): readonly number[] {
  const rough = seconds / most;
  const unit = rough < 1 ? 10 ** Math.floor(Math.log10(rough)) : rough < 60 ? 1 : rough < 3600 ? 60 : 3600;
  const step = ([1, 2, 5, 10, 15, 30, 60].find((one) => one * unit >= rough) ?? Math.ceil(rough / unit)) * unit;
  return Array.from({ length: Math.floor(seconds / step + 1e-9) + 1 }, (_, i) => i * step);
}

export function Timeline(props: ViewProps) {
  const state = props.port.state.value;
  const [from, to] = sessionSpan(state, props.now);
  const part = (seconds: number) => `${(seconds / (to - from)) * 100}%`;
  const marks = ticks(to - from, 5);
  const head = (
    <div class="milo-head milo-time-row" aria-hidden="true">
      <span />
      <span class="milo-track">
        {marks.map((mark) => (
          <span key={mark} class="milo-tick" style={`left:${part(mark)}`}>
            {mark ? formatDuration(mark).replace(".0s", "s") : "0"}
          </span>
        ))}
      </span>
    </div>
  );
  return (
    <div data-view="timeline">
      <Rows
        {...props}
        order={(state.session?.phases ?? []).map((_, i) => i)}
        rowHeight={28}
        class="milo-time-row"
        head={head}
        row={(phase, elapsed) => {
          const attempts = attemptsOf(phase, elapsed);
          return (
            <>
              <span class="milo-line" title={phase.name}>
                <StatusIcon status={phase.status} size={14} />
                <span class="milo-cut">{phase.name}</span>
                <span class="milo-said">{phase.status}</span>
              </span>
              <span class="milo-track">
                {marks.map((mark) => (
                  <i key={mark} class="milo-grid" style={`left:${part(mark)}`} />
                ))}
                {attempts.map((one, i) => {
                  const before = attempts[i - 1];
                  const ended = before ? before.started_at + before.elapsed : one.started_at;
                  const time = formatDuration(one.elapsed);
                  return (
                    <>
                      <i class="milo-wait" style={`left:${part(ended - from)};width:${part(one.started_at - ended)}`} />
                      <span
                        class="milo-bar"
                        data-status={one.status}
                        title={`Attempt ${one.attempt}: ${one.status}, ${time}\n${one.error}`}
                        style={`left:${part(one.started_at - from)};width:${part(one.elapsed)}`}
                      >
                        {one.attempt === phase.attempt ? <span data-beside={one.elapsed / (to - from) < 0.12}>{time}</span> : null}
                      </span>
                    </>
                  );
                })}
              </span>
            </>
          );
        }}
      />
    </div>
  );
}
