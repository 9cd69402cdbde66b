/** Phases and snapshots for tests. */
import type { LogLine, Phase, Snapshot } from "../src/wire";

export function phase(name: string, changes: Partial<Phase> = {}): Phase {
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
    parallel: false,
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

export function snapshot(phases: readonly Phase[], changes: Partial<Snapshot> = {}): Snapshot {
  return {
    schema: 1,
    pipeline: "site",
    session_id: "one",
    status: "running",
    requested: "",
    waiting_for: "",
    started_at: 10,
    elapsed: 2,
    progress: 0,
    now: 12,
    seq: 5,
    owner: "here",
    locked: "",
    banners: [],
    other: 0,
    epoch: 0,
    eta: [0, 0],
    phases,
    ...changes,
  };
}

export function lines(from: number, count: number): readonly LogLine[] {
  return Array.from({ length: count }, (_, i): LogLine => [from + i, "stdout", "", `line ${from + i}`]);
}

/** The classic diamond with one phase that failed. */
export const failing = [
  phase("load", { status: "completed", started_at: 10, elapsed: 1, log_count: 3 }),
  phase("parse", { status: "failed", started_at: 11, elapsed: 0.5, error: "no title", depends_on: [0], attempt: 2, log_count: 900 }),
  phase("write", { depends_on: [1], reason: "blocked by parse" }),
];
