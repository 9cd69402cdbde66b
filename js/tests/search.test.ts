import { expect, test } from "vitest";
import { NO_LOGS, putLines } from "../src/state/logs";
import {
  findHere,
  isFilter,
  isSearch,
  longestFor,
  MOST_FOUND,
  NO_QUERY,
  NOTHING,
  neighbour,
  patternOf,
  placeOf,
  takeFound,
  toAsk,
} from "../src/state/search";

const numbers = (...some: number[]) => new DataView(Uint32Array.from(some).buffer);
const told = (searched: number, count: number) => ({ searched, total: 1000, count, kept: count });

test("what is found comes in slices and is kept in order, once each", () => {
  let found = takeFound(NOTHING, NOTHING, told(400, 2), numbers(7, 300), false);
  expect(found).toMatchObject({ searched: 400, total: 1000, count: 2, isDone: false });
  found = takeFound(NOTHING, found, told(1000, 4), numbers(500, 300, 900), true);
  expect([...found.numbers]).toEqual([7, 300, 500, 900]);
  expect(found).toMatchObject({ searched: 1000, count: 4, isDone: true });
});

test("what was printed later is added to what was found before", () => {
  const before = takeFound(NOTHING, NOTHING, told(1000, 2), numbers(7, 300), true);
  const after = takeFound(before, before, { searched: 1200, total: 1200, count: 1 }, numbers(1100), true);
  expect([...after.numbers]).toEqual([7, 300, 1100]);
  expect(after.count).toBe(3);
});

test("no more than 50,000 numbers are kept; the others are counted", () => {
  const many = new DataView(Uint32Array.from({ length: MOST_FOUND + 10 }, (_, i) => i).buffer);
  const found = takeFound(NOTHING, NOTHING, told(1000, 400_000), many, true);
  expect(found.numbers.length).toBe(MOST_FOUND);
  expect(found.count).toBe(400_000);
});

test.each([
  ["no object", null, undefined],
  ["a count that is none", { searched: 1, total: 2, count: -1 }, undefined],
  ["half a number", told(1, 1), new DataView(new ArrayBuffer(3))],
])("an answer that cannot be read ends the search in words: %s", (_, body, data) => {
  const found = takeFound(NOTHING, NOTHING, body, data, false);
  expect(found.isDone).toBe(true);
  expect(found.error).toContain("search");
});

test("next and previous go round the ends", () => {
  const found = Uint32Array.of(3, 10, 50);
  expect([neighbour(found, 3, 1), neighbour(found, 50, 1), neighbour(found, -1, 1), neighbour(found, 20, 1)]).toEqual([10, 3, 3, 50]);
  expect([neighbour(found, 3, -1), neighbour(found, 50, -1), neighbour(found, 20, -1)]).toEqual([50, 10, 10]);
  expect(neighbour(new Uint32Array(0), 3, 1)).toBe(-1);
  expect([0, 3, 4, 99].map((number) => placeOf(found, number))).toEqual([0, 0, 1, 3]);
});

test("the kernel is asked in the words of the wire, with no more than 500 characters", () => {
  const query = { ...NO_QUERY, text: "x".repeat(900), isRegex: true, levels: ["ERROR"] };
  expect(toAsk(2, query, 40)).toEqual({
    phase: 2,
    text: "x".repeat(500),
    regex: true,
    case: false,
    streams: [],
    levels: ["ERROR"],
    start: 40,
  });
});

test("streams, levels and only matches narrow the log; text alone marks", () => {
  expect([NO_QUERY, { ...NO_QUERY, text: "x" }, { ...NO_QUERY, streams: ["log"] }, { ...NO_QUERY, isOnly: true }].map(isFilter)).toEqual([
    false,
    false,
    true,
    false,
  ]);
  expect(isFilter({ ...NO_QUERY, text: "x", isOnly: true })).toBe(true);
  expect(isSearch({ ...NO_QUERY, isOnly: true })).toBe(false);
});

test.each([
  ["a+b", false, "A+B", true],
  ["a+b", true, "xaab", true],
  ["a+b", true, "a+b", false],
  ["[", false, "x[y", true],
])("%j, regex %s, marks %j: %s", (text, isRegex, line, is) => {
  expect(patternOf({ ...NO_QUERY, text, isRegex })?.test(line)).toBe(is);
});

test.each(["(a+)+$", "(a|a)*b", "(.*)\\1", ".*.*.*.*x", "[", "(?P<x>a)", "(?i)x"])(
  "%j could take for ever or is none of JavaScript's: nothing is marked",
  (text) => {
    expect(patternOf({ ...NO_QUERY, text, isRegex: true })).toBeNull();
  },
);

test.each([
  ["error", 1e8],
  ["x+y", 1e4],
  ["\\*\\+[*+?]*", 1e4],
  [".*.*x", 464],
  [".*.*.*x", 100],
  ["a?".repeat(10), 97_656],
  ["(?:a|b)", 5e7],
])("%j is tried on lines of up to %i characters: longer ones could hold up the page", (source, longest) => {
  expect(longestFor(source)).toBe(longest);
});

test("patterns of many choices could take for ever: nothing is marked", () => {
  for (const text of ["a?".repeat(40), "(a|a)".repeat(40)]) expect(patternOf({ ...NO_QUERY, text, isRegex: true })).toBeNull();
});

test("without a kernel a pattern that would take too long is not looked for to the end, and that is said", () => {
  const buffer = putLines(NO_LOGS, 0, [
    [0, "stdout", "", "a".repeat(20_000)],
    [0, "stdout", "", "aax"],
    [0, "stdout", "", "ax"],
  ]);
  const query = { ...NO_QUERY, text: ".*.*x", isRegex: true };
  const began = performance.now();
  const found = findHere(buffer, query);
  expect(performance.now() - began).toBeLessThan(5_000);
  expect(found).toMatchObject({ numbers: Uint32Array.of(1, 2), error: expect.stringContaining("would take too long here") });
  let now = 0;
  const slow = findHere(buffer, { ...NO_QUERY, text: "x" }, () => (now += 300));
  expect([...slow.numbers]).toEqual([]);
  expect(slow.error).toContain("would take too long here");
});

test("without a kernel the lines that are here are looked through, as text and through colours", () => {
  const buffer = putLines(NO_LOGS, 700, [
    [0, "stdout", "", "cost (a+b)*"],
    [0, "log", "ERROR", "\u001b[31mCO\u001b[0mST"],
    [0, "stdout", "", "other"],
  ]);
  const find = (changes: object) => findHere(buffer, { ...NO_QUERY, ...changes });
  expect([...find({ text: "(a+b)*" }).numbers]).toEqual([700]);
  expect([...find({ text: "cost" }).numbers]).toEqual([700, 701]);
  expect([...find({ text: "cost", isExact: true }).numbers]).toEqual([700]);
  expect([...find({ levels: ["ERROR"] }).numbers]).toEqual([701]);
  expect([...find({ text: "c.st", isRegex: true }).numbers]).toEqual([700, 701]);
  expect(find({ text: "(x+)+", isRegex: true }).error).toContain("The kernel is gone");
});
