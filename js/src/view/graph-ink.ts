/** What the graph draws on canvas: edges, moving edges, and plain boxes where phases are too small to read. */
import type { Layout, Route } from "../layout";
import type { Phase, PhaseState } from "../wire";
import type { Transform } from "./panzoom";

export interface Colours {
  readonly edge: string;
  readonly accent: string;
  readonly status: Readonly<Record<PhaseState, string>>;
}

/** Reads the theme's colours from the view's CSS variables. */
export function readColours(root: Element): Colours {
  const style = getComputedStyle(root);
  const read = (name: string) => style.getPropertyValue(name).trim() || "#888";
  const status = (name: string) => read(`--milo-${name}`);
  return {
    edge: read("--milo-edge"),
    accent: read("--milo-run"),
    status: {
      pending: status("idle"),
      running: status("run"),
      retrying: status("warn"),
      completed: status("ok"),
      failed: status("fail"),
      skipped: status("skip"),
      cancelled: status("idle"),
    },
  };
}

export interface Drawing {
  readonly layout: Layout;
  readonly paths: readonly Path2D[];
  /** Bounds of each route: left, top, right, bottom. */
  readonly bounds: readonly Float64Array[];
}

export function prepare(layout: Layout): Drawing {
  const paths = typeof Path2D === "undefined" ? [] : layout.routes.map((route) => trace(route, layout.horizontal));
  const bounds = layout.routes.map(({ points }) => {
    const box = Float64Array.of(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY);
    for (let i = 0; i < points.length; i += 2) {
      const x = points[i] ?? 0;
      const y = points[i + 1] ?? 0;
      box[0] = Math.min(box[0] ?? x, x);
      box[1] = Math.min(box[1] ?? y, y);
      box[2] = Math.max(box[2] ?? x, x);
      box[3] = Math.max(box[3] ?? y, y);
    }
    return box;
  });
  return { layout, paths, bounds };
}

function trace({ points }: Route, horizontal: boolean): Path2D {
  const path = new Path2D();
  let [x, y] = [points[0] ?? 0, points[1] ?? 0];
  path.moveTo(x, y);
  for (let i = 2; i < points.length; i += 2) {
    const toX = points[i] ?? 0;
    const toY = points[i + 1] ?? 0;
    if (horizontal) path.bezierCurveTo((x + toX) / 2, y, (x + toX) / 2, toY, toX, toY);
    else path.bezierCurveTo(x, (y + toY) / 2, toX, (y + toY) / 2, toX, toY);
    [x, y] = [toX, toY];
  }
  return path;
}

export interface Frame {
  readonly view: Transform;
  readonly width: number;
  readonly height: number;
  readonly colours: Colours;
  readonly phases: readonly Phase[];
  readonly selected: number;
  /** Are phases drawn as plain boxes? */
  readonly far: boolean;
  readonly nodeWidth: number;
  readonly nodeHeight: number;
}

const ALL_EDGES_STRAIGHT_BELOW = 0.12;

export function drawEdges(canvas: HTMLCanvasElement, drawing: Drawing, frame: Frame): void {
  const pen = begin(canvas, frame);
  if (!pen) return;
  const { routes } = drawing.layout;
  const { colours, selected, view } = frame;
  pen.strokeStyle = colours.edge;
  pen.lineWidth = Math.max(1.5, 0.7 / view.k);
  if (view.k < ALL_EDGES_STRAIGHT_BELOW) {
    pen.beginPath(); // one path of straight lines: curves cannot be told apart at this size
    for (const { points } of routes) {
      pen.moveTo(points[0] ?? 0, points[1] ?? 0);
      for (let i = 2; i < points.length; i += 2) pen.lineTo(points[i] ?? 0, points[i + 1] ?? 0);
    }
    pen.stroke();
  } else {
    eachVisible(drawing, frame, (path) => pen.stroke(path));
    pen.strokeStyle = colours.accent;
    pen.lineWidth = Math.max(2, 1 / view.k);
    eachVisible(drawing, frame, (path, route) => {
      if (route.from === selected || route.to === selected) pen.stroke(path);
    });
  }
  if (frame.far) drawBoxes(pen, drawing.layout, frame);
}

function drawBoxes(pen: CanvasRenderingContext2D, { x, y }: Layout, frame: Frame): void {
  const { nodeWidth: w, nodeHeight: h, phases, colours, selected, view } = frame;
  const boxes = new Map<PhaseState, Path2D>();
  phases.forEach((phase, i) => {
    const box = boxes.get(phase.status) ?? new Path2D();
    boxes.set(phase.status, box);
    box.rect((x[i] ?? 0) - w / 2, (y[i] ?? 0) - h / 2, w, h);
  });
  for (const [status, box] of boxes) {
    pen.fillStyle = colours.status[status];
    pen.globalAlpha = status === "pending" || status === "cancelled" ? 0.45 : 1;
    pen.fill(box);
  }
  pen.globalAlpha = 1;
  if (selected < 0 || selected >= phases.length) return;
  pen.strokeStyle = colours.accent;
  pen.lineWidth = 2 / view.k;
  const gap = 3 / view.k;
  pen.strokeRect((x[selected] ?? 0) - w / 2 - gap, (y[selected] ?? 0) - h / 2 - gap, w + 2 * gap, h + 2 * gap);
}

/** Draws the edges into running phases as dashes that move with `time` (ms); without motion they stand still. */
export function drawFlow(canvas: HTMLCanvasElement, drawing: Drawing, frame: Frame, time: number): void {
  const pen = begin(canvas, frame);
  if (!pen || frame.view.k < ALL_EDGES_STRAIGHT_BELOW) return;
  pen.strokeStyle = frame.colours.accent;
  pen.lineWidth = Math.max(2, 1 / frame.view.k);
  pen.lineCap = "round";
  pen.setLineDash([6, 8]);
  pen.lineDashOffset = -(time / 40) % 14;
  eachVisible(drawing, frame, (path, route) => {
    if (frame.phases[route.to]?.status === "running") pen.stroke(path);
  });
}

function begin(canvas: HTMLCanvasElement, { view, width, height }: Frame): CanvasRenderingContext2D | null {
  const pen = canvas.getContext("2d");
  if (!pen) return null;
  const density = window.devicePixelRatio || 1;
  const w = Math.round(width * density);
  const h = Math.round(height * density);
  if (canvas.width !== w || canvas.height !== h) {
    canvas.width = w;
    canvas.height = h;
  }
  pen.setTransform(1, 0, 0, 1, 0, 0);
  pen.clearRect(0, 0, w, h);
  pen.setTransform(view.k * density, 0, 0, view.k * density, view.x * density, view.y * density);
  return pen;
}

function eachVisible({ layout, paths, bounds }: Drawing, { view, width, height }: Frame, visit: (path: Path2D, route: Route) => void): void {
  const left = -view.x / view.k;
  const top = -view.y / view.k;
  const right = (width - view.x) / view.k;
  const bottom = (height - view.y) / view.k;
  layout.routes.forEach((route, i) => {
    const [l = 0, t = 0, r = 0, b = 0] = bounds[i] ?? [];
    const path = paths[i];
    if (path && l <= right && r >= left && t <= bottom && b >= top) visit(path, route);
  });
}
