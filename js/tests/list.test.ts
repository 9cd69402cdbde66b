// @vitest-environment happy-dom
import { afterEach, expect, test } from "vitest";
import { NO_LOGS, putLines } from "../src/state/logs";
import { lastLine, latest, sortPhases } from "../src/view/rows/list";
import { endViews, openView, press, settled } from "./open";
import { failing, phase } from "./samples";

afterEach(endViews);

const names = (el: Element) => [...el.querySelectorAll<HTMLElement>("[data-view=list] [data-phase]")].map((row) => row.dataset["phase"]);
const cells = (el: Element, column: string) =>
  [...el.querySelectorAll(`[data-phase] [data-column=${column}]`)].map((cell) => cell.textContent?.trim());

test("what failed comes first, then what waits for a person, then what runs; equal ones stay in execution order", () => {
  const phases = [
    phase("a", { status: "completed" }),
    phase("b", { status: "running" }),
    phase("c", { status: "completed", reason: "waits for approval" }),
    phase("d", { status: "failed" }),
    phase("e", { status: "running" }),
  ];
  expect(sortPhases(phases, "status", false, () => 0)).toEqual([3, 2, 1, 4, 0]);
});

test("numbers in names are sorted as numbers, times by length", () => {
  expect(sortPhases([phase("p10"), phase("p9")], "phase", false, () => 0)).toEqual([1, 0]);
  expect(sortPhases(failing, "time", true, (one) => one.elapsed)).toEqual([0, 1, 2]);
  expect(sortPhases(failing, "lines", true, () => 0)).toEqual([1, 0, 2]);
  expect(sortPhases(failing, "attempt", true, () => 0)).toEqual([1, 0, 2]);
});

test("the last line is the last one with text in it, without its colours, if it is here", () => {
  const log = putLines(NO_LOGS, 0, [
    [1, "stdout", "", "first"],
    [1, "stdout", "", "\u001b[31mred\u001b[0m "],
    [1, "stdout", "", "  "],
  ]);
  expect(lastLine(log)).toBe("red");
  expect(lastLine({ ...log, end: 9 })).toBe("");
  expect(lastLine(undefined)).toBe("");
});

test("a phase says why it failed, why it waits, or what it wrote last", () => {
  const log = putLines(NO_LOGS, 0, [[1, "stdout", "", "page 3"]]);
  expect(latest(phase("a", { status: "failed", error: "boom" }), log)).toBe("boom");
  expect(latest(phase("a", { status: "running", message: "3 of 4" }), log)).toBe("page 3");
  expect(latest(phase("a", { status: "running", message: "3 of 4" }), undefined)).toBe("3 of 4");
  expect(latest(phase("a", { reason: "blocked by b", description: "does" }), undefined)).toBe("blocked by b");
  expect(latest(phase("a", { depends_on: [0, 1] }), undefined, [phase("load"), phase("b", { status: "completed" })])).toBe("after load");
  expect(latest(phase("a", { depends_on: [0, 1, 2] }), undefined, [phase("p"), phase("q"), phase("r")])).toBe("after 3 phases");
  expect(latest(phase("a", { depends_on: [0] }), undefined, [phase("b", { status: "completed" })], "b")).toBe("after the review of b");
  expect(latest(phase("a", { status: "completed", reason: "waits for approval" }), log)).toBe("waits for approval");
  expect(latest(phase("a", { status: "completed", origin: "cache" }), undefined)).toBe("cached");
});

test("a click on a header sorts by it, a second one the other way round, and screen readers are told", async () => {
  const { el, find } = await openView("list", [
    phase("b", { status: "completed", elapsed: 1, started_at: 10 }),
    phase("a", { status: "completed", elapsed: 3, started_at: 11 }),
  ]);
  const sorted = () => [...el.querySelectorAll("[role=columnheader]")].map((one) => one.getAttribute("aria-sort"));
  expect(sorted()).toEqual(["none", "ascending", "none", "none", "none", null]);
  find("[data-sort=phase]").click();
  await settled();
  expect(names(el)).toEqual(["a", "b"]);
  expect(sorted()[0]).toBe("ascending");
  find("[data-sort=phase]").click();
  await settled();
  expect(names(el)).toEqual(["b", "a"]);
  expect(sorted()[0]).toBe("descending");
  find("[data-sort=time]").click();
  await settled();
  expect(cells(el, "time")).toEqual(["3.0s", "1.0s"]);
  find("[data-tab=graph]").click();
  await settled();
  find("[data-tab=list]").click();
  await settled();
  expect(sorted()[2]).toBe("descending"); // as it was left
});

