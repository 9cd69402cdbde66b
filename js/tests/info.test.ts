// @vitest-environment happy-dom
import { afterEach, beforeEach, expect, test } from "vitest";
import widget from "../src/index";
import { tries } from "../src/view/inspector/info";
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
});

const find = (selector: string) => {
  const found = el.querySelector<HTMLElement>(selector);
  if (!found) throw new Error(`no ${selector}`);
  return found;
};
const asked = () => model.sent.flatMap((message) => (message.type === "ask" && message.what === "source" ? [message] : []));
const code = (attempt: number, changes: object = {}) => ({
  attempt,
  is_next: false,
  where: "Cell [3], line 4",
  source: "def parse():\n    return 1\n",
  same_as: 0,
  diff: [],
  ...changes,
});

async function open(changes: Partial<Phase> = {}, body: object | null = {}) {
  const { initialize, render } = widget();
  cleanups.push(initialize({ model }), render({ model, el }));
  const phases = [
    phase("load"),
    phase("parse", { status: "completed", started_at: 3, elapsed: 2, depends_on: [0], ...changes }),
    phase("write", { depends_on: [1] }),
  ];
  model.say({ type: "snapshot", seq: 5, state: snapshot(phases) });
  model.change("selected_phase", 1);
  model.change("expanded", true);
  await settled();
  find("[data-tab=info]").click();
  await settled();
  if (!body) return;
  model.say({
    type: "answer",
    id: asked().at(-1)?.id,
    done: true,
    error: "",
    body: { attempts: [code(1)], files: [], more_files: 0, folder: "", ...body },
  });
  await settled();
}
const facts = () =>
  new Map([...el.querySelectorAll("[data-pane=info] dl > div")].map((row) => [row.children[0]?.textContent, row.children[1]?.textContent]));

test("a phase says what it is, why, what it needs, and how long it usually takes", async () => {
  await open({ description: "Reads every README", reason: "runs: edited", usual: 12, policy: "the pipeline stops" });
  expect(Object.fromEntries(facts())).toMatchObject({
    Description: "Reads every README",
    Reason: "runs: edited",
    "Depends on": "load",
    "Needed by": "write",
    "Usually takes": "12s",
    "On failure": "the pipeline stops",
  });
});

test("a phase it depends on is one click away", async () => {
  await open();
  find("[data-pane=info] dd .milo-link").click();
  await settled();
  expect(find(".milo-inspector").getAttribute("aria-label")).toBe("Phase load");
});

test("the code of the last attempt is open, and that of the others a click away", async () => {
  const history = [{ attempt: 1, status: "failed", started_at: 1, elapsed: 1, error: "no title" }] as const;
  await open(
    { attempt: 2, history },
    {
      attempts: [
        code(1),
        code(2, {
          diff: [
            ["-", "    return 0"],
            ["+", "    return 1"],
            ["@", "line 9"],
            [" ", "end"],
          ],
        }),
      ],
    },
  );
  const [first, second] = [...el.querySelectorAll<HTMLDetailsElement>(".milo-try")];
  expect([first?.open, second?.open]).toEqual([false, true]);
  expect(first?.textContent).toContain("Failed".toLowerCase());
  expect(first?.textContent).toContain("no title");
  expect(second?.textContent).toContain("1 line added, 1 removed");
  const lines = [...(second?.querySelectorAll("[data-change]") ?? [])].map((line) => [
    (line as HTMLElement).dataset["change"],
    line.textContent,
  ]);
  expect(lines).toEqual([
    ["removed", "-    return 0\n"],
    ["added", "+    return 1\n"],
    ["skipped", "…line 9\n"],
  ]);
});

test("code that is the same as before is not shown twice, and code that is not known is said so", async () => {
  const history = [{ attempt: 1, status: "failed", started_at: 1, elapsed: 1, error: "" }] as const;
  await open({ attempt: 2, history }, { attempts: [code(1, { source: "", where: "" }), code(2, { source: "", same_as: 1 })] });
  const [first, second] = [...el.querySelectorAll(".milo-try")];
  expect(first?.textContent).toContain("Its code is not known here.");
  expect(second?.textContent).toContain("same code as attempt 1");
  expect(second?.querySelector("pre")).toBeNull();
});

test("what was edited since shows the attempt that would come, as not begun", async () => {
  await open({ edited: true }, { attempts: [code(1), code(2, { is_next: true, diff: [["+", "x"]] })] });
  expect(el.querySelectorAll(".milo-try")[1]?.textContent).toContain("Attempt 2, not begun");
});

test("files are listed with their sizes, and how many more there are", async () => {
  await open({}, { files: [["reports/<b>.html", 48_211]], more_files: 12, folder: ".milo/site" });
  expect(find(".milo-files").textContent).toBe("reports/<b>.html 48.2 KB12 more files");
  expect(find(".milo-files b, .milo-files code").tagName).toBe("CODE");
});

test("an attempt is known by its number, from the story or from its code", () => {
  const attempt = { attempt: 2, status: "failed", started_at: 1, elapsed: 1, error: "" } as const;
  expect(tries([attempt], [code(1), code(2)]).map((one) => [one.number, one.attempt?.status ?? ""])).toEqual([
    [1, ""],
    [2, "failed"],
  ]);
});

test("until the kernel answers, what the view knows is there", async () => {
  await open({}, null);
  expect(find("[data-pane=info]").textContent).toContain("Asking for the code…");
  expect(find(".milo-try").textContent).toContain("Attempt 1");
});
