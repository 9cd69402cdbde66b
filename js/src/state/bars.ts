/**
 * What each phase did when, as stretches of the session's clock. Pure.
 *
 * The wire says when attempts began and how long they took; the rest follows from that. A phase waits from the end of
 * the last phase it depends on; a retry from the end of the attempt that failed; a review from the end of what is to be
 * looked at until the next attempt of any phase, because none starts before.
 */
import type { Attempt, Phase, PhaseState, Snapshot } from "../wire";
import { isReviewed } from "./selectors";

export type Kind = "work" | "waiting" | "delay" | "review";

export interface Stretch {
  readonly kind: Kind;
  readonly from: number;
  readonly to: number;
  /** How the attempt came out; of all but work: how the phase is. */
  readonly status: PhaseState;
  readonly attempt: number;
  readonly error: string;
  /** Does it go on? */
  readonly isOpen: boolean;
}

export interface Span {
  readonly from: number;
  readonly to: number;
}

/** The session in time. */
export interface Times extends Span {
  readonly session: Snapshot;
  /** May something still begin or end? Then the span ends now. */
  readonly isOpen: boolean;
  readonly now: number;
  /** When attempts began, in order. */
  readonly starts: readonly number[];
  /** When at least one attempt was running: in order, apart from each other. */
  readonly busy: readonly Span[];
}

/** What follows from times that were read one after the other is not exact. */
const SAME_S = 1e-6;
const APPROVED = "approved by ";

const isOver = (status: PhaseState): boolean => status === "completed" || status === "skipped";

/** Every attempt that ever began, oldest first, the present one with the time it has taken. */
export function attemptsOf(phase: Phase, elapsed: number): readonly Attempt[] {
  // One that is to be retried is in the history already: the phase has the number of the next one, which has not begun.
  const hasBegun = phase.status !== "pending" && phase.status !== "retrying";
  return [...phase.history, ...(hasBegun ? [{ ...phase, elapsed }] : [])].filter((one) => one.started_at > 0);
}

/** What does not change with time is worked out once: a phase that has changed is another object. */
const works = new WeakMap<Phase, readonly Stretch[]>();

/** The same as stretches; what runs lasts until `now`. */
function worksOf(phase: Phase, now: number): readonly Stretch[] {
  const isRunning = phase.status === "running";
  const known = works.get(phase);
  if (known) return known;
  const elapsed = Math.max(0, phase.elapsed, isRunning ? now - phase.started_at : 0);
  const made = attemptsOf(phase, elapsed).map(
    (one): Stretch => ({
      kind: "work",
      from: one.started_at,
      to: one.started_at + Math.max(0, one.elapsed),
      status: one.status,
      attempt: one.attempt,
      error: one.error,
      isOpen: isRunning && one.attempt === phase.attempt,
    }),
  );
  if (!isRunning) works.set(phase, made);
  return made;
}

/** May something of it still begin or end, as far as is known? */
export function isGoingOn({ status, waiting_for, phases }: Snapshot): boolean {
  return status === "running" || waiting_for !== "" || phases.some((phase) => phase.status === "running" || phase.status === "retrying");
}

/** The session in time, as of `now` on its clock; nothing of it is open where nobody knows what goes on. */
export function timesOf(session: Snapshot, now: number, isKnown = true): Times {
  const spans: Span[] = session.phases.flatMap((phase) => worksOf(phase, now));
  const isOpen = isKnown && isGoingOn(session);
  spans.sort((a, b) => a.from - b.from);
  const busy: { from: number; to: number }[] = [];
  for (const { from, to } of spans) {
    const last = busy.at(-1);
    if (last && from <= last.to) last.to = Math.max(last.to, to);
    else busy.push({ from, to });
  }
  const first = busy[0]?.from ?? (session.started_at || now);
  const from = session.started_at > 0 ? Math.min(session.started_at, first) : first;
  const to = Math.max(from, busy.at(-1)?.to ?? from, isOpen ? now : from);
  return { session, isOpen, now, from, to, busy, starts: spans.map((one) => one.from) };
}

/** All that there is to see of one phase, in order. */
export function stretchesOf(times: Times, index: number): readonly Stretch[] {
  const { session, now, isOpen, to } = times;
  const phase = session.phases[index];
  if (!phase) return [];
  const { status, attempt, reason } = phase;
  const stretches: Stretch[] = [];
  const rest = (kind: Kind, from: number, until: number, goesOn: boolean) => {
    if (until > from + SAME_S) stretches.push({ kind, from, to: until, status, attempt, error: "", isOpen: goesOn });
  };
  let before: Stretch | undefined;
  /** What lies between the attempt before, or what was waited for, and `until`. */
  const pause = (until: number, goesOn: boolean) => {
    const ready = readyAt(times, phase, until);
    if (ready > (before?.to ?? 0)) rest("waiting", ready, until, goesOn);
    else if (before?.status === "failed") rest("delay", before.to, until, goesOn);
  };
  for (const one of worksOf(phase, now)) {
    pause(one.from, false);
    stretches.push(one);
    before = one;
  }
  if (isOpen && (status === "retrying" || (status === "pending" && isReady(session, phase)))) pause(now, true);
  if (before && isReviewed(phase)) rest("review", before.to, to, isOpen);
  else if (before && status === "completed" && reason.startsWith(APPROVED))
    rest("review", before.to, nextStart(times, before.to) ?? to, false);
  return stretches;
}

function isReady({ phases }: Snapshot, { depends_on }: Phase): boolean {
  return depends_on.every((upstream) => isOver(phases[upstream]?.status ?? "pending"));
}

/** When the last of what it depends on was over, as of `by`; 0 if nobody knows. */
function readyAt({ session, now }: Times, { depends_on }: Phase, by: number): number {
  let ready = session.started_at;
  for (const upstream of depends_on) {
    const phase = session.phases[upstream];
    if (!phase) return 0;
    const ends = worksOf(phase, now).flatMap(({ to, isOpen }) => (to <= by + SAME_S && !isOpen ? [to] : []));
    const end = ends.at(-1);
    if (end !== undefined) ready = Math.max(ready, end);
    else if (phase.status !== "completed") return 0; // skipped by hand: the wire does not say when
  }
  return Math.min(ready, by);
}

function nextStart({ starts }: Times, after: number): number | undefined {
  let low = 0;
  let high = starts.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((starts[middle] ?? 0) < after - SAME_S) low = middle + 1;
    else high = middle;
  }
  return starts[low];
}
