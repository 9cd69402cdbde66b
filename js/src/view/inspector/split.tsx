/** The edges of the inspector that can be moved: its width where it is beside the graph, and its height. */
import { useEffect, useRef, useSignal } from "../../dom/hooks";
import { whenResized } from "../../dom/lasting";

/** Pixels; 0: as the style sheet has it. */
export interface Sizes {
  readonly width: number;
  readonly height: number;
}
export type Side = keyof Sizes;

export const LEAST: Sizes = { width: 300, height: 160 };
export const MOST_HEIGHT = 1_600;
const STEP = 24;
const KEPT_AS = "milo_nb.inspector";

/** A size within its bounds; the graph keeps as much as the inspector must have. */
export function fit(side: Side, size: number, room: number): number {
  const most = side === "width" ? Math.max(LEAST.width, room - LEAST.width) : MOST_HEIGHT;
  return Math.round(Math.min(Math.max(size, LEAST[side]), most));
}

/** What a key makes of a size; null: nothing. The arrow points where the edge goes. */
export function moved(side: Side, key: string, size: number): number | null {
  const [less, more] = side === "width" ? ["ArrowRight", "ArrowLeft"] : ["ArrowUp", "ArrowDown"];
  if (key === more) return size + STEP;
  if (key === less) return size - STEP;
  if (key === "Home") return LEAST[side];
  return key === "End" ? Number.POSITIVE_INFINITY : null;
}

/** What was chosen last in this browser. */
export function recall(): Sizes {
  try {
    const { width, height } = JSON.parse(localStorage.getItem(KEPT_AS) ?? "{}") as Partial<Record<Side, unknown>>;
    const sane = (value: unknown) => (Number.isFinite(value) && Number(value) > 0 && Number(value) < 10_000 ? Number(value) : 0);
    return { width: sane(width), height: sane(height) };
  } catch {
    return { width: 0, height: 0 };
  }
}

function keep(sizes: Sizes): void {
  try {
    localStorage.setItem(KEPT_AS, JSON.stringify(sizes));
  } catch {
    // no storage: it holds as long as the view
  }
}

/** Two separators: each is a tab stop that arrows, Home, End move; a double click or Delete gives the usual size back. */
export function Edges({ id }: { id: string }) {
  const sizes = useSignal<Sizes | null>(null);
  sizes.value ??= recall();
  return (
    <>
      <Edge id={id} side="width" sizes={sizes.value} onMove={(next) => set(next)} onKeep={() => keep(sizes.peek() ?? recall())} />
      <Edge id={id} side="height" sizes={sizes.value} onMove={(next) => set(next)} onKeep={() => keep(sizes.peek() ?? recall())} />
    </>
  );
  function set(next: Sizes) {
    sizes.value = next;
  }
}

interface EdgeProps {
  readonly id: string;
  readonly side: Side;
  readonly sizes: Sizes;
  readonly onMove: (sizes: Sizes) => void;
  readonly onKeep: () => void;
}

function Edge({ id, side, sizes, onMove, onKeep }: EdgeProps) {
  const edge = useRef<HTMLHRElement | null>(null);
  const latest = useRef({ sizes, onMove, onKeep });
  latest.current = { sizes, onMove, onKeep };
  const bounds = useSignal({ now: 0, room: 0 });
  useEffect(
    (ending) => {
      const element = edge.current;
      const box = element?.parentElement;
      const body = box?.parentElement;
      if (!element || !box || !body) return;
      const measure = () => {
        const now = Math.round(side === "width" ? box.offsetWidth : box.offsetHeight);
        const room = body.offsetWidth;
        if (bounds.peek().now !== now || bounds.peek().room !== room) bounds.value = { now, room };
      };
      whenResized(box, ending, measure);
      element.addEventListener(
        "pointerdown",
        (down) => {
          if (down.button !== 0) return;
          down.preventDefault();
          element.focus();
          element.setPointerCapture?.(down.pointerId);
          const start = { at: side === "width" ? down.clientX : down.clientY, size: bounds.peek().now };
          const lift = new AbortController();
          const move = (event: PointerEvent) => {
            const by = side === "width" ? start.at - event.clientX : event.clientY - start.at;
            const { sizes: known, onMove: tell } = latest.current;
            tell({ ...known, [side]: fit(side, start.size + by, body.offsetWidth) });
          };
          const end = () => {
            lift.abort();
            latest.current.onKeep();
          };
          element.addEventListener("pointermove", move, { signal: lift.signal });
          element.addEventListener("pointerup", end, { signal: lift.signal });
          element.addEventListener("pointercancel", end, { signal: lift.signal });
          ending.addEventListener("abort", () => lift.abort(), { signal: lift.signal });
        },
        { signal: ending },
      );
      element.addEventListener("dblclick", () => reset(latest.current, side), { signal: ending });
    },
    [side],
  );
  const size = sizes[side];
  useEffect(
    (ending) => {
      const body = edge.current?.parentElement?.parentElement;
      if (size) body?.style.setProperty(`--m-${side}`, `${size}px`);
      else body?.style.removeProperty(`--m-${side}`);
      ending.addEventListener("abort", () => body?.style.removeProperty(`--m-${side}`), { once: true });
    },
    [size],
  );
  const { now, room } = bounds.value;
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Delete") reset(latest.current, side);
    else {
      const next = moved(side, event.key, now);
      if (next === null) return;
      onMove({ ...sizes, [side]: fit(side, next, room) });
      onKeep();
    }
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <hr
      ref={edge}
      id={`${id}-${side}`}
      class="milo-edge"
      data-side={side}
      tabIndex={0}
      aria-orientation={side === "width" ? "vertical" : "horizontal"}
      aria-label={side === "width" ? "Width of the inspector" : "Height of the inspector"}
      aria-valuenow={now}
      aria-valuemin={LEAST[side]}
      aria-valuemax={fit(side, Number.POSITIVE_INFINITY, room)}
      title="Drag, or use the arrow keys; double click for the usual size"
      onKeyDown={onKeyDown}
    />
  );
}

function reset({ sizes, onMove, onKeep }: Pick<EdgeProps, "sizes" | "onMove" | "onKeep">, side: Side): void {
  onMove({ ...sizes, [side]: 0 });
  onKeep();
}
