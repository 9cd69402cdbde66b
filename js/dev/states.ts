/** The states that a session and its connection can be in, each as a person would meet it. Not shipped. */
import type { Phase } from "../src/wire";
import { type FakeOptions, fakePhase } from "./fake";

const NAMES = ["discover", "parse", "assets", "render", "write", "health"];
const NEEDS = [[], [0], [0], [1], [2, 3], [4]];

/** The first `done` phases are completed, and what is said of others holds for them. */
function site(done: number, changes: Readonly<Record<string, Partial<Phase>>> = {}): Phase[] {
  return NAMES.map((name, i) => {
    const base: Partial<Phase> = i < done ? { status: "completed", origin: "ran", started_at: 1 + i, elapsed: 0.9 + i * 0.4 } : {};
    return fakePhase(name, { depends_on: NEEDS[i] ?? [], usual: 2 + i, ...base, ...changes[name] });
  });
}

const running: Partial<Phase> = { status: "running", started_at: 3.5, fraction: 0.45, message: "180 of 400 documents" };
const long = "a_very_long_phase_name_that_goes_on_and_on_because_somebody_generated_it_from_a_path_like_this";

export const stateCases: Record<string, () => FakeOptions> = {
  defining: () => ({ phases: site(0), status: "pending", head: { eta: [24, 31] } }),
  eta: () => ({ phases: site(1, { parse: running, assets: running }), now: 6, head: { eta: [95, 190] } }),
  pausing: () => ({ phases: site(1, { parse: running }), now: 6, head: { requested: "pausing", eta: [8, 14] } }),
  paused: () => ({ phases: site(3), status: "paused", now: 9, head: { eta: [8, 14] } }),
  cancelling: () => ({ phases: site(1, { parse: running }), now: 6, head: { requested: "cancelling" } }),
  retrying: () => ({
    phases: site(1, {
      parse: { status: "retrying", attempt: 2, started_at: 3, error: "HTTP 503: try later", reason: "tries again in 4 s" },
      assets: running,
    }),
    now: 6,
  }),
  waiting: () => ({
    phases: site(2, { parse: { status: "completed", origin: "ran", started_at: 2, elapsed: 3, reason: "waits for approval" } }),
    status: "paused",
    now: 9,
    head: {
      waiting_for: "parse",
      banners: [
        ["waiting", "'parse' waits for approval. Look at pages.json, titles.csv in .milo/site/runs/20261122T0911; its result.", ""],
      ],
    },
  }),
  gone: () => ({ phases: site(1, { parse: running }), now: 6, isGone: true }),
  restored: () => ({ phases: site(1, { parse: running }), now: 6, isRestored: true, silent: true }),
  busy: () => ({ phases: site(1, { parse: running }), now: 6, isBusy: true }),
  attached: () => ({
    phases: site(3, { render: { status: "failed", started_at: 4, elapsed: 2, error: "KeyError: 'title'" } }),
    status: "failed",
    now: 30,
    head: {
      owner: "nobody",
      locked: "Session 6f0c2a34 has no kernel any more. Define 'site' here and resume it: %milo resume site 6f0c2a34.",
      banners: [["told", "Past session 6f0c2a34, read-only.", ""]],
    },
  }),
  elsewhere: () => ({
    phases: site(1, { parse: running }),
    now: 6,
    head: {
      owner: "elsewhere",
      locked: "Session 6f0c2a34 is run by another kernel; run it again there.",
      banners: [["told", "Session 6f0c2a34 is run by another kernel, which takes what you ask for here.", ""]],
    },
  }),
  substituted: () => ({
    phases: site(5, {
      parse: { status: "skipped", origin: "substitute", reason: "skipped by view" },
      render: { status: "completed", origin: "ran", reason: "built on the substitute for parse", started_at: 4, elapsed: 2 },
    }),
    now: 12,
  }),
  names: () => ({
    name: `موقع 🚀 ${long}`,
    phases: [
      fakePhase(long, { status: "completed", started_at: 1, elapsed: 2 }),
      fakePhase("مرحلة التحليل", { depends_on: [0], ...running }),
      fakePhase("🧪 проверка 数据", { depends_on: [0], status: "failed", started_at: 3, elapsed: 1, error: `no title in ${long}` }),
      fakePhase("e\u0301te\u0301 \u202eevil", { depends_on: [1, 2], reason: "blocked by 🧪 проверка 数据" }),
    ],
    now: 6,
  }),
};
