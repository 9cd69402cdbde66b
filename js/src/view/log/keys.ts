/** The keys of the log; those of the whole view come after it. */
import type { Ref } from "../../dom/h";
import type { Range } from "../../state/links";
import type { LogBuffer } from "../../state/logs";
import type { ReadonlySignal } from "../../state/signal";
import { type Settings, turnTimes } from "./settings";

interface Acts {
  readonly body: Ref<HTMLElement | null>;
  readonly settings: Settings;
  readonly range: ReadonlySignal<Range | null>;
  readonly buffer: LogBuffer;
  readonly hasMatches: boolean;
  step(by: 1 | -1): void;
  choose(range: Range | null): void;
  show(line: number): void;
  setFollow(follow: boolean): void;
  copy(isNumbered: boolean): void;
  focus(): void;
}

export const LOG_KEYS: Readonly<Record<string, string>> = {
  "n N": "next match, match before",
  "g G": "first, last line of the log",
  ":": "go to a line, a time or a link",
  "↑ ↓": "move the chosen line; with Shift: choose more",
  y: "copy the chosen lines",
  "w t": "wrap, times",
};

export function keysOf(acts: Acts): (event: KeyboardEvent) => void {
  const { body, settings, range, buffer } = acts;
  const { drawer, wraps } = settings;
  const move = (by: number, isMore: boolean) => {
    const now = range.peek();
    if (!now) return false; // the region scrolls
    const to = Math.min(buffer.end - 1, Math.max(0, now.to + by));
    acts.choose({ anchor: isMore ? now.anchor : to, to });
    acts.show(to);
    return true;
  };
  const openGoal = () => {
    drawer.value = "more";
    queueMicrotask(() => queueMicrotask(() => body.current?.querySelector<HTMLElement>("[data-goal]")?.focus()));
  };
  const leave = () => {
    if (range.peek()) acts.choose(null);
    else if (drawer.peek()) drawer.value = "";
    else return false;
    acts.focus();
    return true;
  };
  const keys: Readonly<Record<string, (isMore: boolean) => unknown>> = {
    "/": () => body.current?.querySelector<HTMLElement>("input")?.focus(),
    n: () => (acts.hasMatches ? acts.step(1) : false),
    N: () => (acts.hasMatches ? acts.step(-1) : false),
    g: () => acts.show(0),
    Home: () => acts.show(0),
    G: () => acts.setFollow(true),
    End: () => acts.setFollow(true),
    ":": openGoal,
    ArrowDown: (isMore) => move(1, isMore),
    ArrowUp: (isMore) => move(-1, isMore),
    y: () => (range.peek() ? acts.copy(false) : false),
    w: () => {
      wraps.value = !wraps.value;
    },
    t: () => turnTimes(settings),
    Escape: leave,
  };
  return (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target instanceof HTMLInputElement) return;
    const act = Object.hasOwn(keys, event.key) ? keys[event.key] : undefined;
    if (!act || act(event.shiftKey) === false) return;
    event.preventDefault();
    event.stopPropagation();
  };
}
