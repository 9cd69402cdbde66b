/** Times of log lines: since something began, or of the day. The kernel's session clock is what lines have. */
import type { Goal } from "../../state/links";
import type { Phase, Snapshot } from "../../wire";
import { formatStamp } from "../format";
import type { Times } from "./settings";

/** When what is on show began, on the session clock. */
export function beginning(session: Snapshot | null, phase: Phase | undefined): number {
  return (phase?.history[0] ?? phase)?.started_at || (session?.started_at ?? 0);
}

/** `14:03:22.125`, where the person is. */
function formatClock(unix: number): string {
  const date = new Date(unix * 1000);
  const pad = (value: number, digits = 2) => String(value).padStart(digits, "0");
  return `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}.${pad(date.getMilliseconds(), 3)}`;
}

export function stampOf(time: number, times: Times, since: number, epoch: number): string {
  if (times === "off") return "";
  return times === "clock" && epoch ? formatClock(epoch + time) : formatStamp(time - since);
}

/** The moment a person means, on the session clock; of a time of day the first one after `since`. */
export function momentOf(goal: Exclude<Goal, null>, since: number, epoch: number): number {
  if ("since" in goal) return since + goal.since;
  if (!("clock" in goal)) return since;
  const day = new Date((epoch + since) * 1000);
  const midnight = new Date(day.getFullYear(), day.getMonth(), day.getDate()).getTime() / 1000;
  const at = midnight + goal.clock - epoch;
  return at < since - 1 ? at + 86_400 : at;
}
