/** What lies over a view: the tip of a button, the menu of a phase, the question for a value, the keys. One at a time. */
import { useEffect, useRef, useSignal } from "../../dom/hooks";
import type { Signal } from "../../state/signal";
import type { Options } from "../../state/store";
import type { Command } from "../../wire-browser";
import { watchAttention } from "../inspector/attending";
import type { ViewProps } from "../view";
import { Help } from "./help";
import { PhaseMenu } from "./menu";
import { Popup, type Spot } from "./popup";
import { usePreview, type Wish } from "./preview";
import { SkipDialog } from "./skip";

interface Props extends ViewProps {
  readonly root: HTMLElement;
  readonly isHelpOpen: Signal<boolean>;
}

interface Over {
  readonly what: "menu" | "value";
  readonly index: number;
  /** Whose it is: after an edit and a new start another phase may be in its place. */
  readonly phase: string;
  readonly at: Spot;
}

interface Hinted {
  readonly at: Spot;
  readonly button: HTMLElement;
  readonly hint: string;
  readonly wish: Wish | null;
}

/** Hands that rest ask; hands that pass by do not. */
export const TIP_AFTER_MS = 350;
const COMMANDS = ".milo-button[data-command]";

export function Overlays({ port, id, root, isHelpOpen }: Props) {
  const over = useSignal<Over | null>(null);
  const tip = useSignal<Hinted | null>(null);
  const origin = useRef<Element | null>(null); // where the focus goes back to
  const open = (next: Over) => {
    origin.current ??= document.activeElement;
    over.value = next;
  };
  if (isHelpOpen.value) origin.current ??= document.activeElement;
  const close = () => {
    over.value = null;
    isHelpOpen.value = false;
    const back = origin.current;
    origin.current = null;
    const isThere = back instanceof HTMLElement && root.contains(back);
    (isThere ? back : root.querySelector<HTMLElement>("[role=listbox], [role=grid]"))?.focus({ preventScroll: true });
  };
  const nameOf = (index: number) => port.state.peek().session?.phases[index]?.name ?? "";
  useEffect(
    (ending) => listenForMenus(root, ending, (index, at) => open({ what: "menu", index, phase: nameOf(index), at }), port.state),
    [],
  );
  useEffect((ending) => watchAttention(root, port, ending), []);
  useEffect((ending) => listenForTips(root, ending, tip, `${id}-tip`), []);
  const isLeft = over.value !== null && port.state.value.session?.phases[over.value.index]?.name !== over.value.phase;
  useEffect(() => {
    if (isLeft) close();
  }, [isLeft]);
  if (isHelpOpen.value) return <Help onClose={close} />;
  const now = isLeft ? null : over.value;
  if (now?.what === "menu")
    return (
      <PhaseMenu
        key={`${now.index} ${now.at.left} ${now.at.top}`}
        port={port}
        id={id}
        index={now.index}
        at={now.at}
        onClose={close}
        onValue={() => open({ ...now, what: "value" })}
      />
    );
  if (now) return <SkipDialog port={port} id={id} index={now.index} onClose={close} />;
  return tip.value ? <Tip port={port} id={id} tip={tip} hinted={tip.value} /> : null;
}

function Tip({ port, id, tip, hinted }: Pick<Props, "port" | "id"> & { tip: Signal<Hinted | null>; hinted: Hinted }) {
  const preview = usePreview(port, hinted.wish);
  useEffect(() => {
    if (!hinted.button.isConnected) tip.value = null; // it makes no sense any more, so it is gone
  });
  return (
    <Popup
      at={hinted.at}
      id={`${id}-tip`}
      kind="tip"
      role="tooltip"
      onClose={() => {
        tip.value = null;
      }}
    >
      {preview || hinted.hint}
    </Popup>
  );
}

