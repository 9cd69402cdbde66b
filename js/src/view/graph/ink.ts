/** What the graph draws on canvas: edges, and plain boxes where phases are too small to read. */
import type { Layout, Route } from "../../layout";
import { isEdgeOnPath, type Path } from "../../layout-path";
import { type ShownState, shownState } from "../../state/selectors";
import type { Phase } from "../../wire";
import { SHAPES } from "../icons";
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
  /** What stands out: the way to and from a phase. */
  readonly path: Path | null;
  /** Which phases step back, and with them the edges; null is none. */
  readonly isFaint: ((index: number) => boolean) | null;
  /** The edges of the critical path, as `from>to`. */
  readonly critical: ReadonlySet<string>;
  /** Are phases drawn as plain boxes? */
  readonly isFar: boolean;
  /** Boxes only: a picture of the picture. */
  readonly isMap?: boolean;
  /** Another value, other colours. */
  readonly theme: string;
}

type Pen = CanvasRenderingContext2D;
type Colour = (name: string) => string;

/** Below this zoom curves cannot be told apart: all edges are straight lines of one path, which is quick. */
export const CURVED_FROM = 0.12;
/** From this height on, in pixels, boxes show the sign of their status. */
const SIGN_FROM = 8;
const DIM = 0.25;

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

export function drawGraph(canvas: HTMLCanvasElement, frame: Frame): void {
  const pen = begin(canvas, frame);
  if (!pen) return;
  const { drawing, view, phases, path, critical } = frame;
  const faint = frame.isFaint ? DIM : 1;
  const colour = paletteOf(canvas, frame.theme);
  const thin = Math.max(1.5, 0.7 / view.k);
  const stroke = (name: string, width: number, alpha: number, paths: readonly Path2D[], isWanted: (route: Route) => boolean) => {
    pen.strokeStyle = colour(name);
    pen.lineWidth = width;
    pen.globalAlpha = alpha;
    if (view.k < CURVED_FROM) strokeStraight(pen, frame, isWanted);
    else strokeVisible(pen, frame, paths, isWanted);
  };
  if (!frame.isMap) stroke("idle", thin, faint * 0.5, drawing.once, () => true);
  if (critical.size) stroke("fg", thin * 2.4, faint * 0.5, drawing.paths, ({ from, to }) => critical.has(`${from}>${to}`));
  if (!frame.isMap) stroke("run", thin * 1.2, faint, drawing.paths, ({ to }) => phases[to]?.status === "running");
  if (path) stroke("run", thin * 1.4, 1, drawing.paths, ({ from, to }) => isEdgeOnPath(path, from, to));
  pen.globalAlpha = 1;
  if (frame.isFar) drawBoxes(pen, frame, colour);
}

/** Colour; how strongly the box is filled; is its border dashed? What needs no look steps back. */
const BOX: Readonly<Record<ShownState, readonly [string, number, boolean]>> = {
  pending: ["idle", 0, false],
  running: ["run", 1, false],
  review: ["warn", 1, false],
  retrying: ["warn", 1, false],
  completed: ["ok", 0.55, false],
  failed: ["fail", 1, false],
  skipped: ["skip", 0.35, true],
  cancelled: ["idle", 0.35, true],
};

interface Boxes {
  readonly status: ShownState;
  readonly isFaint: boolean;
  readonly boxes: Path2D;
  readonly signs: Path2D;
  readonly sign: Path2D;
}

