/** What the graph marks of the critical path. */
import { useMemo } from "../../dom/hooks";
import { criticalPath } from "../../state/critical";
import { isOver } from "../../state/selectors";
import type { Snapshot } from "../../wire";

export interface Critical {
  readonly phases: ReadonlySet<number>;
  /** As `from>to`. */
  readonly edges: ReadonlySet<string>;
}

/** The same object until another path is critical; nothing where all phases are on it, or only one. */
export function useCritical(session: Snapshot | null): Critical {
  const path = useMemo(() => (session ? criticalPath(session) : []), [session]);
  const isTelling = path.length > 1 && path.length < (session?.phases.length ?? 0);
  return useMemo(
    () => ({
      phases: new Set(isTelling ? path : []),
      edges: new Set(isTelling ? path.map((to, i) => `${path[i - 1]}>${to}`) : []),
    }),
    [isTelling && path.join()],
  );
}

/** What it means, in words. */
export function explain({ phases }: Critical, session: Snapshot | null): string {
  const says = session?.phases.every(isOver) ? "decided when it was over" : "decide when it will be over, by what they usually take";
  return `${phases.size} phases, one after the other, ${says}`;
}
