/** The lines that a person has chosen: also in the page's address, so that a link leads to them. */
import { useEffect, useSignal } from "../../dom/hooks";
import { linkedLines, linkTo, type Range } from "../../state/links";
import type { ReadonlySignal } from "../../state/signal";
import type { Snapshot } from "../../wire";
import { isAllowed, spendLink } from "./address";

export interface ChosenLines {
  readonly range: ReadonlySignal<Range | null>;
  choose(range: Range | null): void;
  /** One line, or all from where the choice was begun. */
  chooseLine(line: number, isMore: boolean): void;
  /** The page's address with a link to them; "" if none are chosen. */
  link(): string;
}

/** `log` as in `linkTo`; `show` brings a line into sight. */
export function useChosen(session: Snapshot | null, log: string | null, show: (line: number) => void): ChosenLines {
  const range = useSignal<Range | null>(null);
  const pipeline = session?.pipeline ?? "";
  useEffect(
    (ending) => {
      const follow = () => {
        const linked = linkedLines(location.hash, pipeline, log);
        if (!linked) return;
        range.value = linked;
        show(linked.anchor);
      };
      if (isAllowed(session)) follow();
      window.addEventListener("hashchange", follow, { signal: ending });
    },
    [pipeline],
  );
  const here = () => location.href.replace(/#.*$/s, "");
  const choose = (next: Range | null) => {
    range.value = next;
    if (!next && !linkedLines(location.hash, pipeline, log)) return;
    try {
      // The host's own addresses stay as they are: nothing is loaded, no step is added to go back to.
      history.replaceState(history.state, "", next ? here() + linkTo(pipeline, log, next) : here());
      spendLink(session);
    } catch {
      // a page without an address of its own
    }
  };
  return {
    range,
    choose,
    chooseLine(line, isMore) {
      if (isMore) getSelection()?.removeAllRanges(); // of the browser's own
      choose({ anchor: (isMore ? range.peek()?.anchor : undefined) ?? line, to: line });
    },
    link: () => (range.peek() ? here() + linkTo(pipeline, log, range.peek() as Range) : ""),
  };
}
