/**
 * The keyboard: the view's own keys, and peace from the notebook's.
 *
 * JupyterLab and Notebook 7 look for `data-lm-suppress-shortcuts` on the focused element itself, before any handler of
 * ours runs. So a capture listener on the window sets it for plain keys and lifts it for the likes of Ctrl+S.
 */
import { permitPhase, permitSession } from "../state/selectors";
import type { Port } from "../state/store";

export const VIEWS = ["graph", "timeline", "list"] as const;
export type ViewName = (typeof VIEWS)[number];

export interface KeyTargets {
  readonly root: HTMLElement;
  readonly port: Port;
  showView(name: ViewName): void;
  toggleHelp(): void;
}

export const KEY_HELP: Readonly<Record<string, string>> = {
  "← → ↑ ↓": "select, along the edges",
  Enter: "open the selected phase",
  "Esc q": "close it",
  "g G": "first, last phase",
  "1 2 3": "graph, timeline, list",
  r: "retry the selected phase",
  s: "skip it",
  p: "pause, resume",
  c: "cancel the open phase, else the pipeline",
  f: "follow the log",
  "/": "find in the log",
  "+ - 0": "zoom, fit (or Ctrl+wheel)",
  "?": "these keys",
};

export function listenToKeys(targets: KeyTargets, signal: AbortSignal): void {
  const { root } = targets;
  const isPlain = (event: KeyboardEvent) => !event.ctrlKey && !event.metaKey && !event.altKey;
  window.addEventListener(
    "keydown",
    (event) => {
      const { target } = event;
      if (target instanceof Element && root.contains(target)) target.toggleAttribute("data-lm-suppress-shortcuts", isPlain(event));
    },
    { capture: true, signal },
  );
  root.addEventListener(
    "keydown",
    (event) => {
      if (!isPlain(event) || event.target instanceof HTMLInputElement || !act(event.key, targets)) return;
      event.preventDefault();
      event.stopPropagation();
    },
    { signal },
  );
}

/** True if the key is one of ours. */
function act(key: string, { root, port, showView, toggleHelp }: KeyTargets): boolean {
  const state = port.state.peek();
  const { session, choice } = state;
  const phase = session?.phases[choice.selected];
  const give = (permit: string, send: () => void) => (permit ? port.refuse(permit) : send());
  const onPhase = (command: "retry" | "skip" | "cancel") =>
    phase && give(permitPhase(state, command, phase), () => port.command(command, [phase.name]));
  const onSession = (command: "pause" | "resume" | "cancel") => give(permitSession(state, command), () => port.command(command));
  const keys: Readonly<Record<string, () => void>> = {
    1: () => showView("graph"),
    2: () => showView("timeline"),
    3: () => showView("list"),
    "?": toggleHelp,
    q: () => {
      port.setExpanded(false);
      root.querySelector<HTMLElement>("[role=listbox]")?.focus();
    },
    f: () => port.setFollow(!choice.follow),
    "/": () => root.querySelector<HTMLElement>("input")?.focus(),
    r: () => onPhase("retry"),
    s: () => onPhase("skip"),
    p: () => onSession(permitSession(state, "resume") ? "pause" : "resume"),
    c: () => (choice.expanded ? onPhase("cancel") : onSession("cancel")),
  };
  const does = Object.hasOwn(keys, key) ? keys[key] : key === "Escape" && choice.expanded ? keys["q"] : undefined;
  does?.();
  return does !== undefined;
}
