/**
 * The rules of the view's state: one action in, the next state out. Reads no clock, document or model.
 *
 * A delta counts only when it is the next one. Anything else is either old (changes nothing) or means that something
 * was missed (`syncing`: a snapshot is wanted, deltas wait until it comes).
 */
import type { Delta, Detail, Phase, Snapshot } from "../wire";
import type { Action, Choice, Connection } from "./actions";
import { type Attention, isReading, toOpen, UNATTENDED } from "./attention";
import { type LogBuffer, NO_LOGS, putLines, withBounds } from "./logs";
import { putPiece, type Shelf, shelve } from "./shelf";

export interface Request {
  readonly command: string;
  readonly phases: readonly string[];
  /** Has no lane answered, so that it waits for the kernel to be free? */
  readonly isQueued?: boolean;
}

export interface Notice {
  readonly text: string;
  readonly kind: "refused" | "done";
}

export interface State {
  readonly session: Snapshot | null;
  /** Number of the last delta that is part of `session`. */
  readonly seq: number;
  readonly syncing: boolean;
  /** Page clock in milliseconds at which `session.now` was the kernel's clock. */
  readonly received: number;
  /** Kernel clock at which `session.elapsed` was true. */
  readonly elapsedAt: number;
  readonly logs: ReadonlyMap<number, LogBuffer>;
  readonly details: ReadonlyMap<number, Detail>;
  /** What phases have displayed: those that were looked at last. */
  readonly shelves: ReadonlyMap<number, Shelf>;
  readonly connection: Connection;
  /** Commands without an answer yet, by id. */
  readonly requests: ReadonlyMap<string, Request>;
  readonly notice: Notice | null;
  readonly choice: Choice;
  /** How often the notebook has chosen: views follow it, and not each other. */
  readonly told: number;
  /** What a person did last, and when: whoever reads is not disturbed. */
  readonly attention: Attention;
  /** How often a person has opened a phase: it is brought into sight then. */
  readonly openings: number;
  /** The failed phase that opened itself, until a person chooses; -1: none. */
  readonly opened: number;
  /** The failed phase that would have opened itself if nobody had been reading; -1: none. */
  readonly missed: number;
}

export const INITIAL: State = {
  session: null,
  seq: 0,
  syncing: false,
  received: 0,
  elapsedAt: 0,
  logs: new Map(),
  details: new Map(),
  shelves: new Map(),
  connection: "connecting",
  requests: new Map(),
  notice: null,
  choice: { selected: 0, expanded: false, follow: true },
  told: 0,
  attention: UNATTENDED,
  openings: 0,
  opened: -1,
  missed: -1,
};

export function reduce(state: State, action: Action): State {
  switch (action.type) {
    case "received":
      return openFailure(state, receive(state, action), action.at);
    case "restored":
      return isNews(state, action.snapshot) ? openFailure(state, replace(state, action.snapshot, action.at), action.at) : state;
    case "misread":
      return {
        ...state,
        syncing: true,
        notice: { kind: "refused", text: `A message from the kernel could not be read: ${action.reason}.` },
      };
    case "connected":
      return action.connection === state.connection ? state : { ...state, connection: action.connection };
    case "chose":
      return choose(state, action);
    case "attended":
      return { ...state, attention: { ...state.attention, [action.deed]: action.at } };
    case "requested": {
      const requests = new Map(state.requests).set(action.id, { command: action.command, phases: action.phases });
      return { ...state, requests, notice: null };
    }
    case "queued": {
      const request = state.requests.get(action.id);
      return request ? { ...state, requests: new Map(state.requests).set(action.id, { ...request, isQueued: true }) } : state;
    }
    case "unanswered": {
      const request = state.requests.get(action.id);
      if (!request) return state;
      const what = [request.command, ...request.phases].join(" ");
      return {
        ...state,
        requests: without(state.requests, action.id),
        notice: { kind: "refused", text: `The kernel has not answered “${what}”. You can try again.` },
      };
    }
    case "refused":
      return { ...state, notice: { kind: "refused", text: action.text } };
    case "dismissed":
      return state.notice ? { ...state, notice: null } : state;
    default:
      return action satisfies never;
  }
}

function receive(state: State, { message, at, data }: Extract<Action, { type: "received" }>): State {
  switch (message.type) {
    case "snapshot":
      return replace(state, { ...message.state, seq: message.seq }, at);
    case "delta":
      return advance(state, message, at);
    case "heartbeat": {
      if (!state.session || message.seq > state.seq) return state.syncing ? state : { ...state, syncing: true };
      return { ...state, session: { ...state.session, now: message.now }, received: at };
    }
    case "logs": {
      if (linesOf(state.session, message.phase) < 0) return state;
      const lines = putLines(state.logs.get(message.phase) ?? NO_LOGS, message.start, message.lines);
      return { ...state, logs: new Map(state.logs).set(message.phase, withBounds(lines, message.first, message.total)) };
    }
    case "detail":
      if (!state.session?.phases[message.phase]) return state;
      return { ...state, details: new Map(state.details).set(message.phase, message) };
    case "outputs":
      return state.session?.phases[message.phase] ? { ...state, shelves: shelve(state.shelves, message) } : state;
    case "output":
      return { ...state, shelves: putPiece(state.shelves, message, data) };
    case "reply": {
      if (!state.requests.has(message.id)) return state;
      const notice: Notice | null = message.message ? { text: message.message, kind: message.ok ? "done" : "refused" } : null;
      return { ...state, requests: without(state.requests, message.id), notice };
    }
    default:
      return message satisfies never;
  }
}

