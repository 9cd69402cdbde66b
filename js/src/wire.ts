/**
 * The wire contract between kernel and browser, schema 1: what may be said, and the one place where it is checked.
 * What the browser says is in `wire-browser.ts`: no check of that belongs into the bundle.
 *
 * The rules: imports nothing; takes `unknown`, gives a typed value or a `WireError` that names the wrong field;
 * fields it does not know are left out, fields it needs are never guessed. Names are those of the JSON.
 */

/** A message or trait that does not follow the contract; `field` is the path of the first wrong field. */
export class WireError extends Error {
  override readonly name = ""; // as text it is its message
  constructor(
    readonly field: string,
    expected: string,
    value: unknown,
  ) {
    super(`${field || "message"}: expected ${expected}, got ${describe(value)}`);
  }
}

/** Checks a value found at `path`, or throws a `WireError`. */
export type Parse<T> = (value: unknown, path: string) => T;
type Parsed<P> = P extends Parse<infer T> ? T : never;
type Fields = Readonly<Record<string, Parse<unknown>>>;
type Shape<F extends Fields> = { readonly [K in keyof F]: Parsed<F[K]> };

function describe(value: unknown): string {
  return JSON.stringify(value)?.slice(0, 40) ?? "nothing";
}

function fail(path: string, expected: string, value: unknown): never {
  throw new WireError(path, expected, value);
}

function record(value: unknown, path: string): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) fail(path, "an object", value);
  return value as Readonly<Record<string, unknown>>;
}

const at = (path: string, key: string): string => (path ? `${path}.${key}` : key);

const text: Parse<string> = (value, path) => (typeof value === "string" ? value : fail(path, "a string", value));
const flag: Parse<boolean> = (value, path) => (typeof value === "boolean" ? value : fail(path, "true or false", value));
const number: Parse<number> = (value, path) => (Number.isFinite(value) ? Number(value) : fail(path, "a number", value));
const upTo =
  (most: number): Parse<number> =>
  (value, path) =>
    Number.isInteger(value) && Number(value) >= 0 && Number(value) <= most
      ? Number(value)
      : fail(path, `a whole number from 0 to ${most}`, value);
const count = upTo(Number.MAX_SAFE_INTEGER);

function oneOf<const T extends readonly (string | number | boolean)[]>(...choices: T): Parse<T[number]> {
  return (value, path) => choices.find((choice) => choice === value) ?? fail(path, `one of ${choices.join(", ")}`, value);
}

function listOf<T>(item: Parse<T>): Parse<readonly T[]> {
  return (value, path) => (Array.isArray(value) ? value.map((one, i) => item(one, `${path}[${i}]`)) : fail(path, "a list", value));
}

function tuple<T extends readonly Parse<unknown>[]>(...items: T): Parse<{ readonly [I in keyof T]: Parsed<T[I]> }> {
  return (value, path) => {
    if (!Array.isArray(value) || value.length !== items.length) fail(path, `a list of ${items.length}`, value);
    // What a mapped tuple type holds cannot be said of map(): the lengths are equal and each item is checked.
    return items.map((item, i) => item((value as unknown[])[i], `${path}[${i}]`)) as unknown as { readonly [I in keyof T]: Parsed<T[I]> };
  };
}

function fieldsOf(fields: Fields, value: unknown, path: string, isPartial: boolean): Record<string, unknown> {
  const source = record(value, path);
  const parsed: Record<string, unknown> = {};
  for (const key in fields) {
    if (!isPartial || source[key] !== undefined) parsed[key] = fields[key]?.(source[key], at(path, key));
  }
  return parsed;
}

const object =
  <F extends Fields>(fields: F): Parse<Shape<F>> =>
  (value, path) =>
    fieldsOf(fields, value, path, false) as Shape<F>;

/** Like `object`, but every field may be missing: the fields that changed. */
const some =
  <F extends Fields>(fields: F): Parse<Partial<Shape<F>>> =>
  (value, path) =>
    fieldsOf(fields, value, path, true) as Partial<Shape<F>>;

const nullable =
  <T>(inner: Parse<T>): Parse<T | null> =>
  (value, path) =>
    value === null ? null : inner(value, path);

/** Chooses the parser by the message's `type`. */
function tagged<U extends Readonly<Record<string, Parse<unknown>>>>(
  kinds: U,
): Parse<{ [K in keyof U]: Parsed<U[K]> & { readonly type: K } }[keyof U]> {
  return (value, path) => {
    const { type } = record(value, path);
    const kind = oneOf(...Object.keys(kinds))(type, at(path, "type"));
    return { ...(kinds[kind]?.(value, path) as object), type: kind } as { [K in keyof U]: Parsed<U[K]> & { readonly type: K } }[keyof U];
  };
}

const phaseStatus = oneOf("pending", "running", "retrying", "completed", "failed", "skipped", "cancelled");
const pipelineStatus = oneOf("pending", "running", "paused", "completed", "failed", "cancelled");

