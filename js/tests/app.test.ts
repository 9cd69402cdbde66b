// @vitest-environment happy-dom
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import widget from "../src/index";
import { type FakeModel, fakeModel } from "./model";
import { failing, lines, phase, snapshot } from "./samples";

const settled = () => new Promise((resolve) => setTimeout(resolve, 20));
let cleanups: (() => void)[] = [];
let model: FakeModel;
let el: HTMLElement;

function view(into: HTMLElement, { render } = shared()) {
  document.body.append(into);
  cleanups.push(render({ model, el: into }));
}

let made: ReturnType<typeof widget> | null = null;
function shared() {
  if (!made) {
    made = widget();
    cleanups.push(made.initialize({ model }));
  }
  return made;
}

beforeEach(() => {
  model = fakeModel();
  el = document.createElement("div");
});
afterEach(() => {
  for (const cleanup of cleanups.reverse()) cleanup();
  cleanups = [];
  made = null;
  document.body.replaceChildren();
});

async function show(phases = failing, changes = {}) {
  view(el);
  model.say({ type: "snapshot", seq: 5, state: snapshot(phases, changes) });
  await settled();
}
const find = (selector: string) => {
  const found = el.querySelector<HTMLElement>(selector);
  if (!found) throw new Error(`no ${selector}`);
  return found;
};
const press = (target: Element, key: string, more: KeyboardEventInit = {}) =>
  target.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...more }));

test("the element itself is the root and carries the stable hooks", async () => {
  await show();
  expect(el.className).toContain("milo-root");
  expect({ ...el.dataset }).toMatchObject({ pipeline: "site", status: "running", connection: "live" });
  expect(find('[data-phase="parse"]').dataset["status"]).toBe("failed");
  expect(el.querySelectorAll("[data-phase]").length).toBe(3);
  expect(find('button[data-command="pause"]').getAttribute("aria-label")).toBe("Pause");
  expect(find('button[data-command="retry"][data-for="parse"]').getAttribute("aria-label")).toBe("Retry parse");
});

test("before anything is known it says so", async () => {
  view(el);
  await settled();
  expect(el.textContent).toContain("Waiting for the pipeline");
  expect(el.dataset["connection"]).toBe("connecting");
});

test("the failing phase is open at its error, which is asked for and then shown with the person's lines", async () => {
  await show();
  expect(find('[data-pane="error"]').textContent).toContain("no title");
  const asked = model.sent.find((message) => message.type === "detail");
  if (asked?.type !== "detail") throw new Error("not asked");
  const frames = [
    {
      file: "Cell [3]",
      line: 12,
      function: "parse",
      code: [
        [11, "x = 1"],
        [12, "raise ValueError(x)"],
      ],
    },
  ];
  const error = { type: "ValueError", message: "<b>no</b> title", attempt: 2, frames, causes: [], text: "Traceback" };
  model.say({ type: "detail", id: asked.id, phase: 1, error });
  await settled();
  expect(find('[data-pane="error"] [aria-current]').textContent).toContain("raise ValueError(x)");
  expect(find('[data-pane="error"]').textContent).toContain("<b>no</b> title");
  expect(el.querySelector('[data-pane="error"] .milo-error b')?.textContent).toBe("ValueError:");
});

test("one click acts and shows as requested until the reply; a second click sends nothing", async () => {
  await show();
  const button = find('button[data-command="retry"]');
  button.click();
  await settled();
  button.click();
  const sent = model.sent.filter((message) => message.type === "command");
  expect(sent).toMatchObject([{ command: "retry", phases: ["parse"] }]);
  expect(button.dataset["requested"]).toBe("true");
  const [command] = sent;
  if (command?.type !== "command") throw new Error("no command");
  model.say({ type: "reply", id: command.id, ok: false, message: "Not now." });
  await settled();
  expect(button.dataset["requested"]).toBeUndefined();
  expect(find('[role="alert"]').textContent).toContain("Not now.");
});

