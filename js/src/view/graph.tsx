/**
 * The graph: canvas edges under HTML phases, of which only those in sight are made.
 *
 * A listbox whose arrow keys follow the edges. Until a person pans or zooms, all of it stays in sight.
 */
import { useEffect, useMemo, useRef, useSignal } from "../dom/hooks";
import { every, whenResized } from "../dom/lasting";
import { type Layout, layout } from "../layout";
import { downstream, phaseElapsed } from "../state/selectors";
import type { Phase } from "../wire";
import { drawEdges, drawFlow, type Frame, prepare } from "./graph-ink";
import { GraphNode, NODE } from "./graph-node";
import { panZoom, type Transform, zoomAt } from "./panzoom";
import { SignButton } from "./parts";
import { selectByKey, type ViewProps } from "./view";

const PAD = 20;
/** The corner of the zoom buttons, from below PAD, and how far it reaches to the left. */
const CORNER_HEIGHT = 22;
const CORNER_WIDTH = 100;
const MOST_HEIGHT = 460;
const LEAST_HEIGHT = 110;
/** Below `COMPACT` only name and icon are shown, in larger type; below `FAR` phases are boxes on the canvas. */
const COMPACT = 0.62;
const FAR = 0.36;
const FAR_IF_FEW = 0.24;
const FEW = 120;
const BOTH_WAYS_UP_TO = 300;

export function Graph({ port, id, now, theme }: ViewProps) {
  const state = port.state.value;
  const phases = state.session?.phases ?? [];
  const { selected, expanded } = state.choice;
  const viewport = useRef<HTMLDivElement | null>(null);
  const edges = useRef<HTMLCanvasElement | null>(null);
  const flow = useRef<HTMLCanvasElement | null>(null);
  const width = useSignal(0);
  const moved = useSignal<Transform | null>(null);
  const known = useRef<readonly Phase[]>(phases);
  if (!isSameGraph(known.current, phases)) known.current = phases;

  const drawings = useMemo(() => arrange(known.current).map(prepare), [known.current]);
  const sight = width.value || 800; // where nothing is laid out (a hidden tab), something to calculate with
  const drawing = drawings.reduce((best, one) => (scaleFor(one.layout, sight) > scaleFor(best.layout, sight) * 1.1 ? one : best));
  const made = drawing.layout;
  const fit = scaleFor(made, sight);
  const left = (sight - made.width * fit) / 2;
  const isCornerTaken = phases.some(
    (_, i) =>
      ((made.x[i] ?? 0) + NODE.nodeWidth / 2) * fit + left > sight - CORNER_WIDTH &&
      ((made.y[i] ?? 0) + NODE.nodeHeight / 2 - made.height) * fit > -CORNER_HEIGHT,
  );
  const corner = isCornerTaken ? CORNER_HEIGHT : 0;
  const height = Math.round(Math.max(LEAST_HEIGHT, made.height * fit + 2 * PAD + corner));
  const view = moved.value ?? { k: fit, x: left, y: (height - corner - made.height * fit) / 2 };
  const isFar = view.k < (phases.length > FEW ? FAR : FAR_IF_FEW);
  const frame: Frame = {
    drawing,
    view,
    width: sight,
    height,
    phases,
    selected: expanded ? selected : -1,
    isFar,
    nodeWidth: NODE.nodeWidth,
    nodeHeight: NODE.nodeHeight,
  };
  const latest = useRef(frame);
  latest.current = frame;

  useEffect(
    (ending) => {
      const box = viewport.current;
      if (!box) return;
      const set = (next: Transform) => {
        moved.value = next;
        latest.current = { ...latest.current, view: next }; // several moves may come before the next drawing
      };
      panZoom(box, () => latest.current.view, set, ending);
      whenResized(box, ending, () => {
        width.value = box.clientWidth;
      });
    },
    [moved, width],
  );
  useEffect(() => {
    if (edges.current) drawEdges(edges.current, frame);
  }, [drawing, view.x, view.y, view.k, sight, height, frame.selected, isFar && phases, theme]);
  const isFlowing = state.connection !== "gone" && made.routes.some(({ to }) => phases[to]?.status === "running");
  useEffect(
    (ending) => {
      const canvas = flow.current;
      if (!canvas) return;
      drawFlow(canvas, latest.current, 0);
      if (!isFlowing || window.matchMedia?.("(prefers-reduced-motion: reduce)").matches) return;
      let isSeen = true; // a notebook may hold many graphs: those out of sight stand still
      const seeing = new IntersectionObserver((seen) => {
        isSeen = seen.at(-1)?.isIntersecting ?? true;
      });
      seeing.observe(canvas);
      every(50, ending, () => isSeen && drawFlow(canvas, latest.current, performance.now()));
      ending.addEventListener("abort", () => seeing.disconnect());
    },
    [isFlowing, drawing],
  );

  const zoom = (factor: number) => {
    moved.value = zoomAt(view, view.k * factor, sight / 2, height / 2);
  };
  /** Brings a phase into sight, if it is not. */
  const reveal = (index: number) => {
    const x = (made.x[index] ?? 0) * view.k + view.x;
    const y = (made.y[index] ?? 0) * view.k + view.y;
    const beyond = (at: number, half: number, size: number) => (at < half ? half - at : at > size - half ? size - half - at : 0);
    const dx = beyond(x, (NODE.nodeWidth / 2) * view.k + 8, sight);
    const dy = beyond(y, (NODE.nodeHeight / 2) * view.k + 8, height);
    if (dx || dy) moved.value = { k: view.k, x: view.x + dx, y: view.y + dy };
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const to = event.ctrlKey || event.metaKey || event.altKey ? undefined : neighbour(event.key, selected, phases, made);
    if (to !== undefined) port.select(to, false);
    else if (event.key === "+" || event.key === "=") zoom(1.25);
    else if (event.key === "-") zoom(0.8);
    else if (event.key === "0") moved.value = null;
    else {
      if (selectByKey(event, port, [...phases.keys()])) reveal(port.state.peek().choice.selected);
      return;
    }
    if (to !== undefined) reveal(to);
    event.preventDefault();
    event.stopPropagation();
  };
  /** The phase under a point, made or drawn; -1 if none. */
  const hit = (event: MouseEvent): number => {
    const box = viewport.current?.getBoundingClientRect();
    const x = (event.clientX - (box?.left ?? 0) - view.x) / view.k;
    const y = (event.clientY - (box?.top ?? 0) - view.y) / view.k;
    return phases.findIndex(
      (_, i) => Math.abs((made.x[i] ?? 0) - x) <= NODE.nodeWidth / 2 && Math.abs((made.y[i] ?? 0) - y) <= NODE.nodeHeight / 2,
    );
  };

  const isInSight = (i: number) => {
    if (i === selected) return true; // `aria-activedescendant` must exist
    if (isFar) return false;
    const x = (made.x[i] ?? 0) * view.k + view.x;
    const y = (made.y[i] ?? 0) * view.k + view.y;
    return x > -NODE.nodeWidth && x < sight + NODE.nodeWidth && y > -NODE.nodeHeight && y < height + NODE.nodeHeight;
  };
  return (
    <div class="milo-graph" data-view="graph">
      <div
        ref={viewport}
        class="milo-viewport"
        data-size={isFar ? "far" : view.k < COMPACT ? "compact" : "full"}
        style={`height:${height}px`}
        role="listbox"
        tabIndex={0}
        aria-label="Pipeline phases"
        aria-activedescendant={`${id}-${selected}`}
        onKeyDown={onKeyDown}
        onPointerMove={(event) => {
          event.currentTarget.title = isFar ? (phases[hit(event)]?.name ?? "") : "";
        }}
        onClick={(event) => {
          const index = hit(event);
          if (isFar && index >= 0) port.select(index, true);
        }}
      >
        <canvas ref={edges} />
        <canvas ref={flow} />
        <div
          class="milo-world"
          role="presentation"
          style={`transform:translate(${view.x}px,${view.y}px) scale(${view.k});--m-scale:${view.k}`}
        >
          {phases.map((phase, i) =>
            isInSight(i) ? (
              <GraphNode
                key={i}
                id={`${id}-${i}`}
                port={port}
                phase={phase}
                index={i}
                x={made.x[i] ?? 0}
                y={made.y[i] ?? 0}
                isSelected={i === selected}
                elapsed={phaseElapsed(state, phase, now)}
              />
            ) : null,
          )}
        </div>
      </div>
      <div class="milo-zoom">
        <SignButton sign="plus" label="Zoom in (+)" onClick={() => zoom(1.25)} />
        <SignButton sign="minus" label="Zoom out (-)" onClick={() => zoom(0.8)} />
        <SignButton
          sign="fit"
          label="Fit (0)"
          onClick={() => {
            moved.value = null;
          }}
        />
      </div>
    </div>
  );
}

