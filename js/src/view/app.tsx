/** The view as a whole: puts itself into the host's element, and takes itself out again. */
import { render } from "../dom/h";
import { every, whenResized } from "../dom/lasting";
import { countByStatus } from "../state/selectors";
import { effect, Signal } from "../state/signal";
import type { Port, State } from "../state/store";
import { uuid } from "../uuid";
import { EVERYTHING, type Filter } from "./filter";
import { Graph } from "./graph/graph";
import { Header } from "./header";
import { listenToKeys, VIEWS, type ViewName } from "./keys";
import { useMore, whyNotMore } from "./lazy";
import { SignButton, Tabs } from "./parts";
import { watchTheme } from "./theme";

const TICK_MS = 250;
const SAY_EVERY_MS = 3_000;

/** Shows the port's state in `root` until the signal aborts. All of it is drawn anew when something it read changed. */
export function showApp(root: HTMLElement, port: Port, ending: AbortSignal, clock: () => number = () => performance.now()): void {
  const id = `milo-${uuid()}`;
  const current = new Signal<ViewName>("graph");
  const isHelpOpen = new Signal(false);
  const ticked = new Signal(0);
  const said = new Signal("");
  const filter = new Signal<Filter>(EVERYTHING);
  const theme = watchTheme(root, ending);
  const showView = (name: ViewName) => {
    current.value = name;
  };
  const toggleHelp = () => {
    isHelpOpen.value = !isHelpOpen.value;
  };
  listenToKeys({ root, port, showView, toggleHelp }, ending);
  root.classList.add("milo-root");
  hideStill(root, port, ending);

  effect(() => {
    ticked.value;
    const state = port.state.value;
    const { session, connection } = state;
    Object.assign(root.dataset, {
      pipeline: session?.pipeline ?? "",
      status: session?.status ?? "pending",
      connection,
      owner: session?.owner ?? "here",
    });
    const props = { port, id, now: clock(), theme: theme.value, filter };
    const more = session ? useMore(port) : null; // the first picture waits for nothing
    const focused = document.activeElement;
    const had = root.contains(focused);
    const Shown = current.value === "graph" ? Graph : current.value === "list" ? more?.List : more?.Timeline;
    render(
      <div class="milo-app">
        <Header {...props} />
        <div class="milo-line milo-views">
          <Tabs label="Views" tabs={VIEWS} current={current.value} onChoose={showView} />
          <span class="milo-spring" />
          {more && session ? <more.ReportButton port={port} /> : null}
          <SignButton sign="help" label="Keys (?)" onClick={toggleHelp} />
        </div>
        <div class="milo-body" data-open={state.choice.expanded}>
          <div class="milo-main">
            {session?.phases.length && Shown ? (
              <Shown {...props} />
            ) : (
              <p class="milo-empty">
                {!session
                  ? "Waiting for the pipeline…"
                  : session.phases.length
                    ? whyNotMore() || (connection === "gone" ? "The kernel went before this part of the view came." : "Loading…")
                    : "This pipeline has no phases."}
              </p>
            )}
          </div>
          {more ? <more.Inspector {...props} /> : null}
        </div>
        <div class="milo-said" role="status">
          {said.value}
        </div>
        {more ? <more.Overlays {...props} root={root} isHelpOpen={isHelpOpen} /> : null}
      </div>,
      root,
    );
    // What had the focus may be gone, or elsewhere in the page: keys must still come to this view.
    if (focused && had && !root.contains(document.activeElement)) returnFocus(root, focused);
  }, ending);
  ending.addEventListener("abort", () => render(null, root), { once: true });

  every(TICK_MS, ending, () => {
    const { session, connection } = port.state.peek();
    const isRunning = session?.status === "running" || session?.phases.some((phase) => phase.status === "running");
    if (connection !== "gone" && isRunning) ticked.value += 1;
  });
  every(SAY_EVERY_MS, ending, () => {
    said.value = summary(port.state.peek());
  });
}

/**
 * Marks the cell's output while the view in it works: its still is hidden then. A rule with `:has()` would do, and have the
 * browser go through all of the output again whenever a line comes.
 */
function hideStill(root: HTMLElement, port: Port, ending: AbortSignal): void {
  let area: Element | null = null;
  const mark = () => {
    const { connection } = port.state.value;
    area = root.closest(".jp-OutputArea");
    area?.toggleAttribute("data-milo", connection === "live" || connection === "gone");
  };
  effect(mark, ending);
  whenResized(root, ending, mark); // it may not have been in the page before
  ending.addEventListener("abort", () => area?.removeAttribute("data-milo"));
}

/** To what had it, if that was only moved, else to the phases. */
function returnFocus(root: HTMLElement, before: Element): void {
  const to = root.contains(before) ? before : root.querySelector("[role=listbox], [role=grid]");
  (to as HTMLElement | null)?.focus({ preventScroll: true });
}

/** One line for screen readers: `build running, 3 of 12 done, parse failed`. */
function summary({ session, connection, requests }: State): string {
  if (connection === "gone") return "The kernel is gone.";
  if (!session) return "";
  const { phases, pipeline, status, requested, waiting_for } = session;
  const { completed, skipped, review } = countByStatus(phases);
  const failed = phases.find((phase) => phase.status === "failed");
  return [
    `${pipeline} ${requested || status}`,
    `${completed + skipped + review} of ${phases.length} done`,
    failed && `${failed.name} failed`,
    waiting_for && `${waiting_for} waits for approval`,
    [...requests.values()].some(({ isQueued }) => isQueued) && "the kernel is busy",
  ]
    .filter(Boolean)
    .join(", ");
}
