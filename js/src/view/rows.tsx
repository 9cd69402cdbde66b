/** Phases as the rows of a listbox: what timeline and list have in common. */
import type { Child } from "../dom/h";
import { useMemo, useRef } from "../dom/hooks";
import { phaseElapsed } from "../state/selectors";
import type { Phase } from "../wire";
import { phaseNote } from "./format";
import { selectByKey, type ViewProps } from "./view";
import { Window } from "./window";

interface Props extends ViewProps {
  /** Phase indices in the order of the rows. */
  readonly order: readonly number[];
  readonly rowHeight: number;
  readonly class: string;
  readonly head: Child;
  readonly row: (phase: Phase, elapsed: number) => Child;
}

export function Rows({ port, id, now, order, rowHeight, class: name, head, row }: Props) {
  const state = port.state.value;
  const phases = state.session?.phases ?? [];
  const { selected } = state.choice;
  const place = order.indexOf(selected);
  const isShown = useRef(state.choice.expanded);
  // Where the person looks stays, however rows change places: only another selection brings itself into sight.
  const reveal = useMemo(() => ({ row: isShown.current ? place : -1 }), [selected]);
  isShown.current = true;
  return (
    <Window
      class="milo-rows"
      count={order.length}
      rowHeight={rowHeight}
      head={head}
      always={place}
      reveal={reveal}
      body={{
        role: "listbox",
        tabIndex: 0,
        "aria-label": "Pipeline phases",
        "aria-activedescendant": place < 0 ? undefined : `${id}-${selected}`,
        onKeyDown: (event) => selectByKey(event, port, order),
      }}
      row={(at) => {
        const index = order[at] ?? 0;
        const phase = phases[index];
        if (!phase) return null;
        const elapsed = phaseElapsed(state, phase, now);
        return (
          // biome-ignore lint/a11y/useKeyWithClickEvents lint/a11y/useFocusableInteractive: the listbox has the keys and the focus
          <div
            id={`${id}-${index}`}
            class={name}
            role="option"
            aria-selected={index === selected}
            aria-description={phaseNote(phase, phases)}
            data-phase={phase.name}
            data-status={phase.status}
            data-unsaved={phase.unsaved || undefined}
            onClick={() => port.select(index, true)}
          >
            {row(phase, elapsed)}
          </div>
        );
      }}
    />
  );
}
