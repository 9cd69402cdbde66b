/**
 * When each attempt ran: bars against the session's clock, and what came between them.
 *
 * Names, axis and bars share one scroll container; zoomed in, the place under the pointer stays where it is. A session
 * that goes on has some free axis before it, so that bars grow and nothing else moves.
 */
import { useEffect, useMemo, useRef, useSignal } from "../../dom/hooks";
import { whenResized } from "../../dom/lasting";
import { isGoingOn, type Kind, stretchesOf, type Times, timesOf } from "../../state/bars";
import { criticalPath } from "../../state/critical";
import { scaleOf } from "../../state/scale";
import { kernelNow } from "../../state/selectors";
import type { Snapshot } from "../../wire";
import { SignButton } from "../parts";
import { remembered } from "../remembered";
import type { ViewProps } from "../view";
import { FilterNote } from "./filter-bar";
import { Rows, wanted } from "./rows";
import { Axis, gridOf, type Ruler, xOf } from "./timeline-axis";
import { isExpected, KIND_WORDS, type Link, linksAt, TimelineRow } from "./timeline-row";

const ROW_PX = 28;
/** Where nothing is laid out (a hidden tab), something to calculate with. */
const WIDTH_PX = 800;
/** Behind the last bar, for the time that stands beside it. */
const BEHIND_PX = 64;
const MOST_PX = 4_000_000;
const MOST_PX_PER_SECOND = 2_000;
const LEAST_ZOOM = 8;
const STEP = 1.5;
const dayTime = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });

export function Timeline(props: ViewProps) {
  const { session } = props.port.state.value;
  return session ? <Chart {...props} session={session} /> : null;
}

