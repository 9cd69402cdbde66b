/**
 * Pan by drag and by wheel, zoom by ctrl/cmd+wheel (which is also what a trackpad's pinch sends) and double click.
 *
 * The rules: a press that moves less than 4 px stays a click, and a drag is never one. A wheel pans as a scroll box
 * would: as far as there is something to see, else the page scrolls; who began to do one of them goes on with it.
 */
export interface Transform {
  readonly x: number;
  readonly y: number;
  readonly k: number;
}

export const MIN_ZOOM = 0.01;
export const MAX_ZOOM = 2;
const DRAG_FROM_PX = 4;
/** Wheel events nearer to each other than this are one gesture. */
const GESTURE_MS = 250;
const LINE_PX = 18;

/** The transform that zooms to `k` and keeps the point (px, py) of the viewport where it is. */
export function zoomAt(view: Transform, k: number, px: number, py: number): Transform {
  const to = Math.min(MAX_ZOOM, Math.max(MIN_ZOOM, k));
  return { k: to, x: px - ((px - view.x) * to) / view.k, y: py - ((py - view.y) * to) / view.k };
}

/** Where a picture of `size` begins along one axis after the wheel: nothing but `pad` comes into sight beyond its ends. */
export function scrolled(at: number, by: number, size: number, sight: number, pad: number): number {
  const end = sight - size - pad;
  return end >= pad - 1 ? at : Math.min(Math.max(at - by, Math.min(end, at)), Math.max(pad, at));
}

/** Where it may begin at all: some of it stays in sight. */
export function held(at: number, size: number, sight: number): number {
  const some = Math.min(60, size);
  return Math.min(Math.max(at, some - size), sight - some);
}

interface Moves {
  readonly get: () => Transform;
  readonly set: (next: Transform) => void;
  /** Where the wheel leads: the same transform where there is nothing more to see. */
  readonly scroll: (dx: number, dy: number) => Transform;
}

export function panZoom(element: HTMLElement, { get, set, scroll }: Moves, signal: AbortSignal): void {
  let from: { readonly x: number; readonly y: number; readonly view: Transform } | null = null;
  let isDrag = false;
  let isOurs = false;
  let wheeledAt = -GESTURE_MS;
  const zoomTo = (event: MouseEvent, k: number) => {
    const box = element.getBoundingClientRect();
    set(zoomAt(get(), k, event.clientX - box.left, event.clientY - box.top));
  };
  const noteWheel = ({ timeStamp }: Event): boolean => {
    const isNew = timeStamp - wheeledAt > GESTURE_MS;
    wheeledAt = timeStamp;
    return isNew;
  };
  window.addEventListener(
    "wheel",
    (event) => {
      if (!element.contains(event.target as Node) && noteWheel(event)) isOurs = false;
    },
    { passive: true, capture: true, signal },
  );
  element.addEventListener(
    "wheel",
    (event) => {
      const isNew = noteWheel(event);
      const unit = event.deltaMode ? LINE_PX : 1;
      const view = get();
      if (event.ctrlKey || event.metaKey) {
        event.preventDefault();
        isOurs = true;
        zoomTo(event, view.k * Math.exp(-event.deltaY * unit * 0.005));
        return;
      }
      const next = scroll(event.deltaX * unit, event.deltaY * unit);
      const isMoved = next.x !== view.x || next.y !== view.y;
      if (isNew) isOurs = isMoved;
      if (!isOurs) return;
      event.preventDefault();
      if (isMoved) set(next);
    },
    { passive: false, signal },
  );
  element.addEventListener(
    "pointerdown",
    (event) => {
      isDrag = false;
      if (event.button === 0) from = { x: event.clientX, y: event.clientY, view: get() };
    },
    { signal },
  );
  element.addEventListener(
    "pointermove",
    (event) => {
      if (!from) return;
      const dx = event.clientX - from.x;
      const dy = event.clientY - from.y;
      if (!isDrag && Math.hypot(dx, dy) < DRAG_FROM_PX) return;
      if (!isDrag) element.setPointerCapture(event.pointerId);
      isDrag = true;
      set({ ...from.view, x: from.view.x + dx, y: from.view.y + dy });
    },
    { signal },
  );
  const end = () => {
    from = null;
  };
  element.addEventListener("pointerup", end, { signal });
  element.addEventListener("pointercancel", end, { signal });
  element.addEventListener("click", (event) => isDrag && event.stopPropagation(), { capture: true, signal });
  element.addEventListener("dblclick", (event) => zoomTo(event, Math.max(1, get().k)), { signal });
}
