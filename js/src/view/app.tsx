/** The view as a whole: puts itself into the host's element, and takes itself out again. */
import { effect, type ReadonlySignal, type Signal, signal, useComputed } from "@preact/signals";
import { render } from "preact";
import { countByStatus } from "../state/selectors";
import type { Port } from "../state/store";
import { STATUS_WORDS } from "./format";
import { Graph } from "./graph";
import { Header } from "./header";
import { Inspector } from "./inspector";
import { KEY_HELP, listenToKeys, VIEWS, type ViewName } from "./keys";
import { List } from "./list";
import { Tabs } from "./tabs";
import { watchTheme } from "./theme";
import { Timeline } from "./timeline";

/** What belongs to one view of a model, and not to the others. */
export interface View {
  readonly root: HTMLElement;
  /** Unique in the page: views are many, ids are one each. */
  readonly id: string;
  /** The page clock in milliseconds. */
  readonly clock: () => number;
  /** The page clock, while something runs, four times a second. */
  readonly now: ReadonlySignal<number>;
  /** Changes when the host's theme does. */
  readonly theme: ReadonlySignal<number>;
  /** Puts text on the clipboard; false if the browser refuses. */
  copy(text: string): Promise<boolean>;
}

const TICK_MS = 250;
const SAY_EVERY_MS = 3_000;
const TITLES: Readonly<Record<ViewName, string>> = { graph: "Graph", timeline: "Timeline", list: "List" };
let views = 0;

/** Shows the port's state in `root` until the signal aborts. */
export function showApp(root: HTMLElement, port: Port, ending: AbortSignal, clock: () => number = () => performance.now()): void {
  views += 1;
  const id = `milo-${views}-${Math.random().toString(36).slice(2, 7)}`;
  root.classList.add("milo-root");
  const current = signal<ViewName>("graph");
  const help = signal(false);
  const view: View = { root, id, clock, now: tick(port, clock, ending), theme: watchTheme(root, ending), copy };
  const undo = effect(() => {
    const { session, connection } = port.state.value;
    root.dataset.pipeline = session?.pipeline ?? "";
    root.dataset.status = session?.status ?? "pending";
    root.dataset.connection = connection;
  });
  const keys = {
    root,
    port,
    showView: (name: ViewName) => {
      current.value = name;
    },
    toggleHelp: () => {
      help.value = !help.value;
    },
  };
  listenToKeys(keys, ending);
  const said = announce(port, ending);
  render(<App port={port} view={view} current={current} help={help} said={said} />, root);
  ending.addEventListener(
    "abort",
    () => {
      undo();
      render(null, root);
    },
    { once: true },
  );
}

interface AppProps {
  readonly port: Port;
  readonly view: View;
  readonly current: Signal<ViewName>;
  readonly help: Signal<boolean>;
  readonly said: ReadonlySignal<string>;
}

function App({ port, view, current, help, said }: AppProps) {
  const isEmpty = useComputed(() => (port.state.value.session?.phases.length ?? 0) === 0);
  const isOpen = useComputed(() => port.state.value.choice.expanded);
  return (
    <div class="milo-app">
      <Header port={port} view={view} />
      <div class="milo-bar-row">
        <Tabs
          label="Views"
          tabs={VIEWS.map((name, i) => ({ key: name, title: TITLES[name], hint: `${TITLES[name]} (${i + 1})` }))}
          current={current.value}
          onChoose={(name) => {
            current.value = name;
          }}
        />
        <span class="milo-spring" />
        <button
          type="button"
          class="milo-icon-button"
          aria-label="Keys"
          aria-expanded={help.value ? "true" : "false"}
          title="Keys (?)"
          onClick={() => {
            help.value = !help.value;
          }}
        >
          ?
        </button>
      </div>
      {help.value ? <Help /> : null}
      <div class="milo-body" data-open={isOpen.value ? "true" : "false"}>
        <div class="milo-main">
          {isEmpty.value ? <Empty port={port} /> : current.value === "graph" ? <Graph port={port} view={view} /> : current.value === "timeline" ? <Timeline port={port} view={view} /> : <List port={port} view={view} />}
        </div>
        <Inspector port={port} view={view} />
      </div>
      <div class="milo-said" role="status">
        {said.value}
      </div>
    </div>
  );
}

function Empty({ port }: { port: Port }) {
  const { session, connection } = port.state.value;
  const text = session ? "This pipeline has no phases." : connection === "gone" ? "The kernel does not answer." : "Waiting for the pipeline…";
  return <p class="milo-empty milo-nothing">{text}</p>;
}

function Help() {
  return (
    <dl class="milo-help" aria-label="Keys">
      {KEY_HELP.map(([key, does]) => (
        <div key={key} class="milo-help-row">
          <dt>
            <kbd>{key}</kbd>
          </dt>
          <dd>{does}</dd>
        </div>
      ))}
    </dl>
  );
}

/** A clock that goes only while something runs and somebody can see it. */
function tick(port: Port, clock: () => number, ending: AbortSignal): ReadonlySignal<number> {
  const now = signal(clock());
  let timer: ReturnType<typeof setInterval> | undefined;
  const undo = effect(() => {
    const { session, connection } = port.state.value;
    const isRunning = connection !== "gone" && session !== null && (session.status === "running" || session.phases.some((phase) => phase.status === "running"));
    now.value = clock();
    if (isRunning && timer === undefined) timer = setInterval(() => (now.value = clock()), TICK_MS);
    if (isRunning) return;
    clearInterval(timer);
    timer = undefined;
  });
  ending.addEventListener(
    "abort",
    () => {
      undo();
      clearInterval(timer);
    },
    { once: true },
  );
  return now;
}

/** One line for screen readers, at most every three seconds: `build running, 3 of 12 done`. */
function announce(port: Port, ending: AbortSignal): ReadonlySignal<string> {
  const said = signal("");
  let next = "";
  let timer: ReturnType<typeof setTimeout> | undefined;
  const undo = effect(() => {
    const { session, connection } = port.state.value;
    if (!session) return;
    const counts = countByStatus(session.phases);
    const failed = session.phases.find((phase) => phase.status === "failed");
    const done = counts.completed + counts.skipped;
    next = connection === "gone" ? "The kernel is gone." : `${session.pipeline} ${STATUS_WORDS[session.status].toLowerCase()}, ${done} of ${session.phases.length} done${failed ? `, ${failed.name} failed` : ""}`;
    timer ??= setTimeout(() => {
      timer = undefined;
      said.value = next;
    }, SAY_EVERY_MS);
  });
  ending.addEventListener(
    "abort",
    () => {
      undo();
      clearTimeout(timer);
    },
    { once: true },
  );
  return said;
}

async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
