/** Which phases a person wants to see: one filter for all that one view shows. Pure. */
import { type ShownState, shownState } from "../state/selectors";
import type { Phase } from "../wire";

export interface Filter {
  /** Words that must all occur in a phase's name, description or error, whatever their case. */
  readonly text: string;
  /** The states to see; none are all. */
  readonly statuses: ReadonlySet<ShownState>;
}

export const EVERYTHING: Filter = { text: "", statuses: new Set() };

/** Does it leave anything out? */
export const isNarrow = ({ text, statuses }: Filter): boolean => text.trim() !== "" || statuses.size > 0;

/** Wants one more state, or one less if it was wanted. */
export function toggled(filter: Filter, status: ShownState): Filter {
  const statuses = new Set(filter.statuses);
  if (!statuses.delete(status)) statuses.add(status);
  return { ...filter, statuses };
}

/** Makes the question whether a phase is wanted. */
export function matcher({ text, statuses }: Filter): (phase: Phase) => boolean {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return (phase) => {
    const { name, description, error } = phase;
    if (statuses.size > 0 && !statuses.has(shownState(phase))) return false;
    if (words.length === 0) return true;
    const said = `${name}\n${description}\n${error}`.toLowerCase();
    return words.every((word) => said.includes(word));
  };
}
