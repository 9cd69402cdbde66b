/** One phase, all of it: what it says, why it failed, what it gave, how it is set up, what it does now; and what can be done with it. */
import type { Ref } from "../../dom/h";
import { useEffect, useRef, useSignal } from "../../dom/hooks";
import { blockersOf, kindOf, type Memory, type Pane, paneFor, panesOf } from "../../state/panes";
import { linesOf } from "../../state/reducer";
import { barred, isReviewed, permitPhase, phaseElapsed, shownState } from "../../state/selectors";
import type { Port } from "../../state/store";
import type { Phase } from "../../wire";
import { OTHER, phaseSummary } from "../format";
import { Sign, StatusIcon } from "../icons";
import { useLeaving, useLink } from "../log/link";
import { Log } from "../log/log";
import { CommandButton, SignButton, Tabs } from "../parts";
import type { ViewProps } from "../view";
import { OutputPane } from "./displays";
import { InfoPane } from "./info";
import { PhaseLinks } from "./links";
import { NowPane } from "./now";
import { ErrorPane, type PaneProps } from "./output";
import { ResultPane } from "./result";
import { bringIntoSight } from "./sight";
import { Edges } from "./split";

/** What is known of a phase, each in a tab of its own. */
const SHOWN = { logs: Log, output: OutputPane, error: ErrorPane, result: ResultPane, info: InfoPane, now: NowPane } as const;
const ALL_LOGS = "All logs";

const LABELS = { retry: "Retry", rerun: "Rerun", skip: "Skip", cancel: "Cancel" } as const;
const HINTS = {
  retry: "Runs it again, then what waits for it (r)",
  rerun: "Runs it again, then what was built on it (r)",
  skip: "Goes on without it: its dependants get None (s)",
  cancel: "Stops this phase only (c)",
} as const;

/** Where to look at what a phase has made. */
const REVIEWED = { result: "its result", output: "what it displayed", logs: "its log", info: "its files" } as const;

interface Held {
  readonly index: number;
  /** Chosen by a person, as long as this phase is shown. */
  readonly pane: Pane | null;
  /** What another pane led to; 0: none. */
  readonly attempt: number;
}

export function Inspector({ port, id, now, theme }: ViewProps) {
  const memory = useSignal<Memory>({});
  const held = useSignal<Held>({ index: -1, pane: null, attempt: 0 });
  const state = port.state.value;
  const { choice, openings, opened, missed, session } = state;
  const section = useRef<HTMLElement | null>(null);
  const index = choice.selected;
  const phases = session?.phases ?? [];
  const phase = phases[index];
  const chosen = held.value.index === index ? held.value : null;
  const linked = useLink(port);
  const failure = opened === index ? "opened" : missed === index ? "missed" : "";
  const pane = phase ? paneFor(phase, { held: chosen?.pane ?? (linked === index ? "logs" : null), memory: memory.value, failure }) : "logs";
  useLeaving(port, choice.expanded && pane === "logs" ? index : -1);
  useEffect(() => {
    if (phase && choice.expanded && pane === "error") port.wantDetail(index);
  });
  useEffect(() => {
    // Another phase, or this one has just opened itself: what is remembered for its kind holds while it is shown.
    held.value = { index, pane: (phase && opened !== index && memory.peek()[kindOf(phase)]) || null, attempt: 0 };
  }, [index, opened === index]);
  const kind = phase && kindOf(phase);
  useEffect(() => {
    // It was being looked at so when it came to be of this kind, of which nothing is remembered yet.
    if (kind && kind !== "failed" && chosen?.pane === pane && !memory.peek()[kind]) memory.value = { ...memory.peek(), [kind]: pane };
  }, [kind]);
  useEffect(() => {
    if (openings > 0 && choice.expanded && section.current) bringIntoSight(section.current);
  }, [openings]);
  if (!choice.expanded) return null;
  if (!phase) return <Unowned port={port} id={id} index={index} section={section} />;
  const onShow = (next: Pane, attempt: number) => {
    held.value = { index, pane: next, attempt };
    memory.value = { ...memory.peek(), [kindOf(phase)]: next };
  };
  const Shown = SHOWN[pane];
  return (
    <section class="milo-inspector" ref={section} aria-label={`Phase ${phase.name}`}>
      <div class="milo-line milo-wrap">
        <StatusIcon status={shownState(phase)} size={18} />
        <b class="milo-cut" title={phase.name}>
          <bdi>{phase.name}</bdi>
        </b>
        <span class="milo-muted milo-cut milo-spring">
          {phaseSummary(phase, phaseElapsed(state, phase, now))} {phase.status === "running" && phase.message && `· ${phase.message}`}
        </span>
        <Actions port={port} phase={phase} />
      </div>
      <Elsewhere port={port} index={index} pane={pane} onShow={onShow} />
      <Tabs label="Phase" tabs={panesOf(phase)} current={pane} counts={{ output: phase.outputs[1] }} onChoose={(next) => onShow(next, 0)} />
      <Shown key={index} port={port} phase={phase} index={index} theme={theme} now={now} onShow={onShow} attempt={chosen?.attempt ?? 0} />
      <Edges id={id} />
    </section>
  );
}

