/**
 * Pan by drag, zoom by ctrl/cmd+wheel, which is also what a trackpad's pinch sends.
 *
 * The rules: a plain wheel goes on scrolling the notebook; a press that moves less than 4 px stays a click, and a drag
 * is never one.
 */
export interface Transform {
  readonly x: number;
  readonly y: number;
  readonly k: number;
}

export const MIN_ZOOM = 0.01;
export const MAX_ZOOM = 2;
const DRAG_FROM_PX = 4;

/** The transform that zooms to `k` and keeps the point (px, py) of the viewport where it is. */
export function zoomAt(view: Transform, k: number, px: number, py: number): Transform {
  const to = Math.min(MAX_ZOOM, Math.max(MIN_ZOOM, k));
  return { k: to, x: px - ((px - view.x) * to) / view.k, y: py - ((py - view.y) * to) / view.k };
}

export function panZoom(element: HTMLElement, get: () => Transform, set: (next: Transform) => void, signal: AbortSignal): void {
  let from: { readonly x: number; readonly y: number; readonly view: Transform } | null = null;
  let isDrag = false;
  element.addEventListener(
    "wheel",
    (event) => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      const box = element.getBoundingClientRect();
      const view = get();
      set(
        zoomAt(
          view,
          view.k * Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.005)),
          event.clientX - box.left,
          event.clientY - box.top,
        ),
      );
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
}
