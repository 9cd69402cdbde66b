/** What a phase left behind: its error, with the person's own lines, or its result. Text only: nothing here is markup. */
import type { Child } from "../dom/h";
import type { Port } from "../state/store";
import type { Cause, Phase } from "../wire";

interface Props {
  readonly port: Port;
  readonly phase: Phase;
  readonly index: number;
}

export function ErrorPane({ port, phase, index }: Props) {
  const error = port.state.value.details.get(index)?.error;
  return (
    <div class="milo-pane" data-pane="error">
      {error ? (
        [error, ...error.causes].map((one, i) => <Failure key={i} error={one} isCause={i > 0} />)
      ) : (
        <p class="milo-error">{phase.error || "No error."}</p>
      )}
      {error?.text ? (
        <details>
          <summary>Full traceback</summary>
          <Verbatim label="Full traceback">{error.text}</Verbatim>
        </details>
      ) : null}
    </div>
  );
}

/** Text as it is, which scrolls, so that the keyboard must reach it. */
export function Verbatim({ label, children }: { label: string; children?: Child }) {
  const reach = { role: "group", tabIndex: 0, "aria-label": label };
  return <pre {...reach}>{children}</pre>;
}

function Failure({ error: { type, message, frames }, isCause }: { error: Omit<Cause, "text">; isCause: boolean }) {
  return (
    <>
      <p class="milo-error">
        {isCause ? <span class="milo-muted">caused by </span> : null}
        <b>{type}:</b> {message}
      </p>
      {frames.map((frame, i) => (
        <figure key={i} class="milo-frame">
          <figcaption class="milo-muted">
            <code>{frame.file}</code>, line {frame.line}, in <code>{frame.function}</code>
          </figcaption>
          <Verbatim label="Code">
            {frame.code.map(([number, text]) => (
              <code key={number} aria-current={number === frame.line || undefined}>
                <i>{number}</i>
                {text}
                {"\n"}
              </code>
            ))}
          </Verbatim>
        </figure>
      ))}
    </>
  );
}

export function ResultPane({ port, phase, index }: Props) {
  const detail = port.state.value.details.get(index);
  const waiting =
    phase.status !== "completed"
      ? "There is a result once the phase has completed."
      : detail
        ? "The phase returned nothing."
        : "Asking the kernel…";
  return (
    <div class="milo-pane" data-pane="result">
      {detail?.result ? (
        <>
          <code class="milo-muted">{detail.result.type}</code>
          <Verbatim label="Result">{detail.result.preview}</Verbatim>
        </>
      ) : (
        <p class="milo-muted">{waiting}</p>
      )}
    </div>
  );
}
