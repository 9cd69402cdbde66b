/**
 * The keyboard: the view's own keys, and peace from the notebook's.
 *
 * JupyterLab and Notebook 7 look for `data-lm-suppress-shortcuts` on the focused element itself, before any handler of
 * ours runs. So a capture listener on the window sets it for plain keys and lifts it for the likes of Ctrl+S; but Ctrl+A, which
 * would choose all cells of the notebook behind the view, stays here.
 */
import type { Port } from "../state/store";
import { useMore } from "./lazy";

export const VIEWS = ["graph", "timeline", "list"] as const;
export type ViewName = (typeof VIEWS)[number];

export interface KeyTargets {
  readonly root: HTMLElement;
  readonly port: Port;
  showView(name: ViewName): void;
  toggleHelp(): void;
}

export function listenToKeys(targets: KeyTargets, signal: AbortSignal): void {
  const { root } = targets;
  const isPlain = (event: KeyboardEvent) => !event.ctrlKey && !event.metaKey && !event.altKey;
  const isSelectAll = (event: KeyboardEvent) => !isPlain(event) && /^a$/i.test(event.key);
  window.addEventListener(
    "keydown",
    (event) => {
      const { target } = event;
      if (target instanceof Element && root.contains(target))
        target.toggleAttribute("data-lm-suppress-shortcuts", isPlain(event) || isSelectAll(event));
    },
    { capture: true, signal },
  );
  root.addEventListener(
    "keydown",
    (event) => {
      const isTyped = event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement;
      if (isTyped || !(isSelectAll(event) || (isPlain(event) && !event.repeat && useMore(targets.port)?.act(event.key, targets)))) return;
      event.preventDefault();
      event.stopPropagation();
    },
    { signal },
  );
}