function drawBoxes(pen: Pen, { drawing, view, width, height, phases, ...frame }: Frame, colour: Colour): void {
  const { x, y, nodeWidth, nodeHeight } = drawing.layout;
  const isSigned = nodeHeight * view.k >= SIGN_FROM;
  const scale = nodeHeight / 22;
  const groups = new Map<string, Boxes>();
  phases.forEach((phase, i) => {
    const status = shownState(phase);
    const left = (x[i] ?? 0) - nodeWidth / 2;
    const top = (y[i] ?? 0) - nodeHeight / 2;
    const seenX = left * view.k + view.x;
    const seenY = top * view.k + view.y;
    if (seenX > width || seenY > height || seenX < -nodeWidth * view.k || seenY < -nodeHeight * view.k) return;
    const isFaint = frame.isFaint?.(i) ?? false;
    const key = `${status}${isFaint}`;
    const group = groups.get(key) ?? { status, isFaint, boxes: new Path2D(), signs: new Path2D(), sign: new Path2D(signOf(status)) };
    groups.set(key, group);
    group.boxes.rect(left, top, nodeWidth, nodeHeight);
    if (isSigned) group.signs.addPath(group.sign, new DOMMatrix([scale, 0, 0, scale, (x[i] ?? 0) - 8 * scale, (y[i] ?? 0) - 8 * scale]));
  });
  const line = Math.max(1.5, 1 / view.k);
  for (const { status, isFaint, boxes, signs } of groups.values()) {
    const [name, strength, isDashed] = BOX[status];
    const faint = isFaint ? DIM : 1;
    pen.globalAlpha = 1;
    pen.fillStyle = colour("bg");
    pen.fill(boxes);
    pen.strokeStyle = pen.fillStyle = colour(name);
    pen.globalAlpha = (isSigned ? strength : Math.sqrt(strength)) * faint; // small boxes need more of it to be told apart
    pen.fill(boxes);
    pen.globalAlpha = faint * (strength ? 1 : 0.6);
    pen.lineWidth = line;
    pen.setLineDash(isDashed && isSigned ? [4 * line, 3 * line] : []);
    if (isSigned || strength < 0.5) pen.stroke(boxes);
    if (!isSigned) continue;
    pen.setLineDash([]);
    pen.globalAlpha = faint;
    if (strength === 1) pen.strokeStyle = colour("bg");
    pen.lineWidth = nodeHeight / 11;
    pen.stroke(signs);
  }
}

/** The sign within the icon of a status; a phase to come needs none. */
function signOf(status: ShownState): string {
  const [disc, line, glyph] = SHAPES[status];
  return status === "pending" ? "" : glyph || disc || line;
}

interface Palette {
  readonly theme: string;
  readonly readAt: number;
  readonly colours: ReadonlyMap<string, string>;
}
const NAMES = ["bg", "fg", "idle", "run", "ok", "fail", "warn", "skip"];
const STALE_MS = 1_000;
const palettes = new WeakMap<HTMLCanvasElement, Palette>();

/** The theme's colours. To ask for them makes the browser work out styles, which is too slow for each frame. */
function paletteOf(canvas: HTMLCanvasElement, theme: string): Colour {
  let palette = palettes.get(canvas);
  if (!palette || palette.theme !== theme || performance.now() - palette.readAt > STALE_MS) {
    const style = getComputedStyle(canvas);
    const colours = new Map(NAMES.map((name) => [name, style.getPropertyValue(`--m-${name}`)]));
    const isThere = colours.get("bg") !== ""; // out of the page, as while a notebook lays itself out anew, nothing has colours
    if (!palette || isThere) {
      palette = { theme, readAt: isThere ? performance.now() : Number.NEGATIVE_INFINITY, colours };
      palettes.set(canvas, palette);
    }
  }
  const { colours } = palette;
  return (name) => colours.get(name) ?? "";
}

function begin(canvas: HTMLCanvasElement, { view: { x, y, k }, width, height }: Frame): Pen | null {
  const pen = canvas.getContext("2d");
  const density = window.devicePixelRatio || 1;
  canvas.width = Math.round(width * density); // setting it clears the canvas
  canvas.height = Math.round(height * density);
  pen?.setTransform(k * density, 0, 0, k * density, x * density, y * density);
  return pen;
}

function strokeStraight(pen: Pen, { drawing }: Frame, isWanted: (route: Route) => boolean): void {
  pen.beginPath();
  for (const route of drawing.layout.routes) {
    if (!isWanted(route)) continue;
    const { points } = route;
    for (let i = 0; i < points.length; i += 2) pen[i ? "lineTo" : "moveTo"](points[i] ?? 0, points[i + 1] ?? 0);
  }
  pen.stroke();
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
