/**
 * The part of the view that comes later: asked for once in a page, from the kernel, whatever number of views there are.
 * In tests and on the development page it is a module like others.
 */
import { Signal } from "../state/signal";
import type { Port } from "../state/store";
import { count, object } from "../wire";

export type More = typeof import("../more");
/** What a build makes of it: a function of the first part's modules, and the style sheet. */
interface Part {
  readonly css: string;
  make(shared: unknown): More;
}

const AGAIN_AFTER_MS = 5_000;
const parsePiece = object({ start: count, size: count });
const loaded = new Signal<More | null>(null);
const trouble = new Signal("");
const isDue = new Signal(true);

/** The later part, or null while it is on its way. */
export function useMore(port: Port): More | null {
  if (isDue.value && port.state.value.connection === "live") {
    isDue.value = false;
    importMore(() => fetchPart(port)).then(provideMore, (error: unknown) => {
      trouble.value = error instanceof Error ? error.message : `${error}`;
      setTimeout(() => {
        isDue.value = true;
      }, AGAIN_AFTER_MS);
    });
  }
  return loaded.value;
}

/** Why the later part is not there. */
export const whyNotMore = (): string => trouble.value;

export function provideMore(more: More): void {
  loaded.value = more;
  isDue.value = false;
  trouble.value = "";
}

// The build puts into the place of `import()` what takes the part from the kernel: see scripts/parts.mjs.
const importMore = (ask: () => Promise<string>): Promise<More> => runPart(ask, () => import("../more"), "");

/** Asks for the part, piece by piece. */
function fetchPart(port: Port): Promise<string> {
  const pieces: Uint8Array[] = [];
  return new Promise((resolve, reject) => {
    const ask = (start: number) =>
      port.ask("part", { start }, ({ error, body, data }) => {
        if (error || !data) return reject(new Error(error || "The kernel sent nothing."));
        try {
          pieces.push(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
          const next = start + data.byteLength;
          if (next < parsePiece(body, "part").size && data.byteLength) ask(next);
          else new Blob(pieces as BlobPart[]).text().then(resolve, reject);
        } catch (wrong) {
          reject(wrong); // it is asked for again in a while
        }
      });
    ask(0);
  });
}

/** Runs the part's text, once in a page, and hands it what both parts share. Without a build it is a module to import. */
async function runPart(ask: () => Promise<string>, shared: unknown, build: string): Promise<More> {
  if (!build) return (shared as () => Promise<More>)();
  const page = globalThis as { [key: symbol]: Map<string, Promise<Part>> };
  const key = Symbol.for("milo_nb.parts");
  page[key] ??= new Map();
  const parts = page[key];
  let coming = parts.get(build);
  if (!coming) {
    coming = ask().then(async (text) => {
      const url = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
      const part = ((await import(/* @vite-ignore */ url)) as { default: Part }).default;
      URL.revokeObjectURL(url);
      const style = document.createElement("style");
      style.dataset["milo"] = build;
      style.textContent = part.css;
      document.head.append(style);
      return part;
    });
    parts.set(build, coming);
    coming.catch(() => parts.delete(build)); // another view may have more luck
  }
  return (await coming).make(shared);
}
