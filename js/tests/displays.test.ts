// @vitest-environment happy-dom
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import widget from "../src/index";
import type { Output, Phase } from "../src/wire";
import { type FakeModel, fakeModel } from "./model";
import { phase, snapshot } from "./samples";

const settled = () => new Promise((resolve) => setTimeout(resolve, 20));
let model: FakeModel;
let el: HTMLElement;
let cleanups: (() => void)[];
let urls: Map<string, Blob>;

beforeEach(() => {
  model = fakeModel();
  el = document.createElement("div");
  document.body.append(el);
  cleanups = [];
  urls = new Map();
  vi.spyOn(URL, "createObjectURL").mockImplementation((blob) => {
    const url = `blob:test/${urls.size}`;
    urls.set(url, blob as Blob);
    return url;
  });
  vi.spyOn(URL, "revokeObjectURL").mockImplementation((url) => void urls.delete(url));
});
afterEach(() => {
  for (const cleanup of cleanups.reverse()) cleanup();
  document.body.replaceChildren();
  vi.restoreAllMocks();
});

const find = (selector: string) => {
  const found = el.querySelector<HTMLElement>(selector);
  if (!found) throw new Error(`no ${selector}`);
  return found;
};
const pane = () => find('[data-pane="output"]');
const asked = <T extends "outputs" | "output">(type: T) => model.sent.filter((message) => message.type === type);
const item = (ref: string, changes: Partial<Output> = {}): Output => ({
  ref,
  version: 1,
  mime: "text/plain",
  size: 5,
  width: 0,
  alt: "",
  note: "",
  ...changes,
});

/** Opens the pane of a phase that has displayed `count` things. */
async function open(count: number, changes: Partial<Phase> = {}, more: readonly Phase[] = []) {
  const { initialize, render } = widget();
  cleanups.push(initialize({ model }), render({ model, el }));
  const phases = [phase("draw", { status: "completed", outputs: [count, count], ...changes }), ...more];
  model.say({ type: "snapshot", seq: 5, state: snapshot(phases) });
  model.change("expanded", true);
  await settled();
  find("[data-tab=output]").click();
  await settled();
}

async function list(items: readonly Output[], changes = {}) {
  const last = asked("outputs").at(-1);
  if (last?.type !== "outputs") throw new Error("no list was asked for");
  model.say({ type: "outputs", id: last.id, phase: last.phase, revision: items.length, dropped: 0, items, ...changes });
  await settled();
}

/** Answers the last piece that was asked for. */
async function give(data: string | Uint8Array) {
  const last = asked("output").at(-1);
  if (last?.type !== "output") throw new Error("no piece was asked for");
  const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
  model.say(last, [new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)]);
  await settled();
  return last;
}

test("the tab counts, and an empty pane says so", async () => {
  await open(0);
  expect(find("[data-tab=output]").textContent?.trim()).toBe("output");
  expect(pane().textContent).toContain("Nothing displayed.");
  expect(asked("outputs")).toEqual([]);
  model.say({ type: "delta", seq: 6, now: 13, pipeline: {}, phases: [[0, { outputs: [1, 1], status: "running" }]], logs: [] });
  await settled();
  expect(find("[data-tab=output]").textContent).toBe("output 1");
  expect(asked("outputs")).toHaveLength(1);
});

test("nothing is asked for until somebody opens the pane, and each thing once", async () => {
  await open(1);
  await list([item("1/1")]);
  expect(asked("outputs")).toHaveLength(1);
  expect(asked("output")).toMatchObject([{ phase: 0, ref: "1/1", version: 1, start: 0 }]);
  await give("hello");
  model.say({ type: "heartbeat", now: 14, seq: 5 });
  await settled();
  expect(pane().querySelector("pre")?.textContent).toBe("hello");
  expect(asked("output")).toHaveLength(1);
});

test("a display comes in pieces, in order, with its progress in sight; a piece that does not fit changes nothing", async () => {
  await open(2);
  await list([item("1/1", { size: 8 }), item("1/2")]);
  await give("abc");
  expect(pane().textContent).toContain("Loading 38%");
  const stale = { type: "output", id: "x", phase: 0, ref: "1/1", version: 1 };
  const view = new DataView(new Uint8Array(9).buffer);
  for (const odd of [{ start: 0 }, { start: 3 }, { start: 3, version: 2 }, { start: 3, phase: 9 }]) model.say({ ...stale, ...odd }, [view]);
  model.say({ ...stale, start: 3 });
  model.say({ ...stale, start: 3 }, ["no bytes"]);
  await settled();
  expect(await give("defgh")).toMatchObject({ ref: "1/1", start: 3 });
  expect(await give("world")).toMatchObject({ ref: "1/2", start: 0 });
  expect([...pane().querySelectorAll("pre")].map((one) => one.textContent)).toEqual(["abcdefgh", "world"]);
});

