/** Buttons that give commands: one click acts, the answer is waited for in sight, what is impossible says why. */
import { isRequested, type Permit } from "../state/selectors";
import type { Port } from "../state/store";
import type { Command } from "../wire";
import { Sign } from "./icons";

interface Props {
  readonly port: Port;
  readonly command: Command;
  readonly label: string;
  readonly icon: Parameters<typeof Sign>[0]["name"];
  readonly permit: Permit;
  /** What it will do, for the tooltip. */
  readonly hint: string;
  readonly phase?: string;
  readonly kind?: "primary" | "danger";
  /** A state that came of the command and is not over yet: `pausing`. */
  readonly busy?: boolean;
}

export function CommandButton({ port, command, label, icon, permit, hint, phase, kind, busy = false }: Props) {
  const requested = isRequested(port.state.value, command, phase);
  const why = permit.ok ? "" : permit.why;
  return (
    <button
      type="button"
      class={`milo-button ${kind ? `milo-${kind}` : ""}`}
      data-command={command}
      data-for={phase}
      data-requested={requested || busy ? "true" : undefined}
      aria-disabled={!permit.ok || requested ? "true" : undefined}
      aria-busy={requested || busy ? "true" : undefined}
      aria-label={phase === undefined ? label : `${label} ${phase}`}
      title={requested ? "Requested: the kernel has not answered yet" : why || hint}
      onClick={() => {
        if (requested) return;
        if (permit.ok) port.command(command, phase === undefined ? [] : [phase]);
        else port.refuse(permit.why);
      }}
    >
      <Sign name={icon} />
      <span>{label}</span>
    </button>
  );
}
