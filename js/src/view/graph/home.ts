/** Where a graph that is too large to be read as a whole is looked at first: near enough for names, at what matters now. */
import { useRef } from "../../dom/hooks";
import type { Layout } from "../../layout";
import { PAD, type Room } from "../../layout-choice";
import { shownState } from "../../state/selectors";
import type { State } from "../../state/store";
import type { Phase } from "../../wire";
import type { Transform } from "./panzoom";

/** Names are of one size from half zoom on: so near that most of a name is in its box, so far that much is in sight. */
export const HOME_ZOOM = 0.6;
/** What a person has to know of first. */
const URGENT = ["failed", "review", "running", "retrying"] as const;

interface Kept extends Room {
  readonly made: Layout;
  readonly view: Transform;
}

/** The same view as long as something that matters is in it: a picture that moves by itself cannot be read. */
export function useHome(made: Layout, room: Room, { session, choice }: State, isHeld: boolean): Transform {
  const kept = useRef<Kept | null>(null);
  const last = kept.current;
  const matter = choice.expanded ? [choice.selected] : mattering(session?.phases ?? []);
  const isSame = last?.made === made && last.width === room.width && last.height === room.height;
  const isThere = isSame && (isHeld || matter.length === 0 || matter.some((i) => isInSight(made, last.view, room, i)));
  kept.current = isThere ? last : { ...room, made, view: homeView(made, room, matter) };
  return kept.current.view;
}

/** The phases in the most urgent state that there is. */
function mattering(phases: readonly Phase[]): readonly number[] {
  const found = new Map<string, number[]>();
  phases.forEach((phase, i) => {
    const state = shownState(phase);
    found.set(state, [...(found.get(state) ?? []), i]);
  });
  return URGENT.map((state) => found.get(state)).find(Boolean) ?? [];
}

export function isInSight({ x, y }: Layout, view: Transform, { width, height }: Room, i: number): boolean {
  const [left, top] = [(x[i] ?? 0) * view.k + view.x, (y[i] ?? 0) * view.k + view.y];
  return left > 0 && left < width && top > 0 && top < height;
}

/** About the first of these and those near it; else at the beginning. Nothing but a margin is seen beyond the picture. */
export function homeView(made: Layout, room: Room, matter: readonly number[], k = HOME_ZOOM): Transform {
  const { x, y, layer, horizontal, width, height } = made;
  const roots = [...layer.keys()].filter((i) => layer[i] === 0);
  const about = matter.length ? matter : roots;
  const first = about.reduce((one, i) => ((layer[i] ?? 0) < (layer[one] ?? 0) ? i : one), about[0] ?? 0);
  const isNear = (i: number) =>
    Math.abs((x[i] ?? 0) - (x[first] ?? 0)) * k < room.width * 0.4 && Math.abs((y[i] ?? 0) - (y[first] ?? 0)) * k < room.height * 0.4;
  const near = matter.length ? about.filter(isNear) : about;
  const middle = (places: Float64Array) => near.reduce((sum, i) => sum + (places[i] ?? 0), 0) / (near.length || 1);
  const along = (at: number, size: number, sight: number) =>
    size * k + 2 * PAD <= sight ? (sight - size * k) / 2 : Math.min(PAD, Math.max(sight - size * k - PAD, sight / 2 - at * k));
  const isBegin = matter.length === 0;
  return {
    k,
    x: along(isBegin && horizontal ? 0 : middle(x), width, room.width),
    y: along(isBegin && !horizontal ? 0 : middle(y), height, room.height),
  };
}