test("what cannot be done is disabled, and says why instead of sending", async () => {
  await show();
  const button = find('button[data-command="cancel"][data-for="parse"]');
  expect(button.getAttribute("aria-disabled")).toBe("true");
  button.click();
  await settled();
  expect(model.sent.some((message) => message.type === "command")).toBe(false);
  expect(find('[role="alert"]').textContent).toContain("failed");
});

test("the log shows lines with numbers, colours and hostile text as text", async () => {
  await show([phase("load", { status: "running", started_at: 11 })]);
  find('[data-phase="load"]').click();
  model.say({
    type: "delta",
    seq: 6,
    now: 13,
    pipeline: {},
    phases: [[0, { log_count: 2 }]],
    logs: [
      {
        phase: 0,
        start: 0,
        lines: [
          [12, "stdout", "", "\u001b[31mred\u001b[0m"],
          [12, "stderr", "", "<img src=x onerror=alert(1)>"],
        ],
      },
    ],
  });
  await settled();
  const rows = [...el.querySelectorAll<HTMLElement>('[data-pane="logs"] .milo-log-row')];
  expect(rows.map((row) => row.dataset["line"])).toEqual(["1", "2"]);
  expect(rows[0]?.querySelector(".milo-log-stamp")?.textContent).toBe("0:01.000"); // since the phase began
  expect(rows[0]?.querySelector<HTMLElement>(".milo-log-text span")?.style.color).toBe("var(--m-fail)");
  expect(rows[1]?.dataset["stream"]).toBe("stderr");
  expect(rows[1]?.textContent).toContain("<img src=x");
  expect(el.querySelector("img")).toBeNull();
});

test("the log says where a later attempt begins", async () => {
  const history = [{ attempt: 1, status: "failed", started_at: 11, elapsed: 1, error: "" }] as const;
  await show([phase("load", { status: "running", attempt: 2, started_at: 13, history })]);
  find('[data-phase="load"]').click();
  const said = [11.1, 11.9, 13, 13.5].map((time) => [time, "stdout", "", "x"] as const);
  model.say({ type: "delta", seq: 6, now: 14, pipeline: {}, phases: [[0, { log_count: 4 }]], logs: [{ phase: 0, start: 0, lines: said }] });
  await settled();
  const rows = [...el.querySelectorAll<HTMLElement>('[data-pane="logs"] .milo-log-row')];
  expect(rows.map((row) => row.dataset["attempt"])).toEqual([undefined, undefined, "2", undefined]);
});

test("a cancelled session offers to go on, beside a new run; one that still stops, failed or completed does not", async () => {
  const offered = () => [...el.querySelectorAll<HTMLElement>(".milo-header [data-command]")].map((one) => one.dataset["command"]);
  const phases = [phase("load", { status: "cancelled", started_at: 11 }), phase("parse", { depends_on: [0] })];
  await show(phases, { status: "cancelled", ended_at: 12 });
  expect(offered()).toEqual(["resume", "run"]);
  press(find('[role="listbox"]'), "p");
  expect(model.sent.at(-1)).toMatchObject({ type: "command", command: "resume", phases: [] });
  for (const [status, requested] of [
    ["cancelled", "stopping"],
    ["failed", ""],
    ["completed", ""],
  ] as const) {
    model.say({ type: "snapshot", seq: 9, state: snapshot(phases, { status, requested, seq: 9 }) });
    await settled();
    expect(offered()).not.toContain("resume");
  }
});

test("a phase without output says whether some may come; skipped after an error, it opens there", async () => {
  await show([
    phase("load", { status: "completed", started_at: 11 }),
    phase("parse", { status: "running", started_at: 11 }),
    phase("write", { status: "skipped", started_at: 11, error: "no title" }),
    phase("check", { status: "skipped", started_at: 11, error: "no title", log_count: 3 }),
  ]);
  for (const [name, pane, text] of [
    ["load", "logs", "No lines."],
    ["parse", "logs", "No lines yet."],
    ["write", "error", "no title"],
    ["check", "logs", "3 lines"],
  ]) {
    find(`[data-phase="${name}"]`).click();
    await settled();
    expect(find(`[data-pane="${pane}"]`).textContent).toContain(text);
  }
  expect(find('[data-tab="error"]')).toBeTruthy();
});

