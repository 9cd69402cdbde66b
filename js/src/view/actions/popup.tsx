/** A box above all else in the window, beside what it is about; no part of the notebook cuts it off. */
import type { Child } from "../../dom/h";
import { useEffect, useRef } from "../../dom/hooks";
import { whenResized } from "../../dom/lasting";

/** Where it belongs: a rectangle of the window; of a point, an empty one. */
export interface Spot {
  readonly left: number;
  readonly top: number;
  readonly bottom: number;
}

interface Props {
  readonly at: Spot | null;
  readonly kind: string;
  readonly role?: string;
  readonly label?: string;
  readonly id?: string;
  readonly isModal?: boolean;
  readonly children?: Child;
  /** A click elsewhere, Escape, and unless it is modal what scrolls away. */
  readonly onClose: () => void;
  readonly onKey?: (event: KeyboardEvent) => void;
}

const GAP = 4;
const TABBABLE = "button:not([tabindex='-1']), input:not([disabled]), select:not([disabled]), [tabindex='0']";

export function Popup({ at, kind, role, label, id, isModal = false, children, onClose, onKey }: Props) {
  const box = useRef<HTMLDivElement | null>(null);
  useEffect(
    (ending) => {
      const element = box.current;
      if (!element) return;
      element.showPopover?.();
      whenResized(element, ending, () => place(element, at));
      const close = (event: Event) => {
        const { target } = event;
        if (!(target instanceof Node) || element.contains(target)) return;
        // A log that follows its end scrolls too: what counts is what takes the place away that this belongs to.
        if (event.type === "scroll" && !target.contains(element)) return;
        if (event.type === "pointerdown" && (isModal || (target as Element).closest?.("[data-menu]"))) swallowClick();
        onClose();
      };
      window.addEventListener("pointerdown", close, { capture: true, signal: ending });
      window.addEventListener("resize", () => place(element, at), { signal: ending });
      // From the next frame on: what was scrolled before it opened is told later, and takes nothing away.
      const followScroll = () => window.addEventListener("scroll", close, { capture: true, passive: true, signal: ending });
      if (!isModal) requestAnimationFrame(followScroll);
    },
    [at],
  );
  const onKeyDown = (event: KeyboardEvent & { currentTarget: HTMLDivElement }) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    event.stopPropagation(); // what is typed here means nothing to the view behind
    onKey?.(event);
    if (event.key === "Escape") {
      event.preventDefault();
      onClose();
    } else if (event.key === "Tab" && isModal) keepInside(event);
  };
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions lint/a11y/useAriaPropsSupportedByRole: the role is the caller's
    <div
      ref={box}
      id={id}
      class="milo-popup"
      data-kind={kind}
      popover="manual"
      role={role}
      aria-modal={isModal || undefined}
      aria-label={label}
      onKeyDown={onKeyDown}
    >
      {children}
    </div>
  );
}

/** The click that closes it does nothing else: what opened it would open it again. */
function swallowClick(): void {
  const gesture = new AbortController();
  const listening = { capture: true, signal: gesture.signal };
  window.addEventListener("pointerdown", () => gesture.abort(), listening);
  window.addEventListener(
    "click",
    (event) => {
      event.stopPropagation();
      gesture.abort();
    },
    listening,
  );
}

/** Below what it is about, else above; where neither has room, wherever it is seen whole. */
function place(element: HTMLElement, at: Spot | null): void {
  const { width, height } = element.getBoundingClientRect();
  const right = Math.max(GAP, window.innerWidth - width - GAP);
  const lowest = Math.max(GAP, window.innerHeight - height - GAP);
  const below = at ? at.bottom + GAP : lowest / 2;
  const top = below <= lowest || !at ? below : at.top - height - GAP;
  element.style.left = `${Math.min(Math.max(at ? at.left : right / 2, GAP), right)}px`;
  element.style.top = `${Math.min(Math.max(top, GAP), lowest)}px`;
}

/** From the last control on to the first, and back. */
function keepInside(event: KeyboardEvent & { currentTarget: HTMLDivElement }): void {
  const all = [...event.currentTarget.querySelectorAll<HTMLElement>(TABBABLE)].filter((one) => one.tabIndex >= 0);
  const [from, to] = event.shiftKey ? [all[0], all.at(-1)] : [all.at(-1), all[0]];
  if (document.activeElement !== from && all.includes(document.activeElement as HTMLElement)) return;
  event.preventDefault();
  to?.focus();
}