function Chart({ session, ...props }: ViewProps & { session: Snapshot }) {
  const { port, now } = props;
  const state = port.state.value;
  const { selected } = state.choice;
  const isKnown = state.connection !== "gone";
  const frame = useRef<HTMLDivElement | null>(null);
  const anchor = useRef<{ readonly share: number; readonly px: number } | null>(null);
  const width = useSignal(0);
  const zoom = remembered(props, "zoom", 1);
  const scrolled = useSignal(0);

  const clock = isKnown && isGoingOn(session) ? kernelNow(state, now) : session.now;
  const times = useMemo(() => timesOf(session, clock, isKnown), [session, clock, isKnown]);
  const scale = scaleOf(times);
  const whole = width.value || WIDTH_PX;
  const margin = Math.round(Math.min(260, Math.max(132, whole * 0.22)));
  const seen = Math.max(120, whole - margin - BEHIND_PX);
  const mostZoom = Math.max(LEAST_ZOOM, Math.min(MOST_PX / seen, (MOST_PX_PER_SECOND * scale.room) / seen));
  const track = seen * Math.min(zoom.value, mostZoom);
  const ruler: Ruler = {
    scale,
    perSecond: track / scale.room,
    margin,
    now: times.isOpen && session.status === "running" ? clock : null,
    sight: [scrolled.value, scrolled.value + seen + BEHIND_PX],
    isEmpty: times.busy.length === 0 && !times.isOpen,
  };

  const box = () => frame.current?.querySelector<HTMLElement>(".milo-rows");
  /** The middle of what the selected phase has in sight, else of what is in sight. */
  const middle = () => {
    const xs = stretchesOf(times, selected).map(({ from, to }) => (xOf(ruler, from) + xOf(ruler, to)) / 2 - scrolled.peek());
    return xs.find((x) => x > 0 && x < seen) ?? seen / 2;
  };
  /** Zooms by a factor around a pixel of the track as it lies on the screen. */
  const zoomBy = (factor: number, px = middle()) => {
    const next = Math.min(mostZoom, Math.max(1, zoom.peek() * factor));
    if (next === zoom.peek()) return;
    anchor.current = { share: (scrolled.peek() + px) / track, px };
    zoom.value = next;
  };
  const fit = () => {
    zoom.value = 1;
  };
  const onWheel = useRef(zoomBy);
  onWheel.current = (factor, clientX = 0) => zoomBy(factor, clientX - (box()?.getBoundingClientRect().left ?? 0) - margin);

  useEffect(
    (signal) => {
      const element = box();
      if (!element) return;
      whenResized(element, signal, () => {
        width.value = element.clientWidth;
      });
      element.addEventListener(
        "scroll",
        () => {
          scrolled.value = element.scrollLeft;
        },
        { capture: true, passive: true, signal }, // before the rows are drawn anew: what is asked then makes no layout
      );
      element.addEventListener(
        "wheel",
        (event) => {
          if (!event.ctrlKey && !event.metaKey) return;
          event.preventDefault();
          onWheel.current(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.005)), event.clientX);
        },
        { passive: false, signal },
      );
    },
    [session.phases.length > 0],
  );
  const scrollTo = (px: number) => {
    const element = box();
    if (!element) return;
    element.scrollLeft = Math.max(0, px);
    scrolled.value = element.scrollLeft;
  };
  useEffect(() => {
    if (anchor.current) scrollTo(anchor.current.share * track - anchor.current.px);
    anchor.current = null;
  }, [track]);
  const wasSelected = useRef(-1); // who comes back zoomed in sees what is selected
  useEffect(() => {
    const first = selected === wasSelected.current ? undefined : stretchesOf(times, selected)[0];
    wasSelected.current = selected;
    if (!first || zoom.peek() === 1) return;
    const x = xOf(ruler, first.from);
    if (x < scrolled.peek() || x > scrolled.peek() + seen - 40) scrollTo(x - seen / 4);
  }, [selected]);
  const wasNow = useRef(0);
  useEffect(() => {
    const x = ruler.now === null ? 0 : xOf(ruler, ruler.now);
    // Who sees the present go out of sight, at the right, goes on seeing it.
    if (zoom.peek() > 1 && x > scrolled.peek() + seen && wasNow.current <= scrolled.peek() + seen && wasNow.current >= scrolled.peek())
      scrollTo(x - seen * 0.8);
    wasNow.current = x;
  });

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "+" || event.key === "=") zoomBy(STEP);
    else if (event.key === "-") zoomBy(1 / STEP);
    else if (event.key === "0") fit();
    else if (event.key === "ArrowRight" || event.key === "ArrowLeft")
      scrollTo(scrolled.peek() + (event.key === "ArrowRight" ? 1 : -1) * (seen / 5));
    else return;
    event.preventDefault();
    event.stopPropagation();
  };

  const path = useMemo(() => criticalPath(session), [session]);
  const all = useMemo(() => session.phases.map((_, i) => i), [session.phases.length]);
  const order = useMemo(() => wanted(props, all), [props.filter.value, session]);
  const critical = path.length > 1 ? path : [];
  const links = useMemo(() => linksOf(critical, order, times), [path, order]);
  const onPath = new Set(critical);
  const said = (time: number) => (session.epoch > 0 ? dayTime.format((session.epoch + time) * 1000) : "");
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the listbox in it has the focus, and passes on what it has no use for
    <div
      data-view="timeline"
      ref={frame}
      onKeyDown={onKeyDown}
      style={`--m-wide:${Math.round(margin + track + BEHIND_PX)}px;--m-margin:${margin}px;--m-grid:${gridOf(ruler)}`}
    >
      <div class="milo-line milo-legend">
        <span class="milo-line milo-wrap milo-spring">
          {(Object.keys(KIND_WORDS) as Kind[]).map((kind) => (
            <span key={kind} class="milo-line">
              <i class="milo-bar" data-kind={kind} data-status={kind === "work" ? "completed" : "pending"} />
              {KIND_WORDS[kind]}
            </span>
          ))}
          {session.phases.some(isExpected) ? (
            <span class="milo-line">
              <i class="milo-bar" data-kind="usual" data-status="running" />
              Usual time
            </span>
          ) : null}
          {scale.pieces.some(({ isCut }) => isCut) ? (
            <span class="milo-line">
              <i class="milo-left-out" />
              Idle, drawn shorter
            </span>
          ) : null}
          {critical.length > 0 ? (
            <span class="milo-line" title={critical.map((index) => session.phases[index]?.name).join(" → ")}>
              <i class="milo-elbow" />
              {`Critical path${ruler.now === null ? "" : ", expected"}: ${critical.length} phases`}
            </span>
          ) : null}
        </span>
        <FilterNote {...props} shown={order.length} />
        <span class="milo-line milo-time-zoom">
          <SignButton sign="minus" label="Zoom out (-)" onClick={() => zoomBy(1 / STEP)} />
          <SignButton sign="plus" label="Zoom in (+)" onClick={() => zoomBy(STEP)} />
          <SignButton sign="fit" label="Show all (0)" onClick={fit} />
        </span>
      </div>
      <Rows
        {...props}
        order={order}
        rowHeight={ROW_PX}
        class="milo-time-row"
        head={<Axis ruler={ruler} />}
        row={({ phase, index, at }) => (
          <TimelineRow
            phase={phase}
            phases={session.phases}
            at={at}
            stretches={stretchesOf(times, index)}
            ruler={ruler}
            links={linksAt(links, at)}
            isCritical={onPath.has(index)}
            said={said}
          />
        )}
      />
    </div>
  );
}

/** What connects the phases of the path, those between two rows that are both shown. */
function linksOf(path: readonly number[], order: readonly number[], times: Times): readonly Link[] {
  const places = new Map(order.map((index, at) => [index, at]));
  return path.slice(1).flatMap((index, i): Link[] => {
    const before = path[i] ?? 0;
    const above = places.get(before);
    const below = places.get(index);
    const from = worksIn(times, before).at(-1)?.to;
    if (above === undefined || below === undefined || from === undefined) return [];
    const works = worksIn(times, index);
    const to = (works.find((one) => one.from >= from - 0.05) ?? works[0])?.from;
    return to === undefined ? [] : [{ above, below, from, to }];
  });
}

const worksIn = (times: Times, index: number) => stretchesOf(times, index).filter(({ kind }) => kind === "work");
