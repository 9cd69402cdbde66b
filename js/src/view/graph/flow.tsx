/** Dots that move along the edges into running phases: animated by the compositor, so that the page stands still meanwhile. */
import { useEffect, useRef } from "../../dom/hooks";
import type { Layout, Route } from "../../layout";

/** More would be a swarm. */
const MOST_EDGES = 24;
const SPEED_PX_S = 70;
const DOTS_PER_EDGE = 2;
const STEPS = 8;

interface Props {
  readonly layout: Layout;
  readonly routes: readonly Route[];
}

export function Flow({ layout, routes }: Props) {
  const host = useRef<HTMLDivElement | null>(null);
  const shown = routes.slice(0, MOST_EDGES);
  useEffect(
    (ending) => {
      const box = host.current;
      if (!box?.animate || window.matchMedia?.("(prefers-reduced-motion: reduce)").matches) return;
      for (const route of shown) {
        const stops = trackOf(route, layout.horizontal);
        const last = stops.at(-1)?.[2] ?? 0;
        const keyframes = stops.map(([x, y, at]) => ({ transform: `translate(${x}px,${y}px)`, offset: at / last }));
        for (let dot = 0; dot < DOTS_PER_EDGE; dot++) {
          const duration = (last / SPEED_PX_S) * 1000;
          const made = box.appendChild(document.createElement("i"));
          made.style.transform = keyframes[0]?.transform ?? ""; // where it stands if nothing is to move, as in pictures
          made.animate(keyframes, {
            duration,
            delay: (-duration * dot) / DOTS_PER_EDGE,
            iterations: Number.POSITIVE_INFINITY,
          });
          ending.addEventListener("abort", () => made.remove()); // and with it its animation
        }
      }
    },
    [layout, shown.map(({ from, to }) => `${from}>${to}`).join()],
  );
  return <div ref={host} class="milo-flow" role="presentation" aria-hidden="true" />;
}

/** x, y and the way behind, from one end of an edge to the other: the same curves as on the canvas. */
export function trackOf({ points }: Route, isHorizontal: boolean): readonly (readonly [number, number, number])[] {
  let x = points[0] ?? 0;
  let y = points[1] ?? 0;
  let way = 0;
  const stops: (readonly [number, number, number])[] = [[x, y, 0]];
  for (let i = 2; i < points.length; i += 2) {
    const [fromX, fromY, toX, toY] = [points[i - 2] ?? 0, points[i - 1] ?? 0, points[i] ?? 0, points[i + 1] ?? 0];
    const steps = fromX === toX || fromY === toY ? 1 : STEPS;
    for (let step = 1; step <= steps; step++) {
      const t = step / steps;
      const along = 1.5 * t * (1 - t) + t ** 3; // Bézier's formula with both controls half way
      const beside = t * t * (3 - 2 * t);
      const nextX = fromX + (toX - fromX) * (isHorizontal ? along : beside);
      const nextY = fromY + (toY - fromY) * (isHorizontal ? beside : along);
      way += Math.hypot(nextX - x, nextY - y);
      [x, y] = [nextX, nextY];
      stops.push([x, y, way]);
    }
  }
  return stops;
}
