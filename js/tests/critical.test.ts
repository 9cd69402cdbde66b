import { describe, expect, test } from "vitest";
import { criticalPath } from "../src/state/critical";
import type { Phase } from "../src/wire";
import { phase, snapshot } from "./samples";

const ran = (name: string, from: number, to: number, depends_on: number[] = [], changes: Partial<Phase> = {}) =>
  phase(name, { status: "completed", started_at: from, elapsed: to - from, depends_on, ...changes });
const over = (phases: readonly Phase[]) => criticalPath(snapshot(phases, { status: "completed" }));

describe("of a session that is over", () => {
  test("it leads from the phase that ended last back along what each one waited for longest", () => {
    const phases = [ran("load", 10, 11), ran("quick", 11, 12, [0]), ran("slow", 11, 15, [0]), ran("join", 15, 16, [1, 2])];
    expect(over([...phases, ran("aside", 11, 13, [0])])).toEqual([0, 2, 3]);
  });

  test("a side branch that ended last is the end of it", () => {
    expect(over([ran("load", 10, 11), ran("main", 11, 12, [0]), ran("side", 11, 20, [0])])).toEqual([0, 2]);
  });

  test("all attempts of a phase and the waits between them are part of it", () => {
    const history = [{ attempt: 1, status: "failed", started_at: 11, elapsed: 1, error: "no" }] as const;
    const retried = ran("flaky", 14, 15, [0], { attempt: 2, history });
    expect(over([ran("load", 10, 11), retried, ran("steady", 11, 13, [0]), ran("join", 15, 16, [1, 2])])).toEqual([0, 1, 3]);
  });

  test("what was run again after its dependants had begun counts with its earlier attempt", () => {
    const history = [{ attempt: 1, status: "completed", started_at: 10, elapsed: 2, error: "" }] as const;
    const again = ran("load", 30, 31, [], { attempt: 2, history });
    expect(over([again, ran("other", 10, 11), ran("join", 12, 40, [0, 1])])).toEqual([0, 2]);
  });

  test("what took no time is passed through, and does not begin it", () => {
    const kept = phase("kept", { status: "completed", origin: "checkpoint" });
    const skipped = phase("skipped", { status: "skipped", depends_on: [1] });
    expect(over([kept, ran("work", 10, 12, [0]), skipped, ran("end", 12, 13, [2])])).toEqual([1, 2, 3]);
  });

  test("phases that never ran are not on it", () => {
    const failed = ran("parse", 11, 12, [0], { status: "failed" });
    expect(criticalPath(snapshot([ran("load", 10, 11), failed, phase("write", { depends_on: [1] })], { status: "failed" }))).toEqual([
      0, 1,
    ]);
  });

  test("threads whose clocks are read at slightly different times do not break it", () => {
    expect(over([ran("load", 10, 11.01), ran("parse", 11, 12, [0])])).toEqual([0, 1]);
  });

  test("where nothing ran there is none", () => {
    expect(over([])).toEqual([]);
    expect(over([phase("load", { status: "completed", origin: "checkpoint" })])).toEqual([]);
    expect(criticalPath(snapshot([phase("load")], { status: "pending" }))).toEqual([]);
  });
});

describe("of a session that goes on", () => {
  const load = ran("load", 10, 11);
  const fast = phase("fast", { status: "running", started_at: 11, usual: 2, depends_on: [0] });
  const slow = phase("slow", { status: "running", started_at: 11, usual: 20, depends_on: [0] });
  const join = phase("join", { usual: 3, depends_on: [1, 2] });

  test("it is what is expected to take longest", () => {
    expect(criticalPath(snapshot([load, fast, slow, join]), 12)).toEqual([0, 2, 3]);
  });

  test("what takes longer than usual is expected to end now", () => {
    expect(criticalPath(snapshot([load, fast, { ...join, depends_on: [1] }]), 40)).toEqual([0, 1, 2]);
    expect(criticalPath(snapshot([load, fast, slow, join]), 14)).toEqual([0, 2, 3]);
  });

  test("a phase that waits for its next attempt has all of it before it", () => {
    const waiting = { ...fast, status: "retrying", usual: 30 } as const;
    expect(criticalPath(snapshot([load, waiting, slow, join]), 12)).toEqual([0, 1, 3]);
  });

  test("nothing is said where nobody knows how long phases take", () => {
    expect(criticalPath(snapshot([load, { ...fast, usual: 0 }]), 12)).toEqual([]);
  });
});

test("50,000 phases in a row are no trouble", () => {
  const phases = Array.from({ length: 50_000 }, (_, i) => ran(`p${i}`, i + 1, i + 2, i ? [i - 1] : []));
  expect(over(phases)).toHaveLength(50_000);
});
