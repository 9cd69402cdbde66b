/** A view on a kernel that is in the test's hands. */
import widget from "../src/index";
import type { Phase, Snapshot } from "../src/wire";
import type { FromBrowser } from "../src/wire-browser";
import { type FakeModel, fakeModel } from "./model";
import { snapshot } from "./samples";

export interface Shown {
  readonly model: FakeModel;
  readonly el: HTMLElement;
  find(selector: string): HTMLElement;
  press(target: Element, key: string, more?: KeyboardEventInit): boolean;
  settled(): Promise<void>;
  say(state: Snapshot): void;
  /** The questions of this word that were asked so far. */
  asked(what: string): readonly Extract<FromBrowser, { type: "ask" }>[];
  answer(what: string, body: object, error?: string): void;
  commands(): readonly Extract<FromBrowser, { type: "command" }>[];
  end(): void;
}

/** Shows these phases, or with null a kernel that has not spoken. */
export async function show(phases: readonly Phase[] | null, changes: Partial<Snapshot> = {}): Promise<Shown> {
  const model = fakeModel();
  const el = document.createElement("div");
  document.body.append(el);
  const { initialize, render } = widget();
  const ends = [initialize({ model }), render({ model, el })];
  let seq = 5;
  const of = <T extends FromBrowser["type"]>(type: T) =>
    model.sent.filter((message): message is Extract<FromBrowser, { type: T }> => message.type === type);
  const shown: Shown = {
    model,
    el,
    find(selector) {
      const found = el.querySelector<HTMLElement>(selector);
      if (!found) throw new Error(`no ${selector}`);
      return found;
    },
    press: (target, key, more = {}) =>
      target.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...more })),
    settled: () => new Promise((resolve) => setTimeout(resolve, 20)),
    say(state) {
      model.say({ type: "snapshot", seq, state });
      seq += 1;
    },
    asked: (what) => of("ask").filter((ask) => ask.what === what),
    answer(what, body, error = "") {
      const ask = shown.asked(what).at(-1);
      if (!ask) throw new Error(`nobody asked for ${what}`);
      model.say({ type: "answer", id: ask.id, done: true, error, body });
    },
    commands: () => of("command"),
    end() {
      for (const end of ends.splice(0).reverse()) end();
      el.remove();
    },
  };
  if (phases) shown.say(snapshot(phases, changes));
  await shown.settled();
  return shown;
}
