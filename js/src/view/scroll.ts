/**
 * The arithmetic of a window of rows over any length. Pure.
 *
 * Browsers ignore heights beyond some 18 million pixels, so the spacer is capped. Below the cap a pixel is a pixel.
 * Beyond it small steps of the scroll bar still move 1:1, and a drag of the thumb moves in proportion.
 *
 * Rows are of one height as far as the bar goes. Where rows are wrapped, those in sight have heights of their own: then a
 * place within a row is a share of it, small steps still move 1:1, and the bar is put where it belongs when it must be.
 */
export const MOST_SPACER_PX = 8_000_000;
/** A step of the bar over more than so many windows is a drag of its thumb. */
const DRAG = 3;

export interface Extent {
  readonly count: number;
  readonly rowHeight: number;
  readonly viewport: number;
  /** What rows are really high. */
  readonly heightOf?: ((row: number) => number) | undefined;
}

export interface Scroll {
  /** Pixels from the first row's top to the window's, as if there were no cap and all rows had one height. */
  readonly virtual: number;
  /** The scroll bar's position. */
  readonly top: number;
}

export function spacerHeight(extent: Extent): number {
  const plain = Math.min(MOST_SPACER_PX, extent.count * extent.rowHeight);
  return extent.heightOf && furthest(extent) > 0 ? Math.max(plain, extent.viewport * DRAG) : plain; // few rows, but high ones
}
function furthest(extent: Extent): number {
  const { count, rowHeight, viewport, heightOf } = extent;
  if (!heightOf) return Math.max(0, count * rowHeight - viewport);
  let row = count;
  let room = viewport;
  while (row > 0 && room > 0) room -= heightOf(--row);
  return room > 0 ? 0 : (row - room / heightOf(row)) * rowHeight;
}

/** Moves by pixels as they are seen. */
function moved(virtual: number, step: number, { count, rowHeight, heightOf }: Extent): number {
  if (!heightOf) return virtual + step;
  let row = Math.min(count - 1, Math.floor(virtual / rowHeight));
  let left = step + (virtual / rowHeight - row) * heightOf(row);
  while (left < 0 && row > 0) left += heightOf(--row);
  while (row < count - 1 && left >= heightOf(row)) left -= heightOf(row++);
  return (row + left / heightOf(row)) * rowHeight;
}

const furthestTop = (extent: Extent): number => Math.max(0, spacerHeight(extent) - extent.viewport);

/** The scroll bar stands at `top` now. If the result's `top` differs, the bar must be put there. */
export function scrolled(before: Scroll, top: number, extent: Extent): Scroll {
  const most = furthest(extent);
  const mostTop = furthestTop(extent);
  const step = top - before.top;
  const isDrag = Math.abs(step) > extent.viewport * DRAG;
  if (!extent.heightOf) {
    if (most === mostTop) return { virtual: clamp(top, most), top };
    if (top <= 0) return { virtual: 0, top };
    if (top >= mostTop - 1) return { virtual: most, top };
  } else if (isDrag && top >= mostTop - 1) return { virtual: most, top };
  if (isDrag) return { virtual: clamp((top / (mostTop || 1)) * most, most), top };
  const virtual = clamp(moved(before.virtual, step, extent), most);
  const should = most === 0 ? 0 : (virtual / most) * mostTop;
  // At an end of the bar that is none of the rows, there must be room to go on.
  const isStuck = extent.heightOf !== undefined && (top <= 0 || top >= mostTop - 1) && Math.abs(should - top) >= 1;
  return isStuck || Math.abs(should - top) > extent.viewport * 20 ? { virtual, top: should } : { virtual, top };
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
  const { count, rowHeight, viewport, heightOf } = extent;
  const virtual = Math.min(scroll.virtual, furthest(extent));
  const first = Math.floor(virtual / rowHeight);
  if (!heightOf) {
    const last = Math.min(count, Math.ceil((virtual + viewport) / rowHeight) + 1);
    return { first, last, offset: first * rowHeight - virtual };
  }
  const offset = count > 0 ? (first - virtual / rowHeight) * heightOf(first) : 0;
  let last = first;
  for (let y = offset; last < count && y < viewport + rowHeight; last++) y += heightOf(last);
  return { first, last, offset };
}

const clamp = (value: number, most: number): number => Math.min(most, Math.max(0, value));
