/** How a person says which phases to see, and sees that some are left out. */
import { countByStatus, SHOWN_STATES } from "../../state/selectors";
import type { Signal } from "../../state/signal";
import { EVERYTHING, type Filter, isNarrow, toggled } from "../filter";
import { countWord, formatCount, plural } from "../format";
import { StatusIcon } from "../icons";
import type { ViewProps } from "../view";

export function ShowAll({ filter }: { filter: Signal<Filter> }) {
  return (
    <button
      type="button"
      class="milo-link"
      onClick={() => {
        filter.value = EVERYTHING;
      }}
    >
      Show all
    </button>
  );
}

/** Says how many phases are left, if not all are. */
export function FilterNote({ port, filter, shown }: ViewProps & { shown: number }) {
  const all = port.state.value.session?.phases.length ?? 0;
  return (
    <span class="milo-filter-note" role="status">
      {isNarrow(filter.value) ? (
        <>
          {`${formatCount(shown)} of ${plural(all, "phase")}`} <ShowAll filter={filter} />
        </>
      ) : null}
    </span>
  );
}

/** A field for words, and a button for each state that phases are in. */
export function FilterBar({ shown, ...props }: ViewProps & { shown: number }) {
  const { port, filter } = props;
  const chosen = filter.value;
  const counts = countByStatus(port.state.value.session?.phases ?? []);
  const onKeyDown = (event: KeyboardEvent & { currentTarget: HTMLInputElement }) => {
    const isDone = event.key === "ArrowDown" || event.key === "Enter" || (event.key === "Escape" && !chosen.text);
    if (event.key === "Escape") filter.value = { ...chosen, text: "" };
    else if (!isDone) return;
    if (isDone) event.currentTarget.closest("[data-view]")?.querySelector<HTMLElement>("[role=grid]")?.focus();
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <search class="milo-line milo-filter" aria-label="Phases">
      <input
        type="search"
        aria-label="Filter phases"
        placeholder="Filter by name or error"
        value={chosen.text}
        onInput={(event) => {
          filter.value = { ...chosen, text: event.currentTarget.value };
        }}
        onKeyDown={onKeyDown}
      />
      {SHOWN_STATES.filter((status) => counts[status] > 0 || chosen.statuses.has(status)).map((status) => (
        <button
          key={status}
          type="button"
          class="milo-chip"
          data-filter={status}
          data-status={status}
          aria-pressed={chosen.statuses.has(status)}
          title={`Show ${chosen.statuses.has(status) ? "not only" : "only"} what is ${countWord(status)}`}
          onClick={() => {
            filter.value = toggled(chosen, status);
          }}
        >
          <StatusIcon status={status} size={12} />
          {countWord(status)}
        </button>
      ))}
      <FilterNote {...props} shown={shown} />
    </search>
  );
}
