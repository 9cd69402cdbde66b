/** What opens below the bar of a log: filters, times, places to go to, copies, and what can be done with chosen lines. */
import type { Child } from "../../dom/h";
import { useSignal } from "../../dom/hooks";
import { firstOf, lastOf, type Range } from "../../state/links";
import { type Found, isFilter, LEVELS, type Query, STREAMS } from "../../state/search";
import type { Signal } from "../../state/signal";
import { formatCount, plural } from "../format";
import { SignButton } from "../parts";
import type { Settings, Times } from "./settings";

/** Not a fieldset: that has a look of its own in every browser. */
const group = (label: string) => ({ role: "group", "aria-label": label });

/** Streams and levels to show, and nothing but matches. */
export function FilterDrawer({ query }: Pick<Settings, "query">) {
  const now = query.value;
  const turn = (which: "streams" | "levels", word: string) => {
    const before = query.peek();
    const words = before[which];
    query.value = { ...before, [which]: words.includes(word) ? words.filter((one) => one !== word) : [...words, word] };
  };
  const chips = (which: "streams" | "levels", label: string, words: readonly string[]) => (
    <span class="milo-line milo-wrap" {...group(label)}>
      <span class="milo-muted">{label}</span>
      {words.map((word) => (
        <button key={word} type="button" class="milo-chip" aria-pressed={now[which].includes(word)} onClick={() => turn(which, word)}>
          {word}
        </button>
      ))}
    </span>
  );
  return (
    <div class="milo-line milo-wrap milo-log-drawer">
      {chips("streams", "Streams", STREAMS)}
      {chips("levels", "Levels", LEVELS)}
      <button
        type="button"
        class="milo-chip"
        aria-pressed={now.isOnly}
        title="Show nothing but the lines that the search finds"
        onClick={() => {
          query.value = { ...query.peek(), isOnly: !query.peek().isOnly };
        }}
      >
        only matches
      </button>
      {isFilter(now) || now.isOnly ? (
        <button
          type="button"
          class="milo-link"
          onClick={() => {
            query.value = { ...query.peek(), streams: [], levels: [], isOnly: false };
          }}
        >
          Show all
        </button>
      ) : null}
    </div>
  );
}

/** What is looked for was asked of another log: here is what it comes to in this one. */
export function Inherited({ query, found }: { query: Signal<Query>; found: Found }) {
  const { text, streams, levels, isOnly } = query.value;
  const all = [text && `“${text}”`, ...streams, ...levels, isOnly && "only matches"].filter(Boolean).join(", ");
  const many =
    found.error || !found.isDone
      ? ""
      : found.count
        ? `: ${plural(found.count, text ? "match" : "line", text ? "matches" : "lines")} here`
        : ": nothing here";
  return (
    <div class="milo-line milo-wrap milo-log-drawer milo-log-chosen" role="status">
      <span class="milo-spring">
        Still looking for <b>{all}</b>
        {many}
      </span>
      <button
        type="button"
        class="milo-quiet"
        onClick={() => {
          query.value = { ...query.peek(), text: "", streams: [], levels: [], isOnly: false };
        }}
      >
        Clear
      </button>
    </div>
  );
}

interface MoreProps {
  readonly settings: Settings;
  readonly hasClock: boolean;
  /** Says why it cannot go there, or "". */
  readonly onGo: (text: string) => string;
  readonly onLeave: () => void;
  readonly onCopy: () => void;
  readonly onDownload: () => void;
  /** What goes on and can be stopped. */
  readonly onStop: (() => void) | null;
}

export function MoreDrawer({ settings: { times, wraps }, hasClock, onGo, onLeave, onCopy, onDownload, onStop }: MoreProps) {
  const wrong = useSignal("");
  const onKeyDown = (event: KeyboardEvent & { readonly currentTarget: HTMLInputElement }) => {
    if (event.key === "Enter") wrong.value = onGo(event.currentTarget.value);
    else if (event.key === "Escape") onLeave();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const options: [string, Times][] = [
    ["start", "since"],
    ["clock", "clock"],
    ["off", "off"],
  ];
  return (
    <div class="milo-line milo-wrap milo-log-drawer">
      <span class="milo-line">
        <span class="milo-muted">Times</span>
        <Choice
          label="Times"
          options={options.filter(([, one]) => hasClock || one !== "clock")}
          chosen={times.value}
          onChoose={(next) => {
            times.value = next;
          }}
        />
      </span>
      <button
        type="button"
        class="milo-chip"
        aria-pressed={wraps.value}
        title="Break long lines (w)"
        onClick={() => {
          wraps.value = !wraps.peek();
        }}
      >
        wrap
      </button>
      <input
        type="text"
        class="milo-log-goal"
        data-goal=""
        placeholder={`Go to: 120, ${times.value === "clock" ? "14:03" : "1:23"}, link`}
        aria-label="Go to a line, a time or a link"
        title="A line, a time or a link, then Enter (:)"
        aria-invalid={wrong.value ? "true" : undefined}
        onInput={() => {
          wrong.value = "";
        }}
        onKeyDown={onKeyDown}
      />
      <span class="milo-line milo-log-end">
        <button type="button" class="milo-quiet" onClick={onCopy}>
          Copy all
        </button>
        <button type="button" class="milo-quiet" onClick={onDownload}>
          Download
        </button>
        {onStop ? (
          <button type="button" class="milo-quiet" onClick={onStop}>
            Stop
          </button>
        ) : null}
      </span>
      {wrong.value ? <Wrong>{wrong.value}</Wrong> : null}
    </div>
  );
}

interface ChosenProps {
  readonly range: Range;
  readonly onCopy: (isNumbered: boolean) => void;
  readonly onLink: () => void;
  readonly onClear: () => void;
}

/** What can be done with the lines that were chosen. */
export function Chosen({ range, onCopy, onLink, onClear }: ChosenProps) {
  const [first, last] = [firstOf(range) + 1, lastOf(range) + 1];
  return (
    <div class="milo-line milo-wrap milo-log-drawer milo-log-chosen" {...group("Chosen lines")}>
      <b>{first === last ? `Line ${formatCount(first)}` : `Lines ${formatCount(first)} to ${formatCount(last)}`}</b>
      <span class="milo-spring" />
      <button type="button" class="milo-quiet" title="Copy the text (y)" onClick={() => onCopy(false)}>
        Copy
      </button>
      <button type="button" class="milo-quiet" onClick={() => onCopy(true)}>
        Copy with numbers
      </button>
      <button type="button" class="milo-quiet" onClick={onLink}>
        Copy link
      </button>
      <SignButton sign="close" label="Choose no lines (Escape)" onClick={onClear} />
    </div>
  );
}

export function Wrong({ children, onAgain = null }: { children?: Child; onAgain?: (() => void) | null }) {
  return (
    <p class="milo-log-wrong" role="alert">
      {children}
      {onAgain ? (
        <>
          {" "}
          <button type="button" class="milo-link" onClick={onAgain}>
            Search again
          </button>
        </>
      ) : null}
    </p>
  );
}

interface ChoiceProps<K> {
  readonly label: string;
  readonly options: readonly (readonly [string, K])[];
  readonly chosen: K;
  readonly onChoose: (option: K) => void;
}

/** One of a few. */
export function Choice<K>({ label, options, chosen, onChoose }: ChoiceProps<K>) {
  return (
    <span class="milo-log-choice" {...group(label)}>
      {options.map(([word, option]) => (
        <button key={word} type="button" aria-pressed={option === chosen} onClick={() => onChoose(option)}>
          {word}
        </button>
      ))}
    </span>
  );
}
