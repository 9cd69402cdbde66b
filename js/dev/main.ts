/** Opens the view on a fake pipeline chosen by the address: `?case=failed&theme=dark`. */
import widget from "../src/index";
import type { Phase, Snapshot } from "../src/wire";
import { fakeModel, fakePhase, sampleLines } from "./fake";
import { inspectorCases } from "./inspecting";
import { stateCases } from "./states";
import { timelineCases } from "./times";

const parameters = new URLSearchParams(location.search);
const chosen = parameters.get("case") ?? "running";
const host = document.querySelector<HTMLElement>("#host");

function classic(): Phase[] {
  return [
    fakePhase("discover", { description: "Finds the installed packages", weight: 1, parallel: false }),
    fakePhase("parse", { depends_on: [0], weight: 4, description: "Reads every README" }),
    fakePhase("assets", { depends_on: [0] }),
    fakePhase("render", {
      depends_on: [1],
      weight: 3,
      policy: "up to 2 more tries, 1 s apart, doubling; then the pipeline stops",
    }),
    fakePhase("write", { depends_on: [2, 3] }),
    fakePhase("health", { depends_on: [4] }),
  ];
}

/** A pipeline-like graph: a few layers, mostly short edges, the same every time. */
function many(count: number): Phase[] {
  let seed = 7;
  const random = (below: number) => {
    seed = (seed * 1664525 + 1013904223) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
  };
  const words = ["load", "clean", "join", "score", "train", "split", "render", "index", "export", "check"];
  return Array.from({ length: count }, (_, i) => {
    const near = Math.max(3, Math.round(Math.sqrt(count) * 1.6));
    const depends =
      i < Math.sqrt(count) / 2 ? [] : [...new Set(Array.from({ length: random(10) < 7 ? 1 : 2 }, () => Math.max(0, i - 1 - random(near))))];
    return fakePhase(`${words[i % words.length]}_${i}`, { depends_on: depends });
  });
}

function chain(length: number): Phase[] {
  return Array.from({ length }, (_, i) => fakePhase(`step_${i}`, { depends_on: i ? [i - 1] : [] }));
}

/** Layers as wide as they are many, of which the last phase stands in the lower right corner. */
function grid(size: number): Phase[] {
  return Array.from({ length: size * size }, (_, i) =>
    fakePhase(`step_${i}`, { depends_on: i < size ? [] : [...new Set([i - size, i % size < size - 1 ? i - size + 1 : i - size])] }),
  );
}

function ran(phases: Phase[], upTo: number, running: number): Phase[] {
  return phases.map((phase, i): Phase => {
    const started_at = 1 + i * 0.8;
    if (i < upTo)
      return {
        ...phase,
        status: i % 41 === 17 ? "skipped" : "completed",
        origin: i % 9 === 4 ? "cache" : "ran",
        started_at,
        elapsed: 0.6 + (i % 7) * 0.5,
      };
    if (i < upTo + running)
      return { ...phase, status: "running", started_at, fraction: 0.15 + (i % 5) / 6, message: "120 of 400 documents" };
    return phase;
  });
}

function failed(): Phase[] {
  const phases = ran(classic(), 3, 0);
  return phases.map((phase, i): Phase => {
    if (i === 3)
      return {
        ...phase,
        status: "failed",
        attempt: 3,
        started_at: 9,
        elapsed: 1.9,
        error: "KeyError: 'title'",
        history: [
          { attempt: 1, status: "failed", started_at: 4, elapsed: 1.2, error: "KeyError: 'title'" },
          { attempt: 2, status: "failed", started_at: 6.4, elapsed: 1.4, error: "TimeoutError: timed out" },
        ],
      };
    return i > 3 ? { ...phase, reason: "blocked by render" } : phase;
  });
}

function cancelled(): Phase[] {
  return ran(classic(), 3, 0).map((phase, i): Phase => {
    if (i === 2)
      return { ...phase, status: "skipped", attempt: 2, error: "no such folder", policy: "it is skipped and the pipeline goes on" };
    return i === 3 ? { ...phase, status: "cancelled", started_at: 4, elapsed: 1 } : phase;
  });
}

