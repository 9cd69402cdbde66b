/** A model as anywidget hands it out, with the kernel's end in the test's hands. */
import type { Model } from "../src/host";
import { type FromBrowser, parseFromBrowser } from "../src/wire-browser";

export interface FakeModel extends Model {
  readonly sent: FromBrowser[];
  readonly sentByControl: FromBrowser[];
  /** Set by the notebook: the trait changes and its listeners hear of it. */
  change(name: string, value: unknown): void;
  /** The kernel says something. */
  say(message: unknown, buffers?: readonly unknown[]): void;
  listeners(): number;
  saves: number;
  isBroken: boolean;
}

export function fakeModel({ hasControl = false } = {}): FakeModel {
  const listeners = new Map<string, Set<(...args: unknown[]) => void>>();
  const traits = new Map<string, unknown>(
    Object.entries({ snapshot: null, selected_phase: 0, expanded: false, auto_follow: true, comm_id_: "comm-1" }),
  );
  const sentByControl: FromBrowser[] = [];
  const kernel = {
    clientId: "client",
    username: "person",
    sendControlMessage(message: { content: { comm_id: string; data: { method: string; content: unknown } } }) {
      if (message.content.comm_id !== "comm-1" || message.content.data.method !== "custom") throw new Error("not a widget's message");
      sentByControl.push(parseFromBrowser(message.content.data.content, ""));
    },
  };
  const emit = (event: string, ...args: unknown[]) => {
    for (const listener of [...(listeners.get(event) ?? [])]) listener(...args);
  };
  const model: FakeModel = {
    sent: [],
    sentByControl,
    saves: 0,
    isBroken: false,
    widget_manager: hasControl ? { kernel } : {},
    get: (name) => traits.get(name),
    set: (name, value) => traits.set(name, value),
    save_changes() {
      model.saves += 1;
    },
    send(content) {
      if (model.isBroken) throw new Error("comm is closed");
      model.sent.push(parseFromBrowser(content, ""));
    },
    on: (event, callback) => listeners.set(event, (listeners.get(event) ?? new Set()).add(callback)),
    off: (event, callback) => listeners.get(event)?.delete(callback),
    change(name, value) {
      traits.set(name, value);
      emit(`change:${name}`);
    },
    say: (message, buffers) => emit("msg:custom", message, buffers),
    listeners: () => [...listeners.values()].reduce((sum, set) => sum + set.size, 0),
  };
  return model;
}
