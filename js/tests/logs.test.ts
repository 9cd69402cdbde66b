import { expect, test } from "vitest";
import { pieces, plain } from "../src/ansi";
import { findLines, lineAt, MOST_LINES, missing, NO_LOGS, putLines, withBounds } from "../src/state/logs";
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
  expect(missing(buffer, 0, 10)).toBeNull();
  expect(missing(buffer, 5, 45)).toEqual({ start: 10, count: 30 });
  expect(missing(buffer, 60, 70, 20)).toEqual({ start: 60, count: 20 });
  expect(missing(withBounds(buffer, 30, 100), 0, 40)).toEqual({ start: 30, count: 10 });
});

test("no more than 50,000 lines stay, the latest ones", () => {
  let buffer = NO_LOGS;
  for (let at = 0; at < MOST_LINES + 5000; at += 1000) buffer = putLines(buffer, at, lines(at, 1000));
  expect(buffer.blocks.size * 500).toBeLessThanOrEqual(MOST_LINES);
  expect(lineAt(buffer, MOST_LINES + 4999)).toBeDefined();
  expect(lineAt(buffer, 0)).toBeUndefined();
});

test("find takes the query as text, not as a pattern, and looks through colours", () => {
  const buffer = putLines(NO_LOGS, 0, [
    [0, "stdout", "", "cost (a+b)*"],
    [0, "stdout", "", "\u001b[31mCO\u001b[0mST"],
    [0, "stdout", "", "other"],
  ]);
  expect(findLines(buffer, "(a+b)*")).toEqual([0]);
  expect(findLines(buffer, "cost")).toEqual([0, 1]);
  expect(findLines(buffer, "")).toEqual([]);
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

test.each([
  ["plain text", [["plain text", "", "", ""]]],
  [
    "\u001b[32mok\u001b[0m done",
    [
      ["ok", "var(--m-ok)", "", ""],
      [" done", "", "", ""],
    ],
  ],
  [
    "\u001b[1;4;91mX\u001b[22;24;39mY",
    [
      ["X", "var(--m-fail)", "", "milo-bold milo-underline"],
      ["Y", "", "", ""],
    ],
  ],
  [
    "\u001b[38;5;196mX\u001b[48;5;250mY",
    [
      ["X", "rgb(255,0,0)", "", ""],
      ["Y", "rgb(255,0,0)", "rgb(188,188,188)", ""],
    ],
  ],
  ["\u001b[38;2;1;2;999mX", [["X", "rgb(1,2,255)", "", ""]]],
  ["\u001b[38:2::1:2:3mX", [["X", "rgb(1,2,3)", "", ""]]],
  ["\u001b[38:2:1:2:3mX", [["X", "rgb(1,2,3)", "", ""]]],
  ["\u001b[38:5:9mX", [["X", "var(--m-fail)", "", ""]]],
  ["\u001b[mX\u001b[", [["X", "", "", ""]]],
  [
    "a\u001b[2Kb\u001b[?25lc",
    [
      ["a", "", "", ""],
      ["b", "", "", ""],
      ["c", "", "", ""],
    ],
  ],
  [
    "\u001b]8;;https://x.y\u0007link\u001b]8;;\u001b\\!",
    [
      ["link", "", "", ""],
      ["!", "", "", ""],
    ],
  ],
  ["<img src=x onerror=alert(1)>", [["<img src=x onerror=alert(1)>", "", "", ""]]],
])("terminal colours of %j", (text, expected) => {
  expect(pieces(text).map((one) => [one.text, one.colour, one.background, one.names])).toEqual(expected);
});

test("without colours the text is what a person reads", () => {
  expect(plain("\u001b[1mbold\u001b[0m\u0007 and\ttab")).toBe("bold and\ttab");
});
