/** Asks what shall stand in for a phase: None, its earlier result, a variable of the notebook, or a value that is typed. */
import { useEffect, useRef, useSignal } from "../../dom/hooks";
import { barred } from "../../state/selectors";
import type { Port } from "../../state/store";
import { listOf, object, text, tuple } from "../../wire";
import { replacesResult } from "./menu-items";
import { Popup } from "./popup";
import { usePreview } from "./preview";

interface Props {
  readonly port: Port;
  readonly id: string;
  readonly index: number;
  readonly onClose: () => void;
}

const parseValues = object({ earlier: text, variables: listOf(tuple(text, text)) });
type Values = ReturnType<typeof parseValues>;
type Kind = "none" | "earlier" | "variable" | "literal";

export function SkipDialog({ port, id, index, onClose }: Props) {
  const phase = port.state.value.session?.phases[index];
  const values = useSignal<Values | null>(null);
  const trouble = useSignal("");
  const kind = useSignal<Kind>("none");
  const name = useSignal("");
  const typed = useSignal("");
  const form = useRef<HTMLFormElement | null>(null);
  useEffect(
    (ending) => {
      form.current?.querySelector<HTMLElement>("input")?.focus();
      const drop = port.ask("values", { phase: index }, ({ done, error, body }) => {
        if (!done) return;
        try {
          if (error) throw new Error(error);
          values.value = parseValues(body, "values");
          name.value = values.value.variables[0]?.[0] ?? "";
        } catch (wrong) {
          trouble.value = wrong instanceof Error ? wrong.message : `${wrong}`;
        }
      });
      ending.addEventListener("abort", drop, { once: true });
    },
    [index],
  );
  const value = kind.value === "variable" ? `variable:${name.value}` : kind.value === "literal" ? `literal:${typed.value}` : kind.value;
  const options = { value, ...(phase && replacesResult(phase) ? { replace: true } : {}) };
  const preview = usePreview(port, phase ? { command: "skip", phases: [phase.name], options } : null);
  if (!phase) return null;
  const why = barred(port.state.value, "skip");
  const { earlier = "", variables = [] } = values.value ?? {};
  const isElsewhere = port.state.value.session?.owner === "elsewhere";
  const none = isElsewhere ? "cannot be sent to another kernel" : "there is none";
  const pending = trouble.value ? "not known" : "looking…";
  const choices: readonly (readonly [Kind, string, string, boolean])[] = [
    ["none", "None", "as Skip does", true],
    ["earlier", "Its earlier result", values.value ? earlier || "no other session has saved one" : pending, earlier !== ""],
    ["variable", "A variable of the notebook", values.value ? (variables.length ? "" : none) : pending, variables.length > 0],
    ["literal", "A value", isElsewhere ? none : "as Python writes it: 0.95, [1, 2], 'text'", !isElsewhere],
  ];
  const onSubmit = (event: SubmitEvent) => {
    event.preventDefault();
    if (why) return;
    onClose();
    port.command("skip", [phase.name], options);
  };
  return (
    <Popup at={null} kind="dialog" role="dialog" label={`Skip ${phase.name} with a value`} isModal={true} onClose={onClose}>
      <form ref={form} onSubmit={onSubmit}>
        <b>Skip {phase.name} with a value</b>
        <p class="milo-muted">What depends on it gets this in place of its result.</p>
        <fieldset>
          <legend class="milo-said">Value</legend>
          {choices.map(([one, label, note, isThere]) => (
            <label key={one} class="milo-line" aria-disabled={!isThere}>
              <input
                type="radio"
                name={`${id}-kind`}
                checked={one === "none" ? "" : undefined}
                disabled={isThere ? undefined : ""}
                onInput={() => {
                  kind.value = one;
                }}
              />
              <span>{label}</span> <small class="milo-muted">{note}</small>
            </label>
          ))}
          {kind.value === "literal" ? (
            <input
              type="text"
              aria-label="Value to go on with"
              onInput={(event) => {
                typed.value = event.currentTarget.value;
              }}
            />
          ) : null}
          {kind.value === "variable" && variables.length > 0 ? (
            <select
              aria-label="Variable"
              onInput={(event) => {
                name.value = event.currentTarget.value;
              }}
            >
              {variables.map(([variable, type]) => (
                <option key={variable} value={variable}>
                  {variable} — {type}
                </option>
              ))}
            </select>
          ) : null}
        </fieldset>
        {trouble.value ? (
          <p class="milo-banner" role="alert">
            {trouble.value}
          </p>
        ) : null}
        <p class="milo-says" aria-live="polite">
          {why || preview || "…"}
        </p>
        <div class="milo-line milo-wrap milo-dialog-foot">
          <button type="button" class="milo-button" onClick={onClose}>
            Close
          </button>
          <button type="submit" class="milo-button milo-primary" aria-disabled={why !== "" || undefined}>
            Skip with this value
          </button>
        </div>
      </form>
    </Popup>
  );
}
