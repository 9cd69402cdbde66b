import { expect, test } from "vitest";
import type { Action } from "../src/state/actions";
import { lineAt } from "../src/state/logs";
import { INITIAL, reduce, type State } from "../src/state/reducer";
import { isRequested, logOf, permitPhase, permitSession, phaseElapsed, progressOf, sessionElapsed } from "../src/state/selectors";
import type { Delta, Told } from "../src/wire";
import { failing, lines, phase, snapshot } from "./samples";

const after = (state: State, ...messages: Told[]): State =>
  messages.reduce((now, message) => reduce(now, { type: "received", message, at: 1000 }), state);
const delta = (seq: number, changes: Partial<Delta> = {}): Delta => ({
  type: "delta",
  seq,
  now: 13,
  pipeline: {},
  phases: [],
  logs: [],
  ...changes,
});
const start = (phases = [phase("load"), phase("parse", { depends_on: [0] })]) =>
  after(INITIAL, { type: "snapshot", seq: 5, state: snapshot(phases) });

test("a snapshot is taken whole and sets the sequence", () => {
  const state = start();
  expect(state).toMatchObject({ seq: 5, syncing: false });
  expect(state.session?.phases.map((one) => one.name)).toEqual(["load", "parse"]);
});

test("the next delta changes just what it names", () => {
  const before = start();
  const state = after(before, delta(6, { pipeline: { progress: 0.5 }, phases: [[1, { status: "running", started_at: 13 }]] }));
  expect(state.session).toMatchObject({ progress: 0.5, status: "running", now: 13 });
  expect(state.session?.phases[1]).toMatchObject({ name: "parse", status: "running" });
  expect(state.session?.phases[0]).toBe(before.session?.phases[0]);
});

test("a repeated or older delta changes nothing", () => {
  const state = after(start(), delta(6, { phases: [[0, { status: "running" }]] }));
  expect(after(state, delta(6, { phases: [[0, { status: "failed" }]] }))).toBe(state);
  expect(after(state, delta(3, { phases: [[0, { status: "failed" }]] }))).toBe(state);
});

test("after a gap deltas wait until a snapshot comes", () => {
  const gap = after(start(), delta(8, { phases: [[0, { status: "failed" }]] }));
  expect(gap.syncing).toBe(true);
  expect(gap.session?.phases[0]?.status).toBe("pending");
  const still = after(gap, delta(6, { phases: [[0, { status: "running" }]] }));
  expect(still.session?.phases[0]?.status).toBe("pending");
  const whole = after(still, { type: "snapshot", seq: 9, state: snapshot([phase("load", { status: "completed" })], { seq: 9 }) });
  expect(whole).toMatchObject({ seq: 9, syncing: false });
});

test("a delta before any snapshot, or about an unknown phase, asks for a snapshot", () => {
  expect(after(INITIAL, delta(1)).syncing).toBe(true);
  const unknown = after(start(), delta(6, { phases: [[7, { status: "running" }]] }));
  expect(unknown).toMatchObject({ syncing: true, seq: 5 });
});

test("a heartbeat that knows more than we do asks for a snapshot, else sets the clock", () => {
  expect(after(start(), { type: "heartbeat", now: 20, seq: 6 }).syncing).toBe(true);
  expect(after(start(), { type: "heartbeat", now: 20, seq: 5 })).toMatchObject({ syncing: false, session: { now: 20 } });
});

test("a new session forgets logs, details and requests, and is asked for as a whole", () => {
  let state = after(start(), delta(6, { logs: [{ phase: 0, start: 0, lines: lines(0, 3) }] }));
  state = after(state, { type: "detail", id: "d", phase: 0, error: null });
  state = reduce(state, { type: "requested", id: "a", command: "run", phases: [] });
  const next = after(state, delta(7, { pipeline: { session_id: "two", status: "running" } }));
  expect(next.logs.size + next.details.size + next.requests.size).toBe(0);
  expect(next).toMatchObject({ syncing: true, session: { session_id: "two" } });
});

