/** What the graph draws on canvas: edges, moving edges, and plain boxes where phases are too small to read. */
import type { Layout, Route } from "../layout";
import type { Phase, PhaseState } from "../wire";
import type { Transform } from "./panzoom";

export interface Drawing {
  readonly layout: Layout;
  /** Each route's path; and again, without the stretches that an earlier route has drawn: a trunk is no darker than a twig. */
  readonly paths: readonly Path2D[];
  readonly once: readonly Path2D[];
}

export interface Frame {
  readonly drawing: Drawing;
  readonly view: Transform;
  readonly width: number;
  readonly height: number;
  readonly phases: readonly Phase[];
  /** Whose edges stand out; -1 for none. */
  readonly selected: number;
  /** Are phases drawn as plain boxes? */
  readonly isFar: boolean;
  readonly nodeWidth: number;
  readonly nodeHeight: number;
}

type Pen = CanvasRenderingContext2D;

/** Below this zoom curves cannot be told apart: all edges are straight lines of one path, which is quick. */
const CURVED_FROM = 0.12;

export function prepare(layout: Layout): Drawing {
  const { routes } = layout;
  const drawn = new Set<string>();
  return {
    layout,
    paths: routes.map((route) => trace(route, layout.horizontal)),
    once: routes.map((route) => trace(route, layout.horizontal, drawn)),
  };
}

function trace({ points }: Route, isHorizontal: boolean, drawn?: Set<string>): Path2D {
  const path = new Path2D();
  let x = points[0] ?? 0;
  let y = points[1] ?? 0;
  path.moveTo(x, y);
  for (let i = 2; i < points.length; i += 2) {
    const toX = points[i] ?? 0;
    const toY = points[i + 1] ?? 0;
    const midX = (x + toX) / 2;
    const midY = (y + toY) / 2;
    const stretch = `${x},${y},${toX},${toY}`;
    if (drawn?.has(stretch)) path.moveTo(toX, toY);
    else if (isHorizontal) path.bezierCurveTo(midX, y, midX, toY, toX, toY);
    else path.bezierCurveTo(x, midY, toX, midY, toX, toY);
    drawn?.add(stretch);
    x = toX;
    y = toY;
  }
  return path;
}

export function drawEdges(canvas: HTMLCanvasElement, frame: Frame): void {
  const pen = begin(canvas, frame);
  if (!pen) return;
  const { drawing, view, selected } = frame;
  const colour = colours(canvas);
  pen.strokeStyle = colour("idle");
  pen.globalAlpha = 0.5;
  pen.lineWidth = Math.max(1.5, 0.7 / view.k);
  if (view.k < CURVED_FROM) {
    pen.beginPath();
    for (const { points } of drawing.layout.routes) {
      for (let i = 0; i < points.length; i += 2) pen[i ? "lineTo" : "moveTo"](points[i] ?? 0, points[i + 1] ?? 0);
    }
    pen.stroke();
  } else {
    strokeVisible(pen, frame, drawing.once, () => true);
    pen.globalAlpha = 1;
    pen.strokeStyle = colour("run");
    strokeVisible(pen, frame, drawing.paths, ({ from, to }) => from === selected || to === selected);
  }
  pen.globalAlpha = 1;
  if (frame.isFar) drawBoxes(pen, frame, colour);
}

const BOX: Readonly<Record<PhaseState, string>> = {
  pending: "line",
  running: "run",
  retrying: "warn",
  completed: "ok",
  failed: "fail",
  skipped: "skip",
  cancelled: "idle",
};

function drawBoxes(pen: Pen, { drawing, nodeWidth, nodeHeight, phases }: Frame, colour: (name: string) => string): void {
  const boxes = new Map<PhaseState, Path2D>();
  phases.forEach(({ status }, i) => {
    const box = boxes.get(status) ?? new Path2D();
    box.rect((drawing.layout.x[i] ?? 0) - nodeWidth / 2, (drawing.layout.y[i] ?? 0) - nodeHeight / 2, nodeWidth, nodeHeight);
    boxes.set(status, box);
  });
  for (const [status, box] of boxes) {
    pen.fillStyle = colour(BOX[status]);
    pen.fill(box);
  }
}

/** Draws the edges into running phases as dashes that move with `time` (ms); without motion they stand still. */
export function drawFlow(canvas: HTMLCanvasElement, frame: Frame, time: number): void {
  const pen = begin(canvas, frame);
  if (!pen || frame.view.k < CURVED_FROM) return;
  pen.strokeStyle = colours(canvas)("run");
  pen.lineWidth = Math.max(2, 1 / frame.view.k);
  pen.setLineDash([6, 8]);
  pen.lineDashOffset = -(time / 40) % 14;
  strokeVisible(pen, frame, frame.drawing.paths, ({ to }) => frame.phases[to]?.status === "running");
}

/** The theme's colours, from the view's CSS variables. */
function colours(canvas: HTMLCanvasElement): (name: string) => string {
  const style = getComputedStyle(canvas);
  return (name) => style.getPropertyValue(`--m-${name}`);
}

function begin(canvas: HTMLCanvasElement, { view: { x, y, k }, width, height }: Frame): Pen | null {
  const pen = canvas.getContext("2d");
  const density = window.devicePixelRatio || 1;
  canvas.width = Math.round(width * density); // setting it clears the canvas
  canvas.height = Math.round(height * density);
  pen?.setTransform(k * density, 0, 0, k * density, x * density, y * density);
  return pen;
}

function strokeVisible(
  pen: Pen,
  { drawing, view, width, height }: Frame,
  paths: readonly Path2D[],
  isWanted: (route: Route) => boolean,
): void {
  const left = -view.x / view.k;
  const top = -view.y / view.k;
  const right = (width - view.x) / view.k;
  const bottom = (height - view.y) / view.k;
  drawing.layout.routes.forEach((route, i) => {
    const path = paths[i];
    const [l, t, r, b] = route.bounds;
    if (path && l <= right && r >= left && t <= bottom && b >= top && isWanted(route)) pen.stroke(path);
  });
}
