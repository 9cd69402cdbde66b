// biome-ignore-all lint/a11y/useSemanticElements: rows of a window are put where they belong, which tables do not allow
// biome-ignore-all lint/a11y/useFocusableInteractive: the grid has the focus and names the active row
/** All phases as a table: sortable, filtered by words and states, what failed and what runs first. */
import { plain } from "../../ansi";
import { useEffect, useMemo, useRef } from "../../dom/hooks";
import { type LogBuffer, lineAt, NO_LOGS } from "../../state/logs";
import { isOver, isReviewed, phaseElapsed, SHOWN_STATES, shownState } from "../../state/selectors";
import type { Phase } from "../../wire";
import { formatCount, formatDuration, formatPercent, ORIGIN_WORDS, OTHER, plural, wordOf } from "../format";
import { StatusIcon } from "../icons";
import { remembered } from "../remembered";
import type { ViewProps } from "../view";
import { FilterBar } from "./filter-bar";
import { pendingNote, Rows, wanted } from "./rows";

const COLUMNS = ["phase", "status", "time", "attempt", "lines"] as const;
export type Column = (typeof COLUMNS)[number];
/** What a letter of a bold name is wide, in those of a usual one. */
const BOLD = 1.1;
/** How far to look back for a line that is not empty. */
const LAST_LINES = 20;
const naming = new Intl.Collator("en", { numeric: true });

/** Phase indices sorted by a column; equal ones stay in execution order. */
export function sortPhases(
  phases: readonly Phase[],
  column: Column,
  isDescending: boolean,
  elapsed: (phase: Phase) => number,
): readonly number[] {
  const key = (phase: Phase, index: number): number => {
    switch (column) {
      case "phase":
        return index;
      case "status":
        return SHOWN_STATES.indexOf(shownState(phase));
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
  const keys = column === "phase" ? rankNames(phases.map((phase) => phase.name)) : phases.map(key);
  return [...keys.keys()].sort((a, b) => (isDescending ? -1 : 1) * ((keys[a] ?? 0) - (keys[b] ?? 0)) || a - b);
}

/** The place of each name in the order of people's alphabet, which takes too long to ask for at each drawing. */
function rankNames(names: readonly string[]): readonly number[] {
  const ranks: number[] = [];
  [...names.keys()]
    .sort((a, b) => naming.compare(names[a] ?? "", names[b] ?? ""))
    .forEach((index, rank) => {
      ranks[index] = rank;
    });
  return ranks;
}

/** What there is to say of a phase in one line: why it failed, what it wrote last, why it waits. */
export function latest(phase: Phase, log: LogBuffer | undefined, phases: readonly Phase[] = [], waitingFor = ""): string {
  const { status, error, reason, message } = phase;
  if (error && (status === "failed" || status === "retrying")) return error;
  if (status === "pending") return pendingNote(phase, phases, waitingFor);
  if (isReviewed(phase)) return reason;
  const says = status === "running" ? message : "";
  return lastLine(log) || says || error || reason || ORIGIN_WORDS[phase.origin] || phase.description || message;
}

/** The last line with text in it, if it is here. */
export function lastLine(log: LogBuffer | undefined): string {
  for (let at = (log?.end ?? 0) - 1, tries = LAST_LINES; log && at >= log.first && tries > 0; at--, tries--) {
    const line = lineAt(log, at);
    if (!line) return "";
    const text = plain(line[3]).trim();
    if (text) return text;
  }
  return "";
}

export function List(props: ViewProps) {
  const sort = remembered<readonly [Column, boolean]>(props, "sort", ["status", false]);
  const state = props.port.state.value;
  const [column, isDescending] = sort.value;
  const { phases, other } = state.session ?? { phases: [], other: 0 };
  const names = useRef<readonly string[]>([]);
  if (names.current.length !== phases.length || phases.some((phase, i) => phase.name !== names.current[i]))
    names.current = phases.map((phase) => phase.name);
  const byName = useMemo(
    () => (column === "phase" ? sortPhases(phases, column, isDescending, () => 0) : null),
    [names.current, ...sort.value],
  );
  const order = wanted(props, byName ?? sortPhases(phases, column, isDescending, (phase) => phaseElapsed(state, phase, props.now)));
  const widest = names.current.reduce((most, name) => Math.max(most, name.length), 0) * BOLD;
  const longest = phases.reduce((most, phase) => Math.max(most, phaseElapsed(state, phase, props.now)), 0);
  const asked = useRef(new Map<number, number>());
  let silent = -1; // the first row in sight whose last line is not here
  useEffect(() => {
    // One at each drawing, and each once: what runs sends those that follow by itself.
    const lines = phases[silent]?.log_count ?? 0;
    if (silent < 0) return;
    asked.current.set(silent, lines);
    props.port.wantLogs(silent, Math.max(0, lines - LAST_LINES), LAST_LINES);
  });
  const head = (
    <div class="milo-head" role="rowgroup">
      <div class="milo-list-row" role="row" aria-rowindex={1}>
        {COLUMNS.map((name) => (
          <span
            key={name}
            role="columnheader"
            data-column={name}
            aria-sort={name === column ? (isDescending ? "descending" : "ascending") : "none"}
          >
            <button
              type="button"
              data-sort={name}
              title={`Sort by ${name}`}
              onClick={() => {
                sort.value = [name, name === column ? !isDescending : name !== "phase" && name !== "status"];
              }}
            >
              {name} <span aria-hidden="true">{name === column ? (isDescending ? "↓" : "↑") : ""}</span>
            </button>
          </span>
        ))}
        <span role="columnheader" data-column="note">
          Latest
        </span>
      </div>
    </div>
  );
  return (
    <div data-view="list" style={`--m-name:${widest}ch`}>
      <FilterBar {...props} shown={order.length} />
      <Rows
        {...props}
        order={order}
        rowHeight={32}
        class="milo-list-row"
        head={head}
        isGrid
        row={({ phase, index, elapsed }) => {
          const log = state.logs.get(index);
          const note = latest(phase, log, phases, state.session?.waiting_for);
          const isKnown = lineAt(log ?? NO_LOGS, phase.log_count - 1) !== undefined;
          const before = asked.current.get(index);
          const isDue = isOver(phase) ? before !== phase.log_count : before === undefined;
          if (silent < 0 && !isKnown && isDue && phase.log_count > 0) silent = index;
          const time = elapsed > 0 ? formatDuration(elapsed) : "–";
          const share = phase.status === "running" && phase.fraction > 0 ? ` ${formatPercent(phase.fraction)}` : "";
          return (
            <>
              <span role="gridcell" data-column="phase" dir="auto" title={phase.name}>
                {phase.name}
              </span>
              <span role="gridcell" data-column="status" class="milo-word">
                <StatusIcon status={shownState(phase)} size={14} /> {wordOf(shownState(phase))}
                {share}
              </span>
              <span role="gridcell" data-column="time">
                {time}
                {elapsed > longest / 50 ? <i style={`width:${(elapsed / longest) * 100}%`} /> : null}
              </span>
              <span role="gridcell" data-column="attempt">
                {phase.status === "pending" && phase.history.length === 0 ? "–" : phase.attempt}
              </span>
              <span role="gridcell" data-column="lines">
                {formatCount(phase.log_count)}
              </span>
              <span
                role="gridcell"
                data-column="note"
                dir="auto"
                class={isReviewed(phase) || (note && note === phase.error) ? "milo-word" : "milo-muted"}
                title={note}
              >
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
