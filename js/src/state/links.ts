/**
 * Links to lines of a log, as the address's last part: `#build/parse/L120`, `#build/parse/L120-L130`; and what people
 * write to say where in a log they want to go. Pure. Lines are counted from 1 here, as people do.
 */

/** Lines that were chosen, by number from 0: both ends belong to it. */
export interface Range {
  /** Where it was begun. */
  readonly anchor: number;
  /** Where it was extended to. */
  readonly to: number;
}

/** In the place of a phase's name; names have no plain `@` there. */
export const ALL = "@all";
export const OTHERS = "@other";

export const firstOf = ({ anchor, to }: Range): number => Math.min(anchor, to);
export const lastOf = ({ anchor, to }: Range): number => Math.max(anchor, to);

/** `log` is a phase's name, or null for all of them merged, or "" for what belongs to none. */
export function linkTo(pipeline: string, log: string | null, range: Range): string {
  const from = firstOf(range) + 1;
  const to = lastOf(range) + 1;
  return `#${encodeURIComponent(pipeline)}/${nameOf(log)}/L${from}${to > from ? `-L${to}` : ""}`;
}

/** The lines that a link names, if it is to this log. */
export function linkedLines(hash: string, pipeline: string, log: string | null): Range | null {
  const parts = partsOf(hash);
  return parts && parts.pipeline === pipeline && parts.log === nameOf(log) ? parts.range : null;
}

/** The place of a linked phase among the names; after them, as the kernel counts, what belongs to none, and all; -1: not of this pipeline. */
export function linkedPhase(hash: string, pipeline: string, names: readonly string[]): number {
  const parts = partsOf(hash);
  if (parts?.pipeline !== pipeline) return -1;
  if (parts.log === ALL) return names.length + 1;
  return parts.log === OTHERS ? names.length : names.findIndex((name) => nameOf(name) === parts.log);
}

const nameOf = (log: string | null): string => (log === null ? ALL : log ? encodeURIComponent(log) : OTHERS);

function partsOf(hash: string): { readonly pipeline: string; readonly log: string; readonly range: Range } | null {
  const [, pipeline = "", log = "", from = "", to = from] = /^#?([^/#]*)\/([^/]+)\/L(\d{1,9})(?:-L?(\d{1,9}))?$/.exec(hash.trim()) ?? [];
  if (!log || Number(from) < 1 || Number(to) < 1) return null;
  try {
    return { pipeline: decodeURIComponent(pipeline), log: nameOf2(log), range: { anchor: Number(from) - 1, to: Number(to) - 1 } };
  } catch {
    return null; // a lonely %
  }
}

/** Browsers differ in what of an address they escape. */
const nameOf2 = (log: string): string => (log === ALL || log === OTHERS ? log : encodeURIComponent(decodeURIComponent(log)));

/** Where to: lines, or seconds since the times on show began, or seconds of a day; null cannot be read. */
export type Goal = { readonly range: Range } | { readonly since: number } | { readonly clock: number } | null;

/** Reads `120`, `L120-L130`, `1:23.5`, `+90s`, or with `isClock` `14:03:22`. */
export function parseGoal(text: string, isClock: boolean): Goal {
  const said = text.trim();
  const [, from, to = from] = /^L?(\d{1,9})(?:\s*-\s*L?(\d{1,9}))?$/i.exec(said.replaceAll(",", "")) ?? [];
  if (from) return Number(from) > 0 && Number(to) > 0 ? { range: { anchor: Number(from) - 1, to: Number(to) - 1 } } : null;
  const [, seconds] = /^\+?(\d+(?:\.\d+)?)\s*s$/i.exec(said) ?? [];
  if (seconds) return { since: Number(seconds) };
  if (!/^\+?\d{1,4}(:\d{1,2}){1,2}(\.\d+)?$/.test(said)) return null;
  const parts = said.replace("+", "").split(":").map(Number);
  const isDay = isClock && !said.startsWith("+");
  if (isDay && parts.length === 2) parts.push(0);
  const value = parts.reduce((sum, part) => sum * 60 + part, 0);
  return isDay ? { clock: value } : { since: value };
}

export const isIn = (range: Range | null, line: number): boolean => range !== null && line >= firstOf(range) && line <= lastOf(range);
