/** What the kernel in the page says of results, code and running lines. Not shipped. */
import type { Phase } from "../src/wire";
import { type FakeOptions, fakePhase } from "./fake";

type Args = Readonly<Record<string, unknown>>;
type Words = Readonly<Record<string, (args: Args, phase: Phase) => object>>;

const NO_TABLE = { facts: [], preview: "", why: "", table: null, image: "", crumbs: [], unloaded: 0 };
const HOSTILE = "<img src=x onerror=alert(1)> \u202eevil 🚀 مرحلة ";

function frame(rows: number, columns: number): object {
  const head = [
    "",
    ...Array.from({ length: columns }, (_, c) => (c === 2 ? "a_column_with_a_name_that_is_much_longer_than_its_values" : `c${c}`)),
  ];
  const row = (r: number) => [
    String(r),
    ...Array.from({ length: columns }, (_, c) => (c === 3 ? HOSTILE.repeat(3) : String((r * 37 + c * 11) / 8))),
  ];
  return {
    columns: head,
    kinds: ["", ...Array.from({ length: columns }, (_, c) => (c === 3 ? "object" : "float64"))],
    rows: [...Array.from({ length: 20 }, (_, r) => row(r)), ...Array.from({ length: 5 }, (_, r) => row(rows - 5 + r))],
    index: 1,
    gap: 20,
    note: `25 of ${rows.toLocaleString("en-US")} rows, ${columns} of 40 columns`,
    opens: false,
  };
}

const LOOKS: Readonly<Record<string, () => object>> = {
  frame: () => ({
    type: "pandas.DataFrame",
    size: "50,000 rows × 40 columns",
    facts: [
      ["Memory", "16.4 MB and what its objects take"],
      ["Index", "RangeIndex"],
      ["On disk", "4.1 MB"],
    ],
    table: frame(50_000, 24),
  }),
  array: () => ({
    type: "numpy.ndarray",
    size: "1,000 × 1,000",
    facts: [
      ["dtype", "float64"],
      ["Memory", "8 MB"],
      ["Min", "2.9e-07"],
      ["Max", "0.99"],
      ["Mean", "0.4999"],
      ["NaN", "12"],
    ],
    preview:
      "[[0.96249403 0.2369302  ... 0.72494605 0.40254358]\n [0.83234318 0.57681896 ... 0.063      0.1       ]\n ...\n [0.1 0.2 ... 0.3 0.4]]",
  }),
  text: () => ({
    type: "str",
    size: "20,000 characters, 210 lines",
    preview: `${HOSTILE.repeat(40)}\n${"no spaces_in_this_line".repeat(80)}\n`.repeat(6),
  }),
  names: () => ({
    type: "milo_nb.values.exports.Exports",
    size: "4 names",
    table: {
      columns: ["Name", "Type", "Value"],
      kinds: [],
      rows: [
        ["df", "pandas.DataFrame", "50,000 × 41"],
        ["model", "sklearn.linear_model._logistic.LogisticRegression", "LogisticRegression(C=0.1, max_iter=1000)"],
        [HOSTILE, "str", `'${HOSTILE.repeat(4)}'`],
        ["n", "int", "3"],
      ],
      index: 1,
      gap: -1,
      note: "",
      opens: true,
    },
  }),
  disk: () => ({
    type: "on disk",
    size: "412 MB",
    why: "It is on disk and not in this kernel's memory. In a cell, `executor['disk'].result` loads it.",
    unloaded: 412_000_000,
  }),
  hangs: () => ({
    type: "Hang",
    size: "",
    why: "Looking at it took longer than 2 s and was given up. The result itself is not affected.",
  }),
};

const BEFORE = "def render(parse):\n    for document in parse:\n        yield page(document)\n";

const WORDS: Words = {
  result: ({ at, load }, phase) => {
    const inner = (at as readonly number[]).length > 0 || load === true;
    const look = inner ? { ...LOOKS["array"]?.(), crumbs: (at as readonly number[]).map((k) => `step ${k}`) } : LOOKS[phase.name]?.();
    return { ...NO_TABLE, ...(look ?? { type: "list", size: "3 items", preview: "[1, 2, 3]" }) };
  },
  source: (_, phase) => ({
    attempts: [
      { attempt: 1, is_next: false, where: "Cell [3], line 4", source: BEFORE, same_as: 0, diff: [] },
      ...(phase.attempt > 1 ? [{ attempt: 2, is_next: false, where: "Cell [3], line 4", source: "", same_as: 1, diff: [] }] : []),
      {
        attempt: phase.attempt > 1 ? 3 : 2,
        is_next: phase.attempt < 3,
        where: "Cell [7], line 4",
        source: `${BEFORE}# ${HOSTILE.repeat(6)}\n`,
        same_as: 0,
        diff: [
          ["@", "line 18"],
          [" ", "def render(parse):"],
          [" ", "    for document in parse:"],
          ["-", "        yield page(document)"],
          ["+", "        if document.title:"],
          ["+", `            yield page(document)  # ${HOSTILE.repeat(6)}`],
        ],
      },
    ],
    files: [
      ["reports/index.html", 48_211],
      [`reports/${"deeply/".repeat(20)}${HOSTILE}.html`, 812],
    ],
    more_files: 212,
    folder: ".milo/site/runs/20261122T091100.120Z-6f0c2a34-0000-4000-8000-000000000000",
  }),
  now: (_, phase) => {
    const clock = performance.now() / 1000;
    return {
      at: clock,
      last_line_at: phase.attempt > 1 ? clock - 75 : Math.floor(clock) - 2,
      why: "",
      thread: "milo-site-3",
      thread_state: "runs",
      thread_cpu: clock * 0.97,
      cpu: clock * 1.31,
      clock,
      cores: 8,
      memory: 812e6 + clock * 3e5,
      children: 2,
      child_memory: 91e6,
      stacks: [
        {
          of: "",
          frames: [
            {
              file: "Cell [3]",
              line: 21,
              function: "render",
              code: [
                [20, "    for document in parse:"],
                [21, "        yield page(document)"],
              ],
            },
            {
              file: "site/pages.py",
              line: 88,
              function: "page",
              code: [
                [87, "    for row in rows:"],
                [88, `        total += weigh(row)  # ${HOSTILE.repeat(5)}`],
                [89, "    return total"],
              ],
            },
            { file: "numpy/core/_methods.py", line: 118, function: "_mean", code: [] },
          ],
        },
      ],
    };
  },
};

/** The body of the answer to a question about one phase; nothing for other words. */
export function answerAboutPhase(what: string, args: Args, phases: readonly Phase[]): object | null {
  const phase = phases[Number(args["phase"])];
  return phase && Object.hasOwn(WORDS, what) ? (WORDS[what]?.(args, phase) ?? null) : null;
}

export const inspectorCases: Record<string, () => FakeOptions> = {
  results: () => ({
    phases: [...Object.keys(LOOKS), "list"].map((name, i) =>
      fakePhase(name, { status: "completed", origin: "ran", started_at: 1 + i, elapsed: 0.5, usual: 0.6 }),
    ),
    status: "completed",
    now: 12,
  }),
  watching: () => ({
    phases: [
      fakePhase("load", { status: "completed", started_at: 1, elapsed: 1 }),
      fakePhase("render", { status: "running", started_at: 3, depends_on: [0], fraction: 0.3 }),
      fakePhase("quiet", { status: "running", attempt: 2, started_at: 3, depends_on: [0] }),
    ],
    now: 80,
  }),
};
