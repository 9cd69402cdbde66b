/** The rows of a log on the screen: a few elements, kept in reading order so that selecting and copying is right. */
import type { LogBuffer } from "../state/logs";
import { lineAt, missing } from "../state/logs";
import type { LogLine } from "../wire";
import { pieces } from "./ansi";
import { formatStamp } from "./format";
import { type Extent, inSight, isAtEnd, type Scroll, scrolled, scrollToEnd, scrollToRow, spacerHeight } from "./window";

export const ROW_HEIGHT = 18;
/** Rows asked for beyond the window, so that scrolling seldom meets a hole. */
const AHEAD = 100;

export interface LogWindowEvents {
  /** Lines are wanted that are not here. */
  readonly onMissing: (start: number, count: number) => void;
  /** A person scrolled away from the end, or back to it. */
  readonly onFollow: (follow: boolean) => void;
}

export interface Marks {
  readonly pattern: RegExp | null;
  /** The line number of the match that is looked at. */
  readonly current: number;
}

export class LogWindow {
  readonly #host: HTMLElement;
  readonly #spacer = document.createElement("div");
  readonly #rows: HTMLElement = document.createElement("div");
  readonly #events: LogWindowEvents;
  readonly #mounted: { element: HTMLElement; index: number; line: LogLine | undefined }[] = [];
  #buffer: LogBuffer;
  #scroll: Scroll = { virtual: 0, top: 0 };
  #follow = true;
  #marks: Marks = { pattern: null, current: -1 };
  #height = 0;
  #expected = -1; // a scroll position that we set: its event is not a person's

  constructor(host: HTMLElement, buffer: LogBuffer, events: LogWindowEvents, signal: AbortSignal) {
    this.#host = host;
    this.#buffer = buffer;
    this.#events = events;
    this.#spacer.className = "milo-log-spacer";
    this.#rows.className = "milo-log-rows";
    this.#spacer.append(this.#rows);
    host.append(this.#spacer);
    host.addEventListener("scroll", () => this.#onScroll(), { passive: true, signal });
    signal.addEventListener("abort", () => this.#spacer.remove(), { once: true });
  }

  /** Shows this log; with `follow`, its end. */
  show(buffer: LogBuffer, follow: boolean, marks: Marks): void {
    const isRedrawn = marks !== this.#marks;
    this.#buffer = buffer;
    this.#follow = follow;
    this.#marks = marks;
    this.#height = this.#host.clientHeight || 400;
    this.#spacer.style.height = `${spacerHeight(this.#extent)}px`;
    if (follow) this.#go(scrollToEnd(this.#extent));
    if (isRedrawn) for (const row of this.#mounted) row.index = -1;
    this.#draw();
  }

  reveal(line: number): void {
    this.#go(scrollToRow(line - this.#buffer.first, this.#extent));
    this.#draw();
  }

  get #extent(): Extent {
    return { count: this.#buffer.end - this.#buffer.first, rowHeight: ROW_HEIGHT, viewport: this.#height };
  }

  #go(scroll: Scroll): void {
    this.#scroll = scroll;
    if (Math.abs(this.#host.scrollTop - scroll.top) < 1) return;
    this.#host.scrollTop = scroll.top;
    this.#expected = this.#host.scrollTop;
  }

  #onScroll(): void {
    const top = this.#host.scrollTop;
    const isOurs = Math.abs(top - this.#expected) < 1;
    this.#expected = -1;
    if (!isOurs) {
      const before = this.#scroll.virtual;
      const next = scrolled(this.#scroll, top, this.#extent);
      if (next.top !== top) this.#go(next);
      this.#scroll = next;
      const atEnd = isAtEnd(next, this.#extent);
      if (this.#follow && !atEnd && next.virtual < before) this.#events.onFollow(false);
      else if (!this.#follow && atEnd && next.virtual > before) this.#events.onFollow(true);
    }
    this.#draw();
  }

  #draw(): void {
    const { first, last, offset } = inSight(this.#scroll, this.#extent);
    const mounted = this.#mounted;
    const count = last - first;
    const begin = this.#buffer.first + first;
    while (mounted.length > count) mounted.pop()?.element.remove();
    while (mounted.length < count) {
      const element = document.createElement("div");
      element.className = "milo-log-row";
      this.#rows.append(element);
      mounted.push({ element, index: -1, line: undefined });
    }
    this.#rotate(begin);
    mounted.forEach((row, k) => {
      const index = begin + k;
      const line = lineAt(this.#buffer, index);
      if (row.index !== index || row.line !== line) {
        row.index = index;
        row.line = line;
        fill(row.element, index, line, this.#marks);
      }
      row.element.style.transform = `translateY(${offset + k * ROW_HEIGHT}px)`;
    });
    const hole = missing(this.#buffer, begin, begin + count);
    if (!hole) return;
    // When the hole is above the end, ask for lines before it too: people scroll up.
    const start = Math.max(this.#buffer.first, hole.start - AHEAD);
    const wanted = missing(this.#buffer, start, begin + count + AHEAD);
    if (wanted) this.#events.onMissing(wanted.start, wanted.count);
  }

  /** Moves rows that left the window to its other end: what stays in sight keeps its element and its selection. */
  #rotate(begin: number): void {
    const mounted = this.#mounted;
    const top = mounted[0];
    if (!top || top.index < 0) return;
    const step = begin - top.index;
    if (step === 0 || Math.abs(step) >= mounted.length) return;
    if (step > 0) {
      const moved = mounted.splice(0, step);
      mounted.push(...moved);
      this.#rows.append(...moved.map((row) => row.element));
    } else {
      const moved = mounted.splice(step);
      mounted.unshift(...moved);
      this.#rows.prepend(...moved.map((row) => row.element));
    }
  }
}

function fill(row: HTMLElement, index: number, line: LogLine | undefined, marks: Marks): void {
  row.dataset.line = String(index + 1);
  row.classList.toggle("milo-log-current", index === marks.current);
  const number = piece("milo-log-number", String(index + 1));
  if (!line) {
    row.removeAttribute("data-stream");
    row.removeAttribute("data-level");
    row.replaceChildren(number, piece("milo-log-stamp", ""), piece("milo-log-text milo-log-missing", "…"));
    return;
  }
  const [time, stream, level, text] = line;
  row.dataset.stream = stream;
  row.dataset.level = level;
  const body = piece("milo-log-text", "");
  for (const { text: part, names, colour, background } of pieces(text)) {
    const parent = names.length || colour || background ? piece(names.join(" "), "") : body;
    if (colour) parent.style.color = colour;
    if (background) parent.style.backgroundColor = background;
    parent.append(...marked(part, marks.pattern));
    if (parent !== body) body.append(parent);
  }
  row.replaceChildren(number, piece("milo-log-stamp", formatStamp(time)), body);
}

/** The text with its matches in `<mark>`; always text nodes, never HTML. */
function marked(text: string, pattern: RegExp | null): (string | HTMLElement)[] {
  if (!pattern) return [text];
  const parts: (string | HTMLElement)[] = [];
  let at = 0;
  for (const match of text.matchAll(pattern)) {
    if (!match[0]) break;
    const mark = document.createElement("mark");
    mark.textContent = match[0];
    parts.push(text.slice(at, match.index), mark);
    at = match.index + match[0].length;
  }
  parts.push(text.slice(at));
  return parts;
}

function piece(name: string, text: string): HTMLElement {
  const element = document.createElement("span");
  element.className = name;
  element.textContent = text;
  return element;
}
