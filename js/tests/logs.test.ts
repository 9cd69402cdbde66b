import { expect, test } from "vitest";
import { countRows, lineAt, lineOfRow, MOST_LINES, missing, NO_LOGS, putLines, rowOfLine, withBounds, withHead } from "../src/state/logs";
import { inSight, isAtEnd, MOST_SPACER_PX, scrolled, scrollTo, spacerHeight } from "../src/view/scroll";
import { lines } from "./samples";

test("lines are found where they were put, across blocks", () => {
  const buffer = putLines(NO_LOGS, 498, lines(498, 5));
  expect(lineAt(buffer, 498)?.[3]).toBe("line 498");
  expect(lineAt(buffer, 502)?.[3]).toBe("line 502");
  expect(lineAt(buffer, 497)).toBeUndefined();
  expect(buffer.end).toBe(503);
});

test("a batch twice changes nothing a person can see, and the first buffer stays as it was", () => {
  const once = putLines(NO_LOGS, 0, lines(0, 10));
  const twice = putLines(once, 0, lines(0, 10));
  expect(twice).toEqual(once);
  expect(NO_LOGS.end).toBe(0);
});

test("holes are named as stretches that can be asked for", () => {
  const buffer = withBounds(putLines(putLines(NO_LOGS, 0, lines(0, 10)), 40, lines(40, 10)), 0, 100);
  const at = (line: number) => lineAt(buffer, line);
  expect(missing(buffer, 0, 10, at)).toBeNull();
  expect(missing(buffer, 0, 10, at, 20)).toBeNull(); // nothing is asked for beyond what is in sight, only with it
  expect(missing(buffer, 5, 45, at)).toEqual({ start: 10, count: 30 });
  expect(missing(buffer, 60, 70, at, 5)).toEqual({ start: 55, count: 20 });
  expect(missing(buffer, 60, 70, at, 5, 8)).toEqual({ start: 55, count: 8 });
  expect(missing(buffer, 95, 130, at, 50)).toEqual({ start: 50, count: 50 });
  expect(missing(withBounds(buffer, 30, 100), 0, 40, at)).toEqual({ start: 30, count: 10 });
});

test("no more than 50,000 lines stay, the latest ones", () => {
  let buffer = NO_LOGS;
  for (let at = 0; at < MOST_LINES + 5000; at += 1000) buffer = putLines(buffer, at, lines(at, 1000));
  expect(buffer.blocks.size * 500).toBeLessThanOrEqual(MOST_LINES);
  expect(lineAt(buffer, MOST_LINES + 4999)).toBeDefined();
  expect(lineAt(buffer, 0)).toBeUndefined();
});

const million = { count: 1_000_000, rowHeight: 18, viewport: 400 };

test("a million rows stay below the height that browsers can do", () => {
  expect(spacerHeight(million)).toBe(MOST_SPACER_PX);
  expect(spacerHeight({ ...million, count: 100 })).toBe(1800);
});

test("small steps move pixel by pixel, a drag in proportion, both ends are reached", () => {
  const middle = scrollTo(9_000_000, million);
  const step = scrolled(middle, middle.top + 54, million);
  expect(step.virtual - middle.virtual).toBeCloseTo(54);
  const half = scrolled({ virtual: 0, top: 0 }, (MOST_SPACER_PX - 400) / 2, million);
  expect(inSight(half, million).first).toBeGreaterThan(499_000);
  expect(inSight(half, million).first).toBeLessThan(501_000);
  expect(inSight(scrolled(half, MOST_SPACER_PX, million), million).last).toBe(1_000_000);
  expect(inSight(scrolled(half, 0, million), million).first).toBe(0);
});

test("scrolling down line by line for long never drifts away from the thumb", () => {
  let scroll = { virtual: 0, top: 0 };
  for (let i = 0; i < 2000; i++) scroll = scrolled(scroll, scroll.top + 100, million);
  const share = scroll.virtual / (18_000_000 - 400);
  expect(Math.abs(share * (MOST_SPACER_PX - 400) - scroll.top)).toBeLessThanOrEqual(400 * 20);
});

