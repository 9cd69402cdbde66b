/** Whether a person is reading, so that nothing opens itself in front of them. Pure; times are the page clock's, in milliseconds. */

/** What a person did last, and when. */
export interface Attention {
  /** Chose a phase, opened or closed the inspector. */
  readonly chose: number;
  /** Scrolled, or marked text. */
  readonly scrolled: number;
  /** Typed, searched. */
  readonly typed: number;
}

export type Deed = keyof Attention;

const NEVER = Number.NEGATIVE_INFINITY;
export const UNATTENDED: Attention = { chose: NEVER, scrolled: NEVER, typed: NEVER };

/** How long after each deed a person counts as reading what it brought to view. */
export const READS_FOR_MS: Readonly<Record<Deed, number>> = { chose: 15_000, scrolled: 60_000, typed: 60_000 };
/** Who has scrolled up in a log that goes on has come for those lines. */
export const READS_BACK_FOR_MS = 300_000;

/** `isBack`: a log is open, and does not follow its end. */
export function isReading(attention: Attention, isBack: boolean, now: number): boolean {
  const isWithin = (deed: Deed, ms: number) => now - attention[deed] < ms;
  return (Object.keys(READS_FOR_MS) as Deed[]).some((deed) =>
    isWithin(deed, isBack && deed === "scrolled" ? READS_BACK_FOR_MS : READS_FOR_MS[deed]),
  );
}

/** The failed phase that is to open itself: the first of a session, unless somebody reads; -1: none. */
export function toOpen(statusesBefore: readonly string[], statuses: readonly string[]): number {
  return statusesBefore.includes("failed") ? -1 : statuses.indexOf("failed");
}
