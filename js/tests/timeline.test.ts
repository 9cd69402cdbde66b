// @vitest-environment happy-dom
import { afterEach, expect, test, vi } from "vitest";
import { formatMark } from "../src/view/rows/timeline-axis";
import { endViews, openView, press, settled } from "./open";
import { phase } from "./samples";

afterEach(endViews);

const retried = phase("fetch", {
  status: "completed",
  attempt: 2,
  started_at: 16,
  elapsed: 4,
  history: [{ attempt: 1, status: "failed", started_at: 11, elapsed: 2, error: "HTTP 503" }],
});
const pipeline = [
  phase("load", { status: "completed", started_at: 10, elapsed: 6 }),
  retried,
  phase("join", { status: "completed", started_at: 20, elapsed: 5, depends_on: [0, 1] }),
  phase("blocked", { depends_on: [2], reason: "blocked by join" }),
];
const over = { status: "completed", started_at: 10, now: 30 };
const bars = (el: Element, name: string) =>
  [...el.querySelectorAll<HTMLElement>(`[data-phase="${name}"] .milo-bar`)].map(({ dataset, style }) => ({
    kind: dataset["kind"],
    status: dataset["status"],
    left: Number.parseFloat(style.left),
    width: Number.parseFloat(style.width),
  }));
const wide = (el: HTMLElement) => Number.parseFloat(el.querySelector<HTMLElement>("[data-view]")?.style.getPropertyValue("--m-wide") ?? "");

test.each([
  [0, 5, "0"],
  [0.25, 0.05, "0.25s"],
  [40, 10, "40s"],
  [200, 20, "3:20"],
  [61.5, 0.5, "1:01.5"],
  [7400, 20, "2:03:20"],
  [93_600, 7200, "26h"],
])("a mark at %d seconds, %d from the next, reads %s", (seconds, step, text) => {
  expect(formatMark(seconds, step)).toBe(text);
});

test("a bar per attempt, with what came between them shown as something else than work", async () => {
  const { el, find } = await openView("timeline", pipeline, over);
  expect(bars(el, "fetch").map(({ kind, status }) => [kind, status])).toEqual([
    ["waiting", "completed"],
    ["work", "failed"],
    ["delay", "completed"],
    ["work", "completed"],
  ]);
  const [, first, delay, second] = bars(el, "fetch");
  expect(delay?.left).toBeCloseTo((first?.left ?? 0) + (first?.width ?? 0), 0);
  expect(second?.width).toBeCloseTo(2 * (first?.width ?? 0), 0);
  expect(find('[data-phase="fetch"] .milo-bar[data-status=failed]').title).toContain("HTTP 503");
  expect(find('[data-phase="blocked"]').textContent).toContain("blocked by join");
});

test("every row says in words what it shows", async () => {
  const { find } = await openView("timeline", pipeline, over);
  expect(find('[data-phase="fetch"] .milo-said').textContent).toBe(
    "completed, 2 attempts, 6.0s of work, 1.0s waiting to start, 3.0s until retried, on the critical path",
  );
  expect(find('[data-phase="fetch"] .milo-track').getAttribute("aria-hidden")).toBe("true");
});

test("what bounded the finish time is marked, and joined from phase to phase", async () => {
  const { el, find } = await openView("timeline", pipeline, over);
  const marked = [...el.querySelectorAll<HTMLElement>("[data-critical]")].map(
    (bar) => bar.closest<HTMLElement>("[data-phase]")?.dataset["phase"],
  );
  expect([...new Set(marked)]).toEqual(["fetch", "join"]);
  expect(find('[data-phase="fetch"] [data-part="from"]')).toBeTruthy();
  expect(find('[data-phase="join"] [data-part="to"]')).toBeTruthy();
  expect(el.querySelector('[data-phase="load"] .milo-critical')).toBeNull();
  expect(find(".milo-legend").textContent).toContain("Critical path: 2 phases");
});

test("keys and buttons zoom, within limits, and show all again", async () => {
  const { el, find } = await openView("timeline", pipeline, over);
  const box = find("[role=listbox]");
  const fit = wide(el);
  press(box, "+");
  await settled();
  const zoomed = wide(el);
  expect(zoomed).toBeGreaterThan(fit * 1.2);
  press(box, "-");
  press(box, "-");
  await settled();
  expect(wide(el)).toBe(fit);
  find('[aria-label="Zoom in (+)"]').click();
  await settled();
  expect(wide(el)).toBe(zoomed);
  find("[data-tab=list]").click();
  await settled();
  find("[data-tab=timeline]").click();
  await settled();
  expect(wide(el)).toBe(zoomed); // as it was left
  press(find("[role=listbox]"), "0");
  await settled();
  expect(wide(el)).toBe(fit);
  expect(press(box, "+", { ctrlKey: true })).toBe(true); // the browser's own zoom is the browser's
});

