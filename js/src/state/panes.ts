/** Which pane of the inspector is shown of a phase, and what else of the graph is said beside it. Pure. */
import type { Phase } from "../wire";
import { downstream, isOver, isReviewed, type ShownState, shownState } from "./selectors";

export const PANES = ["logs", "output", "error", "result", "info", "now"] as const;
export type Pane = (typeof PANES)[number];

/** Kinds of phases: for each the view remembers which pane was chosen last. */
export type Kind = Exclude<ShownState, "retrying">;
export type Memory = Readonly<Partial<Record<Kind, Pane>>>;

export function kindOf(phase: Phase): Kind {
  const state = shownState(phase);
  return state === "retrying" ? "running" : state;
}

/** The panes that have something to say. */
export function panesOf(phase: Phase): readonly Pane[] {
  return PANES.filter((pane) => {
    if (pane === "error") return phase.status === "failed" || phase.error !== "";
    return pane !== "now" || phase.status === "running" || phase.status === "retrying";
  });
}

/** Why a pane is shown and not another one. */
export interface Reasons {
  /** Chosen by a person since this phase is shown. */
  readonly held: Pane | null;
  /** Chosen for this kind of phase before. */
  readonly memory: Memory;
  /** It has failed and opened itself; or has failed and has not, because somebody reads its log. */
  readonly failure: "" | "opened" | "missed";
}

/** The pane to show: the error of what opened itself, else what was chosen, else what tells most. */
export function paneFor(phase: Phase, { held, memory, failure }: Reasons): Pane {
  const panes = panesOf(phase);
  const chosen = held ?? (failure === "opened" ? "error" : memory[kindOf(phase)]);
  if (chosen && panes.includes(chosen)) return chosen;
  if (failure === "missed") return "logs";
  if (isReviewed(phase)) return "result";
  if (phase.status === "failed" || (phase.status === "skipped" && phase.error && phase.log_count === 0)) return "error";
  return isOver(phase) && phase.outputs[1] && !phase.log_count ? "output" : "logs";
}

/** The phases that hold a pending one back, nearest first: those before it that have come to nothing. */
export function blockersOf(phases: readonly Phase[], index: number): readonly number[] {
  if (phases[index]?.status !== "pending") return [];
  const found: number[] = [];
  const seen = new Set([index]);
  for (const one of seen) {
    for (const upstream of phases[one]?.depends_on ?? []) {
      const status = phases[upstream]?.status;
      if (seen.has(upstream)) continue;
      if (status === "failed" || status === "cancelled") found.push(upstream);
      if (status === "pending") seen.add(upstream);
    }
  }
  return [...new Set(found)];
}

/** All that has not run yet because a phase has not been completed, in order. */
export function blockedBy(phases: readonly Phase[], index: number): readonly number[] {
  const next = downstream(phases);
  const seen = new Set([index]);
  for (const one of seen) for (const later of next[one] ?? []) if (phases[later]?.status === "pending") seen.add(later);
  seen.delete(index);
  return [...seen].sort((a, b) => a - b);
}
