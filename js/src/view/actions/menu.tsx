/** The menu of one phase: what can be done with it, what that would do, and why not. */
import { useEffect, useRef, useSignal } from "../../dom/hooks";
import { isRequested, shownState } from "../../state/selectors";
import type { Port } from "../../state/store";
import { wordOf } from "../format";
import { StatusIcon } from "../icons";
import { type Offer, offersFor } from "./menu-items";
import { Popup, type Spot } from "./popup";
import { usePreview } from "./preview";

interface Props {
  readonly port: Port;
  readonly id: string;
  readonly index: number;
  readonly at: Spot;
  readonly onClose: () => void;
  /** Skip with a value asks for the value. */
  readonly onValue: () => void;
}

const STEPS: Readonly<Record<string, number>> = { ArrowDown: 1, ArrowUp: -1 };

export function PhaseMenu({ port, id, index, at, onClose, onValue }: Props) {
  const state = port.state.value;
  const phase = state.session?.phases[index];
  const offers = phase ? offersFor(state, phase) : [];
  const chosen = useSignal(offers.find(({ why }) => !why)?.id ?? offers[0]?.id);
  const list = useRef<HTMLDivElement | null>(null);
  const current = offers.find((offer) => offer.id === chosen.value) ?? offers[0];
  useEffect(() => {
    list.current?.querySelector<HTMLElement>("[tabindex='0']")?.focus({ preventScroll: true });
  }, [current?.id, index]);
  const isAsked = current && !current.why && !current.isOpen;
  const preview = usePreview(port, isAsked && phase ? { command: current.command, phases: [phase.name], options: current.options } : null);
  if (!phase || !current) return null;

  const act = (offer: Offer) => {
    if (offer.why || isRequested(state, offer.command, phase.name)) return;
    onClose();
    if (offer.isOpen) onValue();
    else port.command(offer.command, [phase.name], offer.options);
  };
  const go = (to: number) => {
    chosen.value = offers.at(to % offers.length)?.id ?? current.id;
  };
  const onKey = (event: KeyboardEvent) => {
    const from = offers.indexOf(current);
    const step = STEPS[event.key];
    const later = [...offers.slice(from + 1), ...offers.slice(0, from + 1)];
    const named = event.key.length === 1 && later.find(({ text }) => text.toLowerCase().startsWith(event.key.toLowerCase()));
    if (step) go(from + step);
    else if (event.key === "Home") go(0);
    else if (event.key === "End") go(-1);
    else if (event.key === "Tab") onClose();
    else if (event.key !== " " && named) chosen.value = named.id;
    else return;
    event.preventDefault();
  };
  return (
    <Popup at={at} kind="menu" onClose={onClose} onKey={onKey}>
      <div class="milo-line milo-menu-head" data-status={shownState(phase)}>
        <StatusIcon status={shownState(phase)} size={14} />
        <b class="milo-cut" dir="auto">
          {phase.name}
        </b>
        <span class="milo-word">{wordOf(shownState(phase))}</span>
      </div>
      <div ref={list} role="menu" aria-label={`Actions for ${phase.name}`}>
        {offers.map((offer) => (
          <button
            key={offer.id}
            type="button"
            role="menuitem"
            class="milo-item"
            data-offer={offer.id}
            data-press={offer.press || undefined}
            aria-label={offer.text}
            aria-keyshortcuts={offer.press || undefined}
            aria-disabled={offer.why !== ""}
            aria-haspopup={offer.isOpen ? "dialog" : undefined}
            aria-describedby={`${id}-says`}
            tabIndex={offer === current ? 0 : -1}
            onPointerMove={() => {
              chosen.value = offer.id;
            }}
            onClick={() => act(offer)}
          >
            {offer.text}
          </button>
        ))}
      </div>
      <p id={`${id}-says`} class="milo-says" aria-live="polite">
        {current.why || preview || `${current.does}.`}
      </p>
    </Popup>
  );
}
