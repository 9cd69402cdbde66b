/** One phase, all of it: what it says, why it failed, what it gave, how it is set up; and what can be done with it. */
import { useSignal, useSignalEffect } from "@preact/signals";
import { downstream, permitPhase, phaseElapsed } from "../state/selectors";
import type { Port } from "../state/store";
import type { Phase } from "../wire";
import type { View } from "./app";
import { CommandButton } from "./command";
import { formatDuration, phaseSummary, STATUS_WORDS } from "./format";
import { Sign, StatusIcon } from "./icons";
import { Log } from "./log";
import { ErrorPane, ResultPane } from "./output";
import { Tabs } from "./tabs";

type Pane = "logs" | "error" | "result" | "info";
const TITLES: Readonly<Record<Pane, string>> = { logs: "Logs", error: "Error", result: "Result", info: "Info" };

export function Inspector({ port, view }: { port: Port; view: View }) {
  const chosen = useSignal<Pane | null>(null); // null: the error of what failed, else the log
  useSignalEffect(() => {
    const { session, choice } = port.state.value;
    const phase = session?.phases[choice.selected];
    if (choice.expanded && phase && (phase.status === "failed" || phase.status === "completed" || phase.error)) port.wantDetail(choice.selected);
  });
  const state = port.state.value;
  const index = state.choice.selected;
  const phase = state.session?.phases[index];
  if (!phase || !state.choice.expanded) return null;
  const panes: Pane[] = phase.error || phase.status === "failed" ? ["logs", "error", "result", "info"] : ["logs", "result", "info"];
  const automatic: Pane = phase.status === "failed" ? "error" : "logs";
  const pane = chosen.value && panes.includes(chosen.value) ? chosen.value : automatic;
  return (
    <section class="milo-inspector" aria-label={`Phase ${phase.name}`}>
      <div class="milo-inspector-head">
        <StatusIcon status={phase.status} size={18} />
        <div class="milo-inspector-title">
          <span class="milo-inspector-name" title={phase.description ? `${phase.name}: ${phase.description}` : phase.name}>
            {phase.name}
          </span>
          <span class="milo-muted">{phaseSummary(phase, phaseElapsed(state, phase, view.now.value))}</span>
          {phase.status === "running" && phase.message ? <span class="milo-muted">{phase.message}</span> : null}
        </div>
        <PhaseActions port={port} phase={phase} />
        <button type="button" class="milo-icon-button" aria-label="Close the inspector" title="Close (Esc)" onClick={() => port.setExpanded(false)}>
          <Sign name="close" />
        </button>
      </div>
      <Tabs
        label="What to see of the phase"
        tabs={panes.map((one) => ({ key: one, title: TITLES[one] }))}
        current={pane}
        onChoose={(next) => {
          chosen.value = next;
        }}
      />
      {pane === "logs" ? <Log key={index} port={port} view={view} index={index} /> : null}
      {pane === "error" ? <ErrorPane port={port} view={view} phase={phase} index={index} /> : null}
      {pane === "result" ? <ResultPane port={port} phase={phase} index={index} /> : null}
      {pane === "info" ? <Info port={port} phase={phase} index={index} /> : null}
    </section>
  );
}

function PhaseActions({ port, phase }: { port: Port; phase: Phase }) {
  const state = port.state.value;
  return (
    <div class="milo-actions">
      <CommandButton port={port} command="retry" label="Retry" icon="retry" phase={phase.name} permit={permitPhase(state, "retry", phase)} hint="Runs it again with its current code, then what waits for it (r)" />
      <CommandButton port={port} command="skip" label="Skip" icon="skip" phase={phase.name} permit={permitPhase(state, "skip", phase)} hint="Goes on without it: its dependants get None (s)" />
      <CommandButton port={port} command="cancel" label="Cancel" icon="cancel" phase={phase.name} permit={permitPhase(state, "cancel", phase)} hint="Stops this phase only (c)" />
    </div>
  );
}

function Info({ port, phase, index }: { port: Port; phase: Phase; index: number }) {
  const phases = port.state.value.session?.phases ?? [];
  const attempts = [...phase.history, { attempt: phase.attempt, status: phase.status, started_at: phase.started_at, elapsed: phase.elapsed, error: phase.error }];
  return (
    <div class="milo-pane" data-pane="info">
      <dl class="milo-facts">
        {phase.description ? <Fact term="Description">{phase.description}</Fact> : null}
        {phase.reason ? <Fact term="Reason">{phase.reason}</Fact> : null}
        <Fact term="Depends on">
          <Names port={port} phases={phases} indices={phase.depends_on} />
        </Fact>
        <Fact term="Needed by">
          <Names port={port} phases={phases} indices={downstream(phases)[index] ?? []} />
        </Fact>
        <Fact term="On failure">{policyText(phase.policy)}</Fact>
        <Fact term="Runs">{phase.parallel ? "beside other phases" : "alone"}</Fact>
        <Fact term="Weight">{String(phase.weight)}</Fact>
        {phase.edited ? <Fact term="Code">edited since its last attempt; Retry uses the new code</Fact> : null}
      </dl>
      <table class="milo-table milo-attempts">
        <caption>Attempts</caption>
        <thead>
          <tr>
            <th scope="col">#</th>
            <th scope="col">Status</th>
            <th scope="col">Time</th>
            <th scope="col">Error</th>
          </tr>
        </thead>
        <tbody>
          {attempts.map((one) => (
            <tr key={one.attempt}>
              <td>{one.attempt}</td>
              <td>
                <span class="milo-with-icon">
                  <StatusIcon status={one.status} size={12} /> {STATUS_WORDS[one.status]}
                </span>
              </td>
              <td>{one.elapsed > 0 ? formatDuration(one.elapsed) : "–"}</td>
              <td class="milo-ellipsis" title={one.error}>
                {one.error}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Fact({ term, children }: { term: string; children: preact.ComponentChildren }) {
  return (
    <div class="milo-fact">
      <dt>{term}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function Names({ port, phases, indices }: { port: Port; phases: readonly Phase[]; indices: readonly number[] }) {
  if (indices.length === 0) return <span class="milo-muted">nothing</span>;
  return (
    <span class="milo-names">
      {indices.map((index) => (
        <button key={index} type="button" class="milo-link" onClick={() => port.select(index, true)}>
          {phases[index]?.name ?? `phase ${index}`}
        </button>
      ))}
    </span>
  );
}

export function policyText({ on_fail, max_retries, retry_delay, retry_backoff }: Phase["policy"]): string {
  switch (on_fail) {
    case "stop":
      return "the pipeline stops";
    case "continue":
      return "its dependants never run, the rest goes on";
    case "skip":
      return "it is skipped and the pipeline goes on";
    case "retry":
      return `it is tried up to ${max_retries} more ${max_retries === 1 ? "time" : "times"}, ${formatDuration(retry_delay)} apart${retry_backoff === "exponential" ? ", doubling" : ""}; then the pipeline stops`;
    default:
      return on_fail satisfies never;
  }
}
