/** The log explorer: what is looked for, what is chosen, where it is scrolled to; lines come from `log-source`. */
import { useEffect, useMemo, useRef, useSignal } from "../../dom/hooks";
import { isIn, type Range } from "../../state/links";
import { countRows, lineOfRow, rowOfLine } from "../../state/logs";
import { isFilter, isSearch, neighbour, patternOf, placeOf } from "../../state/search";
import { isOver } from "../../state/selectors";
import type { Port } from "../../state/store";
import { plural } from "../format";
import { Bar } from "./bar";
import { useChosen } from "./chosen";
import { Chosen, FilterDrawer, Inherited, MoreDrawer, Wrong } from "./drawers";
import { useFound } from "./find";
import { goTo } from "./go";
import { keysOf } from "./keys";
import { CutLine, type LineActs, LogLine } from "./line";
import { useSaving } from "./saving";
import { settingsOf } from "./settings";
import { useSource } from "./source";
import { beginning, stampOf } from "./times";
import { Window } from "./window";

const ROW_HEIGHT = 18;
/** Rows of a filter that are asked for beyond those in sight. */
const AHEAD = 60;

interface Props {
  readonly port: Port;
  /** A phase; after the last one what belongs to none; then all. */
  readonly log: number;
  readonly onAll: ((isAll: boolean) => void) | null;
}