test("a snapshot of the same session keeps the lines that are here", () => {
  const state = after(start(), delta(6, { logs: [{ phase: 0, start: 0, lines: lines(0, 3) }] }));
  const synced = after(state, {
    type: "snapshot",
    seq: 9,
    state: snapshot([phase("load", { log_count: 10 }), phase("parse", { depends_on: [0] })], { seq: 9 }),
  });
  expect(lineAt(logOf(synced, 0), 2)?.[3]).toBe("line 2");
  expect(logOf(synced, 0).end).toBe(10);
});

test("an older snapshot trait does not undo what deltas told", () => {
  const state = after(start(), delta(6), delta(7));
  const action: Action = { type: "restored", snapshot: snapshot([phase("old")], { seq: 6 }), at: 0 };
  expect(reduce(state, action)).toBe(state);
});

test("details go when the phase has another attempt", () => {
  const state = after(start(failing), { type: "detail", id: "d", phase: 1, error: null });
  expect(state.details.has(1)).toBe(true);
  expect(after(state, delta(6, { phases: [[1, { attempt: 3, status: "running" }]] })).details.has(1)).toBe(false);
});

test("the first failing phase opens itself", () => {
  const state = start(failing);
  expect(state.choice).toMatchObject({ selected: 1, expanded: true });
});

test("nothing opens itself while a person reads what they have chosen", () => {
  const chosen = reduce(start(), { type: "chose", choice: { selected: 0, expanded: false }, byPerson: true, at: 1000 });
  const failed = after(chosen, delta(6, { phases: [[1, { status: "failed", error: "x" }]] }));
  expect(failed.choice).toMatchObject({ selected: 0, expanded: false });
});

test("a command is requested until its reply, and the reply is told", () => {
  const asked = reduce(start(failing), { type: "requested", id: "a", command: "retry", phases: ["parse"] });
  expect(isRequested(asked, "retry", "parse")).toBe(true);
  expect(isRequested(asked, "retry", "load")).toBe(false);
  const refused = after(asked, { type: "reply", id: "a", ok: false, message: "parse is running" });
  expect(refused).toMatchObject({ notice: { kind: "refused", text: "parse is running" } });
  expect(isRequested(refused, "retry", "parse")).toBe(false);
  expect(after(refused, { type: "reply", id: "zzz", ok: true, message: "?" })).toBe(refused);
  expect(reduce(asked, { type: "unanswered", id: "a" }).notice?.text).toContain("retry parse");
});

test("running time goes on in the browser and stands still when the kernel is gone", () => {
  const running = phase("load", { status: "running", started_at: 11 });
  const state = start([running]); // kernel clock 12 at page clock 1000 ms
  expect(phaseElapsed(state, running, 3000)).toBeCloseTo(3);
  expect(sessionElapsed(state, 3000)).toBeCloseTo(4);
  const gone = reduce(state, { type: "connected", connection: "gone" });
  expect(phaseElapsed(gone, running, 9000)).toBeCloseTo(1);
});

test("progress counts the fractions of what runs, and never passes 1", () => {
  const state = after(INITIAL, {
    type: "snapshot",
    seq: 1,
    state: snapshot([phase("a", { weight: 3, status: "completed" }), phase("b", { status: "running", fraction: 0.5 })], { progress: 0.75 }),
  });
  expect(progressOf(state)).toBeCloseTo(0.875);
});

test("what cannot be done says why", () => {
  const state = start(failing);
  const [load, parse, write] = failing;
  if (!load || !parse || !write) throw new Error("samples");
  expect(permitPhase(state, "retry", parse)).toBe("");
  expect(permitPhase(state, "retry", load)).toContain("completed");
  expect(permitPhase(state, "skip", write)).toBe("");
  expect(permitPhase(state, "cancel", write)).toContain("pending");
  expect(permitPhase(state, "rerun", load)).toBe("");
  expect(permitSession(state, "pause")).toBe("");
  expect(permitSession(state, "run")).toContain("running");
  expect(permitSession(reduce(state, { type: "connected", connection: "gone" }), "pause")).toContain("gone");
});

test("a failed pipeline of which some phases still run can be cancelled, not run again", () => {
  const state = after(INITIAL, { type: "snapshot", seq: 1, state: snapshot(failing, { status: "failed", requested: "stopping" }) });
  expect(permitSession(state, "cancel")).toBe("");
  expect(permitSession(state, "run")).toContain("stopping");
});
