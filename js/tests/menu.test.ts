// @vitest-environment happy-dom
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { INITIAL } from "../src/state/reducer";
import { offersFor } from "../src/view/actions/menu-items";
import { TIP_AFTER_MS } from "../src/view/actions/overlays";
import { ASK_AFTER_MS } from "../src/view/actions/preview";
import { failing, phase, snapshot } from "./samples";
import { type Shown, show } from "./shown";

let shown: Shown;
beforeEach(async () => {
  shown = await show(failing);
});
afterEach(() => shown.end());

const item = (id: string) => shown.find(`[data-offer="${id}"]`);
const focused = () => (document.activeElement as HTMLElement).dataset["offer"];
const menu = () => shown.el.querySelector('[role="menu"]');
const after = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms + 20));
const rightClick = (target: Element, more: MouseEventInit = {}) =>
  target.dispatchEvent(new MouseEvent("contextmenu", { bubbles: true, cancelable: true, button: 2, ...more }));

async function open(name = "parse") {
  rightClick(shown.find(`[data-phase="${name}"]`));
  await shown.settled();
}

test("a right click on a phase opens its menu, and the host's own does not open; with Shift it does", async () => {
  expect(rightClick(shown.find('[data-phase="parse"]'), { shiftKey: true })).toBe(true);
  expect(rightClick(shown.find('[data-phase="parse"]'))).toBe(false);
  await shown.settled();
  expect(menu()?.getAttribute("aria-label")).toBe("Actions for parse");
});

test.each([
  [".", {}],
  ["ContextMenu", {}],
  ["F10", { shiftKey: true }],
])("the key %s opens the menu of the selected phase, with the focus on what can be done", async (key, more) => {
  shown.press(shown.find("[role=listbox]"), key, more);
  await shown.settled();
  expect(menu()?.getAttribute("aria-label")).toBe("Actions for parse");
  expect(focused()).toBe("retry");
});

test("the button beside a phase's actions opens the same menu, and Escape gives the focus back to it", async () => {
  const button = shown.find("[data-menu=parse]");
  button.focus();
  button.click();
  await shown.settled();
  shown.press(item("retry"), "Escape");
  await shown.settled();
  expect(menu()).toBeNull();
  expect(document.activeElement).toBe(button);
});

test("keys in the menu: arrows go round, Home and End to the ends, a letter to what begins with it", async () => {
  await open();
  for (const [key, id] of [
    ["ArrowDown", "skip"],
    ["End", "cancel"],
    ["ArrowDown", "retry"],
    ["ArrowUp", "cancel"],
    ["Home", "retry"],
    ["s", "skip"],
    ["s", "skip-value"],
    ["s", "skip"],
  ] as const) {
    shown.press(document.activeElement as Element, key);
    await shown.settled();
    expect(focused()).toBe(id);
  }
  expect(shown.commands()).toEqual([]); // `s` skips only where no menu is open
});

test("the menu says what the entry would do, asked of the kernel once, and again when the session stands otherwise", async () => {
  await open();
  expect(shown.find(".milo-says").textContent).toBe("Runs parse again, then what waits for it.");
  await after(ASK_AFTER_MS);
  expect(shown.asked("preview").map((ask) => ask.args)).toEqual([{ command: "retry", phases: ["parse"], options: {} }]);
  shown.answer("preview", { text: "Runs parse again. Keeps 1 result.", runs: [1], keeps: [0], refused: "" });
  await shown.settled();
  expect(shown.find(".milo-says").textContent).toBe("Runs parse again. Keeps 1 result.");
  shown.say(snapshot(failing, { elapsed: 3 }));
  await after(ASK_AFTER_MS);
  expect(shown.asked("preview").length).toBe(1);
  shown.say(snapshot(failing.map((one) => ({ ...one, attempt: 4 }))));
  await vi.waitFor(() => expect(shown.asked("preview").length).toBe(2), 5_000);
});

test("who only passes over an entry asks nothing", async () => {
  await open();
  shown.press(document.activeElement as Element, "ArrowDown");
  await vi.waitFor(() => expect(shown.asked("preview").map((ask) => ask.args["command"])).toEqual(["skip"]), 5_000);
});