test("what a completed phase displayed is shown first if it logged nothing", async () => {
  const displayed = { started_at: 11, outputs: [1, 1] } as const;
  await show([
    phase("draw", { status: "running", ...displayed }),
    phase("plot", { status: "completed", ...displayed }),
    phase("talk", { status: "completed", ...displayed, log_count: 3 }),
  ]);
  for (const [name, pane] of Object.entries({ draw: "logs", plot: "output", talk: "logs" })) {
    find(`[data-phase="${name}"]`).click();
    await settled();
    expect(find(`[data-pane="${pane}"]`)).toBeTruthy();
  }
});

test("what a phase says stands apart from its attempt while it runs, and gives way to its description in the list", async () => {
  const loud = { started_at: 11, message: "30/30", description: "Loads it" };
  await show([phase("load", { status: "running", ...loud, attempt: 2 }), phase("fit", { status: "completed", ...loud })]);
  find('[data-phase="load"]').click();
  await settled();
  expect(find(".milo-inspector").textContent).toContain("attempt 2 · 30/30");
  find('[data-tab="list"]').click();
  await settled();
  expect(find('[data-phase="load"] [data-column="note"]').textContent).toBe("30/30");
  expect(find('[data-phase="fit"] [data-column="note"]').textContent).toBe("Loads it");
});

test("a completed phase offers Rerun in Retry's place", async () => {
  await show([phase("load", { status: "completed", started_at: 11 })], { status: "completed" });
  find('[data-phase="load"]').click();
  await settled();
  expect(el.querySelector('[data-command="retry"]')).toBeNull();
  find('button[data-command="rerun"]').click();
  expect(model.sent.at(-1)).toMatchObject({ type: "command", command: "rerun", phases: ["load"] });
});

test("lines that are not here are asked for", async () => {
  await show([phase("load", { status: "completed", log_count: 900 })]);
  find('[data-phase="load"]').click();
  await settled();
  const asked = model.sent.find((message) => message.type === "ask" && message.what === "page");
  if (asked?.type !== "ask") throw new Error("not asked");
  const { start, count } = asked.args as { start: number; count: number };
  expect(asked.args).toMatchObject({ phase: 0 });
  expect(start + count).toBe(900);
  const rows = lines(start, count).map((line, i) => [start + i, ...line, 0]);
  model.say({ type: "answer", id: asked.id, done: true, error: "", body: { start, total: 900, first: 0, kept: [[0, 900]], rows } });
  await settled();
  expect(find('.milo-log-row[data-line="900"]').textContent).toContain("line 899");
});

test.each(["timeline", "list", "graph"] as const)("%s shows every phase with its status, and a click opens it", async (name) => {
  await show([
    phase("a", { status: "completed", started_at: 11, elapsed: 1 }),
    phase("b", { status: "running", started_at: 12, depends_on: [0] }),
  ]);
  find(`[data-tab="${name}"]`).click();
  await settled();
  expect(find(`[data-view="${name}"] [data-phase="b"]`).dataset["status"]).toBe("running");
  find(`[data-view="${name}"] [data-phase="b"]`).click();
  await settled();
  expect(model.get("selected_phase")).toBe(1);
  expect(find('[data-pane="logs"]')).toBeTruthy();
});

test("a list that fits shows its first row, whichever phase is selected before it opens", async () => {
  await show(Array.from({ length: 12 }, (_, i) => phase(`p${i}`, { status: "completed" })));
  find('[data-phase="p11"]').click();
  for (const name of ["timeline", "list"]) {
    find(`[data-tab="${name}"]`).click();
    await settled();
    expect(find(".milo-moved").style.transform).toBe("translateY(0px)");
    expect(find(".milo-row [data-phase]").dataset["phase"]).toBe("p0");
  }
});

