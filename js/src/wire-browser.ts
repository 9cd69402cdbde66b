/** What the browser says to the kernel. The view itself needs the types only; tests and the fake kernel need the check. */
import { count, listOf, object, oneOf, type Parsed, record, tagged, text, upTo } from "./wire";

const command = oneOf("retry", "skip", "pause", "resume", "cancel", "retry-failed", "run", "approve", "rerun");

export const parseFromBrowser = tagged({
  hello: object({ view: text }),
  bye: object({ view: text }),
  ack: object({ seq: count }),
  sync: object({}),
  logs: object({ id: text, phase: count, start: count, count: upTo(1000) }),
  detail: object({ id: text, phase: count }),
  outputs: object({ id: text, phase: count }),
  output: object({ id: text, phase: count, ref: text, version: count, start: count }),
  /** Something beside the story: a search, a preview. Answered in the envelope `answer`; `drop` wants no more answers. */
  ask: object({ id: text, what: text, args: record }),
  drop: object({ id: text }),
  command: object({ id: text, command, phases: listOf(text), options: record }),
});

export type FromBrowser = Parsed<typeof parseFromBrowser>;
export type Command = Parsed<typeof command>;
