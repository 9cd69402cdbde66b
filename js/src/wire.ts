/**
 * The wire contract between kernel and browser, schema 1: what may be said, and the one place where it is checked.
 *
 * The rules: imports nothing; takes `unknown`, gives a typed value or a `WireError` that names the wrong field;
 * fields it does not know are left out, fields it needs are never guessed. Names are those of the JSON.
 */

/** A message or trait that does not follow the contract; `field` is the path of the first wrong field. */
export class WireError extends Error {
  override readonly name = "WireError";
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
  if (value === undefined) return "nothing";
  if (value === null) return "null";
  if (Array.isArray(value)) return `a list of ${value.length}`;
  return typeof value === "string" ? JSON.stringify(value.slice(0, 40)) : typeof value;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function record(value: unknown, path: string): Readonly<Record<string, unknown>> {
  if (!isRecord(value)) throw new WireError(path, "an object", value);
  return value;
}

const at = (path: string, key: string): string => (path ? `${path}.${key}` : key);

const text: Parse<string> = (value, path) => {
  if (typeof value !== "string") throw new WireError(path, "a string", value);
  return value;
};
const flag: Parse<boolean> = (value, path) => {
  if (typeof value !== "boolean") throw new WireError(path, "true or false", value);
  return value;
};
const number: Parse<number> = (value, path) => {
  if (typeof value !== "number" || !Number.isFinite(value)) throw new WireError(path, "a number", value);
  return value;
};
const count: Parse<number> = (value, path) => {
  if (typeof value !== "number" || !Number.isInteger(value) || value < 0) throw new WireError(path, "a whole number from 0", value);
  return value;
};

function oneOf<const T extends readonly (string | number | boolean)[]>(...choices: T): Parse<T[number]> {
  return (value, path) => {
    const found = choices.find((choice) => choice === value);
    if (found === undefined) throw new WireError(path, `one of ${choices.map((c) => JSON.stringify(c)).join(", ")}`, value);
    return found;
  };
}

function listOf<T>(item: Parse<T>, longest = Number.POSITIVE_INFINITY): Parse<readonly T[]> {
  return (value, path) => {
    if (!Array.isArray(value)) throw new WireError(path, "a list", value);
    if (value.length > longest) throw new WireError(path, `at most ${longest} items`, value);
    return value.map((one, i) => item(one, `${path}[${i}]`));
  };
}

function tuple<T extends readonly Parse<unknown>[]>(...items: T): Parse<{ readonly [I in keyof T]: Parsed<T[I]> }> {
  return (value, path) => {
    if (!Array.isArray(value) || value.length !== items.length) throw new WireError(path, `a list of ${items.length}`, value);
    // The mapped tuple type cannot be built by map(): the shape is checked line by line above and below.
    return items.map((item, i) => item(value[i], `${path}[${i}]`)) as unknown as { readonly [I in keyof T]: Parsed<T[I]> };
  };
}

function object<F extends Fields>(fields: F): Parse<Shape<F>> {
  return (value, path) => {
    const source = record(value, path);
    const entries = Object.entries(fields).map(([key, parse]) => [key, parse(source[key], at(path, key))]);
    return Object.fromEntries(entries) as Shape<F>;
  };
}

/** Like `object`, but every field may be missing: the fields that changed. */
function some<F extends Fields>(fields: F): Parse<Partial<Shape<F>>> {
  return (value, path) => {
    const source = record(value, path);
    const present = Object.entries(fields).filter(([key]) => source[key] !== undefined);
    return Object.fromEntries(present.map(([key, parse]) => [key, parse(source[key], at(path, key))])) as Partial<Shape<F>>;
  };
}

function nullable<T>(inner: Parse<T>): Parse<T | null> {
  return (value, path) => (value === null ? null : inner(value, path));
}

/** Chooses the parser by the message's `type`. */
function tagged<U extends Readonly<Record<string, Parse<unknown>>>>(kinds: U): Parse<Parsed<U[keyof U]>> {
  return (value, path) => {
    const type = record(value, path).type;
    const parse = typeof type === "string" && Object.hasOwn(kinds, type) ? kinds[type] : undefined;
    if (!parse) throw new WireError(at(path, "type"), `one of ${Object.keys(kinds).join(", ")}`, type);
    return parse(value, path) as Parsed<U[keyof U]>;
  };
}

const phaseStatus = oneOf("pending", "running", "retrying", "completed", "failed", "skipped", "cancelled");
const pipelineStatus = oneOf("pending", "running", "paused", "completed", "failed", "cancelled");

const attempt = object({ attempt: count, status: phaseStatus, started_at: number, elapsed: number, error: text });
const policy = object({
  on_fail: oneOf("stop", "continue", "skip", "retry"),
  max_retries: count,
  retry_delay: number,
  retry_backoff: oneOf("fixed", "exponential"),
});
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
  policy,
  edited: flag,
} as const;
const pipelineFields = {
  pipeline: text,
  session_id: text,
  status: pipelineStatus,
  requested: oneOf("", "pausing", "cancelling", "stopping"),
  waiting_for: text,
  current_phase: text,
  started_at: number,
  elapsed: number,
  progress: number,
  ended_at: number,
  interactive: flag,
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
const cause = object({ type: text, message: text, frames: listOf(frame), root: listOf(text), text });

/** The causes of causes are not shown: their text is part of the first one's. */
const errorDetail = object({
  type: text,
  message: text,
  attempt: count,
  frames: listOf(frame),
  causes: listOf(cause),
  root: listOf(text),
  text,
});

export const parseSnapshot: Parse<Snapshot> = snapshot;

/** Parses what the kernel sends by `msg:custom`. */
export const parseFromKernel = tagged({
  snapshot: object({ type: oneOf("snapshot"), seq: count, state: snapshot }),
  delta: object({
    type: oneOf("delta"),
    seq: count,
    now: number,
    pipeline: some(pipelineFields),
    phases: listOf(tuple(count, some(phaseFields))),
    logs: listOf(object({ phase: count, start: count, lines: listOf(line) })),
  }),
  logs: object({ type: oneOf("logs"), id: text, phase: count, start: count, total: count, first: count, lines: listOf(line) }),
  detail: object({
    type: oneOf("detail"),
    id: text,
    phase: count,
    error: nullable(errorDetail),
    result: nullable(object({ type: text, preview: text })),
  }),
  reply: object({ type: oneOf("reply"), id: text, ok: flag, message: text }),
  heartbeat: object({ type: oneOf("heartbeat"), now: number, seq: count }),
});

const command = oneOf("retry", "skip", "pause", "resume", "cancel", "retry-failed", "run", "approve", "rerun");

/** Parses what the browser sends: the browser itself only needs the types, tests and the fake kernel need the check. */
export const parseFromBrowser = /* @__PURE__ */ tagged({
  hello: object({ type: oneOf("hello"), view: text }),
  bye: object({ type: oneOf("bye"), view: text }),
  ack: object({ type: oneOf("ack"), seq: count }),
  sync: object({ type: oneOf("sync") }),
  logs: object({ type: oneOf("logs"), id: text, phase: count, start: count, count: atMost(1000) }),
  detail: object({ type: oneOf("detail"), id: text, phase: count }),
  command: object({ type: oneOf("command"), id: text, command, phases: listOf(text), options: record }),
});

function atMost(most: number): Parse<number> {
  return (value, path) => {
    const parsed = count(value, path);
    if (parsed > most) throw new WireError(path, `at most ${most}`, value);
    return parsed;
  };
}

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
export type Delta = Extract<FromKernel, { type: "delta" }>;
export type Detail = Extract<FromKernel, { type: "detail" }>;
export type LogsPage = Extract<FromKernel, { type: "logs" }>;
export type FromBrowser = Parsed<typeof parseFromBrowser>;
export type Command = Parsed<typeof command>;
