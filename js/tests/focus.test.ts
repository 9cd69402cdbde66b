// @vitest-environment happy-dom
import { afterEach, beforeEach, expect, test } from "vitest";
import { failing, phase, snapshot } from "./samples";
import { type Shown, show } from "./shown";

let shown: Shown;
beforeEach(async () => {
  shown = await show(failing);
});
afterEach(() => shown.end());

test("the focus of a control that goes away comes to the phases, so that keys go on to work", async () => {
  shown.model.say({ type: "nonsense" });
  await shown.settled();
  const dismiss = shown.find('[aria-label="Dismiss"]');
  dismiss.focus();
  dismiss.click();
  await shown.settled();
  expect(dismiss.isConnected).toBe(false);
  expect(document.activeElement).toBe(shown.find("[role=listbox]"));
});

test("the focus of whoever is elsewhere in the page stays there, whatever goes away in the view", async () => {
  const elsewhere = document.createElement("input");
  document.body.append(elsewhere);
  shown.model.say({ type: "nonsense" });
  await shown.settled();
  elsewhere.focus();
  shown.find('[aria-label="Dismiss"]').click();
  shown.say(snapshot([phase("other")], { session_id: "another" }));
  await shown.settled();
  expect(document.activeElement).toBe(elsewhere);
  elsewhere.remove();
});
