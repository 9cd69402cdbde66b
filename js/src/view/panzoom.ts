/**
 * Pan by drag or one finger, zoom by ctrl/cmd+wheel (a trackpad's pinch) or two fingers.
 *
 * The rules: a plain wheel goes on scrolling the notebook; a press that moves less than 4 px stays a click.
 */
export interface Transform {
  readonly x: number;
  readonly y: number;
  readonly k: number;
}

export const MIN_ZOOM = 0.02;
export const MAX_ZOOM = 2;
const DRAG_FROM_PX = 4;

/** The transform that zooms to `k` and keeps the point (px, py) of the viewport where it is. */
export function zoomAt(view: Transform, k: number, px: number, py: number): Transform {
  const to = Math.min(MAX_ZOOM, Math.max(MIN_ZOOM, k));
  return { k: to, x: px - ((px - view.x) * to) / view.k, y: py - ((py - view.y) * to) / view.k };
}

export function panZoom(element: HTMLElement, get: () => Transform, set: (next: Transform) => void, signal: AbortSignal): void {
  const pointers = new Map<number, readonly [number, number]>();
  const place = (event: MouseEvent): readonly [number, number] => {
    const box = element.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };

  element.addEventListener(
    "wheel",
    (event) => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      const [x, y] = place(event);
      const view = get();
      set(zoomAt(view, view.k * Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.005)), x, y));
    },
    { passive: false, signal },
  );
  element.addEventListener(
    "pointerdown",
    (event) => {
      if (event.button === 0) pointers.set(event.pointerId, place(event));
    },
    { signal },
  );
  element.addEventListener(
    "pointermove",
    (event) => {
      const before = pointers.get(event.pointerId);
      if (!before) return;
      const now = place(event);
      const view = get();
      const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
      if (other) {
        const was = Math.hypot(before[0] - other[0], before[1] - other[1]);
        const is = Math.hypot(now[0] - other[0], now[1] - other[1]);
        pointers.set(event.pointerId, now);
        if (was > 0) set(zoomAt(view, (view.k * is) / was, (now[0] + other[0]) / 2, (now[1] + other[1]) / 2));
        return;
      }
      if (!element.hasPointerCapture(event.pointerId)) {
        if (Math.hypot(now[0] - before[0], now[1] - before[1]) < DRAG_FROM_PX) return;
        element.setPointerCapture(event.pointerId); // from here on it is a drag: the click goes to the viewport, not to a phase
      }
      pointers.set(event.pointerId, now);
      set({ ...view, x: view.x + now[0] - before[0], y: view.y + now[1] - before[1] });
    },
    { signal },
  );
  for (const type of ["pointerup", "pointercancel", "lostpointercapture"] as const) {
    element.addEventListener(type, (event) => pointers.delete(event.pointerId), { signal });
  }
}