test("a picture is an image from a blob of its own type, which is given back", async () => {
  await open(1);
  await list([item("1/1", { mime: "image/png", width: 320, alt: "<Figure>" })]);
  await give("bytes");
  const image = pane().querySelector("img");
  expect(image).toMatchObject({ alt: "<Figure>", width: 320 });
  const [url, blob] = [...urls][0] ?? [];
  expect([image?.src, blob?.type, await blob?.text()]).toEqual([url, "image/png", "bytes"]);
  find("[data-tab=logs]").click();
  await settled();
  expect(urls.size).toBe(0);
});

test("an update takes the place of what is there when all of it has come", async () => {
  await open(1);
  await list([item("1/1", { mime: "image/png" })]);
  await give("first");
  const image = pane().querySelector("img");
  const before = image?.src;
  model.say({ type: "delta", seq: 6, now: 13, pipeline: {}, phases: [[0, { outputs: [2, 1] }]], logs: [] });
  await settled();
  await list([item("1/1", { mime: "image/png", version: 2 })], { revision: 2 });
  expect(image?.src).toBe(before);
  await give("other");
  expect(pane().querySelector("img")).toBe(image);
  expect(image?.src).not.toBe(before);
  expect([...urls.keys()]).toEqual([image?.src]);
});

test("SVG is an image, markup lives in a frame that may run nothing, text is text", async () => {
  const hostile = "<img src=x onerror=alert(1)><script>alert(1)</script>\n\u001b[31mred\u001b[0m";
  const size = new TextEncoder().encode(hostile).length;
  await open(3);
  await list([item("1/1", { mime: "image/svg+xml", size }), item("1/2", { mime: "text/html", size }), item("1/3", { size })]);
  for (const _ of [1, 2, 3]) await give(hostile);
  expect([...urls.values()].map((blob) => blob.type)).toEqual(["image/svg+xml"]);
  const frame = pane().querySelector("iframe");
  expect(frame?.getAttribute("sandbox")).toBe("allow-same-origin");
  expect(frame?.getAttribute("srcdoc")).toContain("default-src 'none'");
  expect(frame?.getAttribute("srcdoc")).not.toContain("onerror");
  expect(pane().querySelector("pre")?.textContent).toContain("<script>alert(1)</script>\nred");
  expect(pane().querySelectorAll("script, svg, [onerror], pre img")).toHaveLength(0);
});

test("what is left out, dropped, or of another attempt says so", async () => {
  await open(2);
  await list([item("1/9", { mime: "", size: 0, note: "[not shown here: application/javascript]" }), item("2/1", { size: 0 })], {
    dropped: 12,
    revision: 2,
  });
  expect(pane().textContent).toContain("12 earlier outputs dropped");
  expect(pane().textContent).toContain("[not shown here: application/javascript]");
  expect(pane().textContent).toContain("Attempt 2");
  expect(asked("output")).toEqual([]);
});

test("another phase has its own displays, and a new session none of the old ones", async () => {
  await open(1, {}, [phase("quiet"), phase("paint", { status: "completed", outputs: [1, 1] })]);
  await list([item("1/1")]);
  await give("hello");
  model.change("selected_phase", 2);
  await settled();
  expect(pane().querySelectorAll("figure")).toHaveLength(0);
  await list([item("1/1")]);
  await give("other");
  expect(pane().querySelector("pre")?.textContent).toBe("other");
  model.say({ type: "snapshot", seq: 9, state: snapshot([phase("draw", { status: "completed" })], { session_id: "two" }) });
  model.change("selected_phase", 0);
  await settled();
  expect(pane().textContent).toContain("Nothing displayed.");
});

test("what does not follow the contract is refused, and the view goes on", async () => {
  await open(1);
  await list([{ ...item("1/1"), mime: "text/javascript" as "" }]);
  expect(el.textContent).toContain("A message from the kernel could not be read: items[0].mime");
  expect(pane().querySelectorAll("figure")).toHaveLength(0);
  model.say({ type: "snapshot", seq: 6, state: snapshot([phase("draw", { outputs: [1, 1] })]) });
  model.say({ type: "outputs", id: "x", phase: 99, revision: 1, dropped: 0, items: [] });
  await list([item("1/1")]);
  await give("hello");
  expect(pane().querySelector("pre")?.textContent).toBe("hello");
});
