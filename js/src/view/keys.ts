/**
 * The keyboard: the view's own keys, and peace from the notebook's.
 *
 * JupyterLab and Notebook 7 look for `data-lm-suppress-shortcuts` on the focused element itself, before any handler of
 * ours runs. So a capture listener on the window sets it for plain keys and lifts it for the likes of Ctrl+S.
 */
import { permitPhase, permitSession } from "../state/selectors";
import type { Port } from "../state/store";

const SUPPRESS = "data-lm-suppress-shortcuts";

export const VIEWS = ["graph", "timeline", "list"] as const;
export type ViewName = (typeof VIEWS)[number];

export interface KeyTargets {
  readonly root: HTMLElement;
  readonly port: Port;
  showView(name: ViewName): void;
  toggleHelp(): void;
}

export const KEY_HELP: readonly (readonly [string, string])[] = [
  ["← → ↑ ↓", "select a phase, along the edges"],
  ["Enter", "open the selected phase"],
  ["Esc, q", "close the inspector"],
  ["Home g, End G", "first, last phase"],
  ["1 2 3", "graph, timeline, list"],
  ["r", "retry the selected phase"],
  ["s", "skip the selected phase"],
  ["p", "pause, resume"],
  ["c", "cancel the open phase, or the pipeline if none is open"],
  ["f", "follow the log's end"],
  ["/", "find in the log"],
  ["+ - 0", "zoom in, out, fit (or Ctrl+wheel)"],
  ["?", "these keys"],
];

export function listenToKeys(targets: KeyTargets, signal: AbortSignal): void {
  const { root } = targets;
  window.addEventListener(
    "keydown",
    (event) => {
      const { target } = event;
      if (!(target instanceof Element) || !root.contains(target)) return;
      const isPlain = !event.ctrlKey && !event.metaKey && !event.altKey;
      target.toggleAttribute(SUPPRESS, isPlain);
    },
    { capture: true, signal },
  );
  root.addEventListener(
    "keydown",
    (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
      if (!act(event.key, targets)) return;
      event.preventDefault();
      event.stopPropagation();
    },
    { signal },
  );
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement;
}

function act(key: string, { root, port, showView, toggleHelp }: KeyTargets): boolean {
  const state = port.state.peek();
  const { session, choice } = state;
  const phase = session?.phases[choice.selected];
  const onPhase = (command: "retry" | "skip" | "cancel") => {
    if (!phase) return;
    const permit = permitPhase(state, command, phase);
    if (permit.ok) port.command(command, [phase.name]);
    else port.refuse(permit.why);
  };
  const onSession = (command: "pause" | "resume" | "cancel") => {
    const permit = permitSession(state, command);
    if (permit.ok) port.command(command);
    else port.refuse(permit.why);
  };
  switch (key) {
    case "1":
    case "2":
    case "3":
      showView(VIEWS[Number(key) - 1] ?? "graph");
      return true;
    case "?":
      toggleHelp();
      return true;
    case "Escape":
    case "q":
      if (!choice.expanded) return false;
      port.setExpanded(false);
      root.querySelector<HTMLElement>('[role="listbox"]')?.focus();
      return true;
    case "f":
      port.setFollow(!choice.follow);
      return true;
    case "/":
      root.querySelector<HTMLElement>(".milo-find")?.focus();
      return true;
    case "r":
      onPhase("retry");
      return true;
    case "s":
      onPhase("skip");
      return true;
    case "p":
      onSession(session?.status === "paused" || session?.requested === "pausing" ? "resume" : "pause");
      return true;
    case "c":
      if (choice.expanded) onPhase("cancel");
      else onSession("cancel");
      return true;
    default:
      return false;
  }
}
