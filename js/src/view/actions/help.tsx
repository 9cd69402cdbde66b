/** All keys on one page. */
import { useEffect, useRef } from "../../dom/hooks";
import { LOG_KEYS } from "../log/keys";
import { SignButton } from "../parts";
import { Popup } from "./popup";

const KEYS: readonly (readonly [string, Readonly<Record<string, string>>])[] = [
  [
    "Look",
    {
      "← → ↑ ↓": "select a phase, in the graph along its edges",
      "g G": "first, last phase",
      Enter: "open the selected phase",
      "q Esc": "close it; Esc again: back to the notebook",
      "1 2 3": "graph, timeline, list",
      "+ − 0": "zoom, fit (or Ctrl+wheel)",
      f: "follow the log",
      "/": "find in the log, or filter the list",
    },
  ],
  [
    "Act",
    {
      ". ⇧F10": "all that can be done with the selected phase (or right click)",
      r: "retry the selected phase, then what waits for it",
      s: "skip it",
      a: "approve what waits for review",
      p: "pause, resume",
      c: "cancel the open phase, else the pipeline",
    },
  ],
  ["In the log", LOG_KEYS],
  ["In menus and panes", { "↑ ↓": "the next entry", "← →": "the next tab", Tab: "the next control", "?": "these keys" }],
];

export function Help({ onClose }: { onClose: () => void }) {
  const page = useRef<HTMLDivElement | null>(null);
  useEffect(() => page.current?.querySelector<HTMLElement>("button")?.focus(), []);
  return (
    <Popup
      at={null}
      kind="dialog"
      role="dialog"
      label="Keys"
      isModal={true}
      onClose={onClose}
      onKey={(event) => {
        if (event.key === "?" || event.key === "q") onClose();
      }}
    >
      <div ref={page} class="milo-line">
        <b class="milo-spring">Keys</b>
        <SignButton sign="close" label="Close (Esc)" onClick={onClose} />
      </div>
      <div class="milo-help">
        {KEYS.map(([about, keys]) => (
          <section key={about}>
            <h4>{about}</h4>
            <dl>
              {Object.entries(keys).map(([key, does]) => (
                <div key={key}>
                  <dt>
                    {key.split(" ").map((one) => (
                      <kbd key={one}>{one}</kbd>
                    ))}
                  </dt>
                  <dd>{does}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Popup>
  );
}
