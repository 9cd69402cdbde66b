/** Notices that a person scrolls, marks or types in a view, so that nothing opens itself in front of them. */
import type { Deed } from "../../state/attention";
import type { Port } from "../../state/store";

/** As often as a person is asked after: each time is a new state for all views. */
const AT_MOST_EVERY_MS = 2_000;
const SCROLLS = new Set(["PageUp", "PageDown", "ArrowUp", "ArrowDown", "Home", "End"]);

export function watchAttention(root: HTMLElement, port: Port, signal: AbortSignal): void {
  const told: Partial<Record<Deed, number>> = {};
  const tell = (deed: Deed) => {
    const now = performance.now();
    if (now - (told[deed] ?? Number.NEGATIVE_INFINITY) < AT_MOST_EVERY_MS) return;
    told[deed] = now;
    port.attend(deed);
  };
  const quietly = { capture: true, passive: true, signal } as const;
  const isInside = (node: EventTarget | null) => node instanceof Element && node.closest(".milo-inspector") !== null;
  const onMove = (event: Event) => {
    if (isInside(event.target)) tell("scrolled");
  };
  root.addEventListener("wheel", onMove, quietly);
  root.addEventListener("touchmove", onMove, quietly);
  root.addEventListener("input", () => tell("typed"), quietly);
  root.addEventListener(
    "keydown",
    ({ target, key }) => {
      if (target instanceof HTMLInputElement) tell("typed");
      else if (SCROLLS.has(key) && isInside(target)) tell("scrolled");
    },
    quietly,
  );
  document.addEventListener(
    "selectionchange",
    () => {
      const selection = document.getSelection();
      const node = selection?.isCollapsed ? null : (selection?.anchorNode ?? null);
      if (node && root.contains(node)) tell("scrolled");
    },
    { signal },
  );
}
