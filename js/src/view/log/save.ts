/** Takes log lines out of the page: to the clipboard, or as a file. What the browser refuses is said in a sentence. */
import { plain } from "../../ansi";
import { firstOf, lastOf, type Range } from "../../state/links";
import type { Line } from "../../state/logs";
import { isCut, pieceOf, stretchOf, wholeOf } from "../../state/pages";
import type { Port } from "../../state/store";
import { formatCount, formatPercent } from "../format";

/** Lines that are copied at once, and bytes. */
export const MOST_COPIED = 50_000;
const MOST_COPIED_BYTES = 4_000_000;
const PAGE = 1_000;
/** Pieces are put together now and then: the browser may keep the result on disk. */
const BLOB_BYTES = 4_000_000;

export const REFUSED = "The browser refused to copy. Download the log, or choose text and press Ctrl+C.";
const REFUSED_FILE = "The browser refused to save a file. Copy the log instead.";
/** A page is never told that the browser, or its frame, lets no file through. */
export const startedOf = (name: string, size: string): string =>
  `Download started: ${name}, ${size}. If no file comes, allow downloads for this page,`;

/** What a person is told while something goes on, and at its end. */
export type Say = (sentence: string) => void;

/** Puts text into the clipboard; false if the browser refuses. */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyOldWay(text); // pages without https have no other
  }
}

function copyOldWay(text: string): boolean {
  const focused = document.activeElement;
  const field = document.createElement("textarea");
  field.value = text;
  field.style.position = "fixed";
  field.style.opacity = "0";
  document.body.append(field);
  field.focus({ preventScroll: true });
  field.setSelectionRange(0, text.length);
  try {
    return document.execCommand("copy");
  } catch {
    return false;
  } finally {
    field.remove();
    if (focused instanceof HTMLElement) focused.focus({ preventScroll: true });
  }
}

/** One question as a promise; it is dropped when `ending` aborts. */
function asking(port: Port, what: string, args: Readonly<Record<string, unknown>>, ending: AbortSignal) {
  return new Promise<{ body: unknown; data: DataView | undefined }>((resolve, reject) => {
    const drop = port.ask(what, args, ({ error, body, data }) => (error ? reject(new Error(error)) : resolve({ body, data })));
    ending.addEventListener("abort", () => {
      drop();
      reject(new Error("Stopped."));
    });
  });
}

const sentenceOf = (wrong: unknown): string => (wrong instanceof Error ? wrong.message : `${wrong}`);

/** The chosen lines as text, those that are not here asked for. */
export async function copyRange(
  port: Port,
  log: number,
  range: Range,
  lineAt: (number: number) => Line | undefined,
  isNumbered: boolean,
  say: Say,
  ending: AbortSignal,
): Promise<void> {
  const first = firstOf(range);
  const count = lastOf(range) - first + 1;
  if (count > MOST_COPIED) return say(`More than ${formatCount(MOST_COPIED)} lines cannot be copied at once. Download the log instead.`);
  const lines = new Map<number, string>();
  try {
    for (let at = first; at < first + count; ) {
      const here = lineAt(at);
      if (here && count === 1 && isCut(here[3])) {
        const { body, data } = await asking(port, "lines", { phase: log, numbers: [at] }, ending);
        lines.set(at++, wholeOf(body, data)?.[3] ?? here[3]);
      } else if (here) lines.set(at++, here[3]);
      else {
        const { body } = await asking(port, "page", { phase: log, start: at, count: Math.min(PAGE, first + count - at) }, ending);
        const rows = stretchOf(body);
        for (const { number, line } of rows) lines.set(number, line[3]);
        at = Math.max(at + 1, (rows.at(-1)?.number ?? first + count) + 1);
      }
    }
  } catch (wrong) {
    return say(sentenceOf(wrong));
  }
  const numbers = [...lines.keys()].filter((number) => number < first + count);
  const digits = String(first + count).length;
  const text = numbers.map((number) => `${isNumbered ? `${String(number + 1).padStart(digits)}  ` : ""}${plain(lines.get(number) ?? "")}`);
  const isCopied = await copyText(`${text.join("\n")}\n`);
  const cut = count - numbers.length;
  say(
    isCopied
      ? `Copied ${formatCount(numbers.length)} ${numbers.length === 1 ? "line" : "lines"}${cut ? `; ${formatCount(cut)} were cut` : ""}`
      : REFUSED,
  );
}

/** The whole text of a log, asked for piece by piece. */
async function fetchText(port: Port, log: number, say: Say, ending: AbortSignal, most = Number.POSITIVE_INFINITY) {
  const parts: BlobPart[] = [];
  let recent: BlobPart[] = [];
  let recentBytes = 0;
  let name = "log.txt";
  for (let at = 0, size = 1; at < size; ) {
    const { body, data } = await asking(port, "text", { phase: log, start: at }, ending);
    const piece = pieceOf(body);
    name = piece.name || name;
    size = piece.size;
    if (size > most) throw new Error(`The log has ${formatCount(Math.ceil(size / 1e6))} MB: download it, or choose lines to copy.`);
    if (!data?.byteLength) break; // it became shorter under the reader
    recent.push(new Uint8Array(data.buffer, data.byteOffset, data.byteLength) as BlobPart);
    recentBytes += data.byteLength;
    at += data.byteLength;
    if (recentBytes > BLOB_BYTES) {
      parts.push(new Blob(recent));
      recent = [];
      recentBytes = 0;
    }
    say(`${formatPercent(at / size)} of ${sizeOf(size)}`);
  }
  return { blob: new Blob([...parts, ...recent], { type: "text/plain;charset=utf-8" }), name };
}

export async function copyAll(port: Port, log: number, say: Say, ending: AbortSignal): Promise<void> {
  try {
    const { blob } = await fetchText(port, log, say, ending, MOST_COPIED_BYTES);
    const lines = (await blob.text()).split("\n");
    say((await copyText(lines.map(plain).join("\n"))) ? "Copied" : REFUSED);
  } catch (wrong) {
    say(sentenceOf(wrong));
  }
}

/** Saves the full text as a file of the browser's. */
export async function download(port: Port, log: number, say: Say, ending: AbortSignal): Promise<void> {
  try {
    const { blob, name } = await fetchText(port, log, say, ending);
    saveFile(blob, name);
    say(`${startedOf(name, sizeOf(blob.size))} or choose Copy all.`);
  } catch (wrong) {
    say(sentenceOf(wrong));
  }
}

export function saveFile(blob: Blob, name: string): void {
  let url = "";
  try {
    url = URL.createObjectURL(blob);
    const link = document.createElement("a");
    link.href = url;
    link.download = name.replace(/[^\p{L}\p{N}._ -]/gu, "_");
    link.click();
  } catch {
    throw new Error(REFUSED_FILE);
  } finally {
    if (url) setTimeout(() => URL.revokeObjectURL(url), 60_000); // the browser reads it later
  }
}

function sizeOf(bytes: number): string {
  return bytes < 1e6 ? `${formatCount(Math.ceil(bytes / 1e3))} KB` : `${(bytes / 1e6).toFixed(1)} MB`;
}
