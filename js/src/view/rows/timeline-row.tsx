/** One phase in the timeline: its attempts, what it waited for, and its part of the critical path. */
import type { Kind, Stretch } from "../../state/bars";
import { shownState } from "../../state/selectors";
import type { Phase, PhaseState } from "../../wire";
import { formatDuration, ORIGIN_WORDS, wordOf } from "../format";
import { StatusIcon } from "../icons";
import { pendingNote } from "./rows";
import { type Ruler, xOf } from "./timeline-axis";

/** From the end of one phase on the critical path to the beginning of the next. */
export interface Link {
  /** Places among the rows. */
  readonly above: number;
  readonly below: number;
  readonly from: number;
  readonly to: number;
}

export const KIND_WORDS: Readonly<Record<Kind, string>> = {
  work: "Work",
  waiting: "Waiting to start",
  delay: "Until retried",
  review: "Review",
};
/** Pixels of a character, and of the room around a text, in a bar. */
const CHARACTER_PX = 6.4;
const AROUND_PX = 10;
const LEAST_PX = 3;
/** Thinner lines are not worth an element. */
const LEAST_LINE_PX = 1.5;
const SIGNS: Readonly<Partial<Record<PhaseState, string>>> = { failed: "✕ ", cancelled: "⊘ ", skipped: "» " };

interface Props {
  readonly phase: Phase;
  readonly phases: readonly Phase[];
  readonly at: number;
  readonly stretches: readonly Stretch[];
  readonly ruler: Ruler;
  readonly links: readonly Link[];
  readonly isCritical: boolean;
  /** A time of the session's clock as people say it, where it is known. */
  readonly said: (time: number) => string;
}

export function TimelineRow({ phase, phases, at, stretches, ruler, links, isCritical, said }: Props) {
  const name = `${phase.name}${isCritical ? "\non the critical path" : ""}`;
  return (
    <>
      <span class="milo-time-name" title={name}>
        <StatusIcon status={shownState(phase)} size={14} />
        <span class="milo-cut" dir="auto">
          {phase.name}
        </span>
        <span class="milo-said">{describe(phase, stretches, isCritical)}</span>
      </span>
      <span class="milo-track" aria-hidden="true">
        {links.map((link) => (
          <LinkPart key={`link ${link.above}`} link={link} at={at} ruler={ruler} />
        ))}
        {stretches.map((one, i) => {
          const x = xOf(ruler, one.from);
          const width = xOf(ruler, one.to) - x;
          const isWork = one.kind === "work";
          if (!isWork && width < LEAST_LINE_PX) return null;
          const next = stretches[i + 1];
          const free = next ? xOf(ruler, next.from) - x - width : Number.POSITIVE_INFINITY;
          const labels = labelsOf(one);
          const inside = labels.find((text) => roomOf(text) <= width);
          const beside = inside !== undefined ? undefined : isWork ? labels.find((text) => roomOf(text) <= free) : undefined;
          return (
            <span
              key={`${one.kind} ${one.attempt} ${one.from}`}
              class="milo-bar"
              data-kind={one.kind}
              data-status={one.status}
              data-critical={(isCritical && isWork) || undefined}
              data-open={one.isOpen || undefined}
              title={titleOf(phase, one, said)}
              style={`left:${x.toFixed(1)}px;width:${Math.max(isWork ? LEAST_PX : 0, width).toFixed(1)}px`}
            >
              {inside || beside ? <span data-beside={beside !== undefined}>{inside ?? beside}</span> : null}
            </span>
          );
        })}
        <Expected phase={phase} stretches={stretches} ruler={ruler} />
        <Beyond stretches={stretches} ruler={ruler} />
        {stretches.length === 0 ? <span class="milo-time-note">{noteOf(phase, phases)}</span> : null}
      </span>
    </>
  );
}

/** Does it run, and is it known how long that takes? */
export const isExpected = ({ status, usual }: Phase): boolean => status === "running" && usual > 0;

