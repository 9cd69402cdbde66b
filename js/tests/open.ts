/** Opens the whole view at one of its tabs, as a person would. */
import widget from "../src/index";
import type { Phase } from "../src/wire";
import { type FakeModel, fakeModel } from "./model";
import { snapshot } from "./samples";

export const settled = () => new Promise((resolve) => setTimeout(resolve, 20));
let endings: (() => void)[] = [];

export interface Opened {
  readonly el: HTMLElement;
  readonly model: FakeModel;
  find(selector: string): HTMLElement;
}

export async function openView(tab: "graph" | "timeline" | "list", phases: readonly Phase[], changes = {}): Promise<Opened> {
  const model = fakeModel();
  const el = document.createElement("div");
  document.body.append(el);
  const made = widget();
  endings.push(made.initialize({ model }), made.render({ model, el }));
  model.say({ type: "snapshot", seq: 5, state: snapshot(phases, changes) });
  await settled();
  const find = (selector: string) => {
    const found = el.querySelector<HTMLElement>(selector);
    if (!found) throw new Error(`no ${selector}`);
    return found;
  };
  find(`[data-tab="${tab}"]`).click();
  await settled();
  return { el, model, find };
}

/** To be called after each test. */
export function endViews() {
  for (const end of endings.reverse()) end();
  endings = [];
  document.body.replaceChildren();
}

export function press(target: Element, key: string, more: KeyboardEventInit = {}) {
  return target.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...more }));
}
