// @vitest-environment happy-dom
import { afterEach, beforeEach, expect, test } from "vitest";
import widget from "../src/index";
import { keepStill } from "../src/stills";
import { type FakeModel, fakeModel } from "./model";
import { failing, lines, phase, snapshot } from "./samples";

const settled = () => new Promise((resolve) => setTimeout(resolve, 20));
let cleanups: (() => void)[] = [];
let model: FakeModel;
let el: HTMLElement;

beforeEach(() => {
  model = fakeModel();
  el = document.createElement("div");
});
afterEach(() => {
  for (const cleanup of cleanups.reverse()) cleanup();
  cleanups = [];
  document.body.replaceChildren();
});

async function show(phases = failing, changes: Parameters<typeof snapshot>[1] = {}) {
  const { initialize, render } = widget();
  document.body.append(el);
  cleanups.push(initialize({ model }), render({ model, el }));
  model.say({ type: "snapshot", seq: 5, state: snapshot(phases, changes) });
  await settled();
}
const find = (selector: string) => {
  const found = el.querySelector<HTMLElement>(selector);
  if (!found) throw new Error(`no ${selector}`);
  return found;
};
const texts = (selector: string) => [...el.querySelectorAll(selector)].map((one) => one.textContent);
const commands = () => model.sent.filter((message) => message.type === "command");

test("a past session says so, and every button that makes sense is there, disabled, with the reason", async () => {
  const locked = "Session 1 has no kernel any more.";
  await show(failing, { status: "failed", owner: "nobody", locked, banners: [["told", "Past session 1, read-only.", ""]] });
  expect(el.dataset["owner"]).toBe("nobody");
  expect(texts('[data-kind="told"]')).toEqual(["Past session 1, read-only."]);
  for (const command of ["retry-failed", "run", "retry", "skip"]) {
    const button = find(`button[data-command="${command}"]`);
    expect([button.getAttribute("aria-disabled"), button.title]).toEqual(["true", locked]);
    button.click();
  }
  expect(commands()).toEqual([]);
  await settled();
  expect(texts('[role="alert"]')).toEqual([locked]);
});

test("a session of another kernel takes commands, but is not started anew from here", async () => {
  await show(failing, { status: "failed", owner: "elsewhere", locked: "Run it again there." });
  expect(find('button[data-command="run"]').title).toBe("Run it again there.");
  find('button[data-command="retry-failed"]').click();
  expect(commands()).toMatchObject([{ command: "retry-failed" }]);
});

test("what people should know stands in banners, as text, and Start anew stops what runs", async () => {
  await show(failing, {
    banners: [
      ["failed", "Not saved: <b>no space</b>.", ""],
      ["told", "Continued 6f0c: 2 kept.", "run"],
    ],
  });
  expect(texts(".milo-banner > span")).toEqual(["Not saved: <b>no space</b>.", "Continued 6f0c: 2 kept."]);
  const button = find('.milo-banner button[data-command="run"]');
  expect(button.textContent).toBe("Start anew");
  button.click();
  expect(commands()).toMatchObject([{ command: "run", phases: [], options: { replace: true } }]);
});

test("a delta changes the banners", async () => {
  await show();
  const said = { banners: [["waiting", "Look at 'parse'.", ""]] };
  model.say({ type: "delta", seq: 6, now: 13, pipeline: said, phases: [], logs: [] });
  await settled();
  expect(texts(".milo-banner")).toEqual(["Look at 'parse'."]);
});