test.each([2, 3, 4, 5, 9])("a chain of %i phases leaves the corner of the zoom buttons free", async (length) => {
  await show(Array.from({ length }, (_, i) => phase(`p${i}`, { depends_on: i ? [i - 1] : [] })));
  const [x = 0, y = 0, k = 0] = (find(".milo-world").style.transform.match(/-?[\d.]+/g) ?? []).map(Number);
  const last = find(`[data-phase="p${length - 1}"]`).style;
  const right = x + (Number.parseFloat(last.left) + 172) * k;
  const bottom = y + (Number.parseFloat(last.top) + 50) * k;
  const height = Number.parseFloat(find(".milo-viewport").style.height);
  expect(right <= 800 - 88 || bottom <= height - 36).toBe(true);
});

test.each([0, 1, 2])("the inspector has its head, then its tabs, then one pane, whichever phase it shows (%i)", async (index) => {
  await show();
  const isPart = (part: Element) => !part.matches("hr, [data-strip]"); // its edges, and what is said of other phases
  const parts = () => [...find(".milo-inspector").children].filter(isPart).map((part) => part.className.split(" ")[0]);
  find(`[data-phase="${failing[index]?.name}"]`).click();
  await settled();
  expect(parts()).toEqual(["milo-line", "milo-tabs", expect.stringMatching(/milo-(log|pane)/)]);
  find('[data-tab="info"]').click();
  await settled();
  find('[data-tab="logs"]').click();
  await settled();
  expect(parts()).toEqual(["milo-line", "milo-tabs", "milo-log"]);
});

test("keys: arrows follow edges, digits change views, Escape closes, letters give commands", async () => {
  await show();
  const box = find('[role="listbox"]');
  press(box, "ArrowLeft");
  expect(model.get("selected_phase")).toBe(0);
  press(box, "ArrowRight");
  press(box, "ArrowRight");
  expect(model.get("selected_phase")).toBe(2);
  press(box, "g");
  expect(model.get("selected_phase")).toBe(0);
  await settled();
  expect(document.getElementById(box.getAttribute("aria-activedescendant") ?? "")?.dataset["phase"]).toBe("load");
  press(box, "Escape");
  await settled();
  expect(model.get("expanded")).toBe(false);
  press(box, "p");
  expect(model.sent.at(-1)).toMatchObject({ type: "command", command: "pause" });
  press(box, "3");
  await settled();
  expect(find('[data-view="list"]')).toBeTruthy();
  press(find('[role="grid"]'), "?");
  await settled();
  expect(el.textContent).toContain("these keys");
});

test("the notebook's shortcuts are held off for plain keys and let through for Ctrl+S", async () => {
  await show();
  const box = find('[role="listbox"]');
  press(box, "d");
  expect(box.hasAttribute("data-lm-suppress-shortcuts")).toBe(true);
  press(box, "s", { ctrlKey: true });
  expect(box.hasAttribute("data-lm-suppress-shortcuts")).toBe(false);
  expect(model.sent.some((message) => message.type === "command")).toBe(false);
});

test("letters typed into the find box stay letters", async () => {
  await show([phase("load", { status: "running", log_count: 1 })]);
  find('[data-phase="load"]').click();
  await settled();
  press(find("input"), "r");
  press(find("input"), "3");
  await settled();
  expect(model.sent.some((message) => message.type === "command")).toBe(false);
  expect(find('[data-view="graph"]')).toBeTruthy();
});

test("two views share one store: both change, neither opens a second line to the kernel", async () => {
  const other = document.createElement("div");
  view(el);
  view(other);
  model.say({ type: "snapshot", seq: 5, state: snapshot(failing) });
  await settled();
  expect(model.sent.filter((message) => message.type === "hello").length).toBe(1);
  expect(other.querySelector('[data-phase="parse"]')).toBeTruthy();
  const ids = [...document.querySelectorAll("[id]")].map((one) => one.id);
  expect(new Set(ids).size).toBe(ids.length);
});

