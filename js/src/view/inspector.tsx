/** One phase, all of it: what it says, why it failed, what it gave, how it is set up; and what can be done with it. */
import type { Child } from "../dom/h";
import { useEffect, useSignal } from "../dom/hooks";
import { linesOf } from "../state/reducer";
import { downstream, isOver, permitPhase, phaseElapsed } from "../state/selectors";
import type { Phase } from "../wire";
import { OutputPane } from "./displays";
import { formatDuration, OTHER, phaseSummary } from "./format";
import { StatusIcon } from "./icons";
import { Log } from "./log";
import { ErrorPane, ResultPane } from "./output";
import { CommandButton, SignButton, Tabs } from "./parts";
import { attemptsOf } from "./timeline";
import type { ViewProps } from "./view";

/** What is known of a phase, each in a tab of its own. */
const PANES = { logs: Log, output: OutputPane, error: ErrorPane, result: ResultPane, info: Info } as const;
type Pane = keyof typeof PANES;

const HINTS = {
  retry: "Runs it again, then what waits for it (r)",
  rerun: "Runs it again, then what was built on it",
  skip: "Goes on without it: its dependants get None (s)",
  cancel: "Stops this phase only (c)",
} as const;

export function Inspector({ port, now, theme }: ViewProps) {
  const chosen = useSignal<Pane | null>(null); // null: the error of what failed (or was skipped with no line), else the log
  const state = port.state.value;
  const index = state.choice.selected;
  const phase = state.session?.phases[index];
  const isFailed = phase?.status === "failed";
  const panes = (Object.keys(PANES) as Pane[]).filter((one) => one !== "error" || isFailed || phase?.error);
  const isErrorFirst = isFailed || (phase?.status === "skipped" && phase.error && phase.log_count === 0);
  const pane =
    panes.find((one) => one === chosen.value) ??
    (isErrorFirst ? "error" : phase && isOver(phase) && phase.outputs[1] && !phase.log_count ? "output" : "logs");
  useEffect(() => {
    if (phase && state.choice.expanded && (pane === "error" || pane === "result")) port.wantDetail(index);
  });
  if (!state.choice.expanded) return null;
  if (!phase)
    return linesOf(state.session, index) > 0 ? (
      <section class="milo-inspector" aria-label={OTHER}>
        <div class="milo-line">
          <b class="milo-spring">{OTHER}</b>
          <SignButton sign="close" label="Close the inspector" onClick={() => port.setExpanded(false)} />
        </div>
        <Tabs label="Phase" tabs={["logs"]} current="logs" onChoose={Boolean} />
        <Log port={port} index={index} />
      </section>
    ) : null;
  const Shown = PANES[pane];
  return (
    <section class="milo-inspector" aria-label={`Phase ${phase.name}`}>
      <div class="milo-line milo-wrap">
        <StatusIcon status={phase.status} size={18} />
        <b class="milo-cut" title={phase.name}>
          {phase.name}
        </b>
        <span class="milo-muted milo-cut milo-spring">
          {phaseSummary(phase, phaseElapsed(state, phase, now))} {phase.status === "running" && phase.message && `· ${phase.message}`}
        </span>
        <span class="milo-actions">
          {([phase.status === "completed" ? "rerun" : "retry", "skip", "cancel"] as const).map((command) => (
            <CommandButton
              key={command}
              port={port}
              command={command}
              label={command}
              phase={phase.name}
              permit={permitPhase(state, command, phase)}
              hint={HINTS[command]}
            />
          ))}
          <SignButton sign="close" label="Close the inspector" onClick={() => port.setExpanded(false)} />
        </span>
      </div>
      <Tabs
        label="Phase"
        tabs={panes}
        current={pane}
        counts={{ output: phase.outputs[1] }}
        onChoose={(next) => {
          chosen.value = next;
        }}
      />
      <Shown key={index} port={port} phase={phase} index={index} theme={theme} />
    </section>
  );
}

function Info({ port, phase, index }: Pick<ViewProps, "port"> & { phase: Phase; index: number }) {
  const phases = port.state.value.session?.phases ?? [];
  const names = (indices: readonly number[]) =>
    indices.length
      ? indices.map((one) => (
          <button key={one} type="button" class="milo-link" onClick={() => port.select(one, true)}>
            {phases[one]?.name}
          </button>
        ))
      : "nothing";
  const facts: readonly (readonly [string, Child])[] = [
    ["Description", phase.description],
    ["Reason", phase.reason],
    ["Depends on", names(phase.depends_on)],
    ["Needed by", names(downstream(phases)[index] ?? [])],
    ["Checkpoint", phase.unsaved ? "not on disk so far" : ""],
    ["On failure", phase.policy],
    ["Runs", phase.parallel ? "beside other phases" : "alone"],
    ["Weight", phase.weight],
    ["Code", phase.edited ? "edited since its last attempt; Retry uses the new code" : ""],
    ...attemptsOf(phase, phase.elapsed).map(
      (one) =>
        [
          `Attempt ${one.attempt}`,
          `${one.status}${one.elapsed > 0 ? `, ${formatDuration(one.elapsed)}` : ""}${one.error ? `: ${one.error}` : ""}`,
        ] as const,
    ),
  ];
  return (
    <dl class="milo-pane" data-pane="info">
      {facts
        .filter(([, fact]) => fact !== "")
        .map(([term, fact]) => (
          <div key={term}>
            <dt>{term}</dt>
            <dd>{fact}</dd>
          </div>
        ))}
    </dl>
  );
}
