/** What views ask of the state, so that no view works it out for itself. Pure. */
import type { Phase, PhaseState, Snapshot } from "../wire";
import type { Command } from "../wire-browser";
import { type LogBuffer, NO_LOGS, withBounds } from "./logs";
import { linesOf, type State } from "./reducer";

/** The kernel's session clock, in seconds, at the page clock `at` (milliseconds). */
export function kernelNow(state: State, at: number): number {
  return state.session ? state.session.now + Math.max(0, at - state.received) / 1000 : 0;
}

/** Seconds of the current attempt; ticks while the phase runs and the kernel lives. */
export function phaseElapsed(state: State, phase: Phase, at: number): number {
  if (phase.status !== "running" || phase.started_at <= 0) return phase.elapsed;
  return Math.max(phase.elapsed, kernelNow(state, ticking(state, at)) - phase.started_at);
}

/** Seconds of the session; ticks while it runs and the kernel lives. */
export function sessionElapsed(state: State, at: number): number {
  const { session } = state;
  if (!session) return 0;
  if (session.status !== "running") return session.elapsed;
  const now = kernelNow(state, ticking(state, at));
  return session.elapsed > 0 || session.started_at <= 0
    ? session.elapsed + Math.max(0, now - state.elapsedAt)
    : Math.max(0, now - session.started_at);
}

/** Seconds until it will have ended, at least and at most; ticks while it runs. null: nobody knows, or it has ended. */
export function etaLeft(state: State, at: number): readonly [number, number] | null {
  const { session } = state;
  if (!session || session.eta[1] <= 0) return null;
  const passed = session.status === "running" ? Math.max(0, kernelNow(state, ticking(state, at)) - state.elapsedAt) : 0;
  return [Math.max(0, session.eta[0] - passed), Math.max(0, session.eta[1] - passed)];
}

/** A clock that stands still when the kernel is gone: nobody knows what happens then. */
function ticking(state: State, at: number): number {
  return state.connection === "gone" ? state.received : at;
}

/** How a phase is shown: what waits for a person to look at its result is not done for them. */
export type ShownState = PhaseState | "review";

export const SHOWN_STATES = [
  "failed",
  "review",
  "running",
  "retrying",
  "pending",
  "completed",
  "skipped",
  "cancelled",
] as const satisfies readonly ShownState[];

/** Does it wait for a person to look at its result? */
export const isReviewed = ({ status, reason }: Phase): boolean => status === "completed" && reason === "waits for approval";

export const shownState = (phase: Phase): ShownState => (isReviewed(phase) ? "review" : phase.status);

/** Is nothing more to come of it, unless somebody runs it again? */
export const isOver = ({ status }: Phase): boolean => !["pending", "running", "retrying"].includes(status);

export function countByStatus(phases: readonly Phase[]): Readonly<Record<ShownState, number>> {
  const counts = { review: 0, pending: 0, running: 0, retrying: 0, completed: 0, failed: 0, skipped: 0, cancelled: 0 };
  for (const phase of phases) counts[shownState(phase)] += 1;
  return counts;
}

/** Weight of completed and skipped phases over all weight, with the running ones' own fraction. */
export function progressOf(state: State): number {
  const { session } = state;
  if (!session) return 0;
  if (session.status === "completed") return 1;
  const total = session.phases.reduce((sum, phase) => sum + phase.weight, 0);
  if (total <= 0) return session.progress;
  const partial = session.phases.reduce((sum, phase) => sum + (phase.status === "running" ? phase.weight * phase.fraction : 0), 0);
  return Math.min(1, session.progress + partial / total);
}

/** The log of a phase, as long as the kernel says it is even where no line is here. */
export function logOf(state: State, index: number): LogBuffer {
  return withBounds(state.logs.get(index) ?? NO_LOGS, 0, linesOf(state.session, index));
}

/** The indices of the phases that wait for each phase. */
export function downstream(phases: readonly Phase[]): readonly (readonly number[])[] {
  const next: number[][] = phases.map(() => []);
  phases.forEach((phase, index) => {
    for (const upstream of phase.depends_on) next[upstream]?.push(index);
  });
  return next;
}

/** "" if a command can be given now, else why not, in words. */
export type Permit = string;

const GONE = "The kernel is gone.";
/** Why no command reaches the session, or not this one: another kernel that runs it does not start it anew. */
export function barred({ connection, session }: State, command: Command): Permit {
  if (connection === "gone") return GONE;
  return session && (session.owner === "nobody" || command === "run") ? session.locked : "";
}

const POSSIBLE: Readonly<Record<"retry" | "rerun" | "skip" | "cancel", readonly PhaseState[]>> = {
  retry: ["failed", "cancelled", "skipped"],
  rerun: ["completed", "failed", "skipped", "cancelled"],
  skip: ["pending", "running", "retrying", "failed", "cancelled"],
  cancel: ["running", "retrying"],
};

export function permitPhase(state: State, command: keyof typeof POSSIBLE, { name, status }: Phase): Permit {
  const possible = POSSIBLE[command];
  const bar = barred(state, command);
  return bar || possible.includes(status) ? bar : `Cannot ${command} ${name}: it is ${status}, not ${possible.join(" or ")}.`;
}

export type SessionCommand = "pause" | "resume" | "cancel" | "retry-failed" | "run";

/** Does the command make sense as the session is? */
export function isPossible({ status, requested, phases }: Snapshot, command: SessionCommand): boolean {
  const isActive = status === "running" || status === "paused" || requested === "stopping"; // failed, and others still run
  return {
    pause: status === "running" && !requested,
    resume: status === "paused" || requested === "pausing" || (status === "cancelled" && !requested),
    cancel: isActive && requested !== "cancelling",
    "retry-failed": phases.some((phase) => phase.status === "failed"),
    run: !isActive,
  }[command];
}

export function permitSession(state: State, command: SessionCommand): Permit {
  const { session } = state;
  const bar = barred(state, command);
  if (!session) return bar || "Nothing is known of the pipeline yet.";
  if (command === "resume" && session.waiting_for && !bar)
    return `${session.waiting_for} waits for your approval. Possible: Approve, Cancel.`;
  return bar || isPossible(session, command) ? bar : `Cannot ${command}: the pipeline is ${session.requested || session.status}.`;
}

/** Is this command, for this phase (or the session), sent and not yet answered? */
export function isRequested(state: State, command: Command, phase?: string): boolean {
  for (const request of state.requests.values()) {
    if (request.command === command && (phase === undefined ? request.phases.length === 0 : request.phases.includes(phase))) return true;
  }
  return false;
}