/** What no phase owns: only its log. */
function Unowned({ port, id, index, section }: { port: Port; id: string; index: number; section: Ref<HTMLElement | null> }) {
  const session = port.state.value.session;
  const isAll = index === (session?.phases.length ?? 0) + 1;
  if (!isAll && linesOf(session, index) <= 0) return null;
  const name = isAll ? ALL_LOGS : OTHER;
  return (
    <section class="milo-inspector" ref={section} aria-label={name}>
      <div class="milo-line">
        <b class="milo-spring">{name}</b>
        <SignButton sign="close" label="Close the inspector" onClick={() => port.setExpanded(false)} />
      </div>
      <Tabs label="Phase" tabs={["logs"]} current="logs" onChoose={Boolean} />
      <Log port={port} index={index} />
      <Edges id={id} />
    </section>
  );
}

function Actions({ port, phase }: { port: Port; phase: Phase }) {
  return (
    <span class="milo-actions">
      {isReviewed(phase) ? (
        <CommandButton
          port={port}
          command="approve"
          label="Approve"
          kind="milo-primary"
          phase={phase.name}
          permit={barred(port.state.value, "approve")}
          hint="Goes on after the review (a)"
        />
      ) : null}
      {([phase.status === "completed" ? "rerun" : "retry", "skip", "cancel"] as const).map((command) => (
        <CommandButton
          key={command}
          port={port}
          command={command}
          label={LABELS[command]}
          phase={phase.name}
          permit={permitPhase(port.state.value, command, phase)}
          hint={HINTS[command]}
        />
      ))}
      <button
        type="button"
        class="milo-sign"
        data-menu={phase.name}
        aria-haspopup="menu"
        aria-label={`More for ${phase.name}`}
        title="More (.)"
      >
        <Sign name="menu" />
      </button>
      <SignButton sign="close" label="Close the inspector" onClick={() => port.setExpanded(false)} />
    </span>
  );
}

/** What a person should know who looks at this phase, and stands with another one: why it waits, what failed meanwhile. */
function Elsewhere({ port, index, pane, onShow }: { port: Port; index: number; pane: Pane } & Pick<PaneProps, "onShow">) {
  const { session, missed } = port.state.value;
  const phases = session?.phases ?? [];
  const blockers = blockersOf(phases, index);
  const first = phases[blockers[0] ?? -1];
  const other = phases[missed]?.status === "failed" && !(missed === index && pane === "error") ? missed : -1;
  const reviewed = phases[index] && isReviewed(phases[index]) ? phases[index] : null;
  return (
    <>
      {reviewed ? (
        <p class="milo-banner milo-strip milo-wrap" data-strip="" data-kind="waiting">
          <span>
            <b>It waits for your review.</b> What comes after it begins once you approve. Look at:
          </span>
          {(["result", ...(reviewed.outputs[1] ? (["output"] as const) : []), "logs", "info"] as const).map((one) => (
            <button key={one} type="button" class="milo-link" aria-current={one === pane || undefined} onClick={() => onShow(one, 0)}>
              {REVIEWED[one]}
            </button>
          ))}
        </p>
      ) : null}
      {first ? (
        <p class="milo-banner milo-strip" data-strip="" data-kind="waiting">
          <span class="milo-spring">
            It has not run: blocked by <PhaseLinks port={port} indices={blockers} />
            {blockers.length === 1 ? `, which ${first.status === "failed" ? "failed" : "was cancelled"}` : ""}
            {blockers.length === 1 && first.error ? `: ${first.error}` : "."}
          </span>
          <button type="button" class="milo-button milo-as-is" onClick={() => port.select(blockers[0] ?? index, true)}>
            Go to {first.name}
          </button>
        </p>
      ) : null}
      {other >= 0 && !blockers.includes(other) ? (
        <p class="milo-banner milo-strip" data-strip="">
          <span class="milo-spring">{phases[other]?.name} failed while you were reading.</span>
          <button type="button" class="milo-button" onClick={() => (other === index ? onShow("error", 0) : port.select(other, true))}>
            Show its error
          </button>
        </p>
      ) : null}
    </>
  );
}
