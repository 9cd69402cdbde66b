import { expect, test } from "vitest";
import { formatCount, formatDuration, formatPercent, formatStamp, phaseNote, phaseSummary, plural } from "../src/view/format";
import { sortPhases } from "../src/view/list";
import { zoomAt } from "../src/view/panzoom";
import { attemptsOf, ticks } from "../src/view/timeline";
import { failing, phase } from "./samples";

test.each([
  [0, "0.0s"],
  [0.449, "0.4s"],
  [9.94, "9.9s"],
  [9.96, "10s"],
  [59.6, "1m 00s"],
  [185, "3m 05s"],
  [7620, "2h 07m"],
  [90000, "1d 01h"],
  [Number.NaN, "–"],
  [-1, "–"],
])("%d seconds are %s", (seconds, text) => {
  expect(formatDuration(seconds)).toBe(text);
});

test("time stamps keep their milliseconds, hours only when there are some", () => {
  expect(formatStamp(7.25)).toBe("0:07.250");
  expect(formatStamp(3723.004)).toBe("1:02:03.004");
});

test("a hundred percent is for what is done", () => {
  expect([formatPercent(0.999), formatPercent(1), formatPercent(-1), formatPercent(0.454)]).toEqual(["99%", "100%", "0%", "45%"]);
});

test("counts", () => {
  expect([plural(1, "line"), plural(1234, "line"), formatCount(0)]).toEqual(["1 line", "1,234 lines", "0"]);
});

test("a phase in a line, for eyes and ears", () => {
  const running = phase("train", { status: "running", fraction: 0.45, started_at: 1, attempt: 2, depends_on: [0, 1] });
  expect(phaseSummary(running, 12)).toBe("running · 45% · 12s · attempt 2");
  const phases = [phase("load"), phase("split"), running];
  expect(phaseSummary(running, 12)).toBe("running · 45% · 12s · attempt 2");
  expect(phaseNote(running, phases)).toBe("after load and split");
  expect(phaseNote({ ...running, error: "no title" }, phases)).toBe("after load and split, error: no title");
  expect(phaseNote(phase("x"), [])).toBeUndefined();
  expect(phaseSummary(phase("x", { reason: "blocked by load" }), 0)).toBe("pending · blocked by load");
  expect(phaseSummary(phase("x", { reason: "blocked by load" }), 0, true)).toBe("blocked by load");
  expect(phaseSummary(running, 12, true)).toBe("running · 45% · #2");
  expect(phaseSummary({ ...running, attempt: 1 }, 12, true)).toBe("running · 45% · 12s");
  expect(phaseSummary({ ...running, status: "completed" }, 12, true)).toBe("completed · 12s · #2");
  expect(phaseSummary({ ...running, status: "completed" }, 185, true)).toBe("completed · #2");
  expect(phaseSummary(phase("x", { status: "completed", started_at: 1, origin: "cache" }), 1)).toBe("completed · 1.0s · cached");
});

test("the list has what failed first, and sorts numbers in names as numbers", () => {
  expect(sortPhases(failing, "status", false, () => 0)).toEqual([1, 2, 0]);
  expect(sortPhases([phase("p10"), phase("p9")], "phase", false, () => 0)).toEqual([1, 0]);
  expect(sortPhases(failing, "time", true, (one) => one.elapsed)).toEqual([0, 1, 2]);
});

test("the timeline has every attempt that ever started", () => {
  const retried = phase("x", {
    status: "running",
    attempt: 2,
    started_at: 5,
    history: [{ attempt: 1, status: "failed", started_at: 1, elapsed: 2, error: "boom" }],
  });
  expect(attemptsOf(retried, 3).map((one) => [one.attempt, one.status, one.elapsed])).toEqual([
    [1, "failed", 2],
    [2, "running", 3],
  ]);
  expect(attemptsOf(phase("x"), 0)).toEqual([]);
});

test.each([0.03, 0.9, 7, 59, 61, 600, 4000, 90_000])("an axis of %d seconds has few round marks", (seconds) => {
  const marks = ticks(seconds, 5);
  expect(marks.length).toBeGreaterThan(1);
  expect(marks.length).toBeLessThanOrEqual(6);
  expect(marks.at(-1)).toBeLessThanOrEqual(seconds + 1e-6);
});

test("zooming keeps the point under the pointer", () => {
  const before = { x: 10, y: 20, k: 0.5 };
  const after = zoomAt(before, 1, 100, 50);
  expect((100 - after.x) / after.k).toBeCloseTo((100 - before.x) / before.k);
  expect(zoomAt(before, 99, 0, 0).k).toBe(2);
});
