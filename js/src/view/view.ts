/** What belongs to one view of a model, and not to the others. */
import type { Signal } from "../state/signal";
import type { Port } from "../state/store";
import type { Filter } from "./filter";

export interface ViewProps {
  readonly port: Port;
  /** Unique in the page: views are many, ids are one each. */
  readonly id: string;
  /** The page clock in milliseconds, as of this drawing. */
  readonly now: number;
  /** Another value, another theme: what is drawn on canvas is drawn again. */
  readonly theme: string;
  /** What this view leaves out: set by the header's counts and by the list. */
  readonly filter: Signal<Filter>;
}

/** Phases of a page of keys. */
const PAGE = 10;

/** Moves the selection with the keys that all lists of phases share; true if the key was one of them. */
export function selectByKey(event: KeyboardEvent, port: Port, order: readonly number[]): boolean {
  if (event.ctrlKey || event.metaKey || event.altKey) return false;
  const { selected } = port.state.peek().choice;
  const at = order.indexOf(selected);
  const last = order.length - 1;
  const to: Readonly<Record<string, number>> = {
    ArrowDown: Math.min(last, at + 1),
    ArrowUp: Math.max(0, at - 1),
    PageDown: Math.min(last, at + PAGE),
    PageUp: Math.max(0, at - PAGE),
    Home: 0,
    g: 0,
    End: last,
    G: last,
  };
  const index = order[to[event.key] ?? -1];
  if (index !== undefined) port.select(index, false);
  else if ((event.key === "Enter" || event.key === " ") && !(event.target instanceof HTMLButtonElement)) port.select(selected, true);
  else return false;
  event.preventDefault();
  event.stopPropagation();
  return true;
}
