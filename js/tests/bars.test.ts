import { expect, test } from "vitest";
import { attemptsOf, stretchesOf, timesOf } from "../src/state/bars";
import { marksOf, place, roundStep, type Scale, scaleOf } from "../src/state/scale";
import { isReviewed } from "../src/state/selectors";
import type { Attempt, Phase } from "../src/wire";
import { phase, snapshot } from "./samples";

const failed = (attempt: number, started_at: number, elapsed: number): Attempt => ({
  attempt,
  status: "failed",
  started_at,
  elapsed,
  error: "boom",
});
const done = (name: string, started_at: number, elapsed: number, changes: Partial<Phase> = {}) =>
  phase(name, { status: "completed", started_at, elapsed, origin: "ran", ...changes });
const timesAt = (now: number, phases: readonly Phase[], changes = {}) => timesOf(snapshot(phases, { started_at: 10, ...changes }), now);
const seen = (now: number, phases: readonly Phase[], index: number, changes = {}) =>
  stretchesOf(timesAt(now, phases, changes), index).map(({ kind, from, to, isOpen }) => [kind, from, to, ...(isOpen ? ["goes on"] : [])]);

test("every attempt that ever began is seen, and none twice", () => {
  const retried = phase("x", { status: "running", attempt: 2, started_at: 5, history: [failed(1, 1, 2)] });
  expect(attemptsOf(retried, 3).map((one) => [one.attempt, one.status, one.elapsed])).toEqual([
    [1, "failed", 2],
    [2, "running", 3],
  ]);
  expect(attemptsOf(phase("x"), 0)).toEqual([]);
  const retrying = phase("x", { status: "retrying", attempt: 2, started_at: 1, history: [failed(1, 1, 2)] });
  expect(attemptsOf(retrying, 0).map((one) => one.attempt)).toEqual([1]);
});

test("a phase waits from the end of the last phase it depends on, the first ones from the session's start", () => {
  const phases = [done("a", 11, 2), done("b", 10, 5), phase("c", { status: "running", started_at: 16, depends_on: [0, 1] })];
  expect(seen(20, phases, 0)).toEqual([
    ["waiting", 10, 11],
    ["work", 11, 13],
  ]);
  expect(seen(20, phases, 1)).toEqual([["work", 10, 15]]);
  expect(seen(20, phases, 2)).toEqual([
    ["waiting", 15, 16],
    ["work", 16, 20, "goes on"],
  ]);
});

test("what is ready and has not begun waits until now; what is blocked, or of a session that is over, does not", () => {
  const phases = [done("a", 10, 2), phase("b", { depends_on: [0] }), phase("c", { depends_on: [1] })];
  expect(seen(20, phases, 1)).toEqual([["waiting", 12, 20, "goes on"]]);
  expect(seen(20, phases, 2)).toEqual([]);
  expect(seen(20, phases, 1, { status: "cancelled" })).toEqual([]);
});

test("nobody knows since when a phase was ready if what it depends on was skipped by hand", () => {
  const phases = [phase("a", { status: "skipped" }), done("b", 90, 1, { depends_on: [0] })];
  expect(seen(95, phases, 1)).toEqual([["work", 90, 91]]);
});

test("what came from the cache was there from the start", () => {
  const phases = [phase("a", { status: "completed", origin: "cache" }), done("b", 12, 1, { depends_on: [0] })];
  expect(seen(95, phases, 1)[0]).toEqual(["waiting", 10, 12]);
});

test("between an attempt that failed and the next lies the retry delay, which may go on", () => {
  const again = done("a", 17, 1, { attempt: 3, history: [failed(1, 10, 2), failed(2, 14, 1)] });
  expect(seen(20, [again], 0)).toEqual([
    ["work", 10, 12],
    ["delay", 12, 14],
    ["work", 14, 15],
    ["delay", 15, 17],
    ["work", 17, 18],
  ]);
  const retrying = phase("a", { status: "retrying", attempt: 2, started_at: 10, history: [failed(1, 10, 2)] });
  expect(seen(20, [retrying], 0).at(-1)).toEqual(["delay", 12, 20, "goes on"]);
});

test("a phase that runs again because of an earlier one waits for that one, not for a retry", () => {
  const phases = [
    done("a", 20, 3, { attempt: 2, history: [{ ...failed(1, 10, 2), status: "completed" }] }),
    done("b", 24, 1, { attempt: 2, depends_on: [0], history: [failed(1, 12, 1)] }),
    done("c", 30, 1, { attempt: 2, history: [{ ...failed(1, 10, 1), status: "completed" }] }),
  ];
  expect(seen(40, phases, 1)).toEqual([
    ["work", 12, 13],
    ["waiting", 23, 24],
    ["work", 24, 25],
  ]);
  expect(seen(40, phases, 2).map(([kind]) => kind)).toEqual(["work", "work"]); // run again by a person: it waited for nothing
});

test("a review lasts from the end of what is looked at until now, or until the next attempt of any phase", () => {
  const awaiting = done("a", 10, 2, { reason: "waits for approval" });
  expect(isReviewed(awaiting)).toBe(true);
  expect(seen(30, [awaiting, phase("b", { depends_on: [0] })], 0, { status: "paused", waiting_for: "a" })).toEqual([
    ["work", 10, 12],
    ["review", 12, 30, "goes on"],
  ]);
  const approved = [done("a", 10, 2, { reason: "approved by Ada" }), done("b", 25, 1, { depends_on: [0] })];
  expect(seen(60, approved, 0, { status: "completed" }).at(-1)).toEqual(["review", 12, 25]);
});

