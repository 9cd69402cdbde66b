/** All phases as rows: sortable, what failed and what runs first. */
import { useSignal } from "../dom/hooks";
import { PHASE_STATES, phaseElapsed } from "../state/selectors";
import type { Phase } from "../wire";
import { formatCount, formatDuration, ORIGIN_WORDS, OTHER, plural } from "./format";
import { StatusIcon } from "./icons";
import { Rows } from "./rows";
import type { ViewProps } from "./view";

const COLUMNS = ["phase", "status", "time", "attempt", "lines"] as const;
export type Column = (typeof COLUMNS)[number];

/** Phase indices sorted by a column; equal ones stay in execution order. */
export function sortPhases(
  phases: readonly Phase[],
  column: Column,
  isDescending: boolean,
  elapsed: (phase: Phase) => number,
): readonly number[] {
  const key = (phase: Phase): number | string => {
    switch (column) {
      case "phase":
        return phase.name;
      case "status":
        return PHASE_STATES.indexOf(phase.status);
      case "time":
        return elapsed(phase);
      case "attempt":
        return phase.attempt;
      case "lines":
        return phase.log_count;
      default:
        return column satisfies never;
    }
  };
  const keys = phases.map(key);
  const compare = (a: number | string = 0, b: number | string = 0) =>
    typeof a === "string" ? a.localeCompare(String(b), "en", { numeric: true }) : a - Number(b);
  return [...keys.keys()].sort((a, b) => (isDescending ? -1 : 1) * compare(keys[a], keys[b]) || a - b);
}

export function List(props: ViewProps) {
  const sort = useSignal<readonly [Column, boolean]>(["status", false]);
  const state = props.port.state.value;
  const [column, isDescending] = sort.value;
  const { phases, other } = state.session ?? { phases: [], other: 0 };
  const order = sortPhases(phases, column, isDescending, (phase) => phaseElapsed(state, phase, props.now));
  const head = (
    <div class="milo-head milo-list-row">
      {COLUMNS.map((name) => (
        <button
          key={name}
          type="button"
          data-column={name}
          aria-pressed={name === column}
          title={`Sort by ${name}`}
          onClick={() => {
            sort.value = [name, name === column ? !isDescending : name !== "phase" && name !== "status"];
          }}
        >
          {name} {name === column ? (isDescending ? "↓" : "↑") : ""}
        </button>
      ))}
      <span data-column="note">Note</span>
    </div>
  );
  return (
    <div data-view="list">
      <Rows
        {...props}
        order={order}
        rowHeight={32}
        class="milo-list-row"
        head={head}
        row={(phase, elapsed) => {
          const says = phase.status === "running" ? phase.message : "";
          const note = phase.error || says || phase.reason || ORIGIN_WORDS[phase.origin] || phase.description || phase.message;
          return (
            <>
              <b title={phase.name}>{phase.name}</b>
              <span class="milo-word">
                <StatusIcon status={phase.status} size={14} /> {phase.status}
              </span>
              <span data-column="time">{elapsed > 0 ? formatDuration(elapsed) : "–"}</span>
              <span data-column="attempt">{phase.attempt}</span>
              <span data-column="lines">{formatCount(phase.log_count)}</span>
              <span data-column="note" class="milo-muted" title={note}>
                {note}
              </span>
            </>
          );
        }}
      />
      {other > 0 ? (
        <button type="button" class="milo-link" data-other={other} onClick={() => props.port.select(phases.length, true)}>
          {OTHER}, {plural(other, "line")}
        </button>
      ) : null}
    </div>
  );
}
