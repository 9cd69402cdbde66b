// @vitest-environment happy-dom
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { etaLeft } from "../src/state/selectors";
import { createStore } from "../src/state/store";
import { formatLeft } from "../src/view/format";
import { phase, snapshot } from "./samples";
import { type Shown, show } from "./shown";

let shown: Shown;
beforeEach(() => {
  vi.useRealTimers();
});
afterEach(() => shown?.end());

const running = [
  phase("load", { status: "completed", started_at: 10, elapsed: 1 }),
  phase("parse", { status: "failed", started_at: 11, elapsed: 1, depends_on: [0] }),
  phase("write", { status: "running", started_at: 11, depends_on: [0] }),
];
const said = () => shown.find(".milo-header").textContent;

test.each([
  [[0, 0.4], ""],
  [[0.2, 8], "up to 8s left"],
  [[7.9, 8.2], "about 8s left"],
  [[8, 12.3], "8–12s left"],
  [[42, 120], "40s–2m left"],
  [[118, 190], "2–3m left"],
  [[3300, 7300], "55m–2h 00m left"],
] as const)("what remains is said no more exactly than it is known: %j", (eta, text) => {
  expect(formatLeft(eta)).toBe(text);
});

test("what remains ticks while the session runs, stands still while it pauses, and is not said where nobody knows", () => {
  const left = (changes: object, at: number) => {
    const store = createStore();
    store.dispatch({ type: "restored", snapshot: snapshot(running, changes), at: 1000 });
    return etaLeft(store.state.peek(), at);
  };
  expect(left({ eta: [10, 20] }, 4000)).toEqual([7, 17]);
  expect(left({ eta: [2, 20] }, 4000)).toEqual([0, 17]);
  expect(left({ eta: [10, 20], status: "paused" }, 4000)).toEqual([10, 20]);
  expect(left({ eta: [0, 0] }, 4000)).toBeNull();
});

test("the header says how long it will take, and of what has not started how long it usually does", async () => {
  shown = await show(running, { eta: [118, 190] });
  expect(said()).toContain("2–3m left");
  shown.say(snapshot(running, { eta: [118, 190], status: "pending", started_at: 0, elapsed: 0 }));
  await shown.settled();
  expect(said()).toContain("usually 2–3m");
  expect(said()).not.toContain("left");
});

test("the count of a state is a button that leaves only such phases, and gives them all back", async () => {
  shown = await show(running);
  const count = shown.find("[data-count=failed]");
  expect(count.textContent).toContain("1 failed");
  count.click();
  await shown.settled();
  expect(count.getAttribute("aria-pressed")).toBe("true");
  shown.press(shown.find("[role=listbox]"), "3");
  await shown.settled();
  const rows = () => [...shown.el.querySelectorAll<HTMLElement>("[data-view=list] [data-phase]")].map((row) => row.dataset["phase"]);
  expect(rows()).toEqual(["parse"]);
  count.click();
  await shown.settled();
  expect(rows().length).toBe(3);
});

test("while a review waits, Resume is there, out of order, and says that Approve is what goes on", async () => {
  shown = await show(running, { status: "paused", waiting_for: "load" });
  const resume = shown.find(".milo-header [data-command=resume]");
  expect(resume.getAttribute("aria-disabled")).toBe("true");
  expect(resume.title).toContain("waits for your approval");
  expect(shown.find(".milo-header [data-command=approve]").getAttribute("aria-disabled")).toBe("false");
});

const reviewed = [
  phase("load", { status: "completed", started_at: 10, elapsed: 1, reason: "waits for approval" }),
  phase("parse", { status: "completed", started_at: 11, elapsed: 1 }),
  phase("write", { depends_on: [0] }),
];

