/**
 * The graph: canvas edges under HTML phases, of which only those in sight are made.
 *
 * A listbox whose arrow keys follow the edges. Until a person pans or zooms, all of it stays in sight; of what is too large
 * to be read so, what matters now.
 */
import { useEffect, useMemo, useRef, useSignal } from "../../dom/hooks";
import { whenResized } from "../../dom/lasting";
import { COMPACT, isReadable, NODE_HEIGHT, PAD } from "../../layout-choice";
import { isOnPath, neighbour, pathThrough } from "../../layout-path";
import { downstream, phaseElapsed } from "../../state/selectors";
import type { Phase } from "../../wire";
import { isNarrow, matcher } from "../filter";
import { phaseSummary } from "../format";
import { useMore } from "../lazy";
import { SignButton } from "../parts";
import { selectByKey, type ViewProps } from "../view";
import { useHome } from "./home";
import { CURVED_FROM, drawGraph, type Frame } from "./ink";
import { GraphNode } from "./node";
import { held, panZoom, scrolled, type Transform, zoomAt } from "./panzoom";
import { usePicture } from "./picture";
import { MOST_HEIGHT, sightOf } from "./sight";

const HOVER_MS = 90;
const NO_EDGES: ReadonlySet<string> = new Set();

export function Graph({ port, id, now, theme, filter }: ViewProps) {
  const state = port.state.value;
  const phases = state.session?.phases ?? [];
  const { selected, expanded } = state.choice;
  const viewport = useRef<HTMLDivElement | null>(null);
  const canvas = useRef<HTMLCanvasElement | null>(null);
  const width = useSignal(0);
  const moved = useSignal<Transform | "all" | null>(null);
  const hovered = useSignal(-1);
  const isFocused = useSignal(false);
  const timer = useRef(0);

  const sight = width.value || 800; // where nothing is laid out (a hidden tab), something to calculate with
  const room = { width: sight, height: MOST_HEIGHT };
  const drawing = usePicture(phases, room, width.value > 0);
  const made = drawing.layout;
  const { nodeWidth, nodeHeight } = made;
  const x = (i: number) => made.x[i] ?? 0;
  const y = (i: number) => made.y[i] ?? 0;

  const more = useMore(port);
  const found = useMemo(() => (more && state.session ? more.criticalOf(state.session) : null), [more, state.session]);
  const critical = useMemo(() => found, [found?.key]);
  const { height, all, isLarge } = sightOf(made, sight, critical !== null);
  const home = useHome(made, { width: sight, height }, state, hovered.value >= 0);
  const isAll = moved.value === "all" || (moved.value === null && !isLarge);
  const view = isAll ? all : ((moved.value as Transform | null) ?? home);
  const isFar = !isReadable(made, view.k);

  const upstream = useMemo(() => phases.map(({ depends_on }) => depends_on), [made]);
  const after = useMemo(() => downstream(phases), [made]);
  const pointed = hovered.value < phases.length ? hovered.value : -1;
  const focus = pointed >= 0 ? pointed : expanded || isFocused.value ? selected : -1;
  const path = useMemo(() => (focus < 0 ? null : pathThrough(focus, upstream, after)), [focus, made]);
  const isFaint = useMemo(() => {
    const isWanted = matcher(filter.value);
    const isApart = (i: number) => pointed >= 0 && path !== null && !isOnPath(path, i);
    const isLeftOut = (i: number) => {
      const phase = phases[i];
      return phase !== undefined && !isWanted(phase);
    };
    return pointed >= 0 || isNarrow(filter.value) ? (i: number) => isApart(i) || isLeftOut(i) : null;
  }, [pointed, path, filter.value, isNarrow(filter.value) && phases]);

  const frame: Frame = { drawing, view, width: sight, height, phases, path, isFaint, critical: critical?.edges ?? NO_EDGES, isFar, theme };
  const latest = useRef(frame);
  latest.current = frame;
  /** Goes there; some of the picture stays in sight. */
  const go = ({ k, x, y }: Transform) => {
    const { drawing, width, height } = latest.current;
    const next = { k, x: held(x, drawing.layout.width * k, width), y: held(y, drawing.layout.height * k, height) };
    moved.value = next;
    latest.current = { ...latest.current, view: next }; // several moves may come before the next drawing
  };
  useEffect(
    (ending) => {
      const box = viewport.current;
      if (!box) return;
      const scroll = (dx: number, dy: number) => {
        const { drawing, view, width, height } = latest.current;
        const { k } = view;
        return {
          k,
          x: scrolled(view.x, dx, drawing.layout.width * k, width, PAD),
          y: scrolled(view.y, dy, drawing.layout.height * k, height, PAD),
        };
      };
      panZoom(box, { get: () => latest.current.view, set: go, scroll }, ending);
      whenResized(box, ending, () => {
        if (width.value === box.clientWidth && canvas.current) drawGraph(canvas.current, latest.current); // it is in the page again
        width.value = box.clientWidth;
      });
    },
    [moved, width],
  );
  const running = useMemo(() => made.routes.filter(({ to }) => phases[to]?.status === "running"), [made, phases]);
  useEffect(() => {
    if (canvas.current) drawGraph(canvas.current, frame);
  }, [drawing, view.x, view.y, view.k, sight, height, path, isFaint, critical, isFar ? phases : running.map(({ to }) => to).join(), theme]);

  const isSeen = (i: number, beyond: number) => {
    const seenX = x(i) * view.k + view.x;
    const seenY = y(i) * view.k + view.y;
    return seenX > -beyond && seenX < sight + beyond && seenY > -beyond && seenY < height + beyond;
  };
  /** Brings a phase into sight, if it is not. */
  const reveal = (i: number, { k, x: left, y: top }: Transform) => {
    const beyond = (at: number, half: number, size: number) => (at < half ? half - at : at > size - half ? size - half - at : 0);
    const dx = beyond(x(i) * k + left, (nodeWidth / 2) * k + 8, sight);
    const dy = beyond(y(i) * k + top, (nodeHeight / 2) * k + 8, height);
    if (dx || dy || k !== view.k) go({ k, x: left + dx, y: top + dy });
  };
  /** About the selected phase, if it is in sight. */
  const zoom = (factor: number) => {
    const isAbout = isSeen(selected, 0);
    const [aboutX, aboutY] = isAbout ? [x(selected) * view.k + view.x, y(selected) * view.k + view.y] : [sight / 2, height / 2];
    const next = zoomAt(view, view.k * factor, aboutX, aboutY);
    if (isAbout) reveal(selected, next);
    else go(next);
  };
  const show = (what: "all" | null) => {
    moved.value = what;
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const to = event.ctrlKey || event.metaKey || event.altKey ? undefined : neighbour(event.key, selected, upstream, after, made);
    if (to !== undefined) port.select(to, false);
    else if (event.key === "+" || event.key === "=") zoom(1.25);
    else if (event.key === "-") zoom(0.8);
    else if (event.key === "0") show("all");
    else {
      if (selectByKey(event, port, [...phases.keys()])) reveal(port.state.peek().choice.selected, view);
      return;
    }
    if (to !== undefined) reveal(to, view);
    event.preventDefault();
    event.stopPropagation();
  };
  /** The phase under a point, made or drawn; -1 if none. */
  const hit = (event: MouseEvent): number => {
    const box = viewport.current?.getBoundingClientRect();
    const atX = (event.clientX - (box?.left ?? 0) - view.x) / view.k;
    const atY = (event.clientY - (box?.top ?? 0) - view.y) / view.k;
    return phases.findIndex((_, i) => Math.abs(x(i) - atX) <= nodeWidth / 2 && Math.abs(y(i) - atY) <= nodeHeight / 2);
  };
  /** Not at once: who passes over phases does not mean them. */
  const hover = (index: number) => {
    clearTimeout(timer.current);
    if (index !== hovered.peek())
      timer.current = window.setTimeout(
        () => {
          hovered.value = index;
        },
        index < 0 ? 0 : HOVER_MS,
      );
  };

  const seen: (readonly [Phase, number])[] = []; // and the selected one: `aria-activedescendant` must exist
  phases.forEach((phase, i) => {
    if (i === selected || (!isFar && isSeen(i, (nodeWidth / 2) * view.k + 30))) seen.push([phase, i]);
  });
  const Flow = view.k >= CURVED_FROM && state.connection !== "gone" && running.length ? more?.Flow : null;
  const size = isFar ? "far" : view.k < COMPACT ? "compact" : "full";
  const Overview = isLarge && !isFar ? more?.Overview : null;
  const told = isFar && focus >= 0 ? phases[focus] : undefined;
  return (
    <div class="milo-graph" data-view="graph">
      <div
        ref={viewport}
        class="milo-viewport"
        data-size={size}
        data-slim={nodeHeight < NODE_HEIGHT || undefined}
        data-pointed={pointed >= 0 || undefined}
        style={`height:${height}px`}
        role="listbox"
        tabIndex={0}
        aria-label="Pipeline phases"
        aria-activedescendant={`${id}-${selected}`}
        onKeyDown={onKeyDown}
        onFocus={(event) => {
          isFocused.value = event.currentTarget.matches(":focus-visible");
        }}
        onBlur={() => {
          isFocused.value = false;
        }}
        onPointerMove={(event) => hover(event.buttons ? -1 : hit(event))}
        onPointerLeave={() => hover(-1)}
        onClick={(event) => {
          const index = hit(event);
          if (isFar && index >= 0) port.select(index, true);
        }}
      >
        <canvas ref={canvas} />
        <div
          class="milo-world"
          role="presentation"
          style={`transform:translate(${view.x}px,${view.y}px) scale(${view.k});--m-scale:${view.k}`}
        >
          {seen.map(([phase, i]) => (
            <GraphNode
              key={i}
              id={`${id}-${i}`}
              port={port}
              phase={phase}
              index={i}
              left={x(i) - nodeWidth / 2}
              top={y(i) - nodeHeight / 2}
              isSelected={i === selected}
              isCritical={critical?.phases.has(i) ?? false}
              isFaint={isFaint?.(i) ?? false}
              elapsed={phaseElapsed(state, phase, now)}
            />
          ))}
          {Flow ? <Flow layout={made} routes={running} /> : null}
        </div>
      </div>
      {told ? (
        <div class="milo-tip" aria-hidden="true">
          <b class="milo-cut">{told.name}</b> {phaseSummary(told, phaseElapsed(state, told, now))}
        </div>
      ) : null}
      {Overview ? (
        <Overview
          drawing={drawing}
          phases={phases}
          view={view}
          room={{ width: sight, height }}
          theme={theme}
          onGo={(x, y) => go({ k: view.k, x: sight / 2 - x * view.k, y: height / 2 - y * view.k })}
        />
      ) : null}
      <div class="milo-zoom">
        {critical ? (
          <span class="milo-critical" title={critical.says}>
            critical path
          </span>
        ) : null}
        {isLarge ? (
          <button type="button" class="milo-link" onClick={() => show(isFar ? null : "all")}>
            {isFar ? "Show names" : "Show all"}
          </button>
        ) : null}
        <SignButton sign="plus" label="Zoom in (+)" onClick={() => zoom(1.25)} />
        <SignButton sign="minus" label="Zoom out (-)" onClick={() => zoom(0.8)} />
        <SignButton sign="fit" label="Fit (0)" onClick={() => show("all")} />
      </div>
    </div>
  );
}
