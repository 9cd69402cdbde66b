/** What goes on when a person copies or saves lines: one thing at a time, told about, and it can be stopped. */
import { useEffect, useSignal } from "../../dom/hooks";
import type { Signal } from "../../state/signal";
import type { Port } from "../../state/store";
import type { ChosenLines } from "./chosen";
import { copyAll, copyRange, copyText, download, REFUSED, type Say } from "./save";
import type { Source } from "./source";

export interface Saving {
  /** What is going on, or came of it; "" nothing. */
  readonly said: Signal<string>;
  /** What stops it; null: nothing goes on. */
  readonly stop: (() => void) | null;
  copy(isNumbered: boolean): void;
  copyLink(): void;
  copyAll(): void;
  download(): void;
}

export function useSaving(port: Port, log: number, { range, link }: ChosenLines, { lineAt }: Source): Saving {
  const said = useSignal("");
  const going = useSignal<AbortController | null>(null);
  const stop = () => going.peek()?.abort();
  const work = (act: (say: Say, ending: AbortSignal) => Promise<void>) => {
    stop();
    const mine = new AbortController();
    going.value = mine;
    const say = (sentence: string) => {
      if (going.peek() === mine) said.value = sentence;
    };
    act(say, mine.signal).finally(() => {
      if (going.peek() === mine) going.value = null;
    });
  };
  useEffect((ending) => ending.addEventListener("abort", stop), []);
  return {
    said,
    stop: going.value && stop,
    copy(isNumbered) {
      const lines = range.peek();
      if (lines) work((say, ending) => copyRange(port, log, lines, lineAt, isNumbered, say, ending));
    },
    copyLink: () => work(async (say) => say((await copyText(link())) ? "Copied" : REFUSED)),
    copyAll: () => work((say, ending) => copyAll(port, log, say, ending)),
    download: () => work((say, ending) => download(port, log, say, ending)),
  };
}
