/** Words and numbers as a person reads them. Pure. */
import { type ShownState, shownState } from "../state/selectors";
import type { Phase } from "../wire";

/** `0.4s`, `12s`, `3m 05s`, `2h 07m`: one glance, no jumping width within a unit. */
export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds) || seconds < 0) return "–";
  if (seconds < 9.95) return `${seconds.toFixed(1)}s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole}s`;
  if (whole < 3600) return `${Math.floor(whole / 60)}m ${pad(whole % 60)}s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60 * 24) return `${Math.floor(minutes / 60)}h ${pad(minutes % 60)}m`;
  return `${Math.floor(minutes / 1440)}d ${pad(Math.floor(minutes / 60) % 24)}h`;
}

/** `about 2m left`, `2–3m left`, `50s–2m left`: no more exact than it is known; "" for what is over in a moment. */
export function formatLeft([low, high]: readonly [number, number]): string {
  if (high < 1) return "";
  const [from, to] = [low, high].map(roughly) as [string, string];
  if (from === to || low < 1) return `${low < 1 && from !== to ? "up to" : "about"} ${to} left`;
  const unit = from.at(-1) === to.at(-1) && !from.includes(" ") && !to.includes(" ");
  return `${unit ? from.slice(0, -1) : from}–${to} left`;
}

function roughly(seconds: number): string {
  if (seconds < 20) return `${Math.max(1, Math.round(seconds))}s`;
  if (seconds < 55) return `${Math.round(seconds / 5) * 5}s`;
  if (seconds < 57 * 60) return `${Math.max(1, Math.round(seconds / 60))}m`;
  return formatDuration(Math.round(seconds / 300) * 300);
}

/** Seconds since the session began, as a log's time stamp: `0:07.250`, `12:03.004`, `1:02:03.004`. */
export function formatStamp(seconds: number): string {
  const safe = Number.isFinite(seconds) ? Math.max(0, seconds) : 0;
  const ms = Math.round(safe * 1000);
  const hours = Math.floor(ms / 3_600_000);
  const minutes = Math.floor(ms / 60_000) % 60;
  const rest = `${pad(Math.floor(ms / 1000) % 60)}.${String(ms % 1000).padStart(3, "0")}`;
  return hours ? `${hours}:${pad(minutes)}:${rest}` : `${minutes}:${rest}`;
}

export function formatPercent(fraction: number): string {
  const percent = Math.min(1, Math.max(0, fraction)) * 100;
  return `${percent > 99 && percent < 100 ? 99 : Math.round(percent)}%`; // 100 % is for what is done
}

const counting = new Intl.NumberFormat("en-US"); // made once: a long list asks for each of its rows, at each drawing

export function formatCount(count: number): string {
  return counting.format(count);
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}

const pad = (value: number): string => String(value).padStart(2, "0");

/** The time of day where the person is: `14:03`. */
export function formatClock(unixMs: number): string {
  const date = new Date(unixMs);
  return `${pad(date.getHours())}:${pad(date.getMinutes())}`;
}

/** A state in words, of one phase and of several. */
export const wordOf = (state: ShownState): string => (state === "review" ? "needs review" : state);
export const countWord = (state: ShownState): string => (state === "review" ? "to review" : state);

/** The name of what belongs to no phase. */
export const OTHER = "Other output";

export const ORIGIN_WORDS: Readonly<Record<Phase["origin"], string>> = {
  "": "",
  ran: "",
  cache: "cached",
  checkpoint: "from checkpoint",
  substitute: "substitute",
};

/** `running · 45% · 12s · attempt 2`; where badges say the rest, only `running · 45% · 12s`. */
export function phaseSummary(phase: Phase, elapsed: number, isShort = false): string {
  const { status, reason } = phase;
  const isPending = status === "pending";
  if (isShort && isPending && reason) return reason;
  return [
    wordOf(shownState(phase)),
    status === "running" && phase.fraction > 0 && formatPercent(phase.fraction),
    !isPending && (phase.started_at > 0 || elapsed > 0) && formatDuration(elapsed),
    ...(isShort ? [] : [phase.attempt > 1 && `attempt ${phase.attempt}`, ORIGIN_WORDS[phase.origin], phase.edited && "edited"]),
    isPending && reason,
  ]
    .filter(Boolean)
    .join(" · ");
}

/** What a screen reader adds to what can be read: `after load and split, error: no title, not saved`; nothing if there is nothing. */
export function phaseNote(phase: Phase, phases: readonly Phase[]): string | undefined {
  const upstream = phase.depends_on.flatMap((index) => phases[index]?.name ?? []);
  const after = upstream.length > 3 ? `after ${upstream.length} phases` : upstream.length ? `after ${upstream.join(" and ")}` : "";
  return [after, phase.error && `error: ${phase.error}`, phase.unsaved && "not saved"].filter(Boolean).join(", ") || undefined;
}