/** Right click on a phase, its menu button, `.`, the menu key and Shift+F10. */
function listenForMenus(
  root: HTMLElement,
  signal: AbortSignal,
  open: (index: number, at: Spot) => void,
  state: ViewProps["port"]["state"],
): void {
  const indexOf = (name: string | undefined) => state.peek().session?.phases.findIndex((phase) => phase.name === name) ?? -1;
  const openFor = (index: number, at: Spot) => {
    if (state.peek().session?.phases[index]) open(index, at);
  };
  const openSelected = () => {
    const { selected } = state.peek().choice;
    const name = state.peek().session?.phases[selected]?.name;
    const shown = [...root.querySelectorAll<HTMLElement>("[data-phase]")].find((one) => one.dataset["phase"] === name);
    openFor(selected, spotOf(shown ?? root));
  };
  const isTyping = (target: EventTarget | null) => target instanceof HTMLInputElement || target instanceof HTMLSelectElement;
  root.addEventListener(
    "contextmenu",
    (event) => {
      const { target, shiftKey, clientX, clientY } = event;
      if (!(target instanceof Element) || shiftKey || target.closest(".milo-popup")) return; // with Shift: the host's own
      const phase = target.closest<HTMLElement>("[data-phase]");
      const isKey = target.matches("[role=listbox], [role=grid]") && event.button !== 2;
      if (!phase && !isKey) return;
      event.preventDefault();
      event.stopPropagation();
      if (phase) openFor(indexOf(phase.dataset["phase"]), { left: clientX, top: clientY, bottom: clientY });
      else openSelected();
    },
    { signal },
  );
  root.addEventListener(
    "click",
    ({ target }) => {
      const button = target instanceof Element ? target.closest<HTMLElement>("[data-menu]") : null;
      if (button) openFor(indexOf(button.dataset["menu"]), spotOf(button));
    },
    { signal },
  );
  root.addEventListener(
    "keydown",
    (event) => {
      const isMenu = event.key === "." || event.key === "ContextMenu" || (event.key === "F10" && event.shiftKey);
      if (!isMenu || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
      event.preventDefault();
      event.stopPropagation();
      openSelected();
    },
    { signal },
  );
}

/** Buttons that give commands say what they would do, under a resting pointer and under the keyboard's focus. */
function listenForTips(root: HTMLElement, signal: AbortSignal, tip: Signal<Hinted | null>, id: string): void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let title = "";
  const hide = () => {
    clearTimeout(timer);
    const button = tip.peek()?.button;
    if (!button) return;
    if (!button.title) button.title = title;
    button.removeAttribute("aria-describedby");
    tip.value = null;
  };
  const show = (button: HTMLElement) => {
    hide();
    title = button.title;
    button.removeAttribute("title"); // or the browser shows it as well
    button.setAttribute("aria-describedby", id);
    tip.value = { at: spotOf(button), button, hint: title, wish: wishOf(button) };
  };
  const buttonOf = ({ target }: Event) => (target instanceof Element ? target.closest<HTMLElement>(COMMANDS) : null);
  root.addEventListener(
    "pointerover",
    (event) => {
      const button = buttonOf(event);
      if (!button || event.pointerType === "touch" || tip.peek()?.button === button) return;
      clearTimeout(timer);
      timer = setTimeout(() => show(button), TIP_AFTER_MS);
    },
    { signal },
  );
  root.addEventListener("pointerout", (event) => buttonOf(event) && hide(), { signal });
  root.addEventListener("pointerdown", hide, { signal });
  root.addEventListener(
    "focusin",
    (event) => {
      const button = buttonOf(event);
      if (button?.matches(":focus-visible")) show(button);
    },
    { signal },
  );
  root.addEventListener("focusout", hide, { signal });
  signal.addEventListener("abort", () => clearTimeout(timer), { once: true });
}

function wishOf(button: HTMLElement): Wish | null {
  if (button.getAttribute("aria-disabled") === "true") return null;
  const { command = "", for: phase, options = "{}" } = button.dataset;
  return { command: command as Command, phases: phase === undefined ? [] : [phase], options: JSON.parse(options) as Options };
}

function spotOf(element: Element): Spot {
  const { left, top, bottom } = element.getBoundingClientRect();
  return { left, top, bottom };
}
