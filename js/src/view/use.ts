/** A component's own signal, for as long as it is shown. */
import { useState } from "preact/hooks";
import { Signal } from "../state/signal";

export function useSignal<T>(initial: T): Signal<T> {
  return useState(() => new Signal(initial))[0];
}