test("the session ends with the last attempt, or now while it goes on; it stands still when nobody knows", () => {
  const phases = [done("a", 10, 2), phase("b", { status: "running", started_at: 12 })];
  expect(timesAt(30, phases)).toMatchObject({ from: 10, to: 30, isOpen: true, busy: [{ from: 10, to: 30 }] });
  expect(timesOf(snapshot(phases), 14, false)).toMatchObject({ to: 14, isOpen: false });
  expect(timesAt(99, [done("a", 11, 2)], { status: "completed" })).toMatchObject({ from: 10, to: 13, isOpen: false });
  expect(timesAt(50, [], { status: "pending", started_at: 0 })).toMatchObject({ from: 50, to: 50 });
});

/** Lengths as drawn of the pieces, `~` before those that are cut. */
const drawn = ({ pieces }: Scale) => pieces.map(({ length, isCut }) => `${isCut ? "~" : ""}${Number(length.toFixed(3))}`);

test("a night between two attempts gets a third of what work gets; work is to scale", () => {
  const night = 30_000;
  const phases = [done("a", 10, 60), done("b", 70 + night, 30)];
  const scale = scaleOf(timesAt(0, phases, { status: "completed" }));
  expect(drawn(scale)).toEqual(["60", "~30", "30"]);
  expect(place(scale, 40)).toBe(30);
  expect(place(scale, 70 + night / 2)).toBe(75);
  expect(place(scale, 70 + night)).toBe(90);
  expect(place(scale, 100 + night)).toBe(120);
});

test("short idle times are not cut, and work alone never is", () => {
  expect(drawn(scaleOf(timesAt(0, [done("a", 10, 9), done("b", 21, 9)], { status: "completed" })))).toEqual(["20"]);
  expect(drawn(scaleOf(timesAt(0, [done("a", 10, 0.1), done("b", 11, 0.1)], { status: "completed" })))).toEqual(["1.1"]);
  expect(drawn(scaleOf(timesAt(400, [phase("a")])))).toEqual(["390"]); // nothing has run: nothing to compare with
});

test("times are drawn in their order, whatever happened", () => {
  let seed = 11;
  const random = (below: number) => {
    seed = (seed * 1664525 + 1013904223) >>> 0;
    return (seed / 2 ** 32) * below;
  };
  for (let round = 0; round < 200; round++) {
    const phases = Array.from({ length: 1 + Math.floor(random(12)) }, (_, i) =>
      done(`p${i}`, 10 + random(random(2) < 1 ? 10 : 5000), random(50)),
    );
    const times = timesAt(0, phases, { status: "completed" });
    const scale = scaleOf(times);
    const idle = scale.pieces.reduce((sum, piece) => sum + (piece.isCut ? piece.length : 0), 0);
    expect(scale.length).toBeGreaterThan(0);
    expect(idle).toBeLessThanOrEqual(scale.length / 2 + scale.pieces.length);
    let before = -1;
    for (let k = 0; k <= 60; k++) {
      const at = place(scale, times.from + ((times.to - times.from) * k) / 60);
      expect(at).toBeGreaterThanOrEqual(before - 1e-9);
      before = at;
    }
    expect(before).toBeCloseTo(scale.length, 6);
  }
});

test("the axis of a session that goes on has room for what comes next, that of one that is over has none", () => {
  const phases = [phase("a", { status: "running", started_at: 10 })];
  expect(scaleOf(timesAt(20.1, phases)).room).toBe(12);
  expect(scaleOf(timesAt(21.9, phases)).room).toBe(12);
  expect(scaleOf(timesAt(0, [done("a", 10, 11)], { status: "completed" })).room).toBe(11);
});

test.each([0.03, 0.9, 7, 59, 61, 600, 4000, 90_000, 9e6])("an axis of %d seconds has few round marks", (seconds) => {
  const scale = scaleOf(timesAt(0, [done("a", 10, seconds)], { status: "completed" }));
  const marks = marksOf(scale, roundStep(scale.room / 5), scale.room / 20);
  expect(marks.length).toBeGreaterThan(1);
  expect(marks.length).toBeLessThanOrEqual(6);
  expect(marks.at(-1)?.at).toBeLessThanOrEqual(scale.room + 1e-6);
});

test("marks keep apart, say the session's time behind a cut, and give way to the cut", () => {
  const scale = scaleOf(timesAt(0, [done("a", 10, 60), done("b", 7210, 60)], { status: "completed" }));
  const marks = marksOf(scale, 20, 8);
  expect(marks.map(({ at, seconds, isCut }) => [at, seconds, isCut])).toEqual([
    [0, 0, false],
    [20, 20, false],
    [40, 40, false],
    [60, 60, false],
    [80, 7140, true],
    [100, 7200, false],
    [120, 7220, false],
    [140, 7240, false],
    [160, 7260, false],
  ]);
  expect(marksOf(scale, 20, 8, 95, 125).map(({ at }) => at)).toEqual([80, 100, 120]);
});
