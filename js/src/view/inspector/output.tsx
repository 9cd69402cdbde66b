/** Why a phase failed: the person's own lines, what led to it, what it was before, what waits for it. Text only: nothing here is markup. */

import type { Pane } from "../../state/panes";
import { blockedBy } from "../../state/panes";
import type { Port } from "../../state/store";
import type { Cause, Frame, Phase } from "../../wire";
import { formatDuration, plural } from "../format";
import { PhaseLinks } from "./links";
import { CopyButton, TextBlock, Verbatim } from "./verbatim";

export { Verbatim } from "./verbatim";

/** What each pane is given. */
export interface PaneProps {
  readonly port: Port;
  readonly phase: Phase;
  readonly index: number;
  /** Goes to another pane of the same phase, there to an attempt. */
  readonly onShow: (pane: Pane, attempt: number) => void;
  /** The attempt that was asked for so; 0: none. */
  readonly attempt: number;
  /** The page clock in milliseconds, as of this drawing. */
  readonly now: number;
  readonly theme: string;
}

export function ErrorPane({ port, phase, index, onShow }: PaneProps) {
  const detail = port.state.value.details.get(index);
  const error = detail?.error;
  const phases = port.state.value.session?.phases ?? [];
  const blocked = blockedBy(phases, index);
  const earlier = phase.history.filter((one) => one.error);
  const attempt = error?.attempt ?? phase.attempt;
  return (
    <div class="milo-pane" data-pane="error">
      {error ? (
        <Failure error={error} isCause={false} />
      ) : (
        <>
          <p class="milo-error">{phase.error || "No error."}</p>
          {phase.error && !detail ? <p class="milo-muted">Asking the kernel for the lines of code…</p> : null}
        </>
      )}
      <div class="milo-line milo-wrap milo-muted">
        <span>
          Attempt {attempt}
          {phase.elapsed > 0 ? `, after ${formatDuration(phase.elapsed)}` : ""}
        </span>
        <button type="button" class="milo-link" onClick={() => onShow("info", attempt)}>
          Open attempt {attempt}
        </button>
        {error?.text ? <CopyButton label="Copy traceback" text={error.text} word="Copy traceback" /> : null}
      </div>
      {error?.causes.map((cause, i) => (
        <Failure key={i} error={cause} isCause />
      ))}
      {blocked.length ? (
        <p class="milo-muted">
          {plural(blocked.length, "phase waits", "phases wait")} for it: <PhaseLinks port={port} indices={blocked} />
        </p>
      ) : null}
      {error?.text ? (
        <details>
          <summary>Full traceback</summary>
          <TextBlock label="Traceback" text={error.text} wraps={false} />
        </details>
      ) : null}
      {earlier.length ? (
        <details>
          <summary>{plural(earlier.length, "earlier attempt")} failed</summary>
          {earlier.map((one) => (
            <p key={one.attempt} class="milo-earlier">
              <button type="button" class="milo-link" onClick={() => onShow("info", one.attempt)}>
                Open attempt {one.attempt}
              </button>
              <span class="milo-muted"> {formatDuration(one.elapsed)} </span>
              <span class="milo-error">{one.error}</span>
            </p>
          ))}
        </details>
      ) : null}
    </div>
  );
}

function Failure({ error: { type, message, frames }, isCause }: { error: Omit<Cause, "text">; isCause: boolean }) {
  return (
    <>
      <Says type={type} message={message} isCause={isCause} />
      <Frames frames={frames} />
    </>
  );
}

/** A long message scrolls by itself: the lines of code below it are the point. */
function Says({ type, message, isCause }: { type: string; message: string; isCause: boolean }) {
  const reach = { role: "group", tabIndex: 0, "aria-label": "Message" };
  return (
    <p class="milo-error milo-says-why" {...reach}>
      {isCause ? <span class="milo-muted">caused by </span> : null}
      <b>{type}:</b> {message}
    </p>
  );
}

/** Lines of code, the one that matters marked. */
export function Frames({ frames }: { frames: readonly Frame[] }) {
  return frames.map((frame, i) => (
    <figure key={i} class="milo-frame">
      <figcaption class="milo-muted">
        <code>{frame.file}</code>, line {frame.line}, in <code>{frame.function}</code>
      </figcaption>
      {frame.code.length ? (
        <Verbatim label="Code">
          {frame.code.map(([number, text]) => (
            <code key={number} aria-current={number === frame.line || undefined}>
              <i>{number}</i>
              {text}
              {"\n"}
            </code>
          ))}
        </Verbatim>
      ) : null}
    </figure>
  ));
}
