/**
 * Which link in the page's address counts: one that the page was opened with, or that somebody went to, and for the
 * session that was on show then. What a view has written there itself leads nobody who comes later. One note for all
 * views of a page, as each cell's view may have code of its own.
 */
import type { Snapshot } from "../../wire";

interface Note {
  hash: string;
  /** The session that the link leads into. */
  session: string;
  /** It leads there what is opened later. */
  leads: boolean;
}

function noteOf(): Note {
  const page = globalThis as { [key: symbol]: Note };
  const key = Symbol.for("milo_nb.link");
  page[key] ??= { hash: "", session: "", leads: false };
  return page[key];
}

/** True if what is opened now may follow the link; of a link not seen before it is noted whose it is. */
export function isAllowed(session: Snapshot | null): boolean {
  const note = noteOf();
  if (note.hash !== location.hash) allowLink(session);
  return note.leads && isOurs(session);
}

/** True if the link is of this session. */
export const isOurs = (session: Snapshot | null): boolean => noteOf().hash === location.hash && noteOf().session === session?.session_id;

/** Somebody has gone to the link. */
export function allowLink(session: Snapshot | null, leads = true): void {
  Object.assign(noteOf(), { hash: location.hash, session: session?.session_id, leads });
}

/** The link was written by a view. */
export const spendLink = (session: Snapshot | null): void => allowLink(session, false);

/** Takes the link out of the address: the host's own parts stay as they are. */
export function clearLink(): void {
  try {
    history.replaceState(history.state, "", location.href.replace(/#.*$/s, ""));
  } catch {
    // a page without an address of its own
  }
}
