/** A scrolling window over any number of rows, of which only those in sight are made. They have one height, unless they are wrapped. */
import type { Child } from "../../dom/h";
import { useEffect, useMemo, useRef, useSignal } from "../../dom/hooks";
import type { Attributes } from "../../dom/jsx-runtime";
import { whenResized } from "../../dom/lasting";
import { type Extent, inSight, isAtEnd, type Scroll, scrolled, scrollTo, spacerHeight } from "../scroll";

interface Props {
  readonly count: number;
  readonly rowHeight: number;
  readonly row: (index: number) => Child;
  /** Are rows as high as their text needs? Then those in sight are measured. */
  readonly wraps?: boolean;
  /** Attributes of what holds the rows: below the head, if there is one, else of the window itself. */
  readonly body?: Attributes;
  /** A row that is made even out of sight: what is selected must exist for screen readers. */
  readonly always?: number;
  /** Brings a row into sight whenever the object is a new one. */
  readonly reveal?: { readonly row: number } | null;
  /** Keeps the end in sight. */
  readonly follow?: boolean;
  /** A person scrolled away from the end, or back to it. */
  readonly onFollow?: (follow: boolean) => void;
  /** Told which rows [first, last) are in sight. */
  readonly onSight?: (first: number, last: number) => void;
  readonly head?: Child;
  readonly class: string;
}

/** Heights that are remembered. */
const MOST_HEIGHTS = 10_000;

export function Window(props: Props) {
  const { count, rowHeight, row, wraps = false, always = -1, reveal, follow = false, onFollow, onSight, head, class: name, body } = props;
  const host = useRef<HTMLDivElement | null>(null);
  const flow = useRef<HTMLDivElement | null>(null);
  const heights = useMemo(() => new Map<number, number>(), [wraps]);
  const measured = useSignal(0);
  const ours = useRef(-1); // a scroll position set here: its event is not a person's
  const scroll = useSignal<Scroll>({ virtual: 0, top: 0 });
  const viewport = useSignal(0);
  const width = useRef(0);
  const heightOf = wraps ? (index: number) => heights.get(index) ?? rowHeight : undefined;
  const extent: Extent = { count, rowHeight, viewport: viewport.value, heightOf };

  const go = (next: Scroll) => {
    scroll.value = next;
    if (!host.current || Math.abs(host.current.scrollTop - next.top) < 1) return;
    host.current.scrollTop = next.top;
    ours.current = host.current.scrollTop;
  };
  const onScroll = () => {
    const top = host.current?.scrollTop ?? 0;
    const isOurs = Math.abs(top - ours.current) < 1;
    ours.current = -1;
    if (isOurs) return;
    const before = scroll.peek();
    const next = scrolled(before, top, extent);
    if (next.top === top) scroll.value = next;
    else go(next);
    if (follow ? next.virtual < before.virtual && !isAtEnd(next, extent) : next.virtual > before.virtual && isAtEnd(next, extent))
      onFollow?.(!follow);
  };
  useEffect(
    (ending) => {
      const box = host.current;
      if (!box) return;
      whenResized(box, ending, () => {
        const above = head ? (box.firstElementChild?.clientHeight ?? 0) : 0;
        if (wraps && box.clientWidth !== width.current) {
          heights.clear(); // what was wrapped there is wrapped elsewhere now
          measured.value += 1;
        }
        width.current = box.clientWidth;
        viewport.value = box.clientHeight - above || 400;
      });
    },
    [heights],
  );
  useEffect(() => {
    if (follow) go(scrollTo(Number.POSITIVE_INFINITY, { ...extent, viewport: viewport.peek() }));
  }, [follow, count, viewport.value, measured.value]);
  useEffect(() => {
    if (!reveal || reveal.row < 0) return;
    const { virtual } = scroll.peek();
    const top = reveal.row * rowHeight;
    const height = viewport.peek() || 400; // measured just now: at the first drawing `extent` does not know it
    const now = { ...extent, viewport: height };
    const isSeen = wraps
      ? top >= virtual && reveal.row < inSight(scroll.peek(), now).last - 2
      : top >= virtual && top + 2 * rowHeight <= virtual + height;
    if (!isSeen) go(scrollTo(top - (wraps ? 2 * rowHeight : height / 2), now));
  }, [reveal]);

  const { first, last, offset } = inSight(scroll.value, extent);
  useEffect(() => {
    // As of now: the effects above may have measured or moved since the rows were made.
    const now = inSight(scroll.peek(), { ...extent, viewport: viewport.peek() });
    onSight?.(now.first, now.last);
  });
  useEffect(() => {
    if (!wraps || !flow.current) return;
    if (heights.size > MOST_HEIGHTS) heights.clear();
    let isNews = false;
    for (const [i, one] of [...flow.current.children].entries()) {
      const height = (one as HTMLElement).offsetHeight || rowHeight;
      isNews ||= heights.get(first + i) !== height;
      heights.set(first + i, height);
    }
    if (isNews) measured.value += 1;
  });
  // One transform moves all rows: what a turn of the wheel changes is the few that come and go.
  const shape = wraps ? undefined : `height:${rowHeight}px`;
  const made = (index: number) => (
    <div key={index} class="milo-row" role="presentation" style={shape}>
      {row(index)}
    </div>
  );
  const isAside = always >= 0 && always < count && (always < first || always >= last);
  const within = (
    <div class="milo-sticky" role="presentation">
      <div ref={flow} class="milo-moved" role="presentation" style={`transform:translateY(${offset}px)`}>
        {Array.from({ length: Math.max(0, last - first) }, (_, i) => made(first + i))}
      </div>
      {isAside ? <div class="milo-aside">{made(always)}</div> : null}
    </div>
  );
  const height = `height:${spacerHeight(extent)}px`;
  return head ? (
    <div class={name} ref={host} onScroll={onScroll}>
      {head}
      <div {...body} class="milo-spacer" style={height}>
        {within}
      </div>
    </div>
  ) : (
    <div {...body} class={name} ref={host} onScroll={onScroll}>
      <div class="milo-spacer" role="presentation" style={height}>
        {within}
      </div>
    </div>
  );
}