test("it is a grid with one row of headers, and as many rows as there are phases whatever is in sight", async () => {
  const { find, model } = await openView(
    "list",
    Array.from({ length: 2000 }, (_, i) => phase(`p${i}`)),
  );
  expect(find("[role=grid]").getAttribute("aria-rowcount")).toBe("2001");
  expect(find("[role=grid]").querySelectorAll("[role=row]").length).toBeLessThan(60);
  expect(find('[data-phase="p3"]').getAttribute("aria-rowindex")).toBe("5");
  press(find("[role=grid]"), "PageDown");
  press(find("[role=grid]"), "PageDown");
  press(find("[role=grid]"), "PageUp");
  expect(model.get("selected_phase")).toBe(10);
  press(find("[role=grid]"), "End");
  await settled();
  const active = document.getElementById(find("[role=grid]").getAttribute("aria-activedescendant") ?? "");
  expect(active?.dataset["phase"]).toBe("p1999");
  expect(active?.getAttribute("aria-selected")).toBe("true");
});

test("words leave the phases that have them, states those that are in them; it says how many, and shows all again", async () => {
  const { el, find } = await openView("list", failing);
  const field = find("input[type=search]") as HTMLInputElement;
  field.value = "LOAD";
  field.dispatchEvent(new Event("input", { bubbles: true }));
  await settled();
  expect(names(el)).toEqual(["load"]);
  expect(find(".milo-filter-note").textContent).toBe("1 of 3 phases Show all");
  find("[data-filter=failed]").click();
  await settled();
  expect(names(el)).toEqual([]);
  expect(find(".milo-main").textContent).toContain("No phase is like that.");
  find(".milo-empty .milo-link").click();
  await settled();
  expect(names(el).length).toBe(3);
  expect((find("input[type=search]") as HTMLInputElement).value).toBe("");
});

test("from the field Escape empties it, then leads to the rows, as Enter does; letters stay letters", async () => {
  const { find, model } = await openView("list", failing);
  const field = find("input[type=search]") as HTMLInputElement;
  field.focus();
  field.value = "pa";
  field.dispatchEvent(new Event("input", { bubbles: true }));
  await settled();
  press(field, "r");
  press(field, "Escape");
  await settled();
  expect(field.value).toBe("");
  expect(document.activeElement).toBe(field);
  press(field, "Escape");
  expect(document.activeElement).toBe(find("[role=grid]"));
  expect(model.sent.some((message) => message.type === "command")).toBe(false);
});

test("last lines that are not here are asked for, once each, and then shown; what runs sends those that follow", async () => {
  const { el, model } = await openView("list", [
    phase("a", { status: "completed", log_count: 40 }),
    phase("b", { status: "completed", log_count: 7 }),
    phase("c", { status: "running", log_count: 5 }),
  ]);
  const asked = () => model.sent.filter((message) => message.type === "logs");
  for (let turn = 0; turn < 5; turn++) {
    const { id = "", phase = 0, start = 0 } = asked()[turn] ?? {};
    model.say({ type: "logs", id, phase, start, total: start + 1, first: 0, lines: [[1, "stdout", "", `line of ${phase}`]] });
    await settled();
  }
  expect(asked().map(({ phase, start }) => [phase, start])).toEqual([
    [2, 0],
    [0, 20],
    [1, 0],
  ]);
  expect(cells(el, "note")).toContain("line of 1");
  model.say({ type: "delta", seq: 6, now: 13, pipeline: {}, phases: [[2, { log_count: 900 }]], logs: [] });
  await settled();
  expect(asked().length).toBe(3);
});

test("rows change places and the person stays where they look", async () => {
  const phases = Array.from({ length: 100 }, (_, i) => phase(`p${i}`, { status: "running", started_at: 11 }));
  const { model, find } = await openView("list", phases);
  find('[data-phase="p3"]').click();
  await settled();
  const before = find(".milo-rows").scrollTop;
  model.say({ type: "delta", seq: 6, now: 13, pipeline: {}, phases: [[3, { status: "completed", elapsed: 1 }]], logs: [] });
  await settled();
  expect(find(".milo-rows").scrollTop).toBe(before);
  expect(find('[data-phase="p3"]').getAttribute("aria-selected")).toBe("true");
});
