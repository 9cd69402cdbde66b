/** The graph: phases as a listbox whose arrow keys follow the edges. */
import { useSignalEffect } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";
import { downstream } from "../state/selectors";
import type { Port } from "../state/store";
import type { View } from "./app";
import { GraphScene } from "./graph-scene";
import { Sign } from "./icons";

export function Graph({ port, view }: { port: Port; view: View }) {
  const viewport = useRef<HTMLDivElement>(null);
  const edges = useRef<HTMLCanvasElement>(null);
  const flow = useRef<HTMLCanvasElement>(null);
  const world = useRef<HTMLDivElement>(null);
  const scene = useRef<GraphScene | null>(null);
  const pressed = useRef<readonly [number, number]>([0, 0]);

  useLayoutEffect(() => {
    if (!viewport.current || !edges.current || !flow.current || !world.current) return;
    const ending = new AbortController();
    const box = viewport.current;
    const made = new GraphScene({ root: view.root, viewport: box, edges: edges.current, flow: flow.current, world: world.current }, view.id, view.clock, ending.signal);
    scene.current = made;
    made.resize(box.clientWidth);
    const resizing = new ResizeObserver(() => made.resize(box.clientWidth));
    resizing.observe(box);
    return () => {
      resizing.disconnect();
      ending.abort();
      scene.current = null;
    };
  }, [view]);
  useSignalEffect(() => {
    const state = port.state.value;
    scene.current?.show(state);
    viewport.current?.setAttribute("aria-activedescendant", scene.current?.activeId ?? "");
  });
  useSignalEffect(() => {
    view.now.value;
    scene.current?.tick();
  });
  useSignalEffect(() => {
    view.theme.value;
    scene.current?.restyle();
  });

  const indexAt = (event: MouseEvent): number => {
    const node = (event.target as Element).closest<HTMLElement>(".milo-node");
    if (node) return Number(node.dataset.index);
    const box = viewport.current?.getBoundingClientRect();
    return box ? (scene.current?.hit(event.clientX - box.left, event.clientY - box.top) ?? -1) : -1;
  };
  const onClick = (event: MouseEvent) => {
    const [x, y] = pressed.current;
    const wasDrag = event.detail > 0 && Math.hypot(event.clientX - x, event.clientY - y) >= 4;
    const index = indexAt(event);
    if (!wasDrag && index >= 0) port.select(index, true);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const to = scene.current ? neighbour(event.key, port, scene.current) : null;
    if (to !== null) {
      port.select(to, false);
      scene.current?.reveal(to);
    } else if (event.key === "Enter" || event.key === " ") port.select(port.state.peek().choice.selected, true);
    else if (event.key === "+" || event.key === "=") scene.current?.zoomBy(1.25);
    else if (event.key === "-") scene.current?.zoomBy(0.8);
    else if (event.key === "0") scene.current?.fit();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };

  return (
    <div class="milo-graph" data-view="graph">
      <div
        ref={viewport}
        class="milo-graph-viewport"
        role="listbox"
        tabIndex={0}
        aria-label="Pipeline phases"
        onPointerDown={(event) => {
          pressed.current = [event.clientX, event.clientY];
        }}
        onPointerMove={(event) => {
          if (viewport.current?.dataset.size !== "far" || event.buttons) return;
          viewport.current.title = port.state.peek().session?.phases[indexAt(event)]?.name ?? "";
        }}
        onClick={onClick}
        onKeyDown={onKeyDown}
      >
        <canvas ref={edges} class="milo-graph-canvas" aria-hidden="true" />
        <canvas ref={flow} class="milo-graph-canvas" aria-hidden="true" />
        <div ref={world} class="milo-graph-world" role="presentation" />
      </div>
      <div class="milo-zoom" role="group" aria-label="Zoom">
        <button type="button" class="milo-icon-button" aria-label="Zoom in" title="Zoom in (+ or Ctrl+wheel)" onClick={() => scene.current?.zoomBy(1.25)}>
          <Sign name="plus" />
        </button>
        <button type="button" class="milo-icon-button" aria-label="Zoom out" title="Zoom out (-)" onClick={() => scene.current?.zoomBy(0.8)}>
          <Sign name="minus" />
        </button>
        <button type="button" class="milo-icon-button" aria-label="Fit the graph" title="Fit (0)" onClick={() => scene.current?.fit()}>
          <Sign name="fit" />
        </button>
      </div>
    </div>
  );
}

/** Where a key leads from the selected phase: along an edge, within the layer, or to an end. */
function neighbour(key: string, port: Port, scene: GraphScene): number | null {
  const state = port.state.peek();
  const phases = state.session?.phases ?? [];
  const from = state.choice.selected;
  if (phases.length === 0) return null;
  const last = phases.length - 1;
  if (key === "Home" || key === "g") return 0;
  if (key === "End" || key === "G") return last;
  const [back, ahead, before, after] = scene.horizontal
    ? ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"]
    : ["ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight"];
  if (key === back) return phases[from]?.depends_on[0] ?? Math.max(0, from - 1);
  if (key === ahead) return downstream(phases)[from]?.[0] ?? Math.min(last, from + 1);
  if (key !== before && key !== after) return null;
  return scene.beside(from, key === after ? 1 : -1) ?? (key === after ? Math.min(last, from + 1) : Math.max(0, from - 1));
}
