// @vitest-environment happy-dom
import { afterEach, expect, test } from "vitest";
import { failing, phase, snapshot } from "./samples";
import { type Shown, show } from "./shown";

let shown: Shown;
afterEach(() => shown.end());
const graph = () => shown.find("[role=listbox]");
const given = () => shown.commands().map(({ command, phases }) => [command, ...phases].join(" "));

test.each([
  ["r", failing, "retry parse"],
  ["s", failing, "skip parse"],
  ["p", failing, "pause"],
  ["r", [phase("load", { status: "completed" })], "rerun load"],
])("%s acts on what is selected", async (key, phases, command) => {
  shown = await show(phases);
  shown.press(graph(), key);
  expect(given()).toEqual([command]);
});

test("c cancels the phase that is open, else the pipeline", async () => {
  shown = await show([phase("load", { status: "running", started_at: 11 })]);
  shown.press(graph(), "c");
  shown.press(graph(), "Enter");
  await shown.settled();
  shown.press(graph(), "c");
  expect(given()).toEqual(["cancel", "cancel load"]);
});

test("a approves what waits for review, and says so where nothing does", async () => {
  shown = await show([phase("load", { status: "completed" })]);
  shown.press(graph(), "a");
  await shown.settled();
  expect(shown.find("[role=alert]").textContent).toContain("Nothing waits for approval.");
  shown.say(snapshot([phase("load", { status: "completed" })], { status: "paused", waiting_for: "load" }));
  await shown.settled();
  shown.press(graph(), "a");
  expect(given()).toEqual(["approve load"]);
});

test("p while a review waits says why nothing goes on", async () => {
  shown = await show([phase("load", { status: "completed" })], { status: "paused", waiting_for: "load" });
  shown.press(graph(), "p");
  await shown.settled();
  expect(shown.find("[role=alert]").textContent).toContain("waits for your approval");
});

test("a key that is held down, or pressed again before the kernel has answered, is one command", async () => {
  shown = await show(failing);
  shown.press(graph(), "r");
  shown.press(graph(), "r", { repeat: true });
  shown.press(graph(), "r");
  expect(given()).toEqual(["retry parse"]);
});

test("? shows the keys in a dialog with the focus in it, which Escape closes, and the focus is back", async () => {
  shown = await show(failing);
  graph().focus();
  shown.press(graph(), "?");
  await shown.settled();
  const dialog = shown.find('[role="dialog"]');
  expect(dialog.getAttribute("aria-label")).toBe("Keys");
  expect(dialog.contains(document.activeElement)).toBe(true);
  shown.press(document.activeElement as Element, "r"); // no command while the keys are read
  shown.press(document.activeElement as Element, "Escape");
  await shown.settled();
  expect(shown.el.querySelector('[role="dialog"]')).toBeNull();
  expect(document.activeElement).toBe(graph());
  expect(given()).toEqual([]);
  expect(shown.model.get("expanded")).toBe(true); // Escape closed the dialog, and not the phase behind it
});

test("each time the focus goes back to where it came from", async () => {
  shown = await show(failing);
  for (const from of ["[data-menu=parse]", "[role=listbox]", "[data-count=failed]"]) {
    shown.find(from).focus();
    shown.press(shown.find(from), "?");
    await shown.settled();
    shown.press(document.activeElement as Element, "Escape");
    await shown.settled();
    expect(document.activeElement).toBe(shown.find(from));
  }
});

test("Escape closes the open phase, and with nothing open goes back to the notebook", async () => {
  const notebook = document.createElement("div");
  notebook.className = "jp-Notebook";
  notebook.tabIndex = -1;
  document.body.append(notebook);
  shown = await show(failing);
  notebook.append(shown.el);
  graph().focus();
  shown.press(graph(), "Escape");
  await shown.settled();
  expect(shown.model.get("expanded")).toBe(false);
  expect(document.activeElement).toBe(graph());
  shown.press(graph(), "Escape");
  expect(document.activeElement).toBe(notebook);
  notebook.remove();
});

test("Ctrl+A in the view chooses nothing in the notebook behind it, and all of the text in a field", async () => {
  shown = await show(failing);
  let heard = 0;
  const hear = () => {
    heard += 1;
  };
  document.addEventListener("keydown", hear);
  for (const held of [{ ctrlKey: true }, { metaKey: true }]) {
    expect(shown.press(graph(), "a", held)).toBe(false);
    expect(graph().hasAttribute("data-lm-suppress-shortcuts")).toBe(true);
  }
  expect(heard).toBe(0);
  const field = document.createElement("input");
  graph().append(field);
  expect(shown.press(field, "a", { ctrlKey: true })).toBe(true);
  expect(field.hasAttribute("data-lm-suppress-shortcuts")).toBe(true);
  expect(given()).toEqual([]);
  document.removeEventListener("keydown", hear);
});

test("keys with Ctrl, Alt or Meta are the host's", async () => {
  shown = await show(failing);
  for (const held of [{ ctrlKey: true }, { altKey: true }, { metaKey: true }])
    for (const key of ["r", "s", "p", "c", ".", "?"]) expect(shown.press(graph(), key, held)).toBe(true);
  expect(given()).toEqual([]);
});