export function Explorer({ port, log, onAll }: Props) {
  const state = port.state.value;
  const { session, choice } = state;
  const phases = session?.phases ?? [];
  const phase = phases[log];
  const isAll = log > phases.length;
  const name = isAll ? null : (phase?.name ?? "");
  const settings = settingsOf(port);
  const query = settings.query.value;
  const source = useSource(port, log);
  const { buffer, lineAt } = source;
  const [found, again] = useFound(port, log, query, buffer);

  const body = useRef<HTMLDivElement | null>(null);
  const sight = useRef(0);
  const inherited = useRef(query);
  const leftAt = useSignal(buffer.end);
  const hasLines = buffer.end > 0;
  useEffect(() => {
    if (hasLines && leftAt.peek() === 0) leftAt.value = buffer.end; // what is there when it is first seen is not new
  }, [hasLines]);
  const current = useSignal(-1);
  const target = useSignal<{ readonly line: number } | null>(null);
  const whole = useSignal<ReadonlySet<number>>(new Set());

  // Rows: all lines, or those that a filter lets through.
  const isNarrow = isFilter(query);
  const { numbers } = found;
  const count = isNarrow ? numbers.length : countRows(buffer);
  const lineOf = (row: number) => (isNarrow ? (numbers[row] ?? 0) : lineOfRow(buffer, row));
  const rowOf = (line: number) => (isNarrow ? placeOf(numbers, line) : rowOfLine(buffer, line));
  const pattern = useMemo(() => patternOf(query), [query.text, query.isRegex, query.isExact]);
  const isThere = (target.value?.line ?? -1) < buffer.end;
  const isCut = buffer.first > 0; // what is known of that at first may be corrected by the kernel, and rows change places
  const reveal = useMemo(
    () => (target.value && isThere ? { row: rowOf(target.value.line) } : null),
    [target.value, isThere, isNarrow, isCut],
  );

  const setFollow = (next: boolean) => {
    leftAt.value = buffer.end;
    if (next !== port.state.peek().choice.follow) port.setFollow(next);
  };
  const show = (line: number) => {
    setFollow(false);
    target.value = { line };
  };
  const step = (by: 1 | -1) => {
    const next = neighbour(numbers, current.peek() < 0 ? sight.current - 1 : current.peek(), by);
    if (next < 0) return;
    current.value = next;
    show(next);
  };
  const chosen = useChosen(session, name, show);
  const { range } = chosen;
  const { said, ...saving } = useSaving(port, log, chosen, source);
  const choose = (next: Range | null) => {
    said.value = "";
    chosen.choose(next);
  };

  useEffect(() => {
    current.value = -1;
    if (isNarrow) target.value = null;
  }, [query.text, query.isRegex, query.isExact, query.streams, query.levels]);
  useEffect(() => {
    // The first match from here on, as soon as one is known; round the end once all is known.
    if (!query.text || current.peek() >= 0 || numbers.length === 0) return;
    if (query === inherited.current && choice.follow && phase && !isOver(phase)) return; // asked of another log: this one goes on
    const at = placeOf(numbers, sight.current);
    const next = numbers[at] ?? (found.isDone ? numbers[0] : undefined);
    if (next === undefined) return;
    current.value = next;
    show(next);
  }, [numbers, found.isDone]);

  const onSight = (first: number, last: number) => {
    const line = lineOf(first);
    sight.current = line < 0 ? buffer.head : line;
    if (isNarrow) source.wantSome(numbers.subarray(Math.max(0, first - AHEAD), last + AHEAD));
    else if (last > first) source.want(line < 0 ? buffer.head : line, lineOf(last - 1) + 1);
  };
  const focus = () => body.current?.querySelector<HTMLElement>("[role=region]")?.focus();
  const go = (text: string) =>
    goTo(text, {
      port,
      log,
      times: settings.times.peek(),
      buffer,
      show(lines) {
        choose(lines);
        show(lines.anchor);
        focus();
      },
      onTrouble: port.refuse,
    });

  const since = beginning(session, phase);
  const starts = phase ? [...phase.history, phase].slice(1) : [];
  const fresh = choice.follow || isNarrow ? 0 : buffer.end - leftAt.value;
  const onKeyDown = keysOf({
    body,
    settings,
    range,
    buffer,
    step,
    choose,
    show,
    setFollow,
    copy: saving.copy,
    focus,
    hasMatches: numbers.length > 0,
  });
  // The same at each drawing, so that lines that stay as they are need not be drawn again.
  const acts = useRef<LineActs>({ choose: () => undefined, open: () => undefined, expand: () => undefined });
  Object.assign(acts.current, {
    choose(number: number, isMore: boolean) {
      setFollow(false);
      said.value = "";
      chosen.chooseLine(number, isMore);
    },
    open(owner: number) {
      onAll?.(false);
      port.select(owner, true);
    },
    expand(number: number) {
      whole.value = new Set(whole.peek()).add(number);
      source.wantWhole(number);
    },
  });
  const row = (index: number) => {
    const number = lineOf(index);
    if (number < 0) return <CutLine head={buffer.head} first={buffer.first} />;
    const line = lineAt(number);
    const before = index > 0 ? lineAt(lineOf(index - 1)) : undefined;
    const start = line && before && starts.find(({ started_at }) => before[0] < started_at && started_at <= line[0]);
    const owner = isAll && line?.[4] !== undefined ? line[4] : -1;
    return (
      <LogLine
        number={number}
        line={line}
        stamp={line ? stampOf(line[0], settings.times.value, since, session?.epoch ?? 0) : settings.times.value === "off" ? "" : "…"}
        pattern={pattern}
        isMatch={query.text !== "" && !isNarrow && numbers[placeOf(numbers, number)] === number}
        isCurrent={number === current.value}
        isChosen={isIn(range.value, number)}
        attempt={start?.attempt ?? 0}
        phase={owner < 0 ? "" : (phases[owner]?.name ?? "other")}
        owner={owner}
        isWhole={whole.value.has(number)}
        acts={acts.current}
      />
    );
  };

  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the keys are those of the parts inside
    <div class="milo-log-body" ref={body} onKeyDown={onKeyDown} style={`--m-digits:${String(buffer.end).length}`}>
      <Bar
        settings={settings}
        found={found}
        place={current.value < 0 ? -1 : placeOf(numbers, current.value)}
        isAll={isAll}
        onAll={onAll}
        total={buffer.end}
        said={said.value}
        follow={choice.follow}
        onFollow={setFollow}
        onStep={step}
        onLeave={focus}
        zero={session?.epoch ? stampOf(since, "clock", 0, session.epoch).slice(0, 8) : ""}
      />
      {query === inherited.current && isSearch(query) ? <Inherited query={settings.query} found={found} /> : null}
      {found.error ? <Wrong onAgain={again}>{found.error}</Wrong> : null}
      {settings.drawer.value === "filter" ? <FilterDrawer query={settings.query} /> : null}
      {settings.drawer.value === "more" ? (
        <MoreDrawer
          settings={settings}
          hasClock={(session?.epoch ?? 0) > 0}
          onGo={go}
          onLeave={focus}
          onCopy={saving.copyAll}
          onDownload={saving.download}
          onStop={saving.stop}
        />
      ) : null}
      {source.trouble ? <Wrong>{source.trouble}</Wrong> : null}
      <div class="milo-log-room">
        <Window
          key={isNarrow ? "narrow" : "all"}
          class="milo-log-host"
          count={count}
          rowHeight={ROW_HEIGHT}
          wraps={settings.wraps.value}
          follow={choice.follow}
          onFollow={setFollow}
          reveal={reveal}
          onSight={onSight}
          body={{
            role: "region",
            tabIndex: 0,
            "aria-label": isAll ? "Log of all phases" : "Log",
            "data-wraps": settings.wraps.value || undefined,
          }}
          row={row}
        />
        {fresh > 0 ? (
          <button type="button" class="milo-pill" onClick={() => setFollow(true)}>
            ↓ {plural(fresh, "new line")}
          </button>
        ) : null}
      </div>
      {range.value ? <Chosen range={range.value} onCopy={saving.copy} onLink={saving.copyLink} onClear={() => choose(null)} /> : null}
      {count === 0 ? <p class="milo-empty">{nothing()}</p> : null}
    </div>
  );

  function nothing(): string {
    if (isNarrow && buffer.end > 0) return found.isDone ? "No line passes the filter." : found.error ? "" : "Searching…";
    return `No lines${(phase ? isOver(phase) : session && session.status !== "running") ? "" : " yet"}.`;
  }
}
