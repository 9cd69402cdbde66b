/** The small parts that all of the view shares: tabs, and buttons that give commands. */
import { isRequested, type Permit } from "../state/selectors";
import type { Options, Port } from "../state/store";
import type { Command } from "../wire-browser";
import { Sign, type SignName } from "./icons";

interface TabsProps<K extends string> {
  readonly label: string;
  readonly tabs: readonly K[];
  readonly current: K;
  readonly onChoose: (tab: K) => void;
  /** How many things wait behind a tab. */
  readonly counts?: Partial<Record<K, number>>;
}

/** A row of tabs: arrows move, one tab stop. */
export function Tabs<K extends string>({ label, tabs, current, onChoose, counts }: TabsProps<K>) {
  const onKeyDown = (event: KeyboardEvent) => {
    const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    const next = tabs[(tabs.indexOf(current) + step + tabs.length) % tabs.length];
    if (!step || !next) return;
    onChoose(next);
    (event.currentTarget as Element).querySelector<HTMLElement>(`[data-tab=${next}]`)?.focus();
    event.stopPropagation();
  };
  return (
    <div class="milo-tabs" role="tablist" aria-label={label} onKeyDown={onKeyDown}>
      {tabs.map((tab) => (
        <button
          key={tab}
          type="button"
          role="tab"
          data-tab={tab}
          aria-selected={tab === current}
          tabIndex={tab === current ? 0 : -1}
          onClick={() => onChoose(tab)}
        >
          {tab} {counts?.[tab] || ""}
        </button>
      ))}
    </div>
  );
}

interface CommandProps {
  readonly port: Port;
  readonly command: Command;
  readonly label: string;
  readonly permit: Permit;
  /** What it will do. */
  readonly hint: string;
  readonly phase?: string;
  readonly kind?: string;
  /** What came of the command is not over yet: `pausing`. */
  readonly isBusy?: boolean;
  readonly options?: Options;
}

/** One click acts; the kernel's answer is waited for in sight; what is impossible says why. */
export function CommandButton({ port, command, label, permit, hint, phase, kind, isBusy = false, options }: CommandProps) {
  const requested = isRequested(port.state.value, command, phase);
  const onClick = () => {
    if (requested) return;
    if (permit) port.refuse(permit);
    else port.command(command, phase === undefined ? [] : [phase], options);
  };
  return (
    <button
      type="button"
      class={`milo-button ${kind ?? ""}`}
      data-command={command}
      data-for={phase}
      data-options={options && JSON.stringify(options)}
      data-requested={requested || isBusy || undefined}
      aria-disabled={requested || permit !== ""}
      aria-label={phase === undefined ? label : `${label} ${phase}`}
      title={requested ? "Requested: the kernel has not answered yet" : permit || hint}
      onClick={onClick}
    >
      <Sign name={command as SignName} />
      {label}
    </button>
  );
}

/** A small button with a sign only. */
export function SignButton({ sign, label, onClick }: { sign: SignName; label: string; onClick: () => void }) {
  return (
    <button type="button" class="milo-sign" aria-label={label} title={label} onClick={onClick}>
      <Sign name={sign} />
    </button>
  );
}
