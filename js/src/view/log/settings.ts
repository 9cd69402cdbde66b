/** How a person wants logs to be shown: kept for all phases of a pipeline, not for the page after it is reloaded. */
import { NO_QUERY, type Query } from "../../state/search";
import { Signal } from "../../state/signal";
import type { Port } from "../../state/store";

/** Times since the phase (of all: the session) began, of the day, or none. */
export type Times = "since" | "clock" | "off";

export interface Settings {
  readonly query: Signal<Query>;
  readonly times: Signal<Times>;
  readonly wraps: Signal<boolean>;
  /** What is open below the bar. */
  readonly drawer: Signal<"" | "filter" | "more">;
}

/** From one way to show times to the next. */
export function turnTimes({ times }: Settings): void {
  times.value = times.value === "since" ? "clock" : times.value === "clock" ? "off" : "since";
}

const kept = new WeakMap<Port, Settings>();

export function settingsOf(port: Port): Settings {
  let settings = kept.get(port);
  if (!settings) {
    settings = { query: new Signal(NO_QUERY), times: new Signal<Times>("since"), wraps: new Signal(false), drawer: new Signal("") };
    kept.set(port, settings);
  }
  return settings;
}
