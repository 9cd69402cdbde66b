/** Phases as the rows of a listbox or a grid: what timeline and list have in common. */
import type { Child } from "../../dom/h";
import { useMemo, useRef } from "../../dom/hooks";
import type { Attributes } from "../../dom/jsx-runtime";
import { isReviewed, phaseElapsed } from "../../state/selectors";
import type { Phase } from "../../wire";
import { matcher } from "../filter";
import { phaseNote } from "../format";
import { Window } from "../log/window";
import { selectByKey, type ViewProps } from "../view";
import { ShowAll } from "./filter-bar";

/** What is drawn again with every row. */
export interface Row {
  readonly phase: Phase;
  readonly index: number;
  /** Its place among the rows. */
  readonly at: number;
  readonly elapsed: number;
}

interface Props extends ViewProps {
  /** Phase indices in the order of the rows. */
  readonly order: readonly number[];
  readonly rowHeight: number;
  readonly class: string;
  readonly head: Child;
  readonly row: (row: Row) => Child;
  /** Has it columns, with a row of headers in its head? */
  readonly isGrid?: boolean;
}

/** Those of the phases in this order that the view's filter wants. */
export function wanted({ port, filter }: ViewProps, order: readonly number[]): readonly number[] {
  const phases = port.state.value.session?.phases ?? [];
  const matches = matcher(filter.value);
  return order.filter((index) => phases[index] && matches(phases[index]));
}

/** Why a phase has not begun, in words: its own reason, what is to be over first, or what a person has to look at. */
export function pendingNote({ reason, depends_on }: Phase, phases: readonly Phase[], waitingFor = ""): string {
  const names = depends_on.flatMap((index) => {
    const upstream = phases[index];
    return upstream && upstream.status !== "completed" && upstream.status !== "skipped" ? [upstream.name] : [];
  });
  if (reason || names.length === 0) return reason || (waitingFor && `after the review of ${waitingFor}`);
  return names.length > 2 ? `after ${names.length} phases` : `after ${names.join(" and ")}`;
}

export function Rows({ port, id, now, filter, order, rowHeight, class: name, head, row, isGrid = false }: Props) {
  const state = port.state.value;
  const phases = state.session?.phases ?? [];
  const { selected } = state.choice;
  const place = order.indexOf(selected);
  const isShown = useRef(state.choice.expanded);
  // Where the person looks stays, however rows change places: only another selection brings itself into sight.
  const reveal = useMemo(() => ({ row: isShown.current ? place : -1 }), [selected]);
  isShown.current = true;
  const box: Attributes = {
    role: isGrid ? "grid" : "listbox",
    tabIndex: 0,
    "aria-label": "Pipeline phases",
    "aria-activedescendant": place < 0 ? undefined : `${id}-${selected}`,
    onKeyDown: (event) => void selectByKey(event, port, order),
  };
  const rows = (
    <Window
      class="milo-rows"
      count={order.length}
      rowHeight={rowHeight}
      head={head}
      always={place}
      reveal={reveal}
      body={isGrid ? { role: "rowgroup" } : box}
      row={(at) => {
        const index = order[at] ?? 0;
        const phase = phases[index];
        if (!phase) return null;
        const attributes: Attributes = {
          id: `${id}-${index}`,
          class: name,
          role: isGrid ? "row" : "option",
          "aria-selected": index === selected,
          "aria-rowindex": isGrid ? at + 2 : undefined, // the headers are the first one
          "aria-description": phaseNote(phase, phases),
          "data-phase": phase.name,
          "data-status": phase.status,
          "data-review": isReviewed(phase) || undefined,
          "data-unsaved": phase.unsaved || undefined,
          onClick: () => port.select(index, true),
        };
        return <div {...attributes}>{row({ phase, index, at, elapsed: phaseElapsed(state, phase, now) })}</div>;
      }}
    />
  );
  return (
    <>
      {isGrid ? (
        // biome-ignore lint/a11y/useSemanticElements: rows of a window are put where they belong, which tables do not allow
        <div {...box} role="grid" class="milo-grid" aria-rowcount={order.length + 1}>
          {rows}
        </div>
      ) : (
        rows
      )}
      {order.length === 0 ? (
        <p class="milo-empty">
          No phase is like that. <ShowAll filter={filter} />
        </p>
      ) : null}
    </>
  );
}
