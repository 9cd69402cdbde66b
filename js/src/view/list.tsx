/** All phases as rows: sortable, what failed and what runs first. */
import { useSignal } from "@preact/signals";
import { PHASE_STATES, phaseElapsed } from "../state/selectors";
import type { Port } from "../state/store";
import type { Phase } from "../wire";
import type { View } from "./app";
import { formatCount, formatDuration, phaseLabel, STATUS_WORDS } from "./format";
import { StatusIcon } from "./icons";
import { Rows } from "./rows";

export type SortKey = "status" | "name" | "elapsed" | "attempt" | "lines";
const COLUMNS: readonly { readonly key: SortKey; readonly title: string }[] = [
  { key: "name", title: "Phase" },
  { key: "status", title: "Status" },
  { key: "elapsed", title: "Time" },
  { key: "attempt", title: "Attempt" },
  { key: "lines", title: "Lines" },
];

/** Phase indices sorted by a column; equal ones stay in execution order. */
export function sortPhases(phases: readonly Phase[], key: SortKey, descending: boolean, elapsed: (phase: Phase) => number): readonly number[] {
  const value: Record<SortKey, (phase: Phase) => number | string> = {
    status: (phase) => PHASE_STATES.indexOf(phase.status),
    name: (phase) => phase.name,
    elapsed,
    attempt: (phase) => phase.attempt,
    lines: (phase) => phase.log_count,
  };
  const keys = phases.map(value[key]);
  const compare = (a: number | string, b: number | string) => (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), "en", { numeric: true }));
  const sign = descending ? -1 : 1;
  return phases.map((_, i) => i).sort((a, b) => sign * compare(keys[a] ?? 0, keys[b] ?? 0) || a - b);
}

export function List({ port, view }: { port: Port; view: View }) {
  const sort = useSignal<{ key: SortKey; descending: boolean }>({ key: "status", descending: false });
  const state = port.state.value;
  const phases = state.session?.phases ?? [];
  const now = view.now.value;
  const elapsed = (phase: Phase) => phaseElapsed(state, phase, now);
  const order = sortPhases(phases, sort.value.key, sort.value.descending, elapsed);
  const head = (
    <div class="milo-list-head">
      {COLUMNS.map(({ key, title }) => {
        const isSorted = sort.value.key === key;
        return (
          <button
            key={key}
            type="button"
            class="milo-list-cell milo-sort"
            data-column={key}
            aria-label={`Sort by ${title.toLowerCase()}${isSorted ? (sort.value.descending ? ", now descending" : ", now ascending") : ""}`}
            onClick={() => {
              sort.value = { key, descending: isSorted ? !sort.value.descending : key !== "status" && key !== "name" };
            }}
          >
            {title}
            <span aria-hidden="true">{isSorted ? (sort.value.descending ? " ↓" : " ↑") : ""}</span>
          </button>
        );
      })}
      <span class="milo-list-cell" data-column="note">
        Note
      </span>
    </div>
  );
  return (
    <div class="milo-list" data-view="list">
      <Rows
        port={port}
        id={`${view.id}-list`}
        label="Pipeline phases"
        rowHeight={32}
        order={order}
        head={head}
        row={(index) => {
          const phase = phases[index];
          if (!phase) return null;
          const note = phase.error || phase.message || phase.reason || phase.description;
          const isSelected = index === state.choice.selected;
          const time = elapsed(phase);
          return (
            <div
              id={`${view.id}-list-${index}`}
              class="milo-list-row"
              role="option"
              aria-selected={isSelected ? "true" : "false"}
              aria-label={phaseLabel(phase, phases, time)}
              data-index={index}
              data-phase={phase.name}
              data-status={phase.status}
            >
              <span class="milo-list-cell milo-list-name" data-column="name" title={phase.name}>
                {phase.name}
              </span>
              <span class="milo-list-cell milo-with-icon" data-column="status">
                <StatusIcon status={phase.status} size={14} /> <span class="milo-list-status">{STATUS_WORDS[phase.status]}</span>
              </span>
              <span class="milo-list-cell" data-column="elapsed">
                {time > 0 ? formatDuration(time) : "–"}
              </span>
              <span class="milo-list-cell" data-column="attempt">
                {phase.attempt}
              </span>
              <span class="milo-list-cell" data-column="lines">
                {formatCount(phase.log_count)}
              </span>
              <span class="milo-list-cell milo-muted" data-column="note" title={note}>
                {note}
              </span>
            </div>
          );
        }}
      />
    </div>
  );
}
