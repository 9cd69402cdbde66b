import { expect, test } from "vitest";
import { formatCount, formatDuration, formatPercent, formatStamp, phaseNote, phaseSummary, plural } from "../src/view/format";
import { zoomAt } from "../src/view/graph/panzoom";
import { phase } from "./samples";

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
  expect(phaseSummary(running, 12, true)).toBe("running · 45% · 12s");
  expect(phaseSummary({ ...running, status: "completed" }, 185, true)).toBe("completed · 3m 05s");
  expect(phaseSummary(phase("x", { status: "completed", started_at: 1, origin: "cache" }), 1)).toBe("completed · 1.0s · cached");
});

test("zooming keeps the point under the pointer", () => {
  const before = { x: 10, y: 20, k: 0.5 };
  const after = zoomAt(before, 1, 100, 50);
  expect((100 - after.x) / after.k).toBeCloseTo((100 - before.x) / before.k);
  expect(zoomAt(before, 99, 0, 0).k).toBe(2);
});
