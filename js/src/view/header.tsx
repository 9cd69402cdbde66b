/** The head of the view: what runs, how far it is, and what can be done with all of it. */
import {
  barred,
  countByStatus,
  etaLeft,
  isPossible,
  permitSession,
  progressOf,
  type SessionCommand,
  SHOWN_STATES,
  sessionElapsed,
} from "../state/selectors";
import type { Port } from "../state/store";
import { toggled } from "./filter";
import { countWord, formatClock, formatDuration, formatLeft, formatPercent, wordOf } from "./format";
import { StatusIcon } from "./icons";
import { CommandButton, SignButton } from "./parts";
import type { ViewProps } from "./view";

const ACTIONS: readonly (readonly [SessionCommand, string, string, string])[] = [
  ["retry-failed", "Retry failed", "Runs what failed again, then what waits for it", "milo-primary"],
  ["pause", "Pause", "Starts no new phase; running ones finish (p)", ""],
  ["resume", "Resume", "Goes on where it stopped (p)", "milo-primary"],
  ["cancel", "Cancel", "Stops running phases and starts no more", ""],
  ["run", "Run again", "Starts a new session", ""],
];

const ACTIVE = "While phases ran: pauses and reviews do not count. Times in a log do count them: they begin with the phase";

export function Header({ port, now, filter }: ViewProps) {
  const state = port.state.value;
  const { session } = state;
  const status = session?.status ?? "pending";
  const requested = session?.requested ?? "";
  const isReview = status === "paused" && session?.waiting_for;
  const isGone = state.connection === "gone";
  const progress = progressOf(state);
  const elapsed = sessionElapsed(state, now);
  const counts = countByStatus(session?.phases ?? []);
  const eta = etaLeft(state, now);
  const left = eta ? formatLeft(eta) : "";
  const begun = session?.epoch && session.started_at > 0 ? (session.epoch + session.started_at) * 1000 : 0;
  const chosen = filter.value;
  return (
    <div class="milo-header">
      <div class="milo-line milo-wrap">
        <StatusIcon status={isReview ? "review" : status} size={20} />
        <b class="milo-cut" dir="auto" title={session?.pipeline}>
          {session?.pipeline ?? "Pipeline"}
        </b>
        <span class="milo-word" data-status={status}>
          {session
            ? `${isGone && ["running", "paused"].includes(status) ? "was " : ""}${requested || (isReview ? wordOf("review") : status)}`
            : "waiting for the kernel"}
        </span>
        <span class="milo-muted milo-spring">
          {elapsed > 0 ? <span title={ACTIVE}>active {formatDuration(elapsed)}</span> : null}
          {begun > 0 ? (
            <span class="milo-dotted" title={new Date(begun).toString()}>
              begun {formatClock(begun)}
            </span>
          ) : null}
          {left && (
            <span class="milo-dotted" title="As earlier sessions took: the shortest to the longest" data-eta={status}>
              {status === "pending" ? `usually ${left.slice(0, -5)}` : left}
            </span>
          )}
        </span>
        <span class="milo-actions">
          {session?.waiting_for ? (
            <CommandButton
              port={port}
              command="approve"
              label="Approve"
              kind="milo-primary"
              phase={session.waiting_for}
              permit={barred(state, "approve")}
              hint="Goes on after the review"
            />
          ) : null}
          {ACTIONS.map(([command, label, hint, kind]) => {
            const permit = permitSession(state, command);
            const isBusy = command === "cancel" && requested === "cancelling";
            // What makes no sense now is not there; what waits for the kernel, or has none, stays and says so.
            const isOffered = session && (isBusy || isPossible(session, command));
            return isOffered ? (
              <CommandButton
                key={command}
                port={port}
                command={command}
                label={status === "pending" && command === "run" ? "Run" : label}
                hint={hint}
                kind={kind}
                permit={permit}
                isBusy={isBusy}
              />
            ) : null;
          })}
        </span>
      </div>
      <div class="milo-line milo-wrap milo-muted">
        <div class="milo-progress" data-status={status} role="progressbar" aria-label="Progress" aria-valuenow={Math.round(progress * 100)}>
          <i style={`width:${progress * 100}%`} />
        </div>
        {formatPercent(progress)}
        <span class="milo-line milo-wrap milo-counts">
          {SHOWN_STATES.filter((one) => counts[one] > 0 || chosen.statuses.has(one)).map((one) => (
            <button
              key={one}
              type="button"
              class="milo-count"
              data-count={one}
              data-status={one}
              aria-pressed={chosen.statuses.has(one)}
              title={chosen.statuses.has(one) ? `Show what is not ${countWord(one)} as well` : `Show only what is ${countWord(one)}`}
              onClick={() => {
                filter.value = toggled(chosen, one);
              }}
            >
              <StatusIcon status={one} size={12} />
              {counts[one]} {countWord(one)}
            </button>
          ))}
        </span>
      </div>
      <Messages port={port} />
    </div>
  );
}

function Messages({ port }: { port: Port }) {
  const { connection, notice, session, requests } = port.state.value;
  const isOver = session !== null && ["completed", "pending"].includes(session.status);
  const queued = [...requests.values()].filter(({ isQueued }) => isQueued);
  const goOn =
    session && !isOver ? (
      <span>
        To go on in a new kernel, run the cell again with <code>--define</code> in its first line, then{" "}
        <code>%milo resume {session.pipeline}</code>
      </span>
    ) : (
      "Run the cell again."
    );
  return (
    <>
      {connection === "gone" ? (
        <p class="milo-banner" role="alert">
          <span>
            <b>The kernel is gone.</b> {session && "This is the last known state. "}
            {goOn}
          </span>
        </p>
      ) : null}
      {connection === "connecting" && session ? (
        <p class="milo-banner milo-late" data-kind="waiting">
          <span>Connecting to the kernel. This is the last known state. If no kernel answers: {goOn}</span>
        </p>
      ) : null}
      {queued.length > 0 && connection !== "gone" ? (
        <p class="milo-banner" data-kind="waiting">
          <b>Queued: kernel busy.</b>{" "}
          {`When the running cell ends: ${queued.map((one) => [one.command, ...one.phases].join(" ")).join(", ")}.`}
        </p>
      ) : null}
      {session?.banners.map(([kind, text, command]) => (
        <p key={text} class="milo-banner" data-kind={kind}>
          <span class="milo-spring">{text}</span>
          {kind === "waiting" && session.waiting_for ? (
            <button
              type="button"
              class="milo-button"
              onClick={() =>
                port.select(
                  session.phases.findIndex(({ name }) => name === session.waiting_for),
                  true,
                )
              }
            >
              Review
            </button>
          ) : null}
          {command ? (
            <CommandButton
              port={port}
              command={command}
              label="Start anew"
              hint="Starts a new session"
              permit={barred(port.state.value, command)}
              options={{ replace: true }}
            />
          ) : null}
        </p>
      ))}
      {notice ? (
        <p class="milo-banner" data-kind={notice.kind} role="alert">
          <span class="milo-spring">{notice.text}</span>
          <SignButton sign="close" label="Dismiss" onClick={() => port.dismiss()} />
        </p>
      ) : null}
    </>
  );
}
