/** What a phase gave: as a table, a picture or text; what is inside of it can be opened, what is large on disk loaded. */
import { useEffect, useMemo, useSignal } from "../../dom/hooks";
import { count, flag, listOf, nullable, number, object, type Parsed, text, tuple } from "../../wire";
import { type Answered, useAnswer } from "./answer";
import { formatBytes } from "./bytes";
import type { PaneProps } from "./output";
import { CopyButton, TextBlock } from "./verbatim";

const table = object({
  columns: listOf(text),
  kinds: listOf(text),
  rows: listOf(listOf(text)),
  index: count,
  gap: number,
  note: text,
  opens: flag,
});
export const parseLook = object({
  type: text,
  size: text,
  facts: listOf(tuple(text, text)),
  preview: text,
  why: text,
  table: nullable(table),
  image: text,
  crumbs: listOf(text),
  unloaded: count,
});
type Look = Parsed<typeof parseLook>;
type Rows = Parsed<typeof table>;
/** What is printed in columns of its own is not broken anew, which makes rags of it: it scrolls. Longer lines are prose. */
const LONG_LINE = 160;
/** Nothing else is ever put into an image. */
const IMAGES = ["image/png", "image/jpeg", "image/gif"];

export function ResultPane({ port, phase, index }: PaneProps) {
  if (phase.status === "completed" || phase.status === "skipped")
    return [<Seen key={`${phase.attempt} ${phase.status}`} port={port} phase={phase} index={index} />];
  return (
    <div class="milo-pane" data-pane="result">
      <p class="milo-muted">There is a result once the phase has completed.</p>
    </div>
  );
}

function Seen({ port, phase, index }: Pick<PaneProps, "port" | "phase" | "index">) {
  const at = useSignal<readonly number[]>([]);
  const loads = useSignal(false);
  const session = port.state.value.session?.session_id ?? "";
  const path = at.value;
  const version = `${phase.attempt} ${phase.status} ${path} ${loads.value}`;
  const args = { phase: index, at: path, load: loads.value };
  const { body, data, error, again } = useAnswer(port, "result", args, parseLook, `${session} ${index} ${path}`, version);
  const go = (next: readonly number[]) => {
    at.value = next;
  };
  return (
    <div class="milo-pane" data-pane="result" data-table={Boolean(body?.table) || undefined}>
      {path.length ? (
        <Crumbs name={phase.name} crumbs={body?.crumbs ?? []} depth={path.length} onGo={(to) => go(path.slice(0, to))} />
      ) : null}
      {body ? (
        <Shown look={body} data={data} onOpen={(row) => go([...path, row])} />
      ) : (
        <Waiting error={error} again={again} what="Looking at the result…" />
      )}
      {body?.unloaded && !loads.value ? (
        <button
          type="button"
          class="milo-button"
          onClick={() => {
            loads.value = true;
          }}
        >
          Load {formatBytes(body.unloaded)}
        </button>
      ) : null}
    </div>
  );
}

/** Why there is nothing yet, or will not be. */
export function Waiting({ error, again, what }: Pick<Answered<unknown>, "error" | "again"> & { what: string }) {
  if (!error) return <p class="milo-muted">{what}</p>;
  return (
    <p class="milo-line milo-wrap">
      <span>{error}</span>
      <button type="button" class="milo-button" onClick={again}>
        Try again
      </button>
    </p>
  );
}

interface CrumbsProps {
  readonly name: string;
  readonly crumbs: readonly string[];
  readonly depth: number;
  readonly onGo: (depth: number) => void;
}

function Crumbs({ name, crumbs, depth, onGo }: CrumbsProps) {
  return (
    <nav class="milo-crumbs" aria-label="Inside the result">
      {[name, ...crumbs.slice(0, depth - 1)].map((crumb, i) => (
        <span key={i}>
          <button type="button" class="milo-link" onClick={() => onGo(i)}>
            {crumb}
          </button>
          {" › "}
        </span>
      ))}
      <b>{crumbs[depth - 1] ?? "…"}</b>
    </nav>
  );
}

