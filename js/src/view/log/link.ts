/** A link to lines in the page's address opens their phase, whoever put it there. */
import { useEffect } from "../../dom/hooks";
import { linkedPhase } from "../../state/links";
import type { Port } from "../../state/store";

/** Follows the link, now and whenever it changes; returns the index of what it leads to, -1 if to nothing here. */
export function useLink(port: Port): number {
  const { session } = port.state.value;
  const pipeline = session?.pipeline ?? "";
  const linked = () =>
    linkedPhase(
      location.hash,
      pipeline,
      (port.state.peek().session?.phases ?? []).map(({ name }) => name),
    );
  useEffect(
    (ending) => {
      const follow = () => {
        const index = linked();
        if (index >= 0) port.select(index, true);
      };
      follow();
      window.addEventListener("hashchange", follow, { signal: ending });
    },
    [pipeline, (session?.phases.length ?? 0) > 0],
  );
  return location.hash.includes("/L") ? linked() : -1;
}
