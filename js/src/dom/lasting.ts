/** What goes on until a signal aborts. */

/** Acts every `ms` milliseconds. */
export function every(ms: number, ending: AbortSignal, act: () => void): void {
  const timer = setInterval(act, ms);
  ending.addEventListener("abort", () => clearInterval(timer));
}

/** Acts now, and whenever the element's size has changed. */
export function whenResized(element: Element, ending: AbortSignal, act: () => void): void {
  const observer = new ResizeObserver(act);
  observer.observe(element);
  ending.addEventListener("abort", () => observer.disconnect());
  act();
}