test("an answer that is an error, or cannot be read, is said", async () => {
  await open();
  await after(ASK_AFTER_MS);
  shown.answer("preview", {}, "The session was closed.");
  await shown.settled();
  expect(shown.find(".milo-says").textContent).toBe("The session was closed.");
  shown.press(document.activeElement as Element, "ArrowDown");
  await vi.waitFor(() => expect(shown.asked("preview").length).toBe(2), 5_000);
  shown.answer("preview", { text: 7 });
  await shown.settled();
  expect(shown.find(".milo-says").textContent).toContain("could not be read");
});

test("what cannot be done can be reached, says why, and does nothing", async () => {
  await open();
  shown.press(document.activeElement as Element, "End");
  await shown.settled();
  expect(item("cancel").getAttribute("aria-disabled")).toBe("true");
  expect(shown.find(".milo-says").textContent).toContain("it is failed");
  item("cancel").click();
  await shown.settled();
  expect(menu()).not.toBeNull();
  expect(shown.commands()).toEqual([]);
});

test("an entry gives its command, with its options, and the menu is gone", async () => {
  await open();
  item("retry").click();
  await shown.settled();
  expect(shown.commands()).toMatchObject([{ command: "retry", phases: ["parse"], options: {} }]);
  expect(menu()).toBeNull();
});

test("where other phases were built on one, the menu has two ways to run it again, and names what each leaves alone", () => {
  const phases = [
    phase("load", { status: "completed" }),
    phase("parse", { status: "completed", depends_on: [0] }),
    phase("render", { status: "completed", depends_on: [1] }),
    phase("publish", { depends_on: [2] }),
  ];
  const again = (index: number) =>
    offersFor({ ...INITIAL, connection: "live", session: snapshot(phases) }, phases[index] as (typeof phases)[number])
      .filter(({ command }) => command === "rerun")
      .map(({ text, does, options }) => [text, does, options]);
  expect(again(0)).toEqual([
    ["Rerun, and the 2 built on it", "Runs load again, then parse and render, which were built on it", {}],
    ["Rerun only this phase", "Runs load again; parse and render keep their results, built on the attempt before", { downstream: false }],
  ]);
  expect(again(1)[0]?.[0]).toBe("Rerun, and render");
  expect(again(2)).toEqual([["Rerun", "Runs render again, then what waits for it", {}]]);
});

test("a click elsewhere closes the menu, and so does scrolling away from it", async () => {
  await open();
  document.body.dispatchEvent(new Event("pointerdown", { bubbles: true }));
  await shown.settled();
  expect(menu()).toBeNull();
  await open();
  shown.find(".milo-inspector").dispatchEvent(new Event("scroll")); // a log that follows its end
  await shown.settled();
  expect(menu()).not.toBeNull();
  document.dispatchEvent(new Event("scroll"));
  await shown.settled();
  expect(menu()).toBeNull();
});

test("the button that opened the menu closes it again", async () => {
  const button = shown.find("[data-menu=parse]");
  const click = async () => {
    button.dispatchEvent(new PointerEvent("pointerdown", { bubbles: true }));
    button.click();
    await shown.settled();
  };
  await click();
  expect(menu()).not.toBeNull();
  await click();
  expect(menu()).toBeNull();
  await click();
  expect(menu()).not.toBeNull();
});

test("a button that is gone takes what it said with it", async () => {
  const button = shown.find(".milo-header [data-command=pause]");
  button.dispatchEvent(new PointerEvent("pointerover", { bubbles: true, pointerType: "mouse" }));
  await after(TIP_AFTER_MS);
  expect(shown.find("[role=tooltip]")).toBeTruthy();
  shown.say(snapshot(failing, { status: "completed" }));
  await shown.settled();
  await shown.settled();
  expect(shown.el.querySelector("[role=tooltip]")).toBeNull();
});