const attempt = object({ attempt: count, status: phaseStatus, started_at: number, elapsed: number, error: text });
const phaseFields = {
  name: text,
  description: text,
  status: phaseStatus,
  attempt: count,
  started_at: number,
  elapsed: number,
  error: text,
  fraction: number,
  message: text,
  origin: oneOf("", "ran", "cache", "checkpoint", "substitute"),
  reason: text,
  log_count: count,
  depends_on: listOf(count),
  parallel: flag,
  weight: number,
  history: listOf(attempt),
  /** What follows its failure, in words. */
  policy: text,
  edited: flag,
  /** Is its result to be on disk, and not there yet? */
  unsaved: flag,
  /** Grows with each change of what it displayed; how many displays there are. */
  outputs: tuple(count, count),
  /** Seconds that it has taken in earlier sessions; 0: not known. */
  usual: number,
} as const;
const pipelineFields = {
  pipeline: text,
  session_id: text,
  status: pipelineStatus,
  requested: oneOf("", "pausing", "cancelling", "stopping"),
  waiting_for: text,
  started_at: number,
  elapsed: number,
  progress: number,
  owner: oneOf("here", "elsewhere", "nobody"),
  /** Why it takes no commands, or not all: see `permitSession`. */
  locked: text,
  /** What people should know of it as a whole, with the command of the button beside it. */
  banners: listOf(tuple(oneOf("failed", "waiting", "told"), text, oneOf("", "run"))),
  /** Lines that belong to no phase: asked for by the index after the last phase. */
  other: count,
  /** Unix seconds when the session's clock was 0; 0: not known. */
  epoch: number,
  /** Seconds that remain, at least and at most; twice 0: not known. */
  eta: tuple(number, number),
} as const;

const phase = object(phaseFields);
const snapshotShape = object({ schema: oneOf(1), ...pipelineFields, now: number, seq: count, phases: listOf(phase) });

/** Checks that every dependency is an earlier phase: the layout and the arrow keys rely on it. */
const snapshot: Parse<Parsed<typeof snapshotShape>> = (value, path) => {
  const parsed = snapshotShape(value, path);
  parsed.phases.forEach((one, index) => {
    one.depends_on.forEach((upstream, i) => {
      if (upstream >= index)
        throw new WireError(`${at(path, "phases")}[${index}].depends_on[${i}]`, "the index of an earlier phase", upstream);
    });
  });
  return parsed;
};

const line = tuple(
  number,
  oneOf("stdout", "stderr", "log", "warning", "milo"),
  oneOf("", "DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"),
  text,
);
const frame = object({ file: text, line: count, function: text, code: listOf(tuple(count, text)) });
const cause = object({ type: text, message: text, frames: listOf(frame), text });

/** The causes of causes are not shown: their text is part of the first one's. */
const errorDetail = object({
  type: text,
  message: text,
  attempt: count,
  frames: listOf(frame),
  causes: listOf(cause),
  text,
});

/** One display in the list: the form to show, which comes in pieces on request. No other kind of data gets past here. */
const output = object({
  /** `2/3`: the third display of the second attempt. */
  ref: text,
  /** Another one holds something else. */
  version: count,
  /** How to show it: as an image of this kind, as markup, as text; "" is not at all. */
  mime: oneOf("", "image/png", "image/jpeg", "image/webp", "image/gif", "image/svg+xml", "text/html", "text/plain"),
  /** Bytes of this form. */
  size: count,
  /** CSS pixels, 0: its own. */
  width: count,
  alt: text,
  /** What is not shown, and why. */
  note: text,
});

export const parseSnapshot: Parse<Snapshot> = snapshot;

/** Parses what the kernel sends by `msg:custom`. */
export const parseFromKernel = tagged({
  snapshot: object({ seq: count, state: snapshot }),
  delta: object({
    seq: count,
    now: number,
    pipeline: some(pipelineFields),
    phases: listOf(tuple(count, some(phaseFields))),
    logs: listOf(object({ phase: count, start: count, lines: listOf(line) })),
  }),
  logs: object({ id: text, phase: count, start: count, total: count, first: count, lines: listOf(line) }),
  detail: object({ id: text, phase: count, error: nullable(errorDetail) }),
  outputs: object({ id: text, phase: count, revision: count, dropped: count, items: listOf(output) }),
  /** The next bytes of a display are the message's binary buffer. */
  output: object({ id: text, phase: count, ref: text, version: count, start: count }),
  /** To `ask`; the body is checked by who asked. */
  answer: object({ id: text, done: flag, error: text, body: record }),
  reply: object({ id: text, ok: flag, message: text }),
  heartbeat: object({ now: number, seq: count }),
  still: object({ bundle: object({ "text/html": text, "text/plain": text }) }),
});

export type PhaseState = Parsed<typeof phaseStatus>;
export type PipelineStatus = Parsed<typeof pipelineStatus>;
export type Attempt = Parsed<typeof attempt>;
export type Phase = Parsed<typeof phase>;
export type Snapshot = Parsed<typeof snapshotShape>;
export type LogLine = Parsed<typeof line>;
export type Frame = Parsed<typeof frame>;
export type Cause = Parsed<typeof cause>;
export type ErrorDetail = Parsed<typeof errorDetail>;
export type FromKernel = Parsed<typeof parseFromKernel>;
export type Still = Extract<FromKernel, { type: "still" }>;
/** What the view's state is made of. */
export type Told = Exclude<FromKernel, Still | { type: "answer" }>;
export type Delta = Extract<FromKernel, { type: "delta" }>;
export type Detail = Extract<FromKernel, { type: "detail" }>;
export type Output = Parsed<typeof output>;
export type Outputs = Extract<FromKernel, { type: "outputs" }>;
export type LogsPage = Extract<FromKernel, { type: "logs" }>;

export type { Parsed };
export { count, fail, flag, frame, line, listOf, nullable, number, object, oneOf, record, tagged, text, tuple, upTo };
