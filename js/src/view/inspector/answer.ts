/** What is asked of the kernel for one pane, once for each key; dropped when the pane goes. */
import { useEffect, useMemo, useSignal } from "../../dom/hooks";
import type { Port } from "../../state/store";
import type { Parse } from "../../wire";

export interface Answered<T> {
  /** null: on its way, or refused. */
  readonly body: T | null;
  readonly data: DataView | null;
  /** Why there is no answer, in a sentence. */
  readonly error: string;
  /** Asks again. */
  again(): void;
}

/** Asks `what` for each new `key`. What was known for the same subject stays until the answer is there. */
export function useAnswer<T>(
  port: Port,
  what: string,
  args: Readonly<Record<string, unknown>>,
  parse: Parse<T>,
  subject: string,
  version: string,
): Answered<T> {
  const answer = useSignal({ subject, body: null as T | null, data: null as DataView | null, error: "" });
  const tries = useSignal(0);
  useEffect(
    (ending) => {
      const drop = port.ask(what, args, ({ done, error, body, data }) => {
        if (!done) return;
        answer.value = { subject, data: data ?? null, ...(error ? { body: null, error } : read(parse, what, body)) };
      });
      ending.addEventListener("abort", drop, { once: true });
    },
    [subject, version, tries.value],
  );
  const again = useMemo(
    () => () => {
      tries.value += 1;
    },
    [],
  );
  const isOld = answer.value.subject !== subject;
  const { body, data, error } = answer.value;
  return isOld ? { body: null, data: null, error: "", again } : { body, data, error, again };
}

/** The body, or why it could not be read. */
export function read<T>(parse: Parse<T>, what: string, body: unknown): { readonly body: T | null; readonly error: string } {
  try {
    return { body: parse(body, what), error: "" };
  } catch (error) {
    return { body: null, error: `The answer could not be read: ${error}.` };
  }
}
