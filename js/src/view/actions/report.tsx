/** Saves the report: one HTML file that tells the session to whoever has no kernel. Asked for piece by piece. */
import { useEffect, useSignal } from "../../dom/hooks";
import type { Port } from "../../state/store";
import { count, object, text } from "../../wire";
import { formatBytes } from "../inspector/bytes";
import { saveFile, startedOf } from "../log/save";

const parsePiece = object({ name: text, size: count, start: count, made: count });

export function ReportButton({ port }: { port: Port }) {
  const said = useSignal("");
  const stop = useSignal<() => void>(() => undefined);
  useEffect((ending) => ending.addEventListener("abort", () => stop.peek()(), { once: true }), []);
  const say = (sentence: string) => {
    said.value = sentence;
  };
  const onClick = () => {
    stop.peek()();
    say("The report is being made…");
    stop.value = fetchReport(port, say);
  };
  return (
    <>
      <span class="milo-cut milo-muted" role="status" title={said.value}>
        {said.value}
      </span>
      <button
        type="button"
        class="milo-sign"
        aria-label="Save a report"
        title="Save a report: one HTML file, to keep or to send"
        onClick={onClick}
      >
        <svg class="milo-icon" width={16} height={16} viewBox="0 0 16 16" aria-hidden="true">
          <path d="M8 2v8M4.8 7L8 10.2 11.2 7M3 13.2h10" />
        </svg>
      </button>
    </>
  );
}

/** Asks for one piece after the other and saves them as a file; returns what ends that. */
function fetchReport(port: Port, say: (sentence: string) => void): () => void {
  const pieces: BlobPart[] = [];
  let drop: () => void = () => undefined;
  const ask = (start: number, made: number) => {
    drop = port.ask("report", { start, made }, ({ error, body, data }) => {
      if (error) return say(error);
      try {
        const piece = parsePiece(body, "report");
        if (!data?.byteLength) throw new Error("a piece has no bytes");
        pieces.push(new Uint8Array(data.buffer, data.byteOffset, data.byteLength) as BlobPart);
        const next = start + data.byteLength;
        if (next < piece.size) return ask(next, piece.made);
        say(save(new Blob(pieces, { type: "text/html;charset=utf-8" }), piece.name));
      } catch (wrong) {
        say(`The report could not be saved: ${wrong instanceof Error ? wrong.message : wrong}.`);
      }
    });
  };
  ask(0, 0);
  return () => drop();
}

function save(report: Blob, name: string): string {
  try {
    saveFile(report, name);
    return `${startedOf(name, formatBytes(report.size))} or run %milo report in a cell.`;
  } catch {
    return "The browser refused to save a file. `%milo report` in a cell writes it beside the notebook.";
  }
}
