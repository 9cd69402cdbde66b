// @vitest-environment happy-dom
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import widget from "../src/index";
import { loadOf, type Now, type Watched, watch } from "../src/view/inspector/now";
import { type FakeModel, fakeModel } from "./model";
import { phase, snapshot } from "./samples";

let model: FakeModel;
let el: HTMLElement;
let cleanups: (() => void)[];

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "setTimeout", "clearTimeout", "performance"] });
  model = fakeModel();
  el = document.createElement("div");
  document.body.append(el);
  cleanups = [];
});
afterEach(() => {
  for (const cleanup of cleanups.reverse()) cleanup();
  document.body.replaceChildren();
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const settle = (ms = 20) => vi.advanceTimersByTimeAsync(ms);
const find = (selector: string) => {
  const found = el.querySelector<HTMLElement>(selector);
  if (!found) throw new Error(`no ${selector}`);
  return found;
};
const asked = () => model.sent.flatMap((message) => (message.type === "ask" && message.what === "now" ? [message] : []));
const dropped = () => model.sent.filter((message) => message.type === "drop");
const doing = (changes: Partial<Now> = {}): Now => ({
  at: 20,
  last_line_at: 18,
  stacks: [{ of: "", frames: [{ file: "Cell [3]", line: 21, function: "render", code: [[21, "    page(<b>)"]] }] }],
  why: "",
  thread: "milo-site-3",
  thread_state: "runs",
  thread_cpu: 5,
  cpu: 10,
  clock: 100,
  cores: 8,
  memory: 812e6,
  children: 0,
  child_memory: 0,
  ...changes,
});
async function answer(body: object, error = "") {
  model.say({ type: "answer", id: asked().at(-1)?.id, done: true, error, body });
  await settle();
}
const beat = () => model.say({ type: "heartbeat", now: 14, seq: 5 });
const pane = () => find("[data-pane=now]").textContent;

async function open() {
  const { initialize, render } = widget();
  cleanups.push(initialize({ model }), render({ model, el }));
  model.say({ type: "snapshot", seq: 5, state: snapshot([phase("render", { status: "running", started_at: 11 })]) });
  model.change("expanded", true);
  await settle();
  find("[data-tab=now]").click();
  await settle();
}

test("the running line is shown, with what its thread and the process use", async () => {
  await open();
  await answer(doing());
  await settle(1000);
  await answer(doing({ clock: 101, cpu: 11.5, thread_cpu: 5.97, memory: 815e6 }));
  expect(find("[data-pane=now] [aria-current]").textContent).toContain("page(<b>)");
  expect(pane()).toContain("At this linefor 1.0s");
  expect(pane()).toContain("Last line2.0s ago");
  expect(pane()).toContain("runs, 97% of a core");
  expect(pane()).toContain("150% of 8 cores");
  expect(pane()).toContain("815 MB, +3.0 MB since you look");
});

test("it is asked once a second while the tab is open, never twice at a time, and not when it is closed", async () => {
  await open();
  expect(asked()).toHaveLength(1);
  await settle(1000);
  expect(asked()).toHaveLength(1); // the first has not been answered
  await answer(doing());
  await settle(1000);
  expect(asked()).toHaveLength(2);
  find("[data-tab=logs]").click();
  await settle(5000);
  expect(asked()).toHaveLength(2);
  expect(dropped()).toHaveLength(1);
});

test("a hidden page asks nothing", async () => {
  vi.spyOn(document, "hidden", "get").mockReturnValue(true);
  await open();
  await settle(3000);
  expect(asked()).toEqual([]);
});

test("a phase that ends is asked about no more", async () => {
  await open();
  await answer(doing());
  model.say({ type: "delta", seq: 6, now: 13, pipeline: {}, phases: [[0, { status: "completed" }]], logs: [] });
  await settle(3000);
  expect(asked()).toHaveLength(1);
  expect(el.querySelector("[data-pane=now]")).toBeNull();
});

test("a kernel that speaks and does not answer is busy, and it is said how old all this is", async () => {
  await open();
  await answer(doing());
  for (let i = 0; i < 5; i++) {
    beat();
    await settle(1000);
  }
  expect(pane()).toContain("the kernel is busy, or a call holds its interpreter");
});

test("what cannot be known is said in words", async () => {
  await open();
  await answer(
    doing({ stacks: [], why: "It runs in another process.", thread: "", thread_state: "", thread_cpu: -1, memory: -1, last_line_at: -1 }),
  );
  expect(pane()).toContain("It runs in another process.");
  expect(pane()).toContain("it has printed nothing");
  expect(pane()).toContain("Memorynot known");
});

test("long silence is pointed out", async () => {
  await open();
  await answer(doing({ at: 100, last_line_at: 18 }));
  expect(pane()).toContain("It has printed nothing for 1m 22s.");
});

test("each task of an async phase has its own lines", async () => {
  await open();
  const frames = doing().stacks[0]?.frames ?? [];
  await answer(
    doing({
      stacks: [
        { of: "Task-1", frames },
        { of: "Task-2", frames },
      ],
      children: 2,
      child_memory: 91e6,
    }),
  );
  expect([...el.querySelectorAll("[data-pane=now] h4")].map((one) => one.textContent)).toEqual(["Task-1", "Task-2"]);
  expect(pane()).toContain("2, with 91.0 MB");
});

test("an answer that refuses, or cannot be read, is said", async () => {
  await open();
  await answer({}, "This cannot be shown: no.");
  expect(pane()).toContain("This cannot be shown: no.");
  await settle(1000);
  await answer({ stacks: 3 });
  expect(pane()).toContain("The answer could not be read: now.at: expected a number");
});

test("the time at a line begins anew with another line, and load needs two answers", () => {
  const none: Watched = { last: null, before: null, first: null, since: 0, heard: 0, error: "" };
  const one = watch(none, doing(), 0);
  const same = watch(one, doing({ clock: 103 }), 1);
  const other = watch(same, doing({ clock: 104, stacks: [] }), 2);
  expect([one.since, same.since, other.since]).toEqual([100, 100, 104]);
  expect(loadOf(one, "cpu")).toBeNull();
  expect(loadOf(same, "cpu")).toBe(0);
  expect(loadOf(watch(same, doing({ clock: 104, thread_cpu: -1 }), 1), "thread_cpu")).toBeNull();
  expect(loadOf(watch(same, doing({ clock: 103 }), 1), "cpu")).toBeNull();
});
