/** Pipelines whose timeline has something to show: retries, reviews, pauses, many phases side by side. Not shipped. */
import type { Attempt, Phase } from "../src/wire";
import { type FakeOptions, fakePhase } from "./fake";

const failedAt = (attempt: number, started_at: number, elapsed: number, error: string): Attempt => ({
  attempt,
  status: "failed",
  started_at,
  elapsed,
  error,
});
const done = (name: string, depends_on: number[], started_at: number, elapsed: number, changes: Partial<Phase> = {}) =>
  fakePhase(name, { depends_on, started_at, elapsed, status: "completed", origin: "ran", ...changes });

const retries = (): Phase[] => [
  done("fetch_index", [], 1.2, 2.1),
  done("fetch_prices", [], 1.2, 6.4, {
    attempt: 3,
    started_at: 9.1,
    elapsed: 2.2,
    history: [failedAt(1, 1.2, 1.6, "HTTP 503: try later"), failedAt(2, 4.8, 2.3, "timed out after 2 s")],
  }),
  done("read_config", [], 1.2, 0.2),
  done("parse", [0, 2], 3.4, 5.1),
  fakePhase("validate", {
    depends_on: [3],
    status: "retrying",
    attempt: 3,
    started_at: 12.4,
    error: "3 rows have no date",
    history: [failedAt(1, 9.4, 1.1, "3 rows have no date"), failedAt(2, 12.4, 0.8, "3 rows have no date")],
    policy: "up to 4 more tries, 2 s apart; then the pipeline stops",
  }),
  fakePhase("enrich", { depends_on: [1, 3], status: "running", started_at: 13.1, fraction: 0.35, message: "140 of 400 rows" }),
  fakePhase("thumbnails", { depends_on: [0], status: "skipped", reason: "skipped by a person" }),
  fakePhase("score", { depends_on: [3], started_at: 10.2, elapsed: 1.8, status: "cancelled" }),
  fakePhase("index", { depends_on: [3] }),
  fakePhase("report", { depends_on: [4, 5] }),
];

const review = (approved: string): Phase[] => {
  const rest = (phase: Phase, started_at: number, elapsed: number): Phase =>
    approved ? { ...phase, status: "completed", started_at, elapsed, origin: "ran" } : phase;
  return [
    done("load", [], 1.1, 3.2),
    done("train", [0], 4.4, 21.5),
    done("evaluate", [1], 26, 4.1, { reason: approved || "waits for approval" }),
    done("plots", [1], 26, 6.5),
    rest(fakePhase("publish", { depends_on: [2, 3] }), 7300, 5),
    rest(fakePhase("notify", { depends_on: [4] }), 7305.2, 1.5),
  ];
};

/** Many phases on a few workers: most of them wait for their turn. */
function crowded(count: number, workers: number): Phase[] {
  const free = Array.from({ length: workers }, () => 1);
  const ends: number[] = [];
  return Array.from({ length: count }, (_, i) => {
    const depends_on = i < workers ? [] : [...new Set([i - workers - (i % 3), i - 1 - ((i * 7) % workers)])].filter((one) => one >= 0);
    const ready = Math.max(1, ...depends_on.map((one) => ends[one] ?? 1));
    const worker = free.indexOf(Math.min(...free));
    const started_at = Math.max(ready, free[worker] ?? 1);
    const elapsed = 0.2 + ((i * 37) % 23) / 6;
    const end = started_at + elapsed;
    free[worker] = end;
    ends.push(end);
    const isFailed = i % 67 === 40;
    return done(`task_${i}`, depends_on, started_at, elapsed, isFailed ? { status: "failed", error: "exit code 1" } : {});
  });
}

const end = (phases: readonly Phase[]) => Math.max(...phases.map((phase) => phase.started_at + phase.elapsed));

export const timelineCases: Record<string, () => FakeOptions> = {
  retries: () => ({ phases: retries(), now: 14.6 }),
  review: () => ({ phases: review(""), now: 64, status: "paused", waitingFor: "evaluate" }),
  approved: () => ({ phases: review("approved by a person"), now: 7310, status: "completed" }),
  crowded: () => ({ phases: crowded(200, 8), now: end(crowded(200, 8)), status: "failed" }),
  crowded2000: () => ({ phases: crowded(2000, 16), now: end(crowded(2000, 16)), status: "failed" }),
};