test("Skip with value lists what there is, and sends what was chosen", async () => {
  await open();
  item("skip-value").click();
  await shown.settled();
  expect(shown.asked("values").map((ask) => ask.args)).toEqual([{ phase: 1 }]);
  shown.answer("values", {
    earlier: "of session 4be1a90c",
    variables: [
      ["frame", "DataFrame 3 x 2"],
      ["rate", "float 0.5"],
    ],
  });
  await shown.settled();
  const dialog = shown.find('[role="dialog"]');
  expect(dialog.getAttribute("aria-label")).toBe("Skip parse with a value");
  expect(dialog.textContent).toContain("of session 4be1a90c");
  const [, , variable] = dialog.querySelectorAll<HTMLInputElement>("input[type=radio]");
  variable?.dispatchEvent(new Event("input", { bubbles: true }));
  await shown.settled();
  const select = shown.find("select") as HTMLSelectElement;
  select.value = "rate";
  select.dispatchEvent(new Event("input", { bubbles: true }));
  const wish = { command: "skip", phases: ["parse"], options: { value: "variable:rate" } };
  await vi.waitFor(() => expect(shown.asked("preview").at(-1)?.args).toEqual(wish), 5_000);
  shown.find("form").dispatchEvent(new Event("submit", { bubbles: true, cancelable: true }));
  await shown.settled();
  expect(shown.commands()).toMatchObject([{ command: "skip", phases: ["parse"], options: { value: "variable:rate" } }]);
  expect(shown.el.querySelector('[role="dialog"]')).toBeNull();
});

test("Skip with value takes a value as a person types it", async () => {
  await open();
  item("skip-value").click();
  await shown.settled();
  shown.answer("values", { earlier: "", variables: [] });
  await shown.settled();
  const typed = [...shown.el.querySelectorAll<HTMLInputElement>("input[type=radio]")].at(-1);
  typed?.dispatchEvent(new Event("input", { bubbles: true }));
  await shown.settled();
  const field = shown.find("input[type=text]") as HTMLInputElement;
  field.value = "0.95";
  field.dispatchEvent(new Event("input", { bubbles: true }));
  await shown.settled();
  shown.find("form").dispatchEvent(new Event("submit", { bubbles: true, cancelable: true }));
  await shown.settled();
  expect(shown.commands()).toMatchObject([{ command: "skip", phases: ["parse"], options: { value: "literal:0.95" } }]);
});

test("where nothing can stand in but None, the dialog says so; a result that is there is replaced", async () => {
  await open("load");
  item("skip-value").click();
  await shown.settled();
  shown.answer("values", { earlier: "", variables: [] });
  await shown.settled();
  expect(shown.find('[role="dialog"]').textContent).toContain("no other session has saved one");
  shown.find("form").dispatchEvent(new Event("submit", { bubbles: true, cancelable: true }));
  expect(shown.commands()).toMatchObject([{ command: "skip", phases: ["load"], options: { value: "none", replace: true } }]);
});

test("a kernel that cannot tell the values is said, and None can be chosen all the same", async () => {
  await open();
  item("skip-value").click();
  await shown.settled();
  shown.answer("values", {}, "This kernel knows no 'values'.");
  await shown.settled();
  expect(shown.find('[role="dialog"] [role="alert"]').textContent).toContain("knows no");
  shown.press(shown.find('[role="dialog"] input'), "Escape");
  await shown.settled();
  expect(shown.el.querySelector('[role="dialog"]')).toBeNull();
});

test("a button says what it would do under a resting pointer, without a second click, and not in two places", async () => {
  const button = shown.find(".milo-header [data-command=pause]");
  const hint = button.title;
  button.dispatchEvent(new PointerEvent("pointerover", { bubbles: true, pointerType: "mouse" }));
  await after(TIP_AFTER_MS);
  expect(shown.find("[role=tooltip]").textContent).toBe(hint);
  expect([button.title, button.getAttribute("aria-describedby")]).toEqual(["", shown.find("[role=tooltip]").id]);
  await after(ASK_AFTER_MS);
  shown.answer("preview", { text: "Starts nothing new.", runs: [], keeps: [], refused: "" });
  await shown.settled();
  expect(shown.find("[role=tooltip]").textContent).toBe("Starts nothing new.");
  button.dispatchEvent(new PointerEvent("pointerout", { bubbles: true }));
  await shown.settled();
  expect(shown.el.querySelector("[role=tooltip]")).toBeNull();
  expect([button.title, button.hasAttribute("aria-describedby")]).toEqual([hint, false]);
});

