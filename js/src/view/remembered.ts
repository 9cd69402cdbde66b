/** What a person chose in one of a view's tabs, for when they come back to it: each view of a pipeline has its own. */
import { Signal } from "../state/signal";
import type { ViewProps } from "./view";

const chosen = new WeakMap<object, Map<string, Signal<unknown>>>();

export function remembered<T>({ filter }: Pick<ViewProps, "filter">, name: string, initial: T): Signal<T> {
  const ours = chosen.get(filter) ?? new Map<string, Signal<unknown>>(); // there is one filter for each view, as long as it lives
  chosen.set(filter, ours);
  const signal = (ours.get(name) ?? new Signal<unknown>(initial)) as Signal<T>;
  ours.set(name, signal as Signal<unknown>);
  return signal;
}