test("each view has its own selection and log, and none follows another; all follow the notebook", async () => {
  const other = document.createElement("div");
  document.body.append(other);
  view(el);
  view(other);
  model.say({ type: "snapshot", seq: 5, state: snapshot(failing.map((one) => ({ ...one, status: "completed" as const }))) });
  await settled();
  const shows = (where: HTMLElement) => where.querySelector(".milo-inspector")?.getAttribute("aria-label") ?? "";
  el.querySelector<HTMLElement>("[data-phase=load]")?.click();
  other.querySelector<HTMLElement>("[data-phase=write]")?.click();
  await settled();
  expect([shows(el), shows(other)]).toEqual(["Phase load", "Phase write"]);
  expect(model.get("selected_phase")).toBe(2); // the notebook is told of the last one
  model.say({ type: "heartbeat", now: 13, seq: 5 });
  await settled();
  expect([shows(el), shows(other)]).toEqual(["Phase load", "Phase write"]);
  model.change("selected_phase", 1);
  await settled();
  expect([shows(el), shows(other)]).toEqual(["Phase parse", "Phase parse"]);
  el.querySelector<HTMLElement>("[aria-label='Close the inspector']")?.click();
  await settled();
  expect([shows(el), shows(other)]).toEqual(["", "Phase parse"]);
});

test("a failure opens itself where nobody reads, and not where somebody does", async () => {
  const other = document.createElement("div");
  document.body.append(other);
  view(el);
  view(other);
  const running = failing.map((one) => ({ ...one, status: "running" as const, error: "" }));
  model.say({ type: "snapshot", seq: 5, state: snapshot(running) });
  await settled();
  el.querySelector<HTMLElement>("[data-phase=load]")?.click();
  await settled();
  model.say({ type: "delta", seq: 6, now: 13, pipeline: {}, phases: [[1, { status: "failed", error: "no title" }]], logs: [] });
  await settled();
  const shows = (where: HTMLElement) => where.querySelector(".milo-inspector")?.getAttribute("aria-label");
  expect([shows(el), shows(other)]).toEqual(["Phase load", "Phase parse"]);
  expect(el.textContent).toContain("parse failed while you were reading.");
});

test("the end of a view leaves the others; the end of all leaves no listener, node or timer", async () => {
  const added = vi.spyOn(window, "addEventListener");
  const removed = vi.spyOn(window, "clearInterval");
  await show();
  expect(model.listeners()).toBeGreaterThan(0);
  for (const cleanup of cleanups.reverse()) cleanup();
  cleanups = [];
  expect(model.listeners()).toBe(0);
  expect(el.childElementCount).toBe(0);
  const before = model.sent.length;
  press(document.body, "p");
  model.say({ type: "heartbeat", now: 1, seq: 99 });
  await settled();
  expect(model.sent.length).toBe(before);
  expect(added.mock.calls.every(([, , options]) => typeof options === "object" && options.signal?.aborted === true)).toBe(true);
  removed.mockRestore();
  added.mockRestore();
});

test("a host's signal ends a view as its clean-up does", async () => {
  const host = new AbortController();
  document.body.append(el);
  const { render } = shared();
  cleanups.push(render({ model, el, signal: host.signal }));
  await settled();
  expect(el.childElementCount).toBe(1);
  host.abort();
  expect(el.childElementCount).toBe(0);
});

test("a host that only renders gets a view too", async () => {
  const { render } = widget();
  document.body.append(el);
  const cleanup = render({ model, el });
  expect(model.sent.map((message) => message.type)).toEqual(["hello"]);
  cleanup();
  expect(model.listeners()).toBe(0);
});

test("hostile names are text everywhere", async () => {
  const name = '"><img src=x onerror=alert(1)>';
  await show([phase(name, { status: "failed", error: "<script>alert(1)</script>", message: "<b>" })], { pipeline: "<i>x</i>" });
  for (const tab of ["timeline", "list", "graph"]) {
    find(`[data-tab="${tab}"]`).click();
    await settled();
  }
  for (const tab of ["logs", "info", "error"]) {
    find(`[data-tab="${tab}"]`).click();
    await settled();
  }
  expect(el.querySelector("img, script")).toBeNull();
  expect(el.dataset["pipeline"]).toBe("<i>x</i>");
});
