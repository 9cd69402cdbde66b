/** A scrolling list of phases of which only the rows in sight are made: the frame of timeline and list. */
import { useComputed, useSignal, useSignalEffect } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import type { Port } from "../state/store";

interface Props {
  readonly port: Port;
  readonly id: string;
  readonly label: string;
  readonly rowHeight: number;
  /** Phase indices, in the order of the rows. */
  readonly order: readonly number[];
  readonly row: (index: number) => ComponentChildren;
  readonly head?: ComponentChildren;
}

const BEYOND = 6;

export function Rows({ port, id, label, rowHeight, order, row, head }: Props) {
  const host = useRef<HTMLDivElement>(null);
  const top = useSignal(0);
  const height = useSignal(360);
  const selected = useComputed(() => port.state.value.choice.selected);
  useLayoutEffect(() => {
    const box = host.current;
    if (!box) return;
    const measure = () => {
      height.value = box.clientHeight || 360;
    };
    measure();
    const resizing = new ResizeObserver(measure);
    resizing.observe(box);
    return () => resizing.disconnect();
  }, [height]);
  useSignalEffect(() => {
    // What was selected elsewhere comes into sight here.
    const at = order.indexOf(selected.value);
    const box = host.current;
    if (!box || at < 0 || box.clientHeight === 0) return;
    if (at * rowHeight < box.scrollTop) box.scrollTop = at * rowHeight;
    else if ((at + 2) * rowHeight > box.scrollTop + box.clientHeight) box.scrollTop = (at + 2) * rowHeight - box.clientHeight;
  });
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const at = Math.max(0, order.indexOf(selected.peek()));
    const last = order.length - 1;
    const to = { ArrowDown: Math.min(last, at + 1), ArrowUp: Math.max(0, at - 1), Home: 0, g: 0, End: last, G: last }[event.key];
    const index = to === undefined ? undefined : order[to];
    if (index !== undefined) port.select(index, false);
    else if (event.key === "Enter" || event.key === " ") port.select(selected.peek(), true);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const onClick = (event: MouseEvent) => {
    const target = (event.target as Element).closest<HTMLElement>("[data-index]");
    if (target) port.select(Number(target.dataset.index), true);
  };
  const first = Math.max(0, Math.floor(top.value / rowHeight) - BEYOND);
  const last = Math.min(order.length, Math.ceil((top.value + height.value) / rowHeight) + BEYOND);
  const inSight = order.slice(first, last);
  if (order.includes(selected.value) && !inSight.includes(selected.value)) inSight.push(selected.value);
  return (
    <div class="milo-rows" ref={host} onScroll={(event) => (top.value = event.currentTarget.scrollTop)}>
      {head}
      <div
        class="milo-rows-body"
        role="listbox"
        tabIndex={0}
        aria-label={label}
        aria-activedescendant={order.includes(selected.value) ? `${id}-${selected.value}` : undefined}
        style={{ height: `${order.length * rowHeight}px` }}
        onKeyDown={onKeyDown}
        onClick={onClick}
      >
        {inSight.map((index) => (
          <div key={index} class="milo-row-place" role="presentation" style={{ top: `${order.indexOf(index) * rowHeight}px`, height: `${rowHeight}px` }}>
            {row(index)}
          </div>
        ))}
      </div>
    </div>
  );
}
