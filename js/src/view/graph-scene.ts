/**
 * The graph on the screen: canvas edges under pooled HTML phases, only those in sight mounted.
 *
 * Imperative on purpose: with 2,000 phases a frame of panning touches a handful of elements and one canvas.
 */
import { type Layout, layout } from "../layout";
import type { State } from "../state/reducer";
import { phaseElapsed } from "../state/selectors";
import type { Phase } from "../wire";
import { type Colours, type Drawing, drawEdges, drawFlow, type Frame, prepare, readColours } from "./graph-ink";
import { GraphNode, NODE_HEIGHT, NODE_WIDTH } from "./graph-node";
import { panZoom, type Transform, zoomAt } from "./panzoom";

export interface Parts {
  readonly root: Element;
  readonly viewport: HTMLElement;
  readonly edges: HTMLCanvasElement;
  readonly flow: HTMLCanvasElement;
  readonly world: HTMLElement;
}

const PAD = 20;
const MOST_HEIGHT = 460;
const LEAST_HEIGHT = 110;
/** Below it only name and icon are shown, in larger type; below `FAR` phases are boxes on the canvas. */
const COMPACT = 0.62;
const FAR = 0.36;
const GAPS = { nodeWidth: NODE_WIDTH, nodeHeight: NODE_HEIGHT, layerGap: 44, nodeGap: 16 } as const;

export class GraphScene {
  readonly #parts: Parts;
  readonly #id: string;
  readonly #clock: () => number;
  readonly #nodes = new Map<number, GraphNode>();
  readonly #pool: GraphNode[] = [];
  #view: Transform = { x: 0, y: 0, k: 1 };
  #fitted = true; // until a person pans or zooms, the whole graph stays in sight
  #state: State | null = null;
  #phases: readonly Phase[] = [];
  #arrangements: readonly [Layout, ...Layout[]] = arrangements([]);
  #drawing: Drawing = prepare(this.#arrangements[0]);
  #colours: Colours;
  #selected = -1;
  #width = 0;
  #height = 0;
  #frame = 0;
  #flowing = false;