function isNews(state: State, snapshot: Snapshot): boolean {
  return !state.session || state.session.session_id !== snapshot.session_id || snapshot.seq > state.seq;
}

/** A snapshot is the whole truth; lines and details stay only within the same session. */
function replace(state: State, snapshot: Snapshot, at: number): State {
  const same = state.session?.session_id === snapshot.session_id;
  const kept = same ? state : forget(state);
  const details = new Map([...kept.details].filter(([index]) => isUnchanged(state.session?.phases[index], snapshot.phases[index])));
  return {
    ...kept,
    details,
    session: snapshot,
    seq: snapshot.seq,
    syncing: false,
    received: at,
    elapsedAt: snapshot.now,
    logs: bounded(kept.logs, snapshot),
  };
}

function advance(state: State, delta: Delta, at: number): State {
  const { session } = state;
  if (session && delta.seq <= state.seq) return state;
  const known = session?.phases.length ?? 0;
  const isWhole = delta.phases.every(([index]) => index < known) && delta.logs.every((batch) => batch.phase < known);
  if (!session || state.syncing || delta.seq !== state.seq + 1 || !isWhole) return state.syncing ? state : { ...state, syncing: true };

  const isNew = delta.pipeline.session_id !== undefined && delta.pipeline.session_id !== session.session_id;
  const kept = isNew ? forget(state) : state;
  const phases = session.phases.slice();
  const details = new Map(kept.details);
  for (const [index, changes] of delta.phases) {
    const before = phases[index];
    if (!before) continue;
    const after: Phase = { ...before, ...changes };
    phases[index] = after;
    if (!isUnchanged(before, after)) details.delete(index);
  }
  const logs = new Map(kept.logs);
  for (const batch of delta.logs) logs.set(batch.phase, putLines(logs.get(batch.phase) ?? NO_LOGS, batch.start, batch.lines));
  const next = { ...session, ...delta.pipeline, phases, now: delta.now, seq: delta.seq };
  return {
    ...kept,
    session: next,
    seq: delta.seq,
    syncing: isNew, // a new session is known as a whole only from its snapshot
    received: at,
    elapsedAt: delta.pipeline.elapsed === undefined ? state.elapsedAt : delta.now,
    details,
    logs: bounded(logs, next),
  };
}

function isUnchanged(before: Phase | undefined, after: Phase | undefined): boolean {
  return (
    before !== undefined &&
    after !== undefined &&
    before.name === after.name &&
    before.attempt === after.attempt &&
    before.status === after.status
  );
}

function forget(state: State): State {
  return { ...state, logs: new Map(), details: new Map(), shelves: new Map(), requests: new Map(), opened: -1, missed: -1 };
}

/** How many lines a phase has, or after the last phase what belongs to none; -1 of what is not there. */
export function linesOf(session: Snapshot | null, index: number): number {
  return session?.phases[index]?.log_count ?? (index === session?.phases.length ? session.other : -1);
}

/** Every log with lines here knows its length from the session too. */
function bounded(logs: ReadonlyMap<number, LogBuffer>, session: Snapshot): ReadonlyMap<number, LogBuffer> {
  const next = new Map<number, LogBuffer>();
  for (const [index, buffer] of logs) {
    const total = linesOf(session, index);
    if (total >= 0) next.set(index, withBounds(buffer, 0, total));
  }
  return next;
}

/** A person's choice counts as one that is being read; following the end of a log is none. */
function choose(state: State, { choice, byPerson, at }: Extract<Action, { type: "chose" }>): State {
  const next = { ...state, choice: { ...state.choice, ...choice }, told: state.told + (byPerson ? 0 : 1) };
  if (choice.selected !== undefined && choice.selected === state.missed) next.missed = -1;
  if (!byPerson || (choice.selected === undefined && choice.expanded === undefined)) return next;
  const openings = state.openings + Number(choice.expanded ?? 0);
  return { ...next, attention: { ...state.attention, chose: at }, openings, opened: -1 };
}

/** The first failing phase of a session opens itself, unless somebody is reading something else. */
export function openFailure(before: State, after: State, at: number): State {
  const { session, choice, attention } = after;
  if (!session || session === before.session) return after;
  const known = before.session?.session_id === session.session_id ? before.session.phases : [];
  const statuses = (phases: readonly Phase[]) => phases.map(({ status }) => status);
  const failed = toOpen(statuses(known), statuses(session.phases));
  if (failed < 0) return after;
  if (isReading(attention, choice.expanded && !choice.follow, at)) return { ...after, missed: failed };
  return { ...after, choice: { ...choice, selected: failed, expanded: true }, opened: failed, missed: -1 };
}

function without<K, V>(map: ReadonlyMap<K, V>, key: K): ReadonlyMap<K, V> {
  const next = new Map(map);
  next.delete(key);
  return next;
}
