// @vitest-environment happy-dom
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import widget from "../src/index";
import { isReading, READS_BACK_FOR_MS, READS_FOR_MS, toOpen, UNATTENDED } from "../src/state/attention";
import { blockedBy, blockersOf, paneFor, panesOf } from "../src/state/panes";
import { INITIAL, reduce, type State } from "../src/state/reducer";
import { fit, LEAST, MOST_HEIGHT, moved, recall } from "../src/view/inspector/split";
import type { Phase } from "../src/wire";
import { type FakeModel, fakeModel } from "./model";
import { failing, phase, snapshot } from "./samples";

const settled = () => new Promise((resolve) => setTimeout(resolve, 20));
let model: FakeModel;
let el: HTMLElement;
let cleanups: (() => void)[];

beforeEach(() => {
  model = fakeModel();
  el = document.createElement("div");
  document.body.append(el);
  cleanups = [];
  localStorage.clear();
});
afterEach(() => {
  for (const cleanup of cleanups.reverse()) cleanup();
  document.body.replaceChildren();
});

async function show(phases: readonly Phase[] = failing) {
  const { initialize, render } = widget();
  cleanups.push(initialize({ model }), render({ model, el }));
  model.say({ type: "snapshot", seq: 5, state: snapshot(phases) });
  await settled();
}
const find = (selector: string) => {
  const found = el.querySelector<HTMLElement>(selector);
  if (!found) throw new Error(`no ${selector}`);
  return found;
};
const click = async (selector: string) => {
  find(selector).click();
  await settled();
};
const pane = () => find("[aria-selected=true][data-tab]:not([data-tab=graph])").dataset["tab"];
const change = async (seq: number, ...phases: [number, Partial<Phase>][]) => {
  model.say({ type: "delta", seq, now: 13, pipeline: {}, phases, logs: [] });
  await settled();
};
const done = (name: string, changes: Partial<Phase> = {}) => phase(name, { status: "completed", log_count: 1, ...changes });

// ---------------------------------------------------------------- when a failure opens itself

const at = (deed: keyof typeof UNATTENDED, when: number) => ({ ...UNATTENDED, [deed]: when });

test.each(["chose", "scrolled", "typed"] as const)("who has just %s is reading, and for a while only", (deed) => {
  expect(isReading(at(deed, 1000), false, 1000)).toBe(true);
  expect(isReading(at(deed, 1000), false, 999 + READS_FOR_MS[deed])).toBe(true);
  expect(isReading(at(deed, 1000), false, 1000 + READS_FOR_MS[deed])).toBe(false);
});

test("who has scrolled up in a log that goes on reads for longer, and who has done nothing does not read", () => {
  expect(isReading(at("scrolled", 0), true, READS_BACK_FOR_MS - 1)).toBe(true);
  expect(isReading(at("scrolled", 0), true, READS_BACK_FOR_MS)).toBe(false);
  expect(isReading(UNATTENDED, true, 0)).toBe(false);
});

test("only the first failure of a session is to open", () => {
  expect(toOpen(["running", "running"], ["running", "failed"])).toBe(1);
  expect(toOpen(["failed", "running"], ["failed", "failed"])).toBe(-1);
  expect(toOpen([], ["completed"])).toBe(-1);
});

const running = [done("load"), phase("parse", { status: "running", started_at: 11 }), phase("write", { depends_on: [1] })];
const started = (state: State = INITIAL) =>
  reduce(state, { type: "received", message: { type: "snapshot", seq: 5, state: snapshot(running) }, at: 0 });
const fails = (state: State, when: number) =>
  reduce(state, {
    type: "received",
    message: { type: "delta", seq: 6, now: 13, pipeline: {}, phases: [[1, { status: "failed", error: "x" }]], logs: [] },
    at: when,
  });

test("a failure opens itself also where something else is open that nobody reads", () => {
  const open = reduce(started(), { type: "chose", choice: { selected: 0, expanded: true }, byPerson: true, at: 0 });
  const after = fails(open, READS_FOR_MS.chose);
  expect(after).toMatchObject({ choice: { selected: 1, expanded: true }, opened: 1, missed: -1 });
});

test("a failure before the eyes of somebody who reads is remembered until it is looked at", () => {
  const read = reduce(started(), { type: "attended", deed: "scrolled", at: 1000 });
  const after = fails(read, 2000);
  expect(after).toMatchObject({ choice: { selected: 0 }, opened: -1, missed: 1 });
  const seen = reduce(after, { type: "chose", choice: { selected: 1, expanded: true }, byPerson: true, at: 3000 });
  expect(seen.missed).toBe(-1);
});

test("what the notebook or another tab chooses, and following a log, is no reading", () => {
  const byOther = reduce(started(), { type: "chose", choice: { selected: 0 }, byPerson: false, at: 1000 });
  const following = reduce(byOther, { type: "chose", choice: { follow: true }, byPerson: true, at: 1000 });
  expect(fails(following, 1001).opened).toBe(1);
});

