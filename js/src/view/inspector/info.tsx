/** How a phase is set up: what it is, why it stands as it does, what it needs, its files, and the code of each attempt. */
import type { Child } from "../../dom/h";
import { useEffect, useRef } from "../../dom/hooks";
import { attemptsOf } from "../../state/bars";
import { downstream } from "../../state/selectors";
import type { Attempt } from "../../wire";
import { count, flag, listOf, object, type Parsed, text, tuple } from "../../wire";
import { formatDuration, ORIGIN_WORDS, plural } from "../format";
import { useAnswer } from "./answer";
import { formatBytes } from "./bytes";
import { PhaseLinks } from "./links";
import type { PaneProps } from "./output";
import { Waiting } from "./result";
import { TextBlock, Verbatim } from "./verbatim";

const code = object({
  attempt: count,
  is_next: flag,
  where: text,
  source: text,
  same_as: count,
  diff: listOf(tuple(text, text)),
});
export const parseSources = object({
  attempts: listOf(code),
  files: listOf(tuple(text, count)),
  more_files: count,
  folder: text,
});
type Code = Parsed<typeof code>;

export function InfoPane({ port, phase, index, attempt: wanted }: PaneProps) {
  const session = port.state.value.session;
  const phases = session?.phases ?? [];
  const version = `${phase.attempt} ${phase.status} ${phase.edited} ${phase.unsaved}`;
  const { body, error, again } = useAnswer(port, "source", { phase: index }, parseSources, `${session?.session_id} ${index}`, version);
  const names = (indices: readonly number[]) => (indices.length ? <PhaseLinks port={port} indices={indices} /> : "nothing");
  const facts: readonly (readonly [string, Child])[] = [
    ["Description", phase.description],
    ["Reason", phase.reason],
    ["Result", ORIGIN_WORDS[phase.origin]],
    ["Depends on", names(phase.depends_on)],
    ["Needed by", names(downstream(phases)[index] ?? [])],
    ["Usually takes", phase.usual > 0 ? formatDuration(phase.usual) : ""],
    ["Checkpoint", phase.unsaved ? "not on disk so far" : ""],
    ["On failure", phase.policy],
    ["Runs", phase.parallel ? "beside other phases" : "alone"],
    ["Weight", phase.weight],
    ["Code", phase.edited ? "edited since its last attempt; Retry uses the new code" : ""],
  ];
  const attempts = attemptsOf(phase, phase.elapsed);
  return (
    <div class="milo-pane" data-pane="info">
      <dl>
        {facts
          .filter(([, fact]) => fact !== "")
          .map(([term, fact]) => (
            <div key={term}>
              <dt>{term}</dt>
              <dd>{fact}</dd>
            </div>
          ))}
      </dl>
      {body?.files.length ? <Files files={body.files} more={body.more_files} folder={body.folder} /> : null}
      <h4>Attempts</h4>
      {body ? null : <Waiting error={error} again={again} what="Asking for the code…" />}
      {tries(attempts, body?.attempts ?? []).map(({ number, attempt, code: own }, i, all) => (
        <Try
          key={number}
          number={number}
          attempt={attempt}
          code={own}
          isOpen={number === wanted || (!wanted && i === all.length - 1)}
          isWanted={number === wanted}
        />
      ))}
    </div>
  );
}

interface Tried {
  readonly number: number;
  readonly attempt: Attempt | null;
  readonly code: Code | null;
}

/** What is known of each attempt, in order; the next one too, if it would run other code. */
export function tries(attempts: readonly Attempt[], codes: readonly Code[]): readonly Tried[] {
  const numbers = [...new Set([...attempts.map((one) => one.attempt), ...codes.map((one) => one.attempt)])].sort((a, b) => a - b);
  return numbers.map((number) => ({
    number,
    attempt: attempts.find((one) => one.attempt === number) ?? null,
    code: codes.find((one) => one.attempt === number) ?? null,
  }));
}

function Files({ files, more, folder }: { files: Parsed<typeof parseSources>["files"]; more: number; folder: string }) {
  return (
    <>
      <h4>Files</h4>
      <p class="milo-muted milo-break">in {folder}</p>
      <ul class="milo-files">
        {files.map(([path, size]) => (
          <li key={path}>
            <code>
              <bdi>{path}</bdi>
            </code>{" "}
            <span class="milo-muted">{formatBytes(size)}</span>
          </li>
        ))}
        {more ? <li>{plural(more, "more file")}</li> : null}
      </ul>
    </>
  );
}

interface TryProps extends Tried {
  readonly isOpen: boolean;
  readonly isWanted: boolean;
}

function Try({ number, attempt, code: own, isOpen, isWanted }: TryProps) {
  const details = useRef<HTMLDetailsElement | null>(null);
  useEffect(() => {
    if (details.current) details.current.open = isOpen;
    if (isWanted) details.current?.scrollIntoView?.({ block: "nearest" });
  }, [isOpen, isWanted]);
  const isNext = own?.is_next || !attempt;
  return (
    <details ref={details} class="milo-try" data-attempt={number} data-status={attempt?.status ?? "pending"}>
      <summary>
        <b>{isNext ? `Attempt ${number}, not begun` : `Attempt ${number}`}</b>
        {attempt ? <span class="milo-word"> {attempt.status}</span> : null}
        {attempt && attempt.elapsed > 0 ? <span class="milo-muted"> {formatDuration(attempt.elapsed)}</span> : null}
        {own?.diff.length ? <span class="milo-muted"> · {changes(own.diff)}</span> : null}
        {own?.same_as ? <span class="milo-muted"> · same code as attempt {own.same_as}</span> : null}
      </summary>
      {attempt?.error ? <p class="milo-error milo-says-why">{attempt.error}</p> : null}
      {own?.where ? <p class="milo-muted milo-break">{own.where}</p> : null}
      {own?.diff.length ? <Diff lines={own.diff} /> : null}
      {own?.source ? (
        own.diff.length ? (
          <details>
            <summary>All of its code</summary>
            <TextBlock label="Code" text={own.source} wraps={false} />
          </details>
        ) : (
          <TextBlock label="Code" text={own.source} wraps={false} />
        )
      ) : null}
      {own && !own.source && !own.same_as ? <p class="milo-muted">Its code is not known here.</p> : null}
    </details>
  );
}

const changes = (diff: Code["diff"]): string => {
  const of = (sign: string) => diff.filter(([one]) => one === sign).length;
  return `${plural(of("+"), "line")} added, ${of("-")} removed`;
};
const SIGNS: Readonly<Record<string, string>> = { "+": "added", "-": "removed", "@": "skipped" };

function Diff({ lines }: { lines: Code["diff"] }) {
  return (
    <figure class="milo-frame milo-diff">
      <Verbatim label="What changed">
        {lines.map(([sign, line], i) => (
          <code key={i} data-change={SIGNS[sign]}>
            <i>{sign === "@" ? "…" : sign}</i>
            {line}
            {"\n"}
          </code>
        ))}
      </Verbatim>
    </figure>
  );
}