test("every row in sight touches the window, and the end is known as such", () => {
  const extent = { count: 50, rowHeight: 20, viewport: 100 };
  expect(inSight({ virtual: 0, top: 0 }, extent)).toEqual({ first: 0, last: 6, offset: 0 });
  const end = scrollTo(Number.POSITIVE_INFINITY, extent);
  expect(end.virtual).toBe(900);
  expect(isAtEnd(end, extent)).toBe(true);
  expect(isAtEnd({ virtual: 700, top: 700 }, extent)).toBe(false);
  expect(inSight({ virtual: 0, top: 0 }, { ...extent, count: 0 })).toEqual({ first: 0, last: 0, offset: 0 });
  expect(inSight({ virtual: 64, top: 0 }, { ...extent, count: 5 })).toEqual({ first: 0, last: 5, offset: 0 }); // all fit
});

test("lines that were cut are one row, which names them, between the head and the rest", () => {
  const buffer = withHead(withBounds(NO_LOGS, 900, 1000), 10);
  expect(countRows(buffer)).toBe(10 + 1 + 100);
  expect([0, 9, 10, 11, 110].map((row) => lineOfRow(buffer, row))).toEqual([0, 9, -1, 900, 999]);
  expect([0, 9, 10, 899, 900, 999].map((line) => rowOfLine(buffer, line))).toEqual([0, 9, 10, 10, 11, 110]);
  expect(missing(buffer, 5, 950, () => undefined)).toEqual({ start: 5, count: 5 });
  expect(missing(buffer, 5, 950, (line) => line < 10)).toEqual({ start: 900, count: 50 });
});

test("where nothing is known of the head the cut comes first", () => {
  const buffer = withBounds(NO_LOGS, 900, 1000);
  expect(countRows(buffer)).toBe(101);
  expect([0, 1].map((row) => lineOfRow(buffer, row))).toEqual([-1, 900]);
  expect(countRows(withBounds(NO_LOGS, 0, 1000))).toBe(1000);
});

const wrapped = (heights: (row: number) => number, count = 1000) => ({ count, rowHeight: 20, viewport: 400, heightOf: heights });

test("wrapped rows move pixel by pixel too, however high they are", () => {
  const extent = wrapped((row) => (row % 2 ? 100 : 20));
  const before = { virtual: 200, top: 200 }; // the top of row 10
  const after = scrolled(before, 230, extent);
  expect(inSight(after, extent).first).toBe(11);
  expect(inSight(after, extent).offset).toBeCloseTo(-10);
  expect(scrolled(after, 200, extent).virtual).toBeCloseTo(before.virtual);
});

test("the end of wrapped rows is where the last one's foot is, and it is reached", () => {
  const extent = wrapped(() => 100, 10);
  const end = scrollTo(Number.POSITIVE_INFINITY, extent);
  expect(inSight(end, extent)).toEqual({ first: 6, last: 10, offset: 0 });
  expect(spacerHeight(extent)).toBeGreaterThan(extent.viewport);
  let scroll = { virtual: 0, top: 0 };
  for (let i = 0; i < 100; i++) scroll = scrolled(scroll, Math.min(scroll.top + 60, spacerHeight(extent) - 400), extent);
  expect(inSight(scroll, extent)).toMatchObject({ first: 6, last: 10 });
});

test("wrapped rows that fit need no bar", () => {
  const extent = wrapped(() => 20, 3);
  expect(spacerHeight(extent)).toBe(60);
  expect(inSight({ virtual: 0, top: 0 }, extent)).toMatchObject({ first: 0, last: 3 });
  expect(inSight({ virtual: 0, top: 0 }, { ...extent, count: 0 })).toMatchObject({ first: 0, last: 0 });
});
