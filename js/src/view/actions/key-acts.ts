/** What the keys of the whole view do. */
import { barred, isPossible, isRequested, permitPhase, permitSession } from "../../state/selectors";
import type { Command } from "../../wire-browser";
import type { KeyTargets } from "../keys";

/** True if the key is one of ours. */
export function act(key: string, { root, port, showView, toggleHelp }: KeyTargets): boolean {
  const state = port.state.peek();
  const { session, choice } = state;
  const phase = session?.phases[choice.selected];
  const give = (permit: string, command: Command, phases: readonly string[] = []) => {
    if (permit) port.refuse(permit);
    else if (!isRequested(state, command, phases[0])) port.command(command, phases);
  };
  const onPhase = (command: "retry" | "rerun" | "skip" | "cancel") =>
    phase && give(permitPhase(state, command, phase), command, [phase.name]);
  const onSession = (command: "pause" | "resume" | "cancel") => give(permitSession(state, command), command);
  const focus = (...places: readonly string[]) =>
    places
      .map((place) => root.querySelector<HTMLElement>(place))
      .find(Boolean)
      ?.focus();
  const keys: Readonly<Record<string, () => void>> = {
    1: () => showView("graph"),
    2: () => showView("timeline"),
    3: () => showView("list"),
    "?": toggleHelp,
    q: () => {
      port.setExpanded(false);
      focus("[role=listbox], [role=grid]");
    },
    f: () => port.setFollow(!choice.follow),
    "/": () => focus(".milo-inspector input", "input"),
    r: () => onPhase(phase?.status === "completed" ? "rerun" : "retry"),
    s: () => onPhase("skip"),
    a: () => give(session?.waiting_for ? barred(state, "approve") : "Nothing waits for approval.", "approve", [session?.waiting_for ?? ""]),
    p: () => onSession(session && isPossible(session, "resume") ? "resume" : "pause"),
    c: () => (choice.expanded ? onPhase("cancel") : onSession("cancel")),
    Escape: () => (choice.expanded ? keys["q"]?.() : root.closest<HTMLElement>(".jp-Notebook")?.focus()),
  };
  const does = Object.hasOwn(keys, key) ? keys[key] : undefined;
  does?.();
  return does !== undefined;
}
