/** The picture of a graph between drawings: made anew when the graph changes, and then as much like the last as it can be. */
import { useMemo, useRef } from "../../dom/hooks";
import { arrange, type Layout } from "../../layout";
import { choose, draw, type Room } from "../../layout-choice";
import type { Phase } from "../../wire";
import { type Drawing, prepare } from "./ink";

interface Kept {
  readonly phases: readonly Phase[];
  readonly pictures: readonly Layout[];
  /** Which picture is shown; -1 before the first. */
  readonly shown: number;
}

/** `isMeasured`: is the room known yet? Before it is, no picture is worth keeping. */
export function usePicture(phases: readonly Phase[], room: Room, isMeasured: boolean): Drawing {
  const kept = useRef<Kept>({ phases: [], pictures: [], shown: -1 });
  const { pictures: last, shown } = kept.current;
  const pictures = isSameGraph(kept.current.phases, phases)
    ? last
    : draw(
        arrange(
          phases.map(({ depends_on }) => depends_on),
          standing(kept.current, phases),
        ),
      );
  const chosen = choose(pictures, room, shown);
  kept.current = { phases, pictures, shown: isMeasured ? chosen : -1 };
  const made = pictures[chosen] ?? pictures[0];
  return useMemo(() => prepare(made as Layout), [made]);
}

/** How far across each phase of the new graph stood in the last picture. */
function standing({ phases, pictures, shown }: Kept, now: readonly Phase[]): readonly (number | undefined)[] {
  const made = pictures[shown];
  const across = made?.horizontal ? made.y : made?.x;
  const stood = new Map(phases.map(({ name }, i) => [name, across?.[i]]));
  return now.map(({ name }) => stood.get(name));
}

function isSameGraph(a: readonly Phase[], b: readonly Phase[]): boolean {
  return (
    a.length === b.length &&
    a.every((phase, i) => phase === b[i] || (phase.name === b[i]?.name && String(phase.depends_on) === String(b[i]?.depends_on)))
  );
}