/** Every status, every badge, and a critical path that is known beforehand. */
function states(): Phase[] {
  const done = { status: "completed", started_at: 1, elapsed: 1.4, origin: "ran", usual: 1.4 } as const;
  const attempts = [{ attempt: 1, status: "failed", started_at: 2, elapsed: 1, error: "TimeoutError: timed out" }] as const;
  return [
    fakePhase("load", { ...done }),
    fakePhase("currencies", { ...done, origin: "cache", elapsed: 0.01, reason: "made 3 min ago" }),
    fakePhase("holidays", { ...done, origin: "checkpoint", started_at: 0, elapsed: 0 }),
    fakePhase("clean", { ...done, started_at: 2.4, elapsed: 2, depends_on: [0], history: attempts, attempt: 2, edited: true }),
    fakePhase("rates", { ...done, status: "skipped", origin: "substitute", depends_on: [1], reason: "skipped by a person" }),
    fakePhase("price", { ...done, started_at: 4.4, depends_on: [3, 4], reason: "built on the substitute for rates", unsaved: true }),
    fakePhase("train", { status: "running", started_at: 5.8, fraction: 0.4, usual: 40, depends_on: [5], message: "epoch 4 of 10" }),
    fakePhase("upload", { status: "retrying", started_at: 4, elapsed: 1, attempt: 2, depends_on: [0], error: "503", usual: 2 }),
    fakePhase("verify", { status: "failed", started_at: 4, elapsed: 0.7, attempt: 3, depends_on: [2], error: "no title" }),
    fakePhase("notify", { status: "cancelled", started_at: 4, elapsed: 0.7, depends_on: [2] }),
    fakePhase("report", { depends_on: [6, 7, 8], reason: "blocked by verify", usual: 3 }),
    fakePhase("publish", { depends_on: [10, 9], usual: 1 }),
  ];
}

const long = "a_very_long_phase_name_that_goes_on_and_on_because_somebody_generated_it_from_a_path_like_this";
const cases: Record<string, () => Parameters<typeof fakeModel>[0]> = {
  ...timelineCases,
  ...stateCases,
  ...inspectorCases,
  states: () => ({ phases: states(), now: 12 }),
  empty: () => ({ phases: [], silent: true }),
  chain: () => ({ phases: ran(chain(4), 4, 0), status: "completed", now: 9 }),
  grid: () => ({ phases: ran(grid(6), 36, 0), status: "completed", now: 40 }),
  pending: () => ({ phases: classic(), status: "pending" }),
  one: () => ({ phases: [fakePhase("train", { status: "running", started_at: 1, fraction: 0.4 })], now: 5 }),
  running: () => ({ phases: ran(classic(), 1, 2), now: 6, plays: parameters.has("play") }),
  failed: () => ({ phases: failed(), status: "failed", now: 11 }),
  cancelled: () => ({ phases: cancelled(), status: "cancelled", now: 9 }),
  done: () => ({ phases: ran(classic(), 6, 0), status: "completed", now: 9 }),
  50: () => ({ phases: ran(many(50), 22, 4), now: 30, plays: parameters.has("play") }),
  200: () => ({ phases: ran(many(200), 90, 6), now: 90, plays: parameters.has("play") }),
  2000: () => ({ phases: ran(many(2000), 900, 8), now: 800, plays: parameters.has("play") }),
  fan: () => ({
    phases: [
      fakePhase("split"),
      ...Array.from({ length: 60 }, (_, i) => fakePhase(`shard_${i}`, { depends_on: [0] })),
      fakePhase("merge", { depends_on: Array.from({ length: 60 }, (_, i) => i + 1) }),
    ],
  }),
  hostile: () => ({
    name: `<img src=x onerror=alert(1)> ${long}`,
    phases: ran(
      [
        fakePhase(long),
        fakePhase("<script>alert(1)</script>", { depends_on: [0] }),
        fakePhase("مرحلة 🚀 \u202eevil", { depends_on: [0] }),
        fakePhase('"><b>', { depends_on: [1, 2] }),
      ],
      2,
      1,
    ),
    now: 5,
  }),
};

const options = (cases[chosen] ?? cases["running"])?.();
if (host && options) {
  document.body.dataset.jpThemeLight = parameters.get("theme") === "dark" ? "false" : "true";
  const logs = new Map(
    options.phases.flatMap((phase: Phase, i: number) =>
      phase.status === "pending"
        ? []
        : [[i, sampleLines(phase.name, 0, options.phases.length > 500 ? 40 : 400 + (i % 40) * 37, 2 + i)] as const],
    ),
  );
  const status: Snapshot["status"] = options.status ?? "running";
  const model = fakeModel({ ...options, status, logs });
  const { initialize, render } = widget();
  initialize({ model });
  render({ model, el: host });
}
