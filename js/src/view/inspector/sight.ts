/** Brings what a person has opened into sight, where it lies below what the window shows: in the page and in its scrollers. */

/** Its head, tabs and first lines. */
const FIRST_PX = 160;

/** How much of it is seen, from top to bottom. */
function seenHeight(element: HTMLElement): number {
  let { top, bottom } = element.getBoundingClientRect();
  const cut = (from: number, to: number) => {
    top = Math.max(top, from);
    bottom = Math.min(bottom, to);
  };
  cut(0, innerHeight);
  for (let parent = element.parentElement; parent; parent = parent.parentElement) {
    if (parent === document.body || parent === document.documentElement) break; // the window's own scrolling
    if (getComputedStyle(parent).overflowY === "visible") continue;
    const { top: from, bottom: to } = parent.getBoundingClientRect();
    cut(from, to);
  }
  return bottom - top;
}

/** At once: what is pointed at next should stand still. */
export function bringIntoSight(element: HTMLElement): void {
  const { height } = element.getBoundingClientRect();
  if (height > 0 && seenHeight(element) < Math.min(FIRST_PX, height)) element.scrollIntoView({ block: "nearest" });
}