function isSameGraph(a: readonly Phase[], b: readonly Phase[]): boolean {
  return (
    a.length === b.length &&
    a.every((phase, i) => phase === b[i] || (phase.name === b[i]?.name && String(phase.depends_on) === String(b[i]?.depends_on)))
  );
}

/** Left to right and, for graphs small enough to lay out twice, top to bottom. */
function arrange(phases: readonly Phase[]): readonly Layout[] {
  const upstream = phases.map((phase) => phase.depends_on);
  const ways = phases.length > BOTH_WAYS_UP_TO ? [true] : [true, false];
  return ways.map((horizontal) => layout(upstream, { ...NODE, horizontal, layerGap: 44, nodeGap: 16 }));
}

function scaleFor({ width, height }: Layout, sight: number): number {
  return Math.max(0.01, Math.min(1, (sight - 2 * PAD) / (width || 1), (MOST_HEIGHT - 2 * PAD) / (height || 1)));
}

/** Where an arrow key leads: along an edge, or to the nearest phase of the same layer. */
function neighbour(key: string, from: number, phases: readonly Phase[], { horizontal, layer, x, y }: Layout): number | undefined {
  const [back, ahead, before, after] = horizontal
    ? ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"]
    : ["ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight"];
  if (key === back) return phases[from]?.depends_on[0];
  if (key === ahead) return downstream(phases)[from]?.[0];
  if (key !== before && key !== after) return undefined;
  const step = key === after ? 1 : -1;
  const place = horizontal ? y : x;
  const distance = (i: number) => ((place[i] ?? 0) - (place[from] ?? 0)) * step;
  return [...phases.keys()].filter((i) => layer[i] === layer[from] && distance(i) > 0).sort((a, b) => distance(a) - distance(b))[0];
}
