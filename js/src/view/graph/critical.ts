/** What the graph marks of the critical path. Pure. */
import { criticalPath } from "../../state/critical";
import { isOver } from "../../state/selectors";
import type { Snapshot } from "../../wire";

export interface Critical {
  readonly phases: ReadonlySet<number>;
  /** As `from>to`. */
  readonly edges: ReadonlySet<string>;
  /** What it means, in words. */
  readonly says: string;
  /** The same for the same path. */
  readonly key: string;
}

/** null where all phases are on it, or only one. */
export function criticalOf(session: Snapshot): Critical | null {
  const path = criticalPath(session);
  if (path.length < 2 || path.length === session.phases.length) return null;
  const says = session.phases.every(isOver) ? "decided when it was over" : "decide when it will be over, by what they usually take";
  return {
    phases: new Set(path),
    edges: new Set(path.map((to, i) => `${path[i - 1]}>${to}`)),
    says: `${path.length} phases, one after the other, ${says}`,
    key: `${path} ${says}`,
  };
}