test("ctrl+wheel zooms, a plain wheel goes on scrolling", async () => {
  const { el, find } = await openView("timeline", pipeline, over);
  const before = wide(el);
  const wheel = (ctrlKey: boolean) => Object.assign(new Event("wheel", { bubbles: true, cancelable: true }), { deltaY: -200, ctrlKey });
  expect(find(".milo-rows").dispatchEvent(wheel(false))).toBe(true);
  expect(find(".milo-rows").dispatchEvent(wheel(true))).toBe(false);
  await settled();
  expect(wide(el)).toBeGreaterThan(before);
});

test("idle time is cut short and says how long it was", async () => {
  const { el } = await openView(
    "timeline",
    [phase("a", { status: "completed", started_at: 10, elapsed: 9 }), phase("b", { status: "completed", started_at: 7219, elapsed: 9 })],
    over,
  );
  expect(el.querySelector(".milo-tick[data-cut]")?.textContent).toBe("// 2h 00m");
  expect(el.querySelector(".milo-legend")?.textContent).toContain("Idle, drawn shorter");
  const [first] = bars(el, "a");
  const second = bars(el, "b").find(({ kind }) => kind === "work");
  expect(second?.width).toBeCloseTo(first?.width ?? 0, 0);
});

test("a running bar grows by the page's clock while nothing else moves", async () => {
  const { el } = await openView(
    "timeline",
    [phase("done", { status: "completed", started_at: 10, elapsed: 6 }), phase("runs", { status: "running", started_at: 16 })],
    { started_at: 10, now: 20.2 },
  );
  const before = [bars(el, "done")[0], bars(el, "runs").at(-1)];
  await vi.waitFor(() => expect(bars(el, "runs").at(-1)?.width).toBeGreaterThan(before[1]?.width ?? 0), { timeout: 20_000 });
  const after = [bars(el, "done")[0], bars(el, "runs").at(-1)];
  expect(after[0]).toEqual(before[0]);
  expect(after[1]?.left).toBe(before[1]?.left);
});

test("a click anywhere in a row selects its phase; arrows go from row to row, and the active one is named", async () => {
  const { model, find } = await openView("timeline", pipeline, over);
  find('[data-phase="join"] .milo-bar[data-kind=work]').click();
  await settled();
  expect(model.get("selected_phase")).toBe(2);
  expect(model.get("expanded")).toBe(true);
  const box = find("[role=listbox]");
  press(box, "ArrowUp");
  await settled();
  expect(document.getElementById(box.getAttribute("aria-activedescendant") ?? "")?.dataset["phase"]).toBe("fetch");
});

test("the view's filter leaves rows out here too", async () => {
  const { el, find } = await openView("timeline", pipeline, over);
  find("[data-tab=list]").click();
  await settled();
  find("[data-filter=pending]").click();
  await settled();
  find("[data-tab=timeline]").click();
  await settled();
  expect([...el.querySelectorAll<HTMLElement>("[data-view=timeline] [data-phase]")].map((row) => row.dataset["phase"])).toEqual([
    "blocked",
  ]);
  expect(find(".milo-filter-note").textContent).toContain("1 of 4 phases");
});

test("2,000 phases have rows for those in sight only", async () => {
  const { find } = await openView(
    "timeline",
    Array.from({ length: 2000 }, (_, i) => phase(`p${i}`, { status: "completed", started_at: 10 + i / 10, elapsed: 1 })),
    over,
  );
  expect(find("[data-view=timeline]").querySelectorAll("[data-phase]").length).toBeLessThan(60);
});

test("before anything ran there is every phase, and no time to measure", async () => {
  const { el } = await openView("timeline", [phase("a"), phase("b", { depends_on: [0] })], {
    status: "pending",
    started_at: 0,
    elapsed: 0,
    now: 0,
  });
  expect(el.querySelectorAll("[data-view=timeline] [data-phase]").length).toBe(2);
  expect([...el.querySelectorAll(".milo-tick")].map((one) => one.textContent)).toEqual(["Nothing has run yet"]);
});