/** What is left of the time that it usually takes. */
function Expected({ phase, stretches, ruler }: Pick<Props, "phase" | "stretches" | "ruler">) {
  const last = stretches.at(-1);
  if (!last?.isOpen || last.kind !== "work" || !isExpected(phase)) return null;
  const x = xOf(ruler, last.to);
  const width = Math.min(xOf(ruler, last.from + phase.usual), ruler.scale.room * ruler.perSecond) - x;
  return width > LEAST_PX ? (
    <i
      class="milo-bar"
      data-kind="usual"
      title={`usually ${formatDuration(phase.usual)}`}
      style={`left:${x.toFixed(1)}px;width:${width.toFixed(1)}px`}
    />
  ) : null;
}

/** Where to look for what is out of sight at either side. */
function Beyond({ stretches, ruler }: Pick<Props, "stretches" | "ruler">) {
  const [first, last] = [stretches[0], stretches.at(-1)];
  const [low, high] = ruler.sight;
  if (!first || !last) return null;
  const sign = xOf(ruler, last.to) < low ? "◂" : xOf(ruler, first.from) > high ? "▸" : "";
  return sign ? (
    <span class="milo-beyond" style={`left:${(sign === "◂" ? low + 3 : high - 14).toFixed(0)}px`}>
      {sign}
    </span>
  ) : null;
}

/** What a link shows in this row: along to the next phase's beginning, then down, or what comes down from above. */
function LinkPart({ link, at, ruler }: { link: Link; at: number; ruler: Ruler }) {
  const end = xOf(ruler, link.to);
  const begin = at === link.above ? Math.min(xOf(ruler, link.from), end) : end;
  const part = at === link.above ? "from" : at === link.below ? "to" : "past";
  return <i class="milo-elbow" data-part={part} style={`left:${begin.toFixed(1)}px;width:${(end - begin + 1.5).toFixed(1)}px`} />;
}

/** The links that touch the row. */
export const linksAt = (links: readonly Link[], at: number): readonly Link[] =>
  links.filter(({ above, below }) => above <= at && at <= below);

/** What may stand in or beside a bar, the most telling first; a line bears none. */
function labelsOf({ kind, attempt, from, to, status }: Stretch): readonly string[] {
  const time = formatDuration(to - from);
  if (kind !== "work") return kind === "review" ? [`review ${time}`, "review"] : [];
  const sign = SIGNS[status] ?? "";
  return [`${sign}${attempt > 1 ? `#${attempt} ` : ""}${time}`, `${sign}${time}`, sign].filter(Boolean);
}

const roomOf = (text: string): number => text.trim().length * CHARACTER_PX + AROUND_PX;

function titleOf({ name }: Phase, { kind, attempt, from, to, status, error, isOpen }: Stretch, said: (time: number) => string): string {
  const time = formatDuration(to - from);
  const what = kind === "work" ? `attempt ${attempt}: ${status}` : KIND_WORDS[kind].toLowerCase();
  const span = said(from) && `${said(from)} – ${isOpen ? "now" : said(to)}`;
  return [`${name}, ${what}, ${time}`, span, error].filter(Boolean).join("\n");
}

/** Why there is nothing to see of a phase. */
function noteOf(phase: Phase, phases: readonly Phase[]): string {
  return phase.status === "pending" ? pendingNote(phase, phases) : [phase.status, ORIGIN_WORDS[phase.origin]].filter(Boolean).join(", ");
}

/** The row in words: `failed, 3 attempts, 4.5s of work, 2.0s waiting to start, on the critical path`. */
function describe(phase: Phase, stretches: readonly Stretch[], isCritical: boolean): string {
  const kinds: readonly Kind[] = ["work", "waiting", "delay", "review"];
  const times = kinds.flatMap((kind) => {
    const seconds = stretches.reduce((sum, one) => sum + (one.kind === kind ? one.to - one.from : 0), 0);
    return seconds > 0.05 ? [`${formatDuration(seconds)} ${kind === "work" ? "of work" : KIND_WORDS[kind].toLowerCase()}`] : [];
  });
  const attempts = stretches.filter(({ kind }) => kind === "work").length;
  return [wordOf(shownState(phase)), attempts > 1 && `${attempts} attempts`, ...times, isCritical && "on the critical path"]
    .filter(Boolean)
    .join(", ");
}