function Shown({ look, data, onOpen }: { look: Look; data: DataView | null; onOpen: (row: number) => void }) {
  const picture = data && IMAGES.includes(look.image) ? <Picture data={data} mime={look.image} alt={`${look.type}, ${look.size}`} /> : null;
  return (
    <>
      <p class="milo-kind">
        <code>{look.type}</code>
        {look.size ? <b>{look.size}</b> : null}
        {look.facts.map(([label, fact]) => (
          <span key={label}>
            <span class="milo-muted">{label}</span> {fact}
          </span>
        ))}
      </p>
      {look.why ? <p class="milo-prose">{look.why}</p> : null}
      {picture}
      {look.preview ? (
        <TextBlock label="Result" text={look.preview} wraps={look.preview.split("\n").some((line) => line.length > LONG_LINE)} />
      ) : null}
      {look.table ? <Table rows={look.table} onOpen={onOpen} /> : null}
      {look.image && !data ? <p class="milo-muted">Its picture is too large to be shown here.</p> : null}
    </>
  );
}

function Picture({ data, mime, alt }: { data: DataView; mime: string; alt: string }) {
  const url = useMemo(() => URL.createObjectURL(new Blob([data] as BlobPart[], { type: mime })), [data]);
  useEffect((ending) => ending.addEventListener("abort", () => URL.revokeObjectURL(url), { once: true }), [url]);
  return <img class="milo-picture" src={url} alt={alt} />;
}

/** A table that scrolls by itself, its head and the names of its rows staying in sight. */
function Table({ rows: { columns, kinds, rows, index, gap, note, opens }, onOpen }: { rows: Rows; onOpen: (row: number) => void }) {
  const reach = { role: "group", tabIndex: 0, "aria-label": "Table" };
  const isLeftOut = (i: number) => gap >= 0 && i === gap;
  const tsv = [columns, ...rows].map((row) => row.map((cell) => cell.replace(/[\t\n]/g, " ")).join("\t")).join("\n");
  return (
    <div class="milo-block milo-rows-block">
      <div class="milo-tools">
        {note ? <span class="milo-muted">{note}</span> : null}
        <CopyButton label="Copy table" text={tsv} />
      </div>
      <div class="milo-table" {...reach}>
        <table>
          <thead>
            <tr>
              {columns.map((name, c) => {
                const Tag = name ? "th" : "td"; // a head without a name is none
                return (
                  <Tag key={c} data-index={c < index || undefined}>
                    <bdi>{name}</bdi>
                    {kinds[c] ? <small>{kinds[c]}</small> : null}
                  </Tag>
                );
              })}
            </tr>
          </thead>
          <tbody>
            {rows.map((row, r) => (
              <>
                {isLeftOut(r) ? <tr class="milo-gap">{row.map((_, c) => (c < index ? <th key={c}>⋮</th> : <td key={c}>⋮</td>))}</tr> : null}
                <tr>
                  {row.map((cell, c) =>
                    c < index ? (
                      <th key={c} data-index>
                        {opens && c === 0 ? (
                          <button type="button" class="milo-link" aria-label={`Open ${cell}`} onClick={() => onOpen(r)}>
                            {cell}
                          </button>
                        ) : (
                          <bdi>{cell}</bdi>
                        )}
                      </th>
                    ) : (
                      <td key={c} data-number={isNumber(kinds[c] ?? "") || undefined}>
                        <bdi>{cell}</bdi>
                      </td>
                    ),
                  )}
                </tr>
              </>
            ))}
          </tbody>
        </table>
      </div>
      {rows.length ? null : <p class="milo-muted">No rows.</p>}
    </div>
  );
}

const isNumber = (kind: string): boolean => /^(u?int|float|complex|decimal)/i.test(kind);
