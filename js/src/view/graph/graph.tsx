/**
 * The graph: canvas edges under HTML phases, of which only those in sight are made.
 *
 * A listbox whose arrow keys follow the edges. Until a person pans or zooms, all of it stays in sight.
 */
import { useEffect, useMemo, useRef, useSignal } from "../../dom/hooks";
import { whenResized } from "../../dom/lasting";
import { COMPACT, fitScale, isReadable, NODE_HEIGHT, PAD } from "../../layout-choice";
import { isOnPath, neighbour, pathThrough } from "../../layout-path";
import { downstream, phaseElapsed } from "../../state/selectors";
import type { Phase } from "../../wire";
import { isNarrow, matcher } from "../filter";
import { phaseSummary } from "../format";
import { useMore } from "../lazy";
import { SignButton } from "../parts";
import { selectByKey, type ViewProps } from "../view";
import { explain, useCritical } from "./critical";
import { CURVED_FROM, drawGraph, type Frame } from "./ink";
import { GraphNode } from "./node";
import { held, panZoom, scrolled, type Transform, zoomAt } from "./panzoom";
import { usePicture } from "./picture";

/** The corner of the zoom buttons, from below PAD, and how far it reaches to the left without and with the legend. */
const CORNER_HEIGHT = 22;
const CORNER_WIDTH = 100;
const LEGEND_WIDTH = 150;
const MOST_HEIGHT = 460;
const LEAST_HEIGHT = 110;
/** Where nothing can be read before one zooms in, there is room to do so. */
const ROOM_TO_ZOOM = 360;
const HOVER_MS = 90;

export function Graph({ port, id, now, theme, filter }: ViewProps) {
  const state = port.state.value;
  const phases = state.session?.phases ?? [];
  const { selected, expanded } = state.choice;
  const viewport = useRef<HTMLDivElement | null>(null);
  const canvas = useRef<HTMLCanvasElement | null>(null);
  const width = useSignal(0);
  const moved = useSignal<Transform | null>(null);
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

  const critical = useCritical(state.session);
  const fit = fitScale(made, room);
  const left = (sight - made.width * fit) / 2;
  const cornerWidth = CORNER_WIDTH + (critical.phases.size ? LEGEND_WIDTH : 0);
  const isCornerTaken = phases.some(
    (_, i) => (x(i) + nodeWidth / 2) * fit + left > sight - cornerWidth && (y(i) + nodeHeight / 2 - made.height) * fit > -CORNER_HEIGHT,
  );
  const corner = isCornerTaken ? CORNER_HEIGHT : 0;
  const height = Math.round(Math.max(isReadable(made, fit) ? LEAST_HEIGHT : ROOM_TO_ZOOM, made.height * fit + 2 * PAD + corner));
  const view = moved.value ?? { k: fit, x: left, y: (height - corner - made.height * fit) / 2 };
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

  const frame: Frame = { drawing, view, width: sight, height, phases, path, isFaint, critical: critical.edges, isFar, theme };
  const latest = useRef(frame);
  latest.current = frame;
  /** Goes there; some of the picture stays in sight. */
  const go = ({ k, x, y }: Transform) => {
    const { drawing, width, height } = latest.current;
    moved.value = { k, x: held(x, drawing.layout.width * k, width), y: held(y, drawing.layout.height * k, height) };
    latest.current = { ...latest.current, view: moved.value }; // several moves may come before the next drawing
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
  const showAll = () => {
    moved.value = null;
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const to = event.ctrlKey || event.metaKey || event.altKey ? undefined : neighbour(event.key, selected, upstream, after, made);
    if (to !== undefined) port.select(to, false);
    else if (event.key === "+" || event.key === "=") zoom(1.25);
    else if (event.key === "-") zoom(0.8);
    else if (event.key === "0") showAll();
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
  const Flow = view.k >= CURVED_FROM && state.connection !== "gone" && running.length ? useMore(port)?.Flow : null;
  const size = isFar ? "far" : view.k < COMPACT ? "compact" : "full";
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
              isCritical={critical.phases.has(i)}
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
      <div class="milo-zoom">
        {critical.phases.size ? (
          <span class="milo-critical" title={explain(critical, state.session)}>
            critical path
          </span>
        ) : null}
        <SignButton sign="plus" label="Zoom in (+)" onClick={() => zoom(1.25)} />
        <SignButton sign="minus" label="Zoom out (-)" onClick={() => zoom(0.8)} />
        <SignButton sign="fit" label="Fit (0)" onClick={showAll} />
      </div>
    </div>
  );
}
