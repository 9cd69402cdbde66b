/** One phase as a box of the graph. */
import type { Port } from "../state/store";
import type { Phase } from "../wire";
import { phaseNote, phaseSummary } from "./format";
import { StatusIcon } from "./icons";

export const NODE = { nodeWidth: 172, nodeHeight: 50 } as const;

interface Props {
  readonly id: string;
  readonly port: Port;
  readonly phase: Phase;
  readonly index: number;
  readonly x: number;
  readonly y: number;
  readonly isSelected: boolean;
  readonly elapsed: number;
}

export function GraphNode({ id, port, phase, index, x, y, isSelected, elapsed }: Props) {
  const phases = port.state.peek().session?.phases ?? [];
  const summary = phaseSummary(phase, elapsed);
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents lint/a11y/useFocusableInteractive: the listbox has the keys and the focus
    <div
      id={id}
      class="milo-node"
      role="option"
      aria-selected={isSelected}
      aria-description={phaseNote(phase, phases)}
      aria-setsize={phases.length}
      aria-posinset={index + 1}
      data-phase={phase.name}
      data-status={phase.status}
      data-unsaved={phase.unsaved || undefined}
      title={[phase.name, summary, phase.message, phase.reason, phase.error].filter(Boolean).join("\n")}
      style={`left:${x - NODE.nodeWidth / 2}px;top:${y - NODE.nodeHeight / 2}px`}
      onClick={() => port.select(index, true)}
    >
      <StatusIcon status={phase.status} size={18} />
      <span>
        <b>{phase.name}</b>
        <small>{phaseSummary(phase, elapsed, true)}</small>
      </span>
      {phase.status === "running" && phase.fraction > 0 ? <i style={`width:${phase.fraction * 100}%`} /> : null}
    </div>
  );
}
/** While the graph is panned or other phases change, nothing of this one is compared. */
GraphNode.isPure = true;
