/**
 * What a phase has displayed: pictures, tables, text. It comes from programs that nobody here vouches for, so none of
 * it is ever part of this page: pictures are images (in which SVG runs nothing), text is text, and markup lives in a
 * frame that may neither run scripts (sandbox) nor load anything (its content security policy).
 */
import { useEffect, useMemo, useRef } from "../../dom/hooks";
import { isOver } from "../../state/selectors";
import { bytesOf, type Shelf, wholeOf } from "../../state/shelf";
import type { Output } from "../../wire";
import { formatPercent, plural } from "../format";
import { Coloured } from "../log/log";
import type { PaneProps } from "./output";
import { Verbatim } from "./verbatim";

/** A frame grows with what is in it, up to here, so that only the pane scrolls; what is larger scrolls by itself. */
const MOST_FRAME_PX = { width: 6_000, height: 12_000 };
const SHELL =
  "<!doctype html><meta http-equiv=Content-Security-Policy content=\"default-src 'none';style-src 'unsafe-inline';img-src data:\">" +
  "<style>body{margin:0;display:flow-root}table{border-collapse:collapse}th,td{border:1px solid #8886;padding:3px 8px;text-align:end}</style>";
/** What would only be blocked with a complaint, or connects before any policy is asked (`link`). */
const USELESS = "script,link,meta,base,iframe,frame,object,embed";
const REACHES_OUT = /^on|href|src|poster|action|ping|background$/;

export function OutputPane({ port, phase, index, theme }: PaneProps) {
  useEffect(() => port.wantOutputs(index));
  const shown = port.state.value.shelves.get(index);
  let attempt = "1";
  return (
    <div class="milo-pane" data-pane="output">
      {shown?.dropped ? <p class="milo-muted">{plural(shown.dropped, "earlier output")} dropped</p> : null}
      {shown?.items.map((item) => {
        const before = attempt;
        attempt = item.ref.split("/")[0] ?? "";
        return (
          <figure key={item.ref} data-output={item.ref}>
            {attempt === before ? null : <p class="milo-muted">Attempt {attempt}</p>}
            <Display shelf={shown} item={item} theme={theme} />
            {item.note ? <p class="milo-muted">{item.note}</p> : null}
          </figure>
        );
      })}
      {phase.outputs[1] ? null : <p class="milo-muted">Nothing displayed{isOver(phase) ? "" : " yet"}.</p>}
    </div>
  );
}

interface Loaded {
  readonly item: Output;
  readonly pieces: readonly DataView[];
}

/** One display; while an update is on its way, what was there before. */
function Display({ shelf, item, theme }: { shelf: Shelf; item: Output; theme: string }) {
  const last = useRef<Loaded | null>(null);
  const pieces = wholeOf(shelf, item);
  if (pieces && last.current?.item.version !== item.version) last.current = { item, pieces };
  if (!last.current) return <p class="milo-muted">Loading {formatPercent(bytesOf(shelf, item) / item.size)}…</p>;
  const { mime } = last.current.item;
  if (mime.startsWith("image/")) return <Picture loaded={last.current} />;
  return mime && <Written loaded={last.current} theme={theme} />;
}

function Picture({ loaded }: { loaded: Loaded }) {
  const { item, pieces } = loaded;
  const url = useMemo(() => URL.createObjectURL(new Blob([...pieces] as BlobPart[], { type: item.mime })), [loaded]);
  useEffect((ending) => ending.addEventListener("abort", () => URL.revokeObjectURL(url)), [url]);
  return <img src={url} alt={item.alt || item.mime} width={item.width || undefined} />;
}

function Written({ loaded, theme }: { loaded: Loaded; theme: string }) {
  const { item, pieces } = loaded;
  const decoder = new TextDecoder();
  const text = pieces.map((piece) => decoder.decode(piece, { stream: true })).join("");
  if (item.mime === "text/html") return <Markup html={text} label={item.alt} theme={theme} />;
  return <Verbatim label="Output">{text.split("\n").map((line, i) => [i > 0 && "\n", <Coloured key={i} text={line} />])}</Verbatim>;
}
Written.isPure = true;

/** Same origin, so that its height can be read and its content changed in place; without scripts that gives it nothing. */
function Markup({ html, label, theme }: { html: string; label: string; theme: string }) {
  const frame = useRef<HTMLIFrameElement | null>(null);
  useEffect(
    (ending) => {
      const outer = frame.current;
      if (!outer) return;
      const resizing = new ResizeObserver(() => fitFrame(outer));
      const fill = () => {
        const inner = outer.contentDocument;
        if (inner?.URL !== "about:srcdoc") return; // not the shell, with its policy
        const { color, fontSize, fontFamily, colorScheme } = getComputedStyle(outer);
        inner.documentElement.style.cssText = `color:${color};font:${fontSize} ${fontFamily};color-scheme:${colorScheme}`;
        const parsed = new DOMParser().parseFromString(html, "text/html"); // runs and loads nothing
        for (const one of parsed.querySelectorAll(USELESS)) one.remove();
        for (const one of parsed.querySelectorAll("*"))
          for (const { name, value } of [...one.attributes])
            if (REACHES_OUT.test(name) && !/^(#|data:)/.test(value)) one.removeAttribute(name);
        inner.body.replaceChildren(...parsed.head.childNodes, ...parsed.body.childNodes);
        resizing.observe(inner.body);
        resizing.observe(outer.parentElement ?? outer);
      };
      fill();
      outer.addEventListener("load", fill, { signal: ending });
      ending.addEventListener("abort", () => resizing.disconnect());
    },
    [html, theme],
  );
  return <iframe ref={frame} sandbox="allow-same-origin" srcdoc={SHELL} title={label || "HTML"} />;
}

/** As wide as the pane, or as what is in it if that cannot be narrower; and as high. */
function fitFrame(outer: HTMLIFrameElement): void {
  const root = outer.contentDocument?.documentElement;
  const body = outer.contentDocument?.body;
  if (!root || !body) return;
  const room = outer.parentElement?.clientWidth ?? 0;
  const had = outer.offsetWidth;
  if (had > room) outer.style.width = ""; // it may have become narrower
  const wide = Math.min(MOST_FRAME_PX.width, root.scrollWidth);
  const isWide = wide > root.clientWidth;
  if (isWide) outer.style.width = `${wide}px`;
  const bar = root.scrollWidth > root.clientWidth ? 18 : 0;
  outer.style.height = `${Math.min(MOST_FRAME_PX.height, Math.ceil(body.getBoundingClientRect().height) + bar)}px`;
}
