/** Goes where a person says: to a line, to a time, or where a link leads. */
import { linkedLines, linkedPhase, parseGoal, type Range } from "../../state/links";
import type { LogBuffer } from "../../state/logs";
import { lineOf } from "../../state/pages";
import type { Port } from "../../state/store";
import { allowLink } from "./address";
import type { Times } from "./settings";
import { beginning, momentOf } from "./times";

interface Where {
  readonly port: Port;
  readonly log: number;
  readonly times: Times;
  readonly buffer: LogBuffer;
  readonly show: (lines: Range) => void;
  readonly onTrouble: (sentence: string) => void;
}

/** Says why it cannot be gone to, or "". */
export function goTo(text: string, { port, log, times, buffer, show, onTrouble }: Where): string {
  const { session } = port.state.peek();
  if (!session || !text.trim()) return "";
  if (text.includes("#")) return followLink(text.slice(text.indexOf("#")), port);
  const goal = parseGoal(text, times === "clock");
  if (!goal) return `Not a line, a time or a link: ${times === "clock" ? "120, 14:03:22 or" : "120, 1:23, 90s or"} #pipeline/phase/L120.`;
  if ("range" in goal) {
    if (goal.range.anchor >= buffer.end) return `The log has ${buffer.end.toLocaleString("en-US")} lines.`;
    show({ anchor: goal.range.anchor, to: Math.min(goal.range.to, buffer.end - 1) });
    return "";
  }
  const at = momentOf(goal, beginning(session, session.phases[log]), session.epoch);
  port.ask("when", { phase: log, at }, ({ error, body }) => {
    try {
      if (error) return onTrouble(error);
      const line = Math.max(0, Math.min(lineOf(body), buffer.end - 1));
      show({ anchor: line, to: line });
    } catch (wrong) {
      onTrouble(`${wrong}`);
    }
  });
  return "";
}

/** The address takes the link, and what is open hears of it. */
function followLink(link: string, port: Port): string {
  const { session } = port.state.peek();
  const names = session?.phases.map(({ name }) => name) ?? [];
  const pipeline = session?.pipeline ?? "";
  const index = linkedPhase(link, pipeline, names);
  if (index < 0) return "The link leads to another pipeline, or to a phase that is not here.";
  history.replaceState(history.state, "", location.href.replace(/#.*$/s, "") + link.trim());
  allowLink(session);
  port.select(index, true);
  // The log that is open may be the one; another finds the link in the address when it opens.
  window.dispatchEvent(new HashChangeEvent("hashchange"));
  return linkedLines(link, pipeline, index > names.length ? null : (names[index] ?? "")) ? "" : "The link names no line.";
}
