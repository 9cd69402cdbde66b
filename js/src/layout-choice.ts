/**
 * Which of several pictures of one graph fits the room best: left to right or top to bottom, phases with two lines or
 * with one. Pure.
 */
import { type Arrangement, type Layout, type LayoutOptions, place } from "./layout";

export interface Room {
  readonly width: number;
  readonly height: number;
}

/** Around the picture. */
export const PAD = 20;
export const NODE_WIDTH = 172;
export const NODE_HEIGHT = 50;
/** From this zoom on both lines of a phase can be read. */
export const COMPACT = 0.62;
/** What a name needs of a phase: a line's height, and more than a letter or two. */
const LEAST_LINE_PX = 12.5;
const LEAST_ZOOM = 0.35;
/** Many more phases than these would take too long to make all at once: they are boxes up to half zoom. */
const FEW = 120;
const LEAST_ZOOM_OF_MANY = 0.5;

const FULL = { nodeWidth: NODE_WIDTH, nodeHeight: NODE_HEIGHT, layerGap: 44, nodeGap: 16 };
const SLIM = { nodeWidth: NODE_WIDTH, nodeHeight: 28, layerGap: 30, nodeGap: 10 };
const PICTURES: readonly LayoutOptions[] = [
  { ...FULL, horizontal: true },
  { ...FULL, horizontal: false },
  { ...SLIM, horizontal: true, layerGap: 44 },
  { ...SLIM, horizontal: false, nodeGap: 14 },
];
const ALL_PICTURES_UP_TO = 400;
/** Another picture must be worth so much more than the one that is shown. */
const STAYS = 1.3;

/** The pictures to choose from, the usual one first. */
export function draw(arrangement: Arrangement): readonly Layout[] {
  const few = arrangement.proper.phases <= ALL_PICTURES_UP_TO;
  return PICTURES.slice(0, few ? PICTURES.length : 1).map((options) => place(arrangement, options));
}

/** The zoom at which all of it is in sight. */
export function fitScale(made: Layout, { width, height }: Room): number {
  return Math.max(0.01, Math.min(1, (width - 2 * PAD) / (made.width || 1), (height - 2 * PAD) / (made.height || 1)));
}

/** Can names be read at this zoom? */
export const isReadable = ({ nodeHeight, x }: Layout, k: number): boolean =>
  k >= (x.length > FEW ? LEAST_ZOOM_OF_MANY : LEAST_ZOOM) && nodeHeight * k >= LEAST_LINE_PX;

/** Which picture to show: the one in which most can be read, but no other than `shown` for little. */
export function choose(pictures: readonly Layout[], room: Room, shown = -1): number {
  const worth = pictures.map((one, i) => worthOf(one, room) * (i === shown ? STAYS : 1));
  return worth.indexOf(Math.max(...worth));
}

function worthOf(made: Layout, room: Room): number {
  const k = fitScale(made, room);
  const isFull = made.nodeHeight === NODE_HEIGHT && k >= COMPACT;
  return k * (isReadable(made, k) ? 1 : (0.6 * made.nodeHeight) / NODE_HEIGHT) * (isFull ? 2 : 1) * (made.horizontal ? 1.15 : 1);
}
