/** The critical path: the phases, one after the other, that decide when a session is over. Pure. */
import type { Phase, Snapshot } from "../wire";

/** Clocks of threads are read one after the other: what ended so little later still came before. */
const TOLERANCE_S = 0.05;

/**
 * The indices of the phases that bounded the finish time, first to last: from the phase that ended last back to the
 * dependency for which each one waited longest. While the session goes on it is the path that is expected to take
 * longest by what phases usually take, or nothing if nobody knows. `now` is on the session's clock.
 */
export function criticalPath({ phases, status, now: told }: Snapshot, now = told): readonly number[] {
  const isOver = status !== "running" && !phases.some((phase) => isGoingOn(phase));
  if (!isOver && !phases.some(({ usual }) => usual > 0)) return [];
  const ends: number[] = [];
  const before: number[] = [];
  let last = -1;
  phases.forEach((phase, i) => {
    const begun = isTimed(phase) ? (phase.history[0]?.started_at ?? phase.started_at) : Number.POSITIVE_INFINITY;
    let released = 0;
    before[i] = -1;
    for (const upstream of phase.depends_on) {
      const end = endBefore(phases[upstream], ends[upstream] ?? 0, begun);
      if (end <= released) continue;
      released = end;
      before[i] = upstream;
    }
    ends[i] = endOf(phase, released, isOver, now);
    if (ends[i] > (ends[last] ?? 0) || (ends[i] === ends[last] && isTimed(phase))) last = i;
  });
  const path: number[] = [];
  for (let at = last; at >= 0; at = before[at] ?? -1) path.push(at);
  path.reverse();
  const first = path.findIndex((i) => !isOver || isTimed(phases[i])); // what came from a checkpoint bounded nothing
  return first < 0 ? [] : path.slice(first);
}

const isGoingOn = (phase: Phase): boolean => phase.status === "running" || phase.status === "retrying";

/** Did an attempt start in this session? */
const isTimed = (phase: Phase | undefined): boolean => phase !== undefined && phase.started_at > 0 && phase.status !== "pending";

/** When the phase was last over before `begun`: run again later, it is its earlier attempt that counts. */
function endBefore(phase: Phase | undefined, end: number, begun: number): number {
  if (end <= begun + TOLERANCE_S) return end;
  const ends = (phase?.history ?? []).map((attempt) => attempt.started_at + attempt.elapsed);
  return Math.max(0, ...ends.filter((one) => one <= begun + TOLERANCE_S));
}

/** When the phase ended or is expected to; 0 if it never will. */
function endOf(phase: Phase, released: number, isOver: boolean, now: number): number {
  const { usual } = phase;
  if (phase.status === "running") return Math.max(now, phase.started_at + usual);
  if (phase.status === "retrying") return now + usual;
  if (isTimed(phase)) return phase.started_at + phase.elapsed;
  if (phase.status !== "pending") return released; // skipped or taken from elsewhere: it took no time
  return isOver ? 0 : Math.max(now, released) + usual;
}
