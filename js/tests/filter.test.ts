import { expect, test } from "vitest";
import { EVERYTHING, isNarrow, matcher, toggled } from "../src/view/filter";
import { failing, phase } from "./samples";

const names = (filter: typeof EVERYTHING) => failing.filter(matcher(filter)).map((one) => one.name);

test("a filter that says nothing lets everything through", () => {
  expect(names(EVERYTHING)).toEqual(["load", "parse", "write"]);
  expect(isNarrow({ ...EVERYTHING, text: "  " })).toBe(false);
});

test("a state chosen twice is not chosen; several states are all seen", () => {
  const failed = toggled(EVERYTHING, "failed");
  expect(isNarrow(failed)).toBe(true);
  expect(names(failed)).toEqual(["parse"]);
  expect(names(toggled(failed, "pending"))).toEqual(["parse", "write"]);
  expect(names(toggled(failed, "failed"))).toEqual(["load", "parse", "write"]);
  expect(EVERYTHING.statuses.size).toBe(0);
});

test("all words of the text must occur, whatever their case and place", () => {
  expect(names({ ...EVERYTHING, text: "TITLE  pars" })).toEqual(["parse"]);
  expect(names({ ...EVERYTHING, text: "title load" })).toEqual([]);
  expect(matcher({ ...EVERYTHING, text: "(.*" })(phase("f(.*)"))).toBe(true);
});