test("wheel and typing in a view are noticed, a wheel over the notebook is not", async () => {
  await show(running);
  await click('[data-phase="load"]');
  await change(6, [0, { elapsed: 1 }]);
  document.body.dispatchEvent(new Event("wheel", { bubbles: true }));
  find(".milo-inspector").dispatchEvent(new Event("wheel", { bubbles: true }));
  await change(7, [1, { status: "failed", error: "no title" }]);
  expect(find(".milo-inspector").getAttribute("aria-label")).toBe("Phase load");
  expect(find(".milo-strip").textContent).toContain("parse failed while you were reading.");
  await click(".milo-strip button");
  expect(find(".milo-inspector").getAttribute("aria-label")).toBe("Phase parse");
  expect(pane()).toBe("error");
  expect(el.querySelector(".milo-strip")).toBeNull();
});

test("who reads the log of the phase that fails is told, and stays", async () => {
  await show(running);
  await click('[data-phase="parse"]');
  expect(pane()).toBe("logs");
  await change(6, [1, { status: "failed", error: "no title" }]);
  expect(pane()).toBe("logs");
  await click(".milo-strip button");
  expect(pane()).toBe("error");
});

// ---------------------------------------------------------------- which pane

const reasons = { held: null, memory: {}, failure: "" } as const;

test("without a choice the pane is the one that tells most", () => {
  expect(paneFor(phase("a", { status: "running" }), reasons)).toBe("logs");
  expect(paneFor(phase("a", { status: "failed" }), reasons)).toBe("error");
  expect(paneFor(phase("a", { status: "skipped", error: "x" }), reasons)).toBe("error");
  expect(paneFor(phase("a", { status: "skipped", error: "x", log_count: 2 }), reasons)).toBe("logs");
  expect(paneFor(phase("a", { status: "completed", outputs: [1, 1] }), reasons)).toBe("output");
});

test("only what runs has a now, and only what has failed an error", () => {
  expect(panesOf(phase("a", { status: "running" }))).toEqual(["logs", "output", "result", "info", "now"]);
  expect(panesOf(phase("a", { status: "failed" }))).toEqual(["logs", "output", "error", "result", "info"]);
});

test("a choice holds for the phase, then for its kind, and what opened itself shows its error", () => {
  const failed = phase("a", { status: "failed" });
  const memory = { failed: "info", running: "now" } as const;
  expect(paneFor(failed, { ...reasons, memory })).toBe("info");
  expect(paneFor(failed, { ...reasons, memory, failure: "opened" })).toBe("error");
  expect(paneFor(failed, { ...reasons, memory, held: "logs", failure: "opened" })).toBe("logs");
  expect(paneFor(failed, { ...reasons, failure: "missed" })).toBe("logs");
  expect(paneFor(phase("a", { status: "retrying" }), { ...reasons, memory })).toBe("now");
  expect(paneFor(done("a"), { ...reasons, held: "now" })).toBe("logs");
});

test("the tab is remembered for each kind of phase, and stays when the phase that is open changes its kind", async () => {
  await show([done("load"), phase("parse", { status: "running" }), done("write")]);
  await click('[data-phase="load"]');
  await click("[data-tab=info]");
  await click('[data-phase="parse"]');
  expect(pane()).toBe("logs");
  await click("[data-tab=result]");
  await click('[data-phase="write"]');
  expect(pane()).toBe("info");
  await click('[data-phase="parse"]');
  expect(pane()).toBe("result");
  await change(6, [1, { status: "completed" }]);
  expect(pane()).toBe("result");
});

// ---------------------------------------------------------------- root causes

const held = [
  phase("load", { status: "failed", error: "no file" }),
  phase("other", { status: "cancelled" }),
  phase("parse", { depends_on: [0] }),
  phase("join", { depends_on: [1, 2] }),
  done("free"),
];

test("what only waits names the phases that hold it back, and a failure those that wait for it", () => {
  expect(blockersOf(held, 2)).toEqual([0]);
  expect([...blockersOf(held, 3)].sort()).toEqual([0, 1]);
  expect(blockersOf(held, 0)).toEqual([]);
  expect(blockersOf(held, 4)).toEqual([]);
  expect(blockedBy(held, 0)).toEqual([2, 3]);
});

test("a phase that only waits says so and leads to the one that failed", async () => {
  await show(held);
  await click('[data-phase="parse"]');
  expect(find(".milo-strip").textContent).toContain("It has not run: blocked by load, which failed: no file");
  await click(".milo-strip .milo-button");
  expect(find(".milo-inspector").getAttribute("aria-label")).toBe("Phase load");
  expect(find("[data-pane=error]").textContent).toContain("2 phases wait for it");
});

// ---------------------------------------------------------------- errors