test("a result that is not on disk yet is marked, and named in Info", async () => {
  const phases = [
    phase("load", { status: "completed", started_at: 10, unsaved: true, origin: "cache", reason: "from the cache: made 3 min ago" }),
  ];
  await show(phases);
  const node = find('[data-phase="load"]');
  expect(node.dataset["unsaved"]).toBe("true");
  expect(node.getAttribute("aria-description")).toBe("not saved");
  expect(node.textContent).toContain("cached");
  node.click();
  await settled();
  find('[data-tab="info"]').click();
  await settled();
  expect(find('[data-pane="info"]').textContent).toContain("Checkpointnot on disk so far");
  expect(find('[data-pane="info"]').textContent).toContain("from the cache: made 3 min ago");
  model.say({ type: "delta", seq: 6, now: 13, pipeline: {}, phases: [[0, { unsaved: false }]], logs: [] });
  await settled();
  expect(find('[data-phase="load"]').dataset["unsaved"]).toBeUndefined();
});

test("lines that belong to no phase have an entry below the phases, and a log", async () => {
  await show([phase("load", { status: "running" })], { other: 12 });
  find('[data-tab="list"]').click();
  await settled();
  expect(find("[data-other]").textContent).toBe("Other output, 12 lines");
  find("[data-other]").click();
  await settled();
  const asked = model.sent.flatMap((message) => (message.type === "ask" && message.what === "page" ? [message] : [])).at(-1);
  expect(asked).toMatchObject({ args: { phase: 1, start: 0 } });
  const rows = lines(0, 12).map((line, number) => [number, ...line, 1]);
  const body = { start: 0, total: 12, first: 0, kept: [[0, 12]], rows };
  model.say({ type: "answer", id: asked?.id, done: true, error: "", body });
  await settled();
  expect(texts('[aria-label="Other output"] .milo-log-text')).toContain("line 11");
  model.say({ type: "delta", seq: 6, now: 13, pipeline: { other: 13 }, phases: [], logs: [] });
  await settled();
  expect(el.textContent).toContain("13 lines");
});

test("where nothing is printed beside the phases, there is no such entry", async () => {
  await show();
  find('[data-tab="list"]').click();
  await settled();
  expect(el.querySelector("[data-other]")).toBeNull();
});

const VIEW = "application/vnd.jupyter.widget-view+json";
const html = (text: string) => `<div class="milo-still" data-x>${text}</div>`;

/** A notebook's cells as JupyterLab has them. */
function notebookOf(...cells: readonly Record<string, unknown>[][]) {
  const listed = <T>(items: readonly T[]) => ({ length: items.length, get: (i: number) => items[i] as T });
  const changes: [number, unknown][] = [];
  const outputsOf = (outputs: readonly Record<string, unknown>[]) => ({
    ...listed(outputs.map((data) => ({ data }))),
    set: (k: number, output: unknown) => changes.push([k, output]),
  });
  const made = [{}, ...cells.map((outputs) => ({ outputs: outputsOf(outputs) }))];
  return { changes, manager: { context: { model: { cells: listed(made) } } } };
}

test("a still is written into the notebook beside our view, and nowhere else", () => {
  const ours = { [VIEW]: { model_id: "comm-1" } };
  const other = { [VIEW]: { model_id: "comm-2" } };
  const old = { "text/html": html("old") };
  const { changes, manager } = notebookOf(
    [{ "text/html": html("x") }, ours, { "text/html": "<p>a table" }, old, other, old],
    [ours, { "text/html": html("new") }],
  );
  const data = { "text/html": html("new"), "text/plain": "site: completed" };
  keepStill({ ...model, widget_manager: manager }, data);
  expect(changes).toEqual([[3, { output_type: "display_data", data, metadata: {} }]]);
});

test("what is no still is not written, and where there is no such notebook nothing happens", () => {
  const { changes, manager } = notebookOf([{ [VIEW]: { model_id: "comm-1" } }, { "text/html": html("old") }]);
  keepStill({ ...model, widget_manager: manager }, { "text/html": "<script>1</script>", "text/plain": "" });
  expect(changes).toEqual([]);
  const data = { "text/html": html("new"), "text/plain": "" };
  for (const broken of [null, {}, { context: null }, { context: { model: { cells: { length: 1, get: () => null } } } }])
    expect(() => keepStill({ ...model, widget_manager: broken as never }, data)).not.toThrow();
});
