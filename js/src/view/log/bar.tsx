/** What stands above the lines of a log: which log, the search, and behind two buttons filters and all else. */
import { type Found, isFilter, LONGEST_QUERY, type Query } from "../../state/search";
import { formatCount, plural } from "../format";
import { Choice } from "./drawers";
import { type Settings, turnTimes } from "./settings";

interface BarProps {
  readonly settings: Settings;
  readonly found: Found;
  /** The line of the match that was gone to, -1: none. */
  readonly place: number;
  readonly isAll: boolean;
  /** null: there is one log only. */
  readonly onAll: ((isAll: boolean) => void) | null;
  readonly total: number;
  readonly said: string;
  readonly follow: boolean;
  readonly onFollow: (follow: boolean) => void;
  readonly onStep: (step: 1 | -1) => void;
  readonly onLeave: () => void;
  /** What time of day the stamps count from; "" where nobody knows. */
  readonly zero: string;
}

const TIMES = {
  since: "Times count from here, pauses and waits included. Click: times of day (t)",
  clock: "Click: no times (t)",
  off: "Click: times from the beginning (t)",
} as const;

export function Bar({ settings, found, place, isAll, onAll, total, said, follow, zero, ...on }: BarProps) {
  const { query, drawer } = settings;
  const change = (changes: Partial<Query>) => {
    query.value = { ...query.peek(), ...changes };
  };
  const { text, isRegex, isExact } = query.value;
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Enter") on.onStep(event.shiftKey ? -1 : 1);
    else if (event.key === "Escape" && text) change({ text: "" });
    else if (event.key === "Escape") on.onLeave();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const filters = query.value.streams.length + query.value.levels.length + (query.value.isOnly ? 1 : 0);
  const open = (name: "filter" | "more") => () => {
    drawer.value = drawer.peek() === name ? "" : name;
  };
  return (
    <div class="milo-line milo-wrap milo-log-bar">
      {onAll ? (
        <Choice
          label="Lines of"
          options={[
            ["This phase", false],
            ["All", true],
          ]}
          chosen={isAll}
          onChoose={onAll}
        />
      ) : null}
      <div class="milo-line milo-log-find" data-wrong={found.error ? "" : undefined}>
        <input
          type="search"
          placeholder="Find in all lines"
          aria-label="Find in the log"
          aria-invalid={found.error ? "true" : undefined}
          value={text}
          onInput={(event) => change({ text: event.currentTarget.value.slice(0, LONGEST_QUERY) })}
          onKeyDown={onKeyDown}
        />
        <Toggle label="Aa" name="Match case" isOn={isExact} onToggle={() => change({ isExact: !isExact })} />
        <Toggle label=".*" name="Regular expression" isOn={isRegex} onToggle={() => change({ isRegex: !isRegex })} />
      </div>
      {text && !found.error ? (
        <span class="milo-line milo-log-steps">
          <span aria-live="polite">{progressOf(found, place)}</span>
          <SignButtonText label="Match before (N)" text="↑" onClick={() => on.onStep(-1)} />
          <SignButtonText label="Next match (n)" text="↓" onClick={() => on.onStep(1)} />
        </span>
      ) : null}
      <span class="milo-line milo-log-end">
        <span class="milo-log-said" role="status">
          {said || (isFilter(query.value) ? `${formatCount(found.count)} of ${plural(total, "line")}` : plural(total, "line"))}
        </span>
        {zero ? (
          <button type="button" class="milo-quiet milo-log-zero" title={TIMES[settings.times.value]} onClick={() => turnTimes(settings)}>
            {settings.times.value === "since" ? `0:00 = ${zero}` : settings.times.value === "clock" ? "time of day" : "no times"}
          </button>
        ) : null}
        <button
          type="button"
          class="milo-quiet"
          aria-expanded={drawer.value === "filter"}
          data-on={filters > 0 || undefined}
          onClick={open("filter")}
        >
          Filter{filters ? ` · ${filters}` : ""}
        </button>
        <button
          type="button"
          class="milo-quiet"
          aria-pressed={follow}
          title="Keep the end in sight (f)"
          onClick={() => on.onFollow(!follow)}
        >
          Follow
        </button>
        <button
          type="button"
          class="milo-quiet"
          aria-expanded={drawer.value === "more"}
          aria-label="More"
          title="Times, wrap, go to, copy, download"
          onClick={open("more")}
        >
          ⋯
        </button>
      </span>
    </div>
  );
}

function progressOf({ numbers, count, searched, total, isDone }: Found, place: number): string {
  if (!isDone) return total ? `searching… ${formatCount(searched)} of ${formatCount(total)}` : "searching…";
  if (count === 0) return "no match";
  return `${place >= 0 ? formatCount(place + 1) : "–"} of ${formatCount(count)}${count > numbers.length ? ` (first ${formatCount(numbers.length)} shown)` : ""}`;
}

interface ToggleProps {
  readonly label: string;
  readonly name: string;
  readonly isOn: boolean;
  readonly onToggle: () => void;
}

function Toggle({ label, name, isOn, onToggle }: ToggleProps) {
  return (
    <button type="button" class="milo-log-toggle" aria-pressed={isOn} aria-label={name} title={name} onClick={onToggle}>
      {label}
    </button>
  );
}

function SignButtonText({ label, text, onClick }: { label: string; text: string; onClick: () => void }) {
  return (
    <button type="button" class="milo-quiet" aria-label={label} title={label} onClick={onClick}>
      {text}
    </button>
  );
}
