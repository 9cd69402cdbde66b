/** What a phase left behind: its error, with the person's own lines, or its result. Text only: nothing here is markup. */
import type { Port } from "../state/store";
import type { Cause, Frame, Phase } from "../wire";
import type { View } from "./app";

export function ErrorPane({ port, view, phase, index }: { port: Port; view: View; phase: Phase; index: number }) {
  const state = port.state.value;
  const error = state.details.get(index)?.error ?? null;
  const roots = (error?.root ?? []).filter((name) => name !== phase.name);
  const phases = state.session?.phases ?? [];
  return (
    <div class="milo-pane milo-error" data-pane="error">
      {roots.length > 0 ? (
        <p class="milo-root-cause">
          Root cause:{" "}
          {roots.map((name) => (
            <button key={name} type="button" class="milo-link" onClick={() => port.select(Math.max(0, phases.findIndex((one) => one.name === name)), true)}>
              {name}
            </button>
          ))}
        </p>
      ) : null}
      <p class="milo-error-head">
        {error ? <strong class="milo-error-type">{error.type}</strong> : null} <span class="milo-error-message">{error ? error.message : phase.error || "No error."}</span>
      </p>
      {error ? <Frames frames={error.frames} /> : null}
      {error?.causes.map((cause, i) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a chain of causes has no other identity
        <CausedBy key={i} cause={cause} />
      ))}
      {error?.text ? (
        <details class="milo-traceback">
          <summary>Full traceback</summary>
          <button type="button" class="milo-button milo-quiet" onClick={() => view.copy(error.text)}>
            Copy
          </button>
          <pre>{error.text}</pre>
        </details>
      ) : null}
    </div>
  );
}

function CausedBy({ cause }: { cause: Cause }) {
  return (
    <section class="milo-cause">
      <p class="milo-error-head">
        <span class="milo-muted">caused by</span> <strong class="milo-error-type">{cause.type}</strong> <span class="milo-error-message">{cause.message}</span>
      </p>
      <Frames frames={cause.frames} />
    </section>
  );
}

function Frames({ frames }: { frames: readonly Frame[] }) {
  return (
    <ol class="milo-frames">
      {frames.map((frame, i) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a stack's frames have no other identity, and recursion repeats them
        <li key={i} class="milo-frame">
          <p class="milo-frame-head">
            <span class="milo-frame-file" title={frame.file}>
              {frame.file}
            </span>
            , line {frame.line}, in <span class="milo-frame-function">{frame.function}</span>
          </p>
          {frame.code.length > 0 ? (
            <pre class="milo-code">
              {frame.code.map(([number, text]) => (
                <code key={number} class={number === frame.line ? "milo-code-line milo-code-current" : "milo-code-line"} aria-current={number === frame.line ? "true" : undefined}>
                  <span class="milo-code-number">{number}</span>
                  <span class="milo-code-text">{text}</span>
                </code>
              ))}
            </pre>
          ) : null}
        </li>
      ))}
    </ol>
  );
}

export function ResultPane({ port, phase, index }: { port: Port; phase: Phase; index: number }) {
  const detail = port.state.value.details.get(index);
  const result = detail?.result ?? null;
  return (
    <div class="milo-pane" data-pane="result">
      {result ? (
        <>
          <p class="milo-result-type">
            <span class="milo-muted">Type</span> <code>{result.type}</code>
          </p>
          <pre class="milo-preview">{result.preview}</pre>
        </>
      ) : (
        <p class="milo-empty">{phase.status !== "completed" ? "A result is there once the phase has completed." : detail ? "The phase returned nothing." : "Asking the kernel…"}</p>
      )}
    </div>
  );
}
