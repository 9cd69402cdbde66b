import { expect, test } from "vitest";
import { ALL, linkedLines, linkedPhase, linkTo, OTHERS, parseGoal } from "../src/state/links";

const names = ["load", "parse it", "a/b#c", "@all", "مرحلة"];

test.each([
  ["build", "parse it", 119, 119, "#build/parse%20it/L120"],
  ["build", "load", 129, 119, "#build/load/L120-L130"],
  ["build", null, 0, 0, `#build/${ALL}/L1`],
  ["build", "", 0, 1, `#build/${OTHERS}/L1-L2`],
  ["a/b", "a/b#c", 4, 4, "#a%2Fb/a%2Fb%23c/L5"],
])("a link of %j, %j, lines %i to %i is %j, and leads there again", (pipeline, log, anchor, to, link) => {
  expect(linkTo(pipeline, log, { anchor, to })).toBe(link);
  expect(linkedLines(link, pipeline, log)).toEqual({ anchor: Math.min(anchor, to), to: Math.max(anchor, to) });
});

test("a link knows its phase, whatever its name; after the phases come the other lines and all", () => {
  for (const [i, name] of names.entries()) expect(linkedPhase(linkTo("site", name, { anchor: 0, to: 0 }), "site", names)).toBe(i);
  expect(linkedPhase("#site/@other/L1", "site", names)).toBe(names.length);
  expect(linkedPhase("#site/@all/L1", "site", names)).toBe(names.length + 1);
  expect(linkedPhase("#site/gone/L1", "site", names)).toBe(-1);
  expect(linkedPhase("#other/load/L1", "site", names)).toBe(-1);
});

test.each([
  "",
  "#",
  "#A-heading",
  "#site/load",
  "#site/load/L0",
  "#site/load/Lx",
  "#site/%E0%A4%A/L3",
  "#/L1",
  "#a/b/c/L1",
  "#site/load/L1x",
])("%j is no link of ours", (hash) => {
  expect(linkedLines(hash, "site", "load")).toBeNull();
  expect(linkedPhase(hash, "site", names)).toBe(-1);
});

test("an address that the browser has escaped in its own way is the same", () => {
  expect(linkedPhase("#site/parse it/L1", "site", names)).toBe(1);
  expect(linkedPhase("#site/%D9%85%D8%B1%D8%AD%D9%84%D8%A9/L1", "site", names)).toBe(4);
});

test.each([
  ["120", { range: { anchor: 119, to: 119 } }],
  [" L120-L130 ", { range: { anchor: 119, to: 129 } }],
  ["1,200", { range: { anchor: 1199, to: 1199 } }],
  ["1:23.5", { since: 83.5 }],
  ["1:02:03", { since: 3723 }],
  ["90s", { since: 90 }],
  ["+0:10", { since: 10 }],
  ["0", null],
  ["soon", null],
  ["1:2:3:4", null],
])("%j says where to: %j", (text, goal) => {
  expect(parseGoal(text, false)).toEqual(goal);
});

test("with times of the day on show a time is one of the day, unless it has a plus", () => {
  expect(parseGoal("14:03", true)).toEqual({ clock: 14 * 3600 + 180 });
  expect(parseGoal("14:03:22", true)).toEqual({ clock: 14 * 3600 + 202 });
  expect(parseGoal("+14:03", true)).toEqual({ since: 14 * 60 + 3 });
});
