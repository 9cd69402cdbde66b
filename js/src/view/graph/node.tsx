/** One phase as a box of the graph. */
import { isReviewed, shownState } from "../../state/selectors";
import type { Port } from "../../state/store";
import type { Phase } from "../../wire";
import { ORIGIN_WORDS, phaseNote, phaseSummary } from "../format";
import { StatusIcon } from "../icons";

/** How the kernel begins its reason where a value was put in a phase's place. */
const BUILT_ON = "built on the substitute";

interface Props {
  readonly id: string;
  readonly port: Port;
  readonly phase: Phase;
  readonly index: number;
  /** The upper left corner. */
  readonly left: number;
  readonly top: number;
  readonly isSelected: boolean;
  readonly isCritical: boolean;
  readonly isFaint: boolean;
  readonly elapsed: number;
}

/** What is special about a phase's result, in a word or two each. */
export function badgesOf({ attempt, origin, reason, edited }: Phase): readonly string[] {
  const isBuilt = reason.startsWith(BUILT_ON);
  return [attempt > 1 ? `attempt ${attempt}` : "", ORIGIN_WORDS[origin], isBuilt ? "on substitute" : "", edited ? "edited" : ""].filter(
    Boolean,
  );
}

export function GraphNode({ id, port, phase, index, left, top, isSelected, isCritical, isFaint, elapsed }: Props) {
  const phases = port.state.peek().session?.phases ?? [];
  const says = isCritical && "on the critical path";
  const badges = badgesOf(phase);
  const { name, status, message, reason, error, fraction } = phase;
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents lint/a11y/useFocusableInteractive: the listbox has the keys and the focus
    <div
      id={id}
      class="milo-node"
      role="option"
      aria-selected={isSelected}
      aria-description={[phaseNote(phase, phases), says].filter(Boolean).join(", ") || undefined}
      aria-setsize={phases.length}
      aria-posinset={index + 1}
      data-phase={name}
      data-status={status}
      data-review={isReviewed(phase) || undefined}
      data-unsaved={phase.unsaved || undefined}
      data-critical={isCritical || undefined}
      data-faint={isFaint || undefined}
      title={[name, phaseSummary(phase, elapsed), message, reason, error, says].filter(Boolean).join("\n")}
      style={`left:${left}px;top:${top}px`}
      onClick={() => port.select(index, true)}
    >
      <StatusIcon status={shownState(phase)} size={18} />
      <span>
        <b>{name}</b>
        <small>{phaseSummary(phase, elapsed, true)}</small>
      </span>
      {badges.length ? (
        <em>
          {badges.map((badge) => (
            <u key={badge} data-substitute={badge.endsWith("substitute") || undefined}>
              {badge}
            </u>
          ))}
        </em>
      ) : null}
      {status === "running" && fraction > 0 ? <i style={`--m-part:${fraction * 100}%`} /> : null}
    </div>
  );
}
/** While the graph is panned or other phases change, nothing of this one is compared. */
GraphNode.isPure = true;
