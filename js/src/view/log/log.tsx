/**
 * The log of a phase, or of all: live, any length, searched and copied from.
 *
 * It is drawn by itself, apart from the rest of the view: who scrolls a log does not wait for a graph.
 */
import { render } from "../../dom/h";
import { useEffect, useRef, useSignal } from "../../dom/hooks";
import { effect } from "../../state/signal";
import type { Port } from "../../state/store";
import { Explorer } from "./explorer";

export { Coloured } from "./line";

export function Log({ port, index }: { port: Port; index: number }) {
  const host = useRef<HTMLDivElement | null>(null);
  const given = useSignal(index);
  given.value = index;
  useEffect(
    (ending) => {
      const root = host.current;
      if (!root) return;
      effect(() => render(<Logs port={port} index={given.value} />, root), ending);
      ending.addEventListener("abort", () => render(null, root));
    },
    [port],
  );
  return <div class="milo-log" data-pane="logs" ref={host} />;
}

/** This phase's log or that of all phases, as the person chose. */
function Logs({ port, index }: { port: Port; index: number }) {
  const { session } = port.state.value;
  const phases = session?.phases ?? [];
  const isAll = useSignal(false);
  const log = isAll.value ? phases.length + 1 : index;
  const onAll = (next: boolean) => {
    isAll.value = next;
  };
  const key = `${session?.session_id} ${log}`; // another log is another explorer: a key counts in a list only
  return [<Explorer key={key} port={port} log={log} onAll={phases.length > 1 && index <= phases.length ? onAll : null} />];
}
