/** The timeline's axis: round marks of the session's time, and what of it is left out. */
import { type Mark, marksOf, place, roundStep, type Scale } from "../../state/scale";
import { formatDuration } from "../format";

/** How an axis lies on the screen. */
export interface Ruler {
  readonly scale: Scale;
  /** Pixels per second as drawn. */
  readonly perSecond: number;
  /** Pixels of names before it. */
  readonly margin: number;
  /** Seconds on the session's clock as of this drawing, if time goes on. */
  readonly now: number | null;
  /** Pixels of the axis that are in sight. */
  readonly sight: readonly [number, number];
  /** Has nothing begun, so that there is no time to measure? */
  readonly isEmpty: boolean;
}

const MARK_PX = 64;
const APART_PX = 52;

/** Pixels from the axis' beginning to a time of the session's clock. */
export const xOf = ({ scale, perSecond }: Ruler, time: number): number => place(scale, time) * perSecond;

export function marksIn({ scale, perSecond, sight, isEmpty }: Ruler): readonly (Mark & { readonly step: number })[] {
  if (isEmpty) return [];
  const step = roundStep(MARK_PX / perSecond);
  const [low, high] = sight;
  return marksOf(scale, step, APART_PX / perSecond, (low - MARK_PX) / perSecond, high / perSecond).map((mark) => ({ ...mark, step }));
}

/** A time since the session began, as exact as the marks are apart: `0.25s`, `40s`, `3:20`, `2:03:20`, `26h`. */
export function formatMark(seconds: number, step: number): string {
  if (seconds === 0) return "0";
  if (step >= 3600) return `${Math.round(seconds / 3600)}h`;
  const digits = Math.max(0, Math.ceil(-Math.log10(step) - 1e-9));
  if (seconds < 60) return `${seconds.toFixed(digits)}s`;
  const whole = Math.floor(seconds + 1e-9);
  const rest = `${String(whole % 60).padStart(2, "0")}${digits ? (seconds % 1).toFixed(digits).slice(1) : ""}`;
  const minutes = Math.floor(whole / 60);
  return minutes < 60 ? `${minutes}:${rest}` : `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}:${rest}`;
}

/** The lines behind all rows as one background: marks, what is left out as a hatched band, and now. */
export function gridOf(ruler: Ruler): string {
  const { scale, perSecond, margin, now, sight } = ruler;
  const line = (colour: string, x: number) => `linear-gradient(${colour},${colour}) ${(margin + x).toFixed(1)}px 0/1px 100% no-repeat`;
  const layers = now === null ? [] : [line("var(--m-run)", xOf(ruler, now))];
  for (const mark of marksIn(ruler)) if (!mark.isCut) layers.push(line("var(--m-line)", mark.at * perSecond));
  for (const { isCut, start, length } of scale.pieces) {
    if (!isCut || (start + length) * perSecond < sight[0] || start * perSecond > sight[1]) continue;
    layers.push(`var(--m-cut) ${(margin + start * perSecond).toFixed(1)}px 0/${(length * perSecond).toFixed(1)}px 100% no-repeat`);
  }
  return layers.join(",") || "none";
}

export function Axis({ ruler }: { ruler: Ruler }) {
  return (
    <div class="milo-head milo-time-row" aria-hidden="true">
      <span class="milo-time-name">Phase</span>
      <span class="milo-track">
        {marksIn(ruler).map(({ at, seconds, isCut, step }) => (
          <span
            key={`${isCut} ${seconds}`}
            class="milo-tick"
            data-cut={isCut || undefined}
            title={isCut ? `${formatDuration(seconds)} in which nothing ran, drawn shorter` : undefined}
            style={`left:${at * ruler.perSecond}px`}
          >
            {isCut ? `// ${formatDuration(seconds)}` : formatMark(seconds, step)}
          </span>
        ))}
        {ruler.isEmpty ? <span class="milo-tick">Nothing has run yet</span> : null}
      </span>
    </div>
  );
}
