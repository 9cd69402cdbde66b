// @vitest-environment happy-dom
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import widget from "../src/index";
import { formatBytes } from "../src/view/inspector/bytes";
import type { Phase } from "../src/wire";
import { type FakeModel, fakeModel } from "./model";
import { phase, snapshot } from "./samples";

const settled = () => new Promise((resolve) => setTimeout(resolve, 20));
let model: FakeModel;
let el: HTMLElement;
let cleanups: (() => void)[];

beforeEach(() => {
  model = fakeModel();
  el = document.createElement("div");
  document.body.append(el);
  cleanups = [];
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
const asked = (what: string) => model.sent.flatMap((message) => (message.type === "ask" && message.what === what ? [message] : []));
const look = (changes: object = {}) => ({
  type: "list",
  size: "3 items",
  facts: [],
  preview: "[1, 2, 3]",
  why: "",
  table: null,
  image: "",
  crumbs: [],
  unloaded: 0,
  ...changes,
});
async function answer(body: object, { error = "", data = undefined as Uint8Array | undefined } = {}) {
  const last = asked("result").at(-1);
  const buffers = data ? [new DataView(data.buffer)] : undefined;
  model.say({ type: "answer", id: last?.id, done: true, error, body }, buffers);
  await settled();
}
const pane = () => find("[data-pane=result]");

async function open(changes: Partial<Phase> = {}) {
  const { initialize, render } = widget();
  cleanups.push(initialize({ model }), render({ model, el }));
  model.say({ type: "snapshot", seq: 5, state: snapshot([phase("load", { status: "completed", ...changes })]) });
  model.change("expanded", true);
  await settled();
  find("[data-tab=result]").click();
  await settled();
}

test("a result is asked for when its tab is open, and shown with type, size and facts", async () => {
  await open();
  expect(asked("result")).toMatchObject([{ args: { phase: 0, at: [], load: false } }]);
  expect(pane().textContent).toContain("Looking at the result…");
  await answer(look({ facts: [["On disk", "1.2 MB"]] }));
  expect(pane().textContent).toContain("list3 items");
  expect(pane().textContent).toContain("On disk 1.2 MB");
  expect(find("[data-pane=result] pre").textContent).toBe("[1, 2, 3]");
});

test("a first answer that only says it came is not taken for the result", async () => {
  await open();
  model.say({ type: "answer", id: asked("result")[0]?.id, done: false, error: "", body: {} });
  await settled();
  expect(pane().textContent).toContain("Looking at the result…");
});

test("a phase without a result asks nothing", async () => {
  await open({ status: "running" });
  expect(asked("result")).toEqual([]);
  expect(pane().textContent).toContain("There is a result once the phase has completed.");
});

test("what the kernel refuses is said, and can be asked for again", async () => {
  await open();
  await answer({}, { error: "The kernel does not answer." });
  expect(pane().textContent).toContain("The kernel does not answer.");
  find("[data-pane=result] .milo-button").click();
  await settled();
  expect(asked("result")).toHaveLength(2);
  await answer(look());
  expect(pane().textContent).toContain("[1, 2, 3]");
});

test("an answer that does not follow the contract is said, and nothing is thrown", async () => {
  await open();
  await answer(look({ table: { columns: "x" } }));
  expect(pane().textContent).toContain("The answer could not be read: result.table.columns: expected a list");
});

const table = (changes: object = {}) => ({
  columns: ["", "x", "s"],
  kinds: ["", "int64", "object"],
  rows: [
    ["0", "1", "<b>bold</b>"],
    ["9", "2", "\u202eevil"],
  ],
  index: 1,
  gap: 1,
  note: "2 of 10 rows",
  opens: false,
  ...changes,
});

test("a frame is a table with dtypes, the index as row heads, and a mark where rows are left out", async () => {
  await open();
  await answer(look({ preview: "", table: table() }));
  expect([...pane().querySelectorAll("thead tr > *")].map((th) => th.textContent)).toEqual(["", "xint64", "sobject"]);
  expect([...pane().querySelectorAll("tbody tr")].map((tr) => tr.textContent)).toEqual(["01<b>bold</b>", "⋮⋮⋮", "92\u202eevil"]);
  expect(pane().querySelector("tbody b")).toBeNull();
  expect(pane().querySelectorAll("tbody th")).toHaveLength(3);
  expect(pane().textContent).toContain("2 of 10 rows");
});

test("a table without rows says so", async () => {
  await open();
  await answer(look({ preview: "", table: table({ rows: [], gap: -1 }) }));
  expect(pane().textContent).toContain("No rows.");
});

test("what a row stands for can be opened, and left again", async () => {
  await open();
  const names = table({ columns: ["Name", "Type", "Value"], kinds: [], rows: [["df", "DataFrame", "2 × 2"]], gap: -1, opens: true });
  await answer(look({ preview: "", table: names }));
  find("tbody .milo-link").click();
  await settled();
  expect(asked("result").at(-1)?.args).toEqual({ phase: 0, at: [0], load: false });
  await answer(look({ type: "pandas.DataFrame", preview: "", crumbs: ["df"], table: table() }));
  expect(find(".milo-crumbs").textContent).toBe("load › df");
  find(".milo-crumbs button").click();
  await settled();
  expect(asked("result").at(-1)?.args).toMatchObject({ at: [] });
});

test("what is large on disk is loaded only when somebody says so", async () => {
  await open();
  await answer(look({ type: "on disk", preview: "", why: "It is on disk.", unloaded: 412_000_000 }));
  const button = find("[data-pane=result] .milo-button");
  expect(button.textContent).toBe("Load 412 MB");
  button.click();
  await settled();
  expect(asked("result").at(-1)?.args).toMatchObject({ load: true });
  await answer(look());
  expect(pane().textContent).not.toContain("Load");
});

test("a picture is an image of the kinds that are known, and let go of at the end", async () => {
  const urls = new Map<string, Blob>();
  vi.spyOn(URL, "createObjectURL").mockImplementation((blob) => {
    urls.set(`blob:test/${urls.size}`, blob as Blob);
    return `blob:test/${urls.size - 1}`;
  });
  vi.spyOn(URL, "revokeObjectURL").mockImplementation((url) => void urls.delete(url));
  await open();
  await answer(look({ type: "Figure", size: "6 × 4 inches", preview: "", image: "image/png" }), { data: new Uint8Array([1, 2]) });
  expect(find("[data-pane=result] img").getAttribute("alt")).toBe("Figure, 6 × 4 inches");
  expect(urls.get("blob:test/0")?.type).toBe("image/png");
  find("[data-tab=logs]").click();
  await settled();
  expect(urls.size).toBe(0);
});

test("anything else than a picture is never put into an image", async () => {
  await open();
  await answer(look({ image: "image/svg+xml" }), { data: new Uint8Array([1]) });
  expect(pane().querySelector("img")).toBeNull();
});

test("long lines wrap unless somebody wants them as they are", async () => {
  await open();
  await answer(look({ preview: "x".repeat(5000) }));
  const block = find("[data-pane=result] pre");
  expect(block.className).toBe("milo-wrapped");
  find("[data-pane=result] [aria-pressed]").click();
  await settled();
  expect(block.className).toBe("");
});

test("another attempt is another result", async () => {
  await open();
  await answer(look());
  model.say({ type: "delta", seq: 6, now: 13, pipeline: {}, phases: [[0, { attempt: 2 }]], logs: [] });
  await settled();
  expect(asked("result")).toHaveLength(2);
  expect(pane().textContent).not.toContain("[1, 2, 3]");
});

test("amounts of memory are short", () => {
  expect([0, 812, 3400, 91e6, 412e6, 1.5e12, 5e15].map(formatBytes)).toEqual([
    "0 bytes",
    "812 bytes",
    "3.4 KB",
    "91.0 MB",
    "412 MB",
    "1.5 TB",
    "5000 TB",
  ]);
});
