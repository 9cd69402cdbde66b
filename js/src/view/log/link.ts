/** A link to lines in the page's address opens their phase, whoever put it there, and goes when they are left. */
import { useEffect, useRef } from "../../dom/hooks";
import { linkedPhase } from "../../state/links";
import type { Port } from "../../state/store";
import { allowLink, clearLink, isAllowed, isOurs } from "./address";

/** Follows the link, once and whenever it changes; returns the index of what it leads to, -1 if to nothing here. */
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
      if (isAllowed(session)) follow();
      else if (session && linked() >= 0 && !isOurs(session)) clearLink(); // of an earlier run
      const onHash = () => {
        allowLink(port.state.peek().session);
        follow();
      };
      window.addEventListener("hashchange", onHash, { signal: ending });
    },
    [pipeline, session?.session_id, (session?.phases.length ?? 0) > 0],
  );
  return location.hash.includes("/L") && isOurs(session) ? linked() : -1;
}

/** Clears the link when the log that it leads to, `log` or -1 for none, is left for another, or for another tab. */
export function useLeaving(port: Port, log: number): void {
  const before = useRef(-1);
  useEffect(() => {
    const { session } = port.state.peek();
    const names = (session?.phases ?? []).map(({ name }) => name);
    const linked = linkedPhase(location.hash, session?.pipeline ?? "", names);
    const isLeft = before.current !== log && (linked === before.current || linked > names.length);
    if (linked >= 0 && linked !== log && isLeft && before.current >= 0) clearLink();
    before.current = log;
  }, [log]);
}
