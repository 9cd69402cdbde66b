/** Text as it is: monospaced, reachable by the keyboard, wrapped or not, and to be copied. */
import type { Child } from "../../dom/h";
import { useEffect, useRef, useSignal } from "../../dom/hooks";
import { copyText } from "../log/save";

const SAYS_FOR_MS = 2_000;

/** Text that scrolls, so that the keyboard must reach it. */
export function Verbatim({ label, children, isWrapped = false }: { label: string; children?: Child; isWrapped?: boolean }) {
  const reach = { role: "group", tabIndex: 0, "aria-label": label };
  return (
    <pre class={isWrapped ? "milo-wrapped" : undefined} {...reach}>
      {children}
    </pre>
  );
}

/** Text with a button to wrap its lines and one to copy all of it. */
export function TextBlock({ label, text, wraps }: { label: string; text: string; wraps: boolean }) {
  const isWrapped = useSignal(wraps);
  return (
    <div class="milo-block">
      <div class="milo-tools">
        <button
          type="button"
          class="milo-quiet"
          aria-pressed={isWrapped.value}
          onClick={() => {
            isWrapped.value = !isWrapped.value;
          }}
        >
          Wrap
        </button>
        <CopyButton label={`Copy ${label.toLowerCase()}`} text={text} />
      </div>
      <Verbatim label={label} isWrapped={isWrapped.value}>
        {text}
      </Verbatim>
    </div>
  );
}

/** Copies, and says whether the browser did. */
export function CopyButton({ label, text, word = "Copy" }: { label: string; text: string; word?: string }) {
  const said = useSignal("");
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useEffect((ending) => ending.addEventListener("abort", () => clearTimeout(timer.current)), []);
  const onClick = async () => {
    said.value = (await copyText(text)) ? "Copied" : "Refused: select it, press Ctrl+C";
    clearTimeout(timer.current);
    timer.current = setTimeout(() => {
      said.value = "";
    }, SAYS_FOR_MS);
  };
  return (
    <button type="button" class="milo-quiet milo-copy" aria-label={label} title={label} onClick={onClick}>
      <span aria-live="polite">{said.value || word}</span>
    </button>
  );
}
