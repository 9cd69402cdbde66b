/** A graph of which only a part is in sight: where that part is, and what goes on elsewhere. */
import { useEffect, useRef } from "../../dom/hooks";
import type { Room } from "../../layout-choice";
import { type ShownState, shownState } from "../../state/selectors";
import type { Phase } from "../../wire";
import { countWord, formatCount } from "../format";
import { StatusIcon } from "../icons";
import { isInSight } from "./home";
import { type Drawing, drawGraph } from "./ink";
import type { Transform } from "./panzoom";

/** The most room that the small picture takes. */
const MOST: Room = { width: 148, height: 84 };
const TELLING = ["failed", "review", "running", "retrying"] as const satisfies readonly ShownState[];

interface Props {
  readonly drawing: Drawing;
  readonly phases: readonly Phase[];
  readonly view: Transform;
  readonly room: Room;
  readonly theme: string;
  /** Brings a place of the picture into the middle. */
  readonly onGo: (x: number, y: number) => void;
}

export function Overview({ drawing, phases, view, room, theme, onGo }: Props) {
  const canvas = useRef<HTMLCanvasElement | null>(null);
  const { layout } = drawing;
  const k = Math.min(MOST.width / (layout.width || 1), MOST.height / (layout.height || 1));
  const width = Math.ceil(layout.width * k);
  const height = Math.ceil(layout.height * k);
  const states = phases.map(shownState);
  useEffect(() => {
    const small = { drawing, view: { k, x: 0, y: 0 }, width, height, phases, path: null, isFaint: null, critical: new Set(""), theme };
    if (canvas.current) drawGraph(canvas.current, { ...small, isFar: true, isMap: true });
  }, [drawing, states.join(), width, height, theme]);

  const isSeen = states.map((_, i) => isInSight(layout, view, room, i));
  const seen = isSeen.filter(Boolean).length;
  const elsewhere = TELLING.map((state) => [state, states.flatMap((one, i) => (one === state && !isSeen[i] ? [i] : []))] as const);
  const goTo = (event: PointerEvent & { readonly currentTarget: HTMLElement }) => {
    if (!event.buttons) return;
    const box = event.currentTarget.getBoundingClientRect();
    onGo((event.clientX - box.left) / k, (event.clientY - box.top) / k);
    event.preventDefault(); // the focus stays where it is
  };
  /** The next one after the middle of what is in sight, and round. */
  const goNext = (found: readonly number[]) => {
    const middle = [(room.width / 2 - view.x) / view.k, (room.height / 2 - view.y) / view.k] as const;
    const way = (i: number) => Math.hypot((layout.x[i] ?? 0) - middle[0], (layout.y[i] ?? 0) - middle[1]);
    const next = found.reduce((one, i) => (way(i) < way(one) ? i : one), found[0] ?? 0);
    onGo(layout.x[next] ?? 0, layout.y[next] ?? 0);
  };
  return (
    <div class="milo-overview">
      <div
        class="milo-map"
        aria-hidden="true"
        style={`width:${width}px;height:${height}px`}
        onPointerDown={goTo}
        onPointerMove={goTo}
        title="Press to go there"
      >
        <canvas ref={canvas} />
        <i
          style={`left:${(-view.x / view.k) * k}px;top:${(-view.y / view.k) * k}px;width:${(room.width / view.k) * k}px;height:${(room.height / view.k) * k}px`}
        />
      </div>
      <span>
        {formatCount(seen)} of {formatCount(phases.length)} in sight
      </span>
      {elsewhere.map(([state, found]) =>
        found.length ? (
          <button key={state} type="button" class="milo-count" data-status={state} title="Go to the nearest" onClick={() => goNext(found)}>
            <StatusIcon status={state} size={12} />
            {formatCount(found.length)} {countWord(state)} elsewhere
          </button>
        ) : null,
      )}
    </div>
  );
}