test("what waits for a person is not shown as done: its own shape, word and count, in graph, list and header", async () => {
  const banner = ["waiting", "'load' waits for approval. Look at its result.", ""] as const;
  shown = await show(reviewed, { status: "paused", waiting_for: "load", banners: [banner] });
  expect(shown.find(".milo-header .milo-word").textContent).toBe("needs review");
  expect(shown.find("[data-count=review]").textContent).toContain("1 to review");
  expect(shown.find("[data-count=completed]").textContent).toContain("1 completed");
  expect(shown.find("[data-view=graph] [data-phase=load] small").textContent).toBe("needs review · 1.0s");
  const drawn = (name: string) => shown.find(`[data-phase=${name}] .milo-icon`).innerHTML;
  expect(drawn("load")).not.toBe(drawn("parse"));
  shown.find("[data-count=review]").click();
  shown.press(shown.find("[role=listbox]"), "3");
  await shown.settled();
  const rows = [...shown.el.querySelectorAll<HTMLElement>("[data-view=list] [data-phase]")];
  expect(rows.map((row) => row.dataset["phase"])).toEqual(["load"]);
  expect(rows[0]?.querySelector("[data-column=status]")?.textContent).toContain("needs review");
});

test("from the banner to the phase, whose inspector begins with Approve and says where to look", async () => {
  const banner = ["waiting", "'load' waits for approval. Look at its result.", ""] as const;
  shown = await show(reviewed, { status: "paused", waiting_for: "load", banners: [banner] });
  [...shown.el.querySelectorAll<HTMLElement>(".milo-banner button")].find((one) => one.textContent === "Review")?.click();
  await shown.settled();
  expect(shown.find(".milo-inspector [data-pane]").dataset["pane"]).toBe("result");
  const [approve] = shown.find(".milo-inspector .milo-actions").children;
  expect([approve?.getAttribute("aria-label"), approve?.getAttribute("aria-disabled")]).toEqual(["Approve load", "false"]);
  const places = [...shown.el.querySelectorAll<HTMLElement>(".milo-strip .milo-link")];
  expect(places.map((one) => one.textContent)).toEqual(["its result", "its log", "its files"]);
  places.at(-1)?.click();
  await shown.settled();
  expect(shown.find(".milo-inspector [data-pane]").dataset["pane"]).toBe("info");
  (approve as HTMLElement).click();
  expect(shown.commands()).toMatchObject([{ command: "approve", phases: ["load"] }]);
});

test("the header tells the time that phases ran from the time of day at which it began", async () => {
  const epoch = new Date(2026, 10, 22, 14, 3, 0).getTime() / 1000;
  shown = await show(running, { status: "failed", elapsed: 130, epoch });
  expect(said()).toContain("active 2m 10sbegun 14:03");
});

test("when the kernel is gone the header says a way on: for what was under way, and for what was done", async () => {
  shown = await show(running);
  shown.model.isBroken = true;
  shown.find(".milo-header [data-command=pause]").click();
  await shown.settled();
  expect(said()).toContain("%milo resume site");
  shown.end();
  shown = await show(running, { status: "completed" });
  shown.model.isBroken = true;
  shown.find(".milo-header [data-command=run]").click();
  await shown.settled();
  expect(said()).toContain("Run the cell again.");
});

test("what a notebook remembers is shown as what was last known, until the kernel speaks", async () => {
  shown = await show([]);
  shown.model.change("snapshot", snapshot(running));
  shown.end();
  shown = await show(null);
  shown.model.change("snapshot", snapshot(running));
  await shown.settled();
  expect(said()).toContain("Connecting to the kernel. This is the last known state.");
  expect(said()).toContain("%milo resume site");
  shown.say(snapshot(running));
  await shown.settled();
  expect(said()).not.toContain("Connecting");
});

test("one line tells screen readers how it stands, every three seconds", async () => {
  vi.useFakeTimers();
  const coming = show(running, { waiting_for: "load", status: "paused" });
  await vi.advanceTimersByTimeAsync(3100);
  shown = await coming;
  expect(shown.find(".milo-said").textContent).toBe("site paused, 1 of 3 done, parse failed, load waits for approval");
});
