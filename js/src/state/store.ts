/** Where the view's state is kept: one store per model, however many views look at it. */
import type { Command } from "../wire-browser";
import type { Action } from "./actions";
import type { Deed } from "./attention";
import { INITIAL, reduce, type State } from "./reducer";
import { type ReadonlySignal, Signal } from "./signal";

export type { State };

export interface Store {
  readonly state: ReadonlySignal<State>;
  dispatch(action: Action): void;
}

export function createStore(): Store {
  const state = new Signal(INITIAL);
  return {
    state,
    dispatch(action) {
      state.value = reduce(state.peek(), action);
    },
  };
}

/** How a command is meant: `downstream`, `replace`, `value`. */
export type Options = Readonly<Record<string, boolean | string>>;

/** What came back to `Port.ask`: with `error`, a sentence, there is no body; unless `done`, more will come. */
export interface Answer {
  readonly done: boolean;
  readonly error: string;
  readonly body: unknown;
  readonly data: DataView | undefined;
}

/** What a view is given: the state to look at, and what a person may ask for. Views have no other way out. */
export interface Port {
  readonly state: ReadonlySignal<State>;
  /** Selects a phase for all views and, with `open`, opens the inspector. */
  select(index: number, open: boolean): void;
  setExpanded(expanded: boolean): void;
  setFollow(follow: boolean): void;
  /** Notes that a person reads: nothing opens itself for a while. */
  attend(deed: Deed): void;
  command(command: Command, phases?: readonly string[], options?: Options): void;
  /** Asks for log lines, unless an answer is due: then they are wanted again when it has come. */
  wantLogs(phase: number, start: number, count: number): void;
  /** Asks for the error and result of a phase, once per attempt. */
  wantDetail(phase: number): void;
  /** Asks for what is missing of a phase's displays: the list if it has changed, else the next piece. */
  wantOutputs(phase: number): void;
  /** Asks for something beside the story; what is returned drops the question. */
  ask(what: string, args: Readonly<Record<string, unknown>>, onAnswer: (answer: Answer) => void): () => void;
  /** Tells a person why something cannot be done now. */
  refuse(text: string): void;
  dismiss(): void;
}
