/** What can be done with one phase, in the order of the menu, and why not where it cannot. Pure. */
import { barred, downstream, isReviewed, type Permit, permitPhase } from "../../state/selectors";
import type { Options, State } from "../../state/store";
import type { Phase } from "../../wire";
import type { Command } from "../../wire-browser";

export interface Offer {
  readonly id: string;
  readonly text: string;
  readonly command: Command;
  readonly options: Options;
  readonly why: Permit;
  /** What it does, as long as the kernel has not said what it would do now. */
  readonly does: string;
  /** The key that does it at once. */
  readonly press: string;
  /** Asks for more before it acts. */
  readonly isOpen?: boolean;
}

export function offersFor(state: State, phase: Phase): readonly Offer[] {
  const { session } = state;
  const permit = (command: "retry" | "rerun" | "skip" | "cancel") => permitPhase(state, command, phase);
  const again = phase.status === "completed" ? "rerun" : "retry";
  const offers: Offer[] = [
    ...offersToRunAgain(again, permit(again), phase, builtOn(session?.phases ?? [], phase)),
    {
      id: "skip",
      text: "Skip",
      command: "skip",
      options: {},
      why: permit("skip"),
      does: "Goes on without it: its dependants get None",
      press: "s",
    },
    {
      id: "skip-value",
      text: "Skip with value…",
      command: "skip",
      options: {},
      why: permitValue(state, phase),
      does: "Goes on without it: its dependants get what you choose",
      press: "",
      isOpen: true,
    },
    {
      id: "cancel",
      text: "Cancel",
      command: "cancel",
      options: {},
      why: permit("cancel"),
      does: "Stops this phase only",
      press: state.choice.expanded ? "c" : "",
    },
  ];
  if (session?.waiting_for === phase.name || isReviewed(phase))
    offers.unshift({
      id: "approve",
      text: "Approve",
      command: "approve",
      options: {},
      why: barred(state, "approve"),
      does: "Goes on after the review",
      press: "a",
    });
  return offers;
}

/** Two ways only where they differ: where something was built on it that could stay as it is. */
function offersToRunAgain(command: "retry" | "rerun", why: Permit, { name }: Phase, built: readonly string[]): readonly Offer[] {
  const word = command === "retry" ? "Retry" : "Rerun";
  const offer = { command, why };
  if (built.length === 0)
    return [{ ...offer, id: command, text: word, options: {}, does: `Runs ${name} again, then what waits for it`, press: "r" }];
  const [them, one] = [listed(built), built.length === 1];
  return [
    {
      ...offer,
      id: command,
      text: `${word}, and ${one ? them : `the ${built.length} built on it`}`,
      options: {},
      does: `Runs ${name} again, then ${them}, which ${one ? "was" : "were"} built on it`,
      press: "r",
    },
    {
      ...offer,
      id: `${command}-only`,
      text: `${word} only this phase`,
      options: { downstream: false },
      does: `Runs ${name} again; ${them} ${one ? "keeps its result" : "keep their results"}, built on the attempt before`,
      press: "",
    },
  ];
}

/** The names of what was built on a phase, directly or not, in order. */
function builtOn(phases: readonly Phase[], phase: Phase): readonly string[] {
  const next = downstream(phases);
  const seen = new Set([phases.indexOf(phase)]);
  for (const one of seen) for (const later of next[one] ?? []) seen.add(later);
  return phases.flatMap((one, i) => (one !== phase && seen.has(i) && one.status === "completed" ? [one.name] : []));
}

function listed(names: readonly string[]): string {
  const shown = names.length > 3 ? [...names.slice(0, 2), `${names.length - 2} more`] : names;
  return [shown.slice(0, -1).join(", "), ...shown.slice(-1)].filter(Boolean).join(" and ");
}

/** A value also takes the place of a result that is there. */
function permitValue(state: State, phase: Phase): Permit {
  return replacesResult(phase) ? barred(state, "skip") : permitPhase(state, "skip", phase);
}

/** Does skipping it put something in the place of a result? */
export const replacesResult = ({ status }: Phase): boolean => status === "completed" || status === "skipped";
