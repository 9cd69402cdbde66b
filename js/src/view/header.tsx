/** The head of the view: what runs, how far it is, and what can be done with all of it. */
import { countByStatus, PHASE_STATES, permitSession, progressOf, sessionElapsed } from "../state/selectors";
import type { Port } from "../state/store";
import type { PipelineStatus, Snapshot } from "../wire";
import type { View } from "./app";
import { CommandButton } from "./command";
import { formatDuration, formatPercent, STATUS_WORDS } from "./format";
import { StatusIcon, Sign } from "./icons";

const REQUESTED_WORDS = { "": "", pausing: "Pausing…", cancelling: "Cancelling…", stopping: "Stopping…" } as const;

export function Header({ port, view }: { port: Port; view: View }) {
  const state = port.state.value;
  const { session } = state;
  const status = session?.status ?? "pending";
  const progress = progressOf(state);
  return (
    <header class="milo-header">
      <div class="milo-title">
        <StatusIcon status={status} size={20} />
        <span class="milo-name" title={session?.pipeline}>
          {session?.pipeline ?? "Pipeline"}
        </span>
        <span class="milo-status" data-status={status}>
          {wording(session, status)}
        </span>
        <span class="milo-elapsed">{session && session.started_at + session.elapsed > 0 ? formatDuration(sessionElapsed(state, view.now.value)) : ""}</span>
      </div>
      {session ? <Actions port={port} session={session} /> : null}
      <div class="milo-progress-row">
        <div
          class="milo-progress"
          role="progressbar"
          aria-label="Progress"
          aria-valuemin={0}
          aria-valuemax={100}
          aria-valuenow={Math.round(progress * 100)}
          data-status={status}
        >
          <span style={{ width: `${progress * 100}%` }} />
        </div>
        <span class="milo-percent">{formatPercent(progress)}</span>
        {session ? <Counts session={session} /> : null}
      </div>
      <Messages port={port} />
    </header>
  );
}

function wording(session: Snapshot | null, status: PipelineStatus): string {
  if (!session) return "Waiting for the kernel";
  return REQUESTED_WORDS[session.requested] || STATUS_WORDS[status];
}

function Counts({ session }: { session: Snapshot }) {
  const counts = countByStatus(session.phases);
  return (
    <ul class="milo-counts" aria-label="Phases by status">
      {PHASE_STATES.filter((status) => counts[status] > 0).map((status) => (
        <li key={status} data-status={status} title={`${counts[status]} ${status}`}>
          <StatusIcon status={status} size={12} />
          {counts[status]} <span class="milo-count-word">{status}</span>
        </li>
      ))}
    </ul>
  );
}

function Actions({ port, session }: { port: Port; session: Snapshot }) {
  const state = port.state.value;
  const isActive = session.status === "running" || session.status === "paused";
  const isPausing = session.requested === "pausing";
  const failed = session.phases.filter((phase) => phase.status === "failed").map((phase) => phase.name);
  return (
    <div class="milo-actions">
      {session.waiting_for ? (
        <CommandButton port={port} command="approve" label="Approve" icon="approve" kind="primary" phase={session.waiting_for} permit={{ ok: true }} hint={`Goes on after ${session.waiting_for}`} />
      ) : null}
      {failed.length > 0 ? (
        <CommandButton port={port} command="retry-failed" label="Retry failed" icon="retry" kind="primary" permit={permitSession(state, "retry-failed")} hint={`Runs again: ${failed.slice(0, 5).join(", ")}${failed.length > 5 ? " …" : ""}, and what waits for it`} />
      ) : null}
      {isActive && session.status === "running" && !isPausing ? (
        <CommandButton port={port} command="pause" label="Pause" icon="pause" permit={permitSession(state, "pause")} hint="Starts no new phase; running phases finish (p)" />
      ) : null}
      {isPausing || session.status === "paused" ? (
        <CommandButton port={port} command="resume" label="Resume" icon="resume" kind="primary" permit={permitSession(state, "resume")} hint="Goes on (p)" />
      ) : null}
      {isActive ? (
        <CommandButton port={port} command="cancel" label="Cancel" icon="cancel" kind="danger" permit={permitSession(state, "cancel")} busy={session.requested === "cancelling"} hint="Stops running phases and starts no more" />
      ) : (
        <CommandButton port={port} command="run" label={session.status === "pending" ? "Run" : "Run again"} icon="run" permit={permitSession(state, "run")} hint="Starts a new session" />
      )}
    </div>
  );
}

function Messages({ port }: { port: Port }) {
  const { connection, notice, session } = port.state.value;
  return (
    <>
      {connection === "gone" ? (
        <p class="milo-banner" data-kind="gone" role="alert">
          <strong>The kernel is gone.</strong> {session ? "This is the last known state; nothing here is live." : "Run the cell again to see the pipeline."}
        </p>
      ) : null}
      {session?.waiting_for ? (
        <p class="milo-banner" data-kind="waiting">
          Waiting for your review of <strong>{session.waiting_for}</strong>.
        </p>
      ) : null}
      {notice ? (
        <p class="milo-banner" data-kind={notice.kind} role={notice.kind === "refused" ? "alert" : undefined}>
          <span>{notice.text}</span>
          <button type="button" class="milo-icon-button" aria-label="Dismiss" onClick={() => port.dismiss()}>
            <Sign name="close" />
          </button>
        </p>
      ) : null}
    </>
  );
}
