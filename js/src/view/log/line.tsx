/** One line of a log: its number, its time, and its text with colours, links and matches. Text is only ever text here. */
import { type Piece, pieces } from "../../ansi";
import type { Child } from "../../dom/h";
import type { Line } from "../../state/logs";
import { longestFor } from "../../state/search";
import { formatCount, plural } from "../format";

/** Characters of a line that are shown at first: a page of lines that are all as long must still scroll. */
const MOST_SHOWN = 2_000;
const LINK = /https?:\/\/[^\s<>"'`{}|\\^\p{Cc}\p{Cf}]+/gu;
/** What turns the direction of text round, and what is there and cannot be seen. */
const HIDDEN = /[\u200b\u202a-\u202e\u2060\u2066-\u2069\ufeff]/g;
const MOST_MARK_MS = 25;

interface Props {
  /** From 0. */
  readonly number: number;
  readonly line: Line | undefined;
  readonly stamp: string;
  readonly pattern: RegExp | null;
  readonly isMatch: boolean;
  readonly isCurrent: boolean;
  readonly isChosen: boolean;
  /** The attempt that begins here, 0: none. */
  readonly attempt: number;
  /** Of a log of all phases: whose line it is. */
  readonly phase: string;
  readonly owner: number;
  readonly isWhole: boolean;
  readonly acts: LineActs;
}

/** What a person can do with a line. */
export interface LineActs {
  choose(number: number, isMore: boolean): void;
  /** Goes to the phase that wrote it. */
  open(owner: number): void;
  /** Shows all of it. */
  expand(number: number): void;
}

export function LogLine({ number, line, stamp, pattern, isMatch, isCurrent, isChosen, attempt, phase, owner, isWhole, acts }: Props) {
  const [, stream, level, text] = line ?? [0, undefined, undefined, "…"];
  const isLong = !isWhole && text.length > MOST_SHOWN;
  return (
    <div
      class="milo-log-row"
      data-line={number + 1}
      data-stream={stream}
      data-level={level}
      data-match={isMatch || undefined}
      data-current={isCurrent || undefined}
      data-chosen={isChosen || undefined}
      data-attempt={attempt || undefined}
    >
      <button
        type="button"
        class="milo-log-number"
        tabIndex={-1}
        aria-label={`Line ${number + 1}`}
        title="Choose this line; with Shift: all up to here"
        onClick={(event) => acts.choose(number, event.shiftKey)}
      >
        {number + 1}
      </button>
      {stamp ? <span class="milo-log-stamp">{stamp}</span> : null}
      {phase ? (
        <button
          type="button"
          class="milo-log-phase"
          tabIndex={-1}
          style={`--m-hue:${(owner * 137) % 360}`}
          title={`Open ${phase}`}
          onClick={() => acts.open(owner)}
        >
          {phase}
        </button>
      ) : null}
      {attempt ? <b class="milo-log-attempt">attempt {attempt}</b> : null}
      <span class="milo-log-text">
        <Coloured text={isLong ? text.slice(0, MOST_SHOWN) : text} pattern={pattern} />
      </span>
      {isLong ? (
        <button type="button" class="milo-link" tabIndex={-1} onClick={() => acts.expand(number)}>
          … {formatCount(text.length - MOST_SHOWN)} more characters: show all
        </button>
      ) : null}
    </div>
  );
}

LogLine.isPure = true;

/** Stands where lines were cut: those from `head` to `first`. */
export function CutLine({ head, first }: { head: number; first: number }) {
  return (
    <div class="milo-log-row milo-log-cut">
      {plural(first - head, "line")} {first - head === 1 ? "was" : "were"} cut here to save memory: {formatCount(head + 1)} to{" "}
      {formatCount(first)}
    </div>
  );
}

/** A line with its terminal colours, its links, and what a pattern finds in it. */
export function Coloured({ text, pattern = null }: { text: string; pattern?: RegExp | null }) {
  const parts = pieces(text);
  const whole = parts.map((part) => part.text).join("");
  const spans = [...marksIn(whole, pattern), ...linksIn(whole), ...hiddenIn(whole)];
  let at = 0;
  return parts.map((part, i) => {
    const from = at;
    at += part.text.length;
    return (
      <span
        key={i}
        class={part.names || undefined}
        style={part.colour || part.background ? `color:${part.colour};background:${part.background}` : undefined}
      >
        {contentOf(part, from, spans)}
      </span>
    );
  });
}

/** A stretch of the line's text that is shown as something. */
interface Span {
  readonly kind: "mark" | "link" | "hidden";
  readonly from: number;
  readonly to: number;
  /** Where a link leads to. */
  readonly href?: string;
}

function contentOf(part: Piece, start: number, spans: readonly Span[]): Child {
  const end = start + part.text.length;
  const near = spans.filter(({ from, to }) => from < end && to > start);
  const target = part.link && safeLink(part.link);
  if (near.length === 0) return target ? <Link href={target}>{part.text}</Link> : part.text;
  const cuts = [...new Set([start, end, ...near.flatMap(({ from, to }) => [from, to])])].filter((cut) => cut >= start && cut <= end);
  cuts.sort((a, b) => a - b);
  return cuts.slice(1).map((to, i) => {
    const from = cuts[i] ?? start;
    const text = part.text.slice(from - start, to - start);
    const over = (kind: Span["kind"]) => near.find((span) => span.kind === kind && span.from <= from && span.to >= to);
    const shown: Child = over("hidden") ? <Hidden character={text} /> : text;
    const marked = over("mark") ? <mark>{shown}</mark> : shown;
    const href = target || over("link")?.href;
    return href ? <Link href={href}>{marked}</Link> : marked;
  });
}

function Link({ href, children }: { href: string; children?: Child }) {
  return (
    <a href={href} title={href} target="_blank" rel="noopener noreferrer" tabIndex={-1}>
      {children}
    </a>
  );
}

/** A character that would act unseen, by its name. */
function Hidden({ character }: { character: string }) {
  const name = `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}`;
  return (
    <span class="milo-log-hidden" title={`${name}: a character that cannot be seen`}>
      {name}
    </span>
  );
}

/** The address if it is one of the web's. */
function safeLink(text: string): string {
  try {
    const { href, protocol } = new URL(text);
    return protocol === "http:" || protocol === "https:" ? href : "";
  } catch {
    return "";
  }
}

function linksIn(text: string): readonly Span[] {
  if (!text.includes("://")) return [];
  return [...text.matchAll(LINK)].flatMap(({ 0: found, index }) => {
    const shown = withoutEnd(found);
    const href = safeLink(shown);
    return href ? [{ kind: "link" as const, from: index, to: index + shown.length, href }] : [];
  });
}

/** Without what belongs to the sentence that the address stands in. */
function withoutEnd(address: string): string {
  const shown = address.replace(/[.,;:!?*_~]+$/, "");
  for (const [open, close] of ["()", "[]"] as unknown as readonly (readonly [string, string])[])
    if (shown.endsWith(close) && !shown.includes(open)) return withoutEnd(shown.slice(0, -1));
  return shown;
}

function hiddenIn(text: string): readonly Span[] {
  return [...text.matchAll(HIDDEN)].map(({ index }) => ({ kind: "hidden", from: index, to: index + 1 }));
}

const tooSlow = new WeakSet<RegExp>();

/** Where the pattern matches; one that takes too long is not asked again. */
function marksIn(text: string, pattern: RegExp | null): readonly Span[] {
  if (!pattern || tooSlow.has(pattern) || text.length > longestFor(pattern.source)) return [];
  const found: Span[] = [];
  const began = performance.now();
  for (const { 0: match, index } of text.matchAll(pattern)) {
    if (match) found.push({ kind: "mark", from: index, to: index + match.length });
    if (found.length === 1_000) break;
  }
  if (performance.now() - began > MOST_MARK_MS) tooSlow.add(pattern);
  return found;
}
