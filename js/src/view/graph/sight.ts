/** How high the graph's window is, and how all of the picture fits into it. Pure. */
import type { Layout } from "../../layout";
import { fitScale, isReadable, PAD } from "../../layout-choice";
import { HOME_ZOOM } from "./home";
import type { Transform } from "./panzoom";

/** The corner of the zoom buttons, from below PAD, and how far it reaches to the left without and with the legend. */
const CORNER_HEIGHT = 22;
const CORNER_WIDTH = 100;
const LEGEND_WIDTH = 150;
export const MOST_HEIGHT = 460;
const LEAST_HEIGHT = 110;
/** Where nothing can be read before one zooms in, there is room to do so. */
const ROOM_TO_ZOOM = 360;

interface Sight {
  readonly height: number;
  /** All of the picture. */
  readonly all: Transform;
  /** Can no name be read then? */
  readonly isLarge: boolean;
}

export function sightOf(made: Layout, width: number, hasLegend: boolean): Sight {
  const { nodeWidth, nodeHeight } = made;
  const k = fitScale(made, { width, height: MOST_HEIGHT });
  const left = (width - made.width * k) / 2;
  const cornerWidth = CORNER_WIDTH + (hasLegend ? LEGEND_WIDTH : 0);
  const isCornerTaken = made.x.some(
    (x, i) =>
      (x + nodeWidth / 2) * k + left > width - cornerWidth && ((made.y[i] ?? 0) + nodeHeight / 2 - made.height) * k > -CORNER_HEIGHT,
  );
  const corner = isCornerTaken ? CORNER_HEIGHT : 0;
  const isLarge = !isReadable(made, k);
  const wanted = isLarge ? Math.min(MOST_HEIGHT, made.height * HOME_ZOOM + 2 * PAD) : made.height * k + 2 * PAD + corner;
  const height = Math.round(Math.max(isLarge ? ROOM_TO_ZOOM : LEAST_HEIGHT, wanted));
  return { height, isLarge, all: { k, x: left, y: (height - corner - made.height * k) / 2 } };
}