  constructor(parts: Parts, id: string, clock: () => number, signal: AbortSignal) {
    this.#parts = parts;
    this.#id = id;
    this.#clock = clock;
    this.#colours = readColours(parts.root);
    panZoom(parts.viewport, () => this.#view, (next) => this.#move(next), signal);
    signal.addEventListener("abort", () => {
      cancelAnimationFrame(this.#frame);
      this.#flowing = false;
    }, { once: true });
  }

  get activeId(): string {
    return `${this.#id}-${this.#selected}`;
  }

  show(state: State): void {
    const phases = state.session?.phases ?? [];
    const before = this.#phases;
    const changedGraph = !sameGraph(before, phases);
    const changedPick = this.#selected !== state.choice.selected || this.#state?.choice.expanded !== state.choice.expanded;
    this.#state = state;
    this.#phases = phases;
    this.#selected = state.choice.selected;
    if (changedGraph) {
      for (const index of [...this.#nodes.keys()]) this.#release(index);
      this.#arrangements = arrangements(phases);
      this.#fitted = true;
      this.#arrange();
    } else {
      const at = this.#clock();
      for (const [index, node] of this.#nodes) {
        const phase = phases[index];
        if (phase && phase !== before[index]) node.update(index, phases, phaseElapsed(state, phase, at));
      }
      if (changedPick) this.#mount();
      if (changedPick || (this.#isFar && phases !== before)) this.#schedule();
    }
    this.#flow();
  }

  /** The time goes on: only running phases in sight change. */
  tick(): void {
    if (!this.#state) return;
    const at = this.#clock();
    for (const [index, node] of this.#nodes) {
      const phase = this.#phases[index];
      if (phase?.status === "running") node.tick(phase, this.#phases, phaseElapsed(this.#state, phase, at));
    }
  }

  resize(width: number): void {
    if (width === this.#width) return;
    this.#width = width;
    this.#arrange();
  }

  restyle(): void {
    this.#colours = readColours(this.#parts.root);
    this.#schedule();
  }

  fit(): void {
    this.#fitted = true;
    this.#arrange();
  }

  zoomBy(factor: number): void {
    this.#move(zoomAt(this.#view, this.#view.k * factor, this.#sight / 2, this.#height / 2));
  }

  /** Brings a phase into sight, if it is not. */
  reveal(index: number): void {
    const { x, y } = this.#drawing.layout;
    const { k } = this.#view;
    const px = (x[index] ?? 0) * k + this.#view.x;
    const py = (y[index] ?? 0) * k + this.#view.y;
    const w = (NODE_WIDTH / 2) * k + 8;
    const h = (NODE_HEIGHT / 2) * k + 8;
    const dx = px < w ? w - px : px > this.#sight - w ? this.#sight - w - px : 0;
    const dy = py < h ? h - py : py > this.#height - h ? this.#height - h - py : 0;
    if (dx || dy) this.#move({ k, x: this.#view.x + dx, y: this.#view.y + dy });
  }

  /** The phase under a point of the viewport, mounted or drawn; -1 if none. */
  hit(px: number, py: number): number {
    const { x, y } = this.#drawing.layout;
    const wx = (px - this.#view.x) / this.#view.k;
    const wy = (py - this.#view.y) / this.#view.k;
    return this.#phases.findIndex((_, i) => Math.abs((x[i] ?? 0) - wx) <= NODE_WIDTH / 2 && Math.abs((y[i] ?? 0) - wy) <= NODE_HEIGHT / 2);
  }

  get horizontal(): boolean {
    return this.#drawing.layout.horizontal;
  }

  /** The next phase of the same layer, before (-1) or after (1) this one. */
  beside(index: number, step: 1 | -1): number | undefined {
    const { layer, x, y, horizontal } = this.#drawing.layout;
    const place = (i: number) => (horizontal ? y[i] : x[i]) ?? 0;
    const candidates = [...layer.keys()].filter((i) => i !== index && layer[i] === layer[index] && Math.sign(place(i) - place(index)) === step);
    return candidates.sort((a, b) => step * (place(a) - place(b)))[0];
  }

  get #sight(): number {
    return this.#width || 800; // where nothing is laid out (a hidden tab), something to calculate with
  }

  get #isFar(): boolean {
    return this.#view.k < FAR;
  }

  #move(next: Transform): void {
    this.#fitted = false;
    this.#view = next;
    this.#place();
  }

  /** Lays the graph out for the room there is, and fits it unless a person has moved it. */
  #arrange(): void {
    const [flat, tall] = this.#arrangements;
    const made = tall && scaleFor(tall, this.#sight) > scaleFor(flat, this.#sight) * 1.1 ? tall : flat;
    if (made !== this.#drawing.layout) {
      this.#drawing = prepare(made);
      for (const index of [...this.#nodes.keys()]) this.#release(index);
    }
    const { width, height } = made;
    const k = scaleFor(made, this.#sight);
    this.#height = Math.round(Math.min(MOST_HEIGHT, Math.max(LEAST_HEIGHT, height * k + 2 * PAD)));
    this.#parts.viewport.style.height = `${this.#height}px`;
    if (this.#fitted) this.#view = { k, x: (this.#sight - width * k) / 2, y: (this.#height - height * k) / 2 };
    this.#place();
  }

  #place(): void {
    const { x, y, k } = this.#view;
    const { world, viewport } = this.#parts;
    world.style.transform = `translate(${x}px, ${y}px) scale(${k})`;
    world.style.setProperty("--milo-scale", String(k));
    viewport.dataset.size = this.#isFar ? "far" : k < COMPACT ? "compact" : "full";
    this.#mount();
    this.#schedule();
  }

  /** Mounts what is in sight and the selected phase, which must be there for `aria-activedescendant`. */
  #mount(): void {
    const { x, y } = this.#drawing.layout;
    const { k } = this.#view;
    const margin = 60;
    const left = (-this.#view.x - margin) / k - NODE_WIDTH / 2;
    const top = (-this.#view.y - margin) / k - NODE_HEIGHT / 2;
    const right = (this.#sight - this.#view.x + margin) / k + NODE_WIDTH / 2;
    const bottom = (this.#height - this.#view.y + margin) / k + NODE_HEIGHT / 2;
    const isWanted = (i: number) => {
      if (i === this.#selected) return true;
      const nx = x[i] ?? 0;
      const ny = y[i] ?? 0;
      return !this.#isFar && nx >= left && nx <= right && ny >= top && ny <= bottom;
    };
    for (const index of [...this.#nodes.keys()]) if (!isWanted(index)) this.#release(index);
    const at = this.#clock();
    for (let i = 0; i < this.#phases.length; i++) {
      if (!isWanted(i)) continue;
      let node = this.#nodes.get(i);
      if (!node) {
        node = this.#pool.pop() ?? new GraphNode();
        this.#nodes.set(i, node);
        const phase = this.#phases[i];
        node.show(`${this.#id}-${i}`, i, this.#phases, x[i] ?? 0, y[i] ?? 0, phase && this.#state ? phaseElapsed(this.#state, phase, at) : 0);
        this.#parts.world.append(node.element);
      }
      node.select(i === this.#selected);
    }
  }

  #release(index: number): void {
    const node = this.#nodes.get(index);
    if (!node) return;
    node.element.remove();
    this.#nodes.delete(index);
    this.#pool.push(node);
  }

  #schedule(): void {
    if (this.#frame) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      drawEdges(this.#parts.edges, this.#drawing, this.#describe());
      drawFlow(this.#parts.flow, this.#drawing, this.#describe(), 0);
    });
  }

  #describe(): Frame {
    const selected = this.#state?.choice.expanded ? this.#selected : -1;
    return {
      view: this.#view,
      width: this.#sight,
      height: this.#height,
      colours: this.#colours,
      phases: this.#phases,
      selected,
      far: this.#isFar,
      nodeWidth: NODE_WIDTH,
      nodeHeight: NODE_HEIGHT,
    };
  }

  /** Moves the running edges while there are any; redrawing 20 times a second is smooth enough for dashes. */
  #flow(): void {
    const isRunning = () => this.#phases.some((phase) => phase.status === "running");
    if (!isRunning()) {
      if (!this.#flowing) this.#schedule();
      return;
    }
    if (this.#flowing) return;
    const isStill = typeof matchMedia === "function" && matchMedia("(prefers-reduced-motion: reduce)").matches;
    if (isStill) return this.#schedule();
    this.#flowing = true;
    let drawn = 0;
    const step = (time: number) => {
      if (!this.#flowing || !this.#parts.flow.isConnected) {
        this.#flowing = false;
        return;
      }
      if (!isRunning() || this.#state?.connection === "gone") this.#flowing = false;
      if (time - drawn >= 48 || !this.#flowing) {
        drawn = time;
        drawFlow(this.#parts.flow, this.#drawing, this.#describe(), time);
      }
      if (this.#flowing) requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  }
}

function sameGraph(a: readonly Phase[], b: readonly Phase[]): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  return a.every((phase, i) => {
    const other = b[i];
    return other === phase || (other !== undefined && other.name === phase.name && String(other.depends_on) === String(phase.depends_on));
  });
}

function scaleFor({ width, height }: Layout, sight: number): number {
  if (width <= 0 || height <= 0) return 1;
  return Math.min(1, Math.max(1, sight - 2 * PAD) / width, (MOST_HEIGHT - 2 * PAD) / height);
}

/** Left to right and, for graphs small enough to lay out twice, top to bottom. */
function arrangements(phases: readonly Phase[]): readonly [Layout, ...Layout[]] {
  const upstream = phases.map((phase) => phase.depends_on);
  const make = (horizontal: boolean) => layout(upstream, { ...GAPS, horizontal });
  return phases.length > 300 ? [make(true)] : [make(true), make(false)];
}