test("an attempt can be opened from the error, and the traceback copied", async () => {
  const copied: string[] = [];
  Object.defineProperty(navigator, "clipboard", {
    configurable: true,
    value: { writeText: async (text: string) => void copied.push(text) },
  });
  const history = [{ attempt: 1, status: "failed", started_at: 1, elapsed: 1, error: "timed out" }] as const;
  await show([phase("load", { status: "failed", error: "no file", attempt: 2, started_at: 3, elapsed: 1, history })]);
  const asked = model.sent.find((message) => message.type === "detail");
  const error = { type: "OSError", message: "no file", attempt: 2, frames: [], causes: [], text: "Traceback of it" };
  model.say({ type: "detail", id: asked?.type === "detail" ? asked.id : "", phase: 0, error });
  await settled();
  await click("[data-pane=error] .milo-copy");
  expect(copied).toEqual(["Traceback of it"]);
  expect(find("[data-pane=error] .milo-copy").textContent).toBe("Copied");
  await click(".milo-earlier button");
  expect(pane()).toBe("info");
  expect(find("[data-attempt='1']").hasAttribute("open")).toBe(true);
  expect(find("[data-attempt='2']").hasAttribute("open")).toBe(false);
});

test("where the browser does not let anybody copy, the button says so", async () => {
  const refuse = async () => Promise.reject(new Error("denied"));
  Object.defineProperty(navigator, "clipboard", { configurable: true, value: { writeText: refuse } });
  Object.defineProperty(document, "execCommand", { configurable: true, value: () => false });
  await show([phase("load", { status: "failed", error: "no file" })]);
  const asked = model.sent.find((message) => message.type === "detail");
  const error = { type: "OSError", message: "no file", attempt: 1, frames: [], causes: [], text: "Traceback" };
  model.say({ type: "detail", id: asked?.type === "detail" ? asked.id : "", phase: 0, error });
  await settled();
  await click("[data-pane=error] .milo-copy");
  expect(find("[data-pane=error] .milo-copy").textContent).toBe("Refused: select it, press Ctrl+C");
});

// ---------------------------------------------------------------- sizes

test("a size stays within its bounds, and keys move the edge where the arrow points", () => {
  expect(fit("width", 10, 1200)).toBe(LEAST.width);
  expect(fit("width", 5000, 1200)).toBe(1200 - LEAST.width);
  expect(fit("width", 5000, 400)).toBe(LEAST.width);
  expect(fit("height", 5000, 0)).toBe(MOST_HEIGHT);
  expect(moved("width", "ArrowLeft", 400)).toBe(424);
  expect(moved("width", "ArrowRight", 400)).toBe(376);
  expect(moved("height", "ArrowDown", 400)).toBe(424);
  expect(moved("height", "Home", 400)).toBe(LEAST.height);
  expect(moved("height", "End", 400)).toBe(Number.POSITIVE_INFINITY);
  expect(moved("height", "a", 400)).toBeNull();
});

test("the edges are separators that the keyboard reaches; a size is kept, and taken up by the next view", async () => {
  await show();
  const edge = find("hr[data-side=height]");
  expect(edge.tabIndex).toBe(0);
  expect(edge.getAttribute("aria-label")).toBe("Height of the inspector");
  const press = async (key: string) => {
    const event = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true });
    edge.dispatchEvent(event);
    await settled();
    return event.defaultPrevented;
  };
  expect(await press("End")).toBe(true);
  expect(find(".milo-body").style.getPropertyValue("--m-height")).toBe(`${MOST_HEIGHT}px`);
  expect(recall()).toEqual({ width: 0, height: MOST_HEIGHT });
  expect(await press("Delete")).toBe(true);
  expect(find(".milo-body").style.getPropertyValue("--m-height")).toBe("");
  expect(await press("x")).toBe(false);
});

test.each(["", "{", '{"width":"wide","height":-3}', '{"width":1e9}', "null"])("a size kept as %s is none", (kept) => {
  localStorage.setItem("milo_nb.inspector", kept);
  expect(recall()).toEqual({ width: 0, height: 0 });
});

test("what a person opens below the window is brought into sight, at each opening, and not what opens itself", async () => {
  const box = (top: number) => vi.spyOn(HTMLElement.prototype, "getBoundingClientRect").mockReturnValue(new DOMRect(0, top, 600, 400));
  const scrolled = vi.spyOn(HTMLElement.prototype, "scrollIntoView").mockReturnValue();
  const asked = () => scrolled.mock.contexts.filter((one) => (one as HTMLElement).className === "milo-inspector").length;
  const low = box(innerHeight - 20);
  await show(); // a failure opens itself
  find(".milo-inspector");
  expect(asked()).toBe(0);
  await click('[data-phase="load"]');
  expect(asked()).toBe(1);
  await click('[data-phase="load"]');
  expect(asked()).toBe(2);
  low.mockRestore();
  const inSight = box(10);
  await click('[data-phase="parse"]');
  expect(asked()).toBe(2);
  inSight.mockRestore();
  scrolled.mockRestore();
});
