/** What a component keeps from one drawing to the next. Always called in the same order. */
import { Signal } from "../state/signal";
import { afterwards, type Ref, slot } from "./h";

type Inputs = readonly unknown[];

const isOld = (kept: { inputs?: Inputs }, inputs: Inputs): boolean => kept.inputs?.every((input, i) => input === inputs[i]) ?? false;

export function useRef<T>(initial: T): Ref<T> {
  return slot(() => ({ current: initial }));
}

/** A component's own signal, for as long as it is shown. */
export function useSignal<T>(initial: T): Signal<T> {
  return useMemo(() => new Signal(initial), []);
}

/** What `make` made of these inputs. */
export function useMemo<T>(make: () => T, inputs: Inputs): T {
  const kept = slot<{ inputs?: Inputs; value?: T }>(() => ({}));
  if (!isOld(kept, inputs)) Object.assign(kept, { inputs, value: make() });
  return kept.value as T;
}

/** Acts once the page is as drawn, and again for other inputs (none: each time); the signal aborts before that, and at the end. */
export function useEffect(act: (ending: AbortSignal) => void, inputs?: Inputs): void {
  const kept = slot<{ inputs?: Inputs; ending?: AbortController }>(() => ({}));
  if (inputs && isOld(kept, inputs)) return;
  kept.inputs = inputs ?? [{}];
  afterwards(() => {
    kept.ending?.abort();
    kept.ending = new AbortController();
    act(kept.ending.signal);
  });
}
