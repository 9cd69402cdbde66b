/** What can be done with one phase, in the order of the menu, and why not where it cannot. Pure. */
import { barred, type Permit, permitPhase } from "../../state/selectors";
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
  const offers: Offer[] = [
    {
      id: "retry",
      text: "Retry",
      command: "retry",
      options: { downstream: false },
      why: permit("retry"),
      does: "Runs only this phase again",
      press: "",
    },
    {
      id: "retry-downstream",
      text: "Retry + downstream",
      command: "retry",
      options: {},
      why: permit("retry"),
      does: "Runs it again, then what waits for it",
      press: "r",
    },
    {
      id: "rerun",
      text: "Run from here",
      command: "rerun",
      options: {},
      why: permit("rerun"),
      does: "Runs it again, then what was built on it",
      press: phase.status === "completed" ? "r" : "",
    },
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
  if (session?.waiting_for === phase.name)
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

/** A value also takes the place of a result that is there. */
function permitValue(state: State, phase: Phase): Permit {
  return replacesResult(phase) ? barred(state, "skip") : permitPhase(state, "skip", phase);
}

/** Does skipping it put something in the place of a result? */
export const replacesResult = ({ status }: Phase): boolean => status === "completed" || status === "skipped";
