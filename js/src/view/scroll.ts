/**
 * The arithmetic of a window of fixed rows over any length. Pure.
 *
 * Browsers ignore heights beyond some 18 million pixels, so the spacer is capped. Below the cap a pixel is a pixel.
 * Beyond it small steps of the scroll bar still move 1:1, and a drag of the thumb moves in proportion.
 */
export const MOST_SPACER_PX = 8_000_000;

export interface Extent {
  readonly count: number;
  readonly rowHeight: number;
  readonly viewport: number;
}

export interface Scroll {
  /** Pixels from the first row's top to the window's, as if there were no cap. */
  readonly virtual: number;
  /** The scroll bar's position. */
  readonly top: number;
}

export const spacerHeight = (extent: Extent): number => Math.min(MOST_SPACER_PX, extent.count * extent.rowHeight);
const furthest = (extent: Extent): number => Math.max(0, extent.count * extent.rowHeight - extent.viewport);
const furthestTop = (extent: Extent): number => Math.max(0, spacerHeight(extent) - extent.viewport);

/** The scroll bar stands at `top` now. If the result's `top` differs, the bar must be put there. */
export function scrolled(before: Scroll, top: number, extent: Extent): Scroll {
  const most = furthest(extent);
  const mostTop = furthestTop(extent);
  if (most === mostTop) return { virtual: clamp(top, most), top };
  if (top <= 0) return { virtual: 0, top };
  if (top >= mostTop - 1) return { virtual: most, top };
  const step = top - before.top;
  if (Math.abs(step) > extent.viewport * 3) return { virtual: (top / mostTop) * most, top };
  const virtual = clamp(before.virtual + step, most);
  const should = (virtual / most) * mostTop;
  return Math.abs(should - top) > extent.viewport * 20 ? { virtual, top: should } : { virtual, top };
}

/** Puts the window's top at a pixel of the whole. */
export function scrollTo(virtual: number, extent: Extent): Scroll {
  const most = furthest(extent);
  const at = clamp(virtual, most);
  return { virtual: at, top: most === 0 ? 0 : (at / most) * furthestTop(extent) };
}

export function isAtEnd(scroll: Scroll, extent: Extent, within = extent.rowHeight * 2): boolean {
  return furthest(extent) - scroll.virtual <= within;
}

/** Rows [first, last) that touch the window, and where the first one's top lies against the window's; never beyond the end. */
export function inSight(scroll: Scroll, extent: Extent): { readonly first: number; readonly last: number; readonly offset: number } {
  const virtual = Math.min(scroll.virtual, furthest(extent));
  const first = Math.floor(virtual / extent.rowHeight);
  const last = Math.min(extent.count, Math.ceil((virtual + extent.viewport) / extent.rowHeight) + 1);
  return { first, last, offset: first * extent.rowHeight - virtual };
}

const clamp = (value: number, most: number): number => Math.min(most, Math.max(0, value));