test("of a finger, or of a button that is out of order, the kernel is asked nothing", async () => {
  const button = shown.find(".milo-inspector [data-command=cancel]");
  button.dispatchEvent(new PointerEvent("pointerover", { bubbles: true, pointerType: "touch" }));
  await after(TIP_AFTER_MS);
  expect(shown.el.querySelector("[role=tooltip]")).toBeNull();
  button.dispatchEvent(new PointerEvent("pointerover", { bubbles: true, pointerType: "mouse" }));
  await after(TIP_AFTER_MS + ASK_AFTER_MS);
  expect(shown.find("[role=tooltip]").textContent).toContain("Cannot cancel parse");
  expect(shown.asked("preview")).toEqual([]);
});

test("what is offered follows the state of the phase, its session and its owner", () => {
  const offered = (changes: object, session: object = {}) => {
    const one = phase("load", changes);
    const state = { ...INITIAL, connection: "live" as const, session: snapshot([one], session) };
    return offersFor(state, one)
      .filter(({ why }) => !why)
      .map(({ id }) => id);
  };
  expect(offered({ status: "pending" })).toEqual(["skip", "skip-value"]);
  expect(offered({ status: "running" })).toEqual(["skip", "skip-value", "cancel"]);
  expect(offered({ status: "failed" })).toEqual(["retry", "skip", "skip-value"]);
  expect(offered({ status: "completed" })).toEqual(["rerun", "skip-value"]);
  expect(offered({ status: "completed" }, { waiting_for: "load" })).toEqual(["approve", "rerun", "skip-value"]);
  expect(offered({ status: "running" }, { owner: "elsewhere" })).toEqual(["skip", "skip-value", "cancel"]);
  expect(offered({ status: "failed" }, { owner: "nobody", locked: "It is over." })).toEqual([]);
});

test("a phase that changes while its menu is open changes what the menu offers", async () => {
  await open("write");
  vi.waitFor(() => expect(focused()).toBe("skip"));
  shown.say(snapshot(failing.map((one) => (one.name === "write" ? { ...one, status: "running" as const } : one))));
  await shown.settled();
  expect(item("cancel").getAttribute("aria-disabled")).toBe("false");
});

const other = () => snapshot([phase("load"), phase("other")], { session_id: "another" });

test("a menu whose phase another one has taken the place of closes, and gives the focus to the phases", async () => {
  await open();
  shown.say(other());
  await shown.settled();
  expect(menu()).toBeNull();
  expect(document.activeElement).toBe(shown.find("[role=listbox]"));
  shown.say(snapshot(failing, { session_id: "a third" }));
  await shown.settled();
  expect(menu()).toBeNull();
});

test("a menu whose phase is gone closes, and does not come back with the next phase in that place", async () => {
  await open();
  shown.say(snapshot([phase("load")], { session_id: "another" }));
  await shown.settled();
  expect(menu()).toBeNull();
  expect(document.activeElement).toBe(shown.find("[role=listbox]"));
  shown.say(other());
  await shown.settled();
  expect(menu()).toBeNull();
});

test("the question for a value closes when its phase is gone: the value would go to another one", async () => {
  await open();
  item("skip-value").click();
  await shown.settled();
  expect(shown.find('[role="dialog"]')).toBeTruthy();
  shown.say(other());
  await shown.settled();
  expect(shown.el.querySelector('[role="dialog"]')).toBeNull();
  expect(document.activeElement).toBe(shown.find("[role=listbox]"));
});

test("the question for a value says why it can do nothing once the kernel is gone, and does nothing", async () => {
  await open();
  item("skip-value").click();
  await shown.settled();
  shown.model.isBroken = true;
  shown.find('[data-command="cancel"], [data-command="retry-failed"]').click(); // what cannot be sent shows that it is gone
  await shown.settled();
  const before = shown.commands().length;
  const dialog = shown.find('[role="dialog"]');
  expect(dialog.textContent).toContain("The kernel is gone");
  const button = dialog.querySelector<HTMLElement>('[type="submit"]');
  expect(button?.getAttribute("aria-disabled")).toBe("true");
  shown.model.isBroken = false;
  button?.click();
  await shown.settled();
  expect(shown.commands().length).toBe(before);
  expect(shown.find('[role="dialog"]')).toBeTruthy();
});
