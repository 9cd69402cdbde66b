// @vitest-environment happy-dom
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { answerAboutLogs } from "../dev/fake-log";
import { render } from "../src/dom/h";
import { effect } from "../src/state/signal";
import { createStore, type Port } from "../src/state/store";
import { Coloured } from "../src/view/log/line";
import { Log } from "../src/view/log/log";
import { ASK_AGAIN_MS } from "../src/view/log/source";
import type { LogLine, Phase, Snapshot } from "../src/wire";
import { phase, snapshot } from "./samples";

const HERE = location.href;
const settled = (ms = 20) => new Promise((resolve) => setTimeout(resolve, ms));
const searched = () => settled(260);
let ending: AbortController;
let el: HTMLElement;
let asked: { what: string; args: Readonly<Record<string, unknown>> }[];
let port: Port;
let store: ReturnType<typeof createStore>;
let logs: LogLine[][];
let phases: Phase[];
/** What goes wrong, by word. */
let refusals: Record<string, string>;

const line = (n: number, text = `line ${n}`, stream: LogLine[1] = "stdout", level: LogLine[2] = ""): LogLine => [
  11 + n / 100,
  stream,
  level,
  text,
];

function open(index: number, changes: Partial<Snapshot> = {}) {
  phases = logs.map((lines, i) => phase(["load", "parse"][i] ?? `p${i}`, { status: "completed", started_at: 11, log_count: lines.length }));
  store.dispatch({
    type: "received",
    message: { type: "snapshot", seq: 5, state: snapshot(phases, { epoch: 1_700_000_000, ...changes }) },
    at: 0,
  });
  effect(() => {
    port.state.value;
    render(<Log port={port} index={index} />, el);
  }, ending.signal);
  ending.signal.addEventListener("abort", () => render(null, el));
  return settled();
}

beforeEach(() => {
  ending = new AbortController();
  el = document.createElement("div");
  document.body.append(el);
  asked = [];
  refusals = {};
  store = createStore();
  logs = [Array.from({ length: 40 }, (_, n) => line(n)), []];
  const fake: Partial<Port> = {
    state: store.state,
    select: vi.fn(),
    setExpanded: vi.fn(),
    setFollow: (follow) => store.dispatch({ type: "chose", choice: { follow }, byPerson: true, at: 0 }),
    command: vi.fn(),
    wantLogs: vi.fn(),
    wantDetail: vi.fn(),
    wantOutputs: vi.fn(),
    refuse: vi.fn(),
    dismiss: vi.fn(),
    ask(what, args, onAnswer) {
      asked.push({ what, args });
      let isWanted = true;
      const refusal = refusals[what];
      const answers = refusal ? [{ body: {}, error: refusal }] : answerAboutLogs({ what, args }, logs, phases);
      queueMicrotask(() => {
        for (const { body, error = "", isDone = true, data } of answers) if (isWanted) onAnswer({ done: isDone, error, body, data });
      });
      return () => {
        isWanted = false;
      };
    },
  };
  port = fake as Port;
});
afterEach(() => {
  ending.abort();
  document.body.replaceChildren();
  history.replaceState(null, "", HERE.split("#")[0]);
  vi.restoreAllMocks();
});

const find = (selector: string) => {
  const found = el.querySelector<HTMLElement>(selector);
  if (!found) throw new Error(`no ${selector} in ${el.textContent}`);
  return found;
};
const rows = () => [...el.querySelectorAll<HTMLElement>(".milo-log-row")];
const numbers = () => rows().map((row) => Number(row.dataset["line"]));
const button = (name: string) => {
  const found = [...el.querySelectorAll("button")].find(
    (one) => one.textContent?.trim() === name || one.getAttribute("aria-label") === name,
  );
  if (!found) throw new Error(`no button ${name} in ${el.textContent}`);
  return found;
};
const type = async (text: string) => {
  const input = find(".milo-log-find input") as HTMLInputElement;
  input.value = text;
  input.dispatchEvent(new Event("input", { bubbles: true }));
  await searched();
  return input;
};
const press = async (target: Element, key: string, more: KeyboardEventInit = {}) => {
  target.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...more }));
  await settled();
};
const region = () => find("[role=region]");
const alerts = () => [...el.querySelectorAll("[role=alert]")].map((one) => one.textContent);

test("the search is the kernel's: a count, the match in sight, n and N go on and round", async () => {
  logs[0] = Array.from({ length: 400 }, (_, n) => line(n, n % 100 === 50 ? `found ${n}` : `line ${n}`));
  await open(0);
  const input = await type("FOUND");
  expect(asked.find(({ what }) => what === "search")?.args).toMatchObject({ phase: 0, text: "FOUND", regex: false, case: false, start: 0 });
  expect(find(".milo-log-steps").textContent).toMatch(/^1 of 4/);
  expect(find("[data-current]").textContent).toContain("found 50");
  expect(find("[data-current] mark").textContent).toBe("found");
  await press(region(), "n");
  expect(find(".milo-log-steps").textContent).toMatch(/^2 of 4/);
  await press(region(), "N");
  await press(region(), "N");
  expect(find("[data-current]").dataset["line"]).toBe("351");
  await press(input, "Enter");
  expect(find("[data-current]").dataset["line"]).toBe("51");
  await press(input, "Enter", { shiftKey: true });
  expect(find("[data-current]").dataset["line"]).toBe("351");
  await press(input, "Escape");
  expect(input.value).toBe("");
  expect(el.querySelector("mark")).toBeNull();
});

test("a wrong pattern is told at the field; match case and pattern are asked for", async () => {
  await open(0);
  button("Regular expression").click();
  button("Match case").click();
  const input = await type("(");
  expect(input.getAttribute("aria-invalid")).toBe("true");
  expect(alerts()[0]).toContain("The pattern is wrong");
  expect(asked.at(-1)?.args).toMatchObject({ text: "(", regex: true, case: true });
  await type("line 7$");
  expect(alerts()).toEqual([]);
  expect(find(".milo-log-steps").textContent).toMatch(/^1 of 1/);
});

test("lines whose answer was lost are asked for anew", async () => {
  const answers = port.ask;
  let asks = 0;
  port.ask = (what, ...rest) => (what === "page" && asks++ === 0 ? () => undefined : answers(what, ...rest));
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"], shouldAdvanceTime: true });
  try {
    await open(0);
    expect(rows().at(-1)?.textContent).toContain("…");
    await vi.advanceTimersByTimeAsync(ASK_AGAIN_MS);
    await settled();
    expect(rows().at(-1)?.textContent).toContain("line 39");
  } finally {
    vi.useRealTimers();
  }
});

test("a search that failed is tried again at a click", async () => {
  await open(0);
  refusals["search"] = "The process that searches has ended.";
  await type("line 7");
  expect(alerts()[0]).toContain("has ended");
  delete refusals["search"];
  button("Search again").click();
  await settled();
  expect(alerts()).toEqual([]);
  expect(find(".milo-log-steps").textContent).toMatch(/^1 of/);
});

test("what was looked for in another log is said in the next one, with what it comes to there, until it is cleared or changed", async () => {
  logs = [Array.from({ length: 40 }, (_, n) => line(n)), Array.from({ length: 9 }, (_, n) => line(n, n ? "other" : "line 7"))];
  await open(0);
  await type("line 7");
  expect(el.textContent).not.toContain("Still looking");
  render(null, el);
  render(<Log key="next" port={port} index={1} />, el);
  await searched();
  expect((find(".milo-log-find input") as HTMLInputElement).value).toBe("line 7");
  expect(find(".milo-log-drawer[role=status]").textContent).toContain("Still looking for “line 7”: 1 match here");
  button("Clear").click();
  await searched();
  render(<Log key="next" port={port} index={1} />, el);
  expect(el.textContent).not.toContain("Still looking");
  expect((find(".milo-log-find input") as HTMLInputElement).value).toBe("");
});

test("a button says what time of day the stamps count from, and turns to the next way to show times", async () => {
  await open(0, { epoch: new Date(2026, 10, 22, 14, 3, 0).getTime() / 1000 });
  expect(find(".milo-log-zero").textContent).toBe("0:00 = 14:03:11");
  find(".milo-log-zero").click();
  await settled();
  expect(find(".milo-log-zero").textContent).toBe("time of day");
  expect(rows()[0]?.querySelector(".milo-log-stamp")?.textContent).toMatch(/^14:03:11\.\d{3}$/);
});

test("while it searches it says how far it is", async () => {
  logs[0] = Array.from({ length: 90_000 }, (_, n) => line(n));
  await open(0);
  let told: ((part: number) => void) | null = null;
  port.ask = (_, __, onAnswer) => {
    told = (searched) => onAnswer({ done: false, error: "", body: { searched, total: 90_000, count: 0, kept: 0 }, data: undefined });
    return () => undefined;
  };
  await type("nowhere");
  (told as unknown as (part: number) => void)(40_000);
  await settled();
  expect(find(".milo-log-steps").textContent).toContain("searching… 40,000 of 90,000");
});

test("a filter shows nothing but what passes it, with true numbers, and says of how many", async () => {
  logs[0] = Array.from({ length: 300 }, (_, n) => (n % 90 === 3 ? line(n, `oh ${n}`, "log", "ERROR") : line(n)));
  await open(0);
  button("Filter").click();
  await settled();
  button("ERROR").click();
  await searched();
  expect(numbers()).toEqual([4, 94, 184, 274]);
  expect(rows()[1]?.textContent).toContain("oh 93");
  expect(find(".milo-log-said").textContent).toBe("4 of 300 lines");
  button("CRITICAL").click();
  button("ERROR").click();
  await searched();
  expect(el.textContent).toContain("No line passes the filter.");
  button("Show all").click();
  await settled();
  expect(numbers().length).toBeGreaterThan(4);
});

test("only matches: the text narrows the log too", async () => {
  await open(0);
  button("Filter").click();
  await settled();
  button("only matches").click();
  await type("line 3");
  expect(numbers()).toEqual([4, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40]);
});

test("a click on a number chooses the line and puts a link to it into the address; Shift chooses on; Escape chooses none", async () => {
  await open(0);
  const number = (n: number) => find(`[data-line="${n}"] .milo-log-number`);
  number(20).click();
  await settled();
  expect(location.hash).toBe("#site/load/L20");
  number(23).dispatchEvent(new MouseEvent("click", { bubbles: true, shiftKey: true }));
  await settled();
  expect(location.hash).toBe("#site/load/L20-L23");
  expect(
    rows()
      .filter((row) => row.dataset["chosen"])
      .map((row) => row.dataset["line"]),
  ).toEqual(["20", "21", "22", "23"]);
  await press(region(), "ArrowDown", { shiftKey: true });
  expect(location.hash).toBe("#site/load/L20-L24");
  await press(region(), "ArrowUp");
  expect(location.hash).toBe("#site/load/L23");
  await press(region(), "Escape");
  expect(location.hash).toBe("");
  expect(el.querySelector("[data-chosen]")).toBeNull();
});

test("a page opened with a link to lines shows them chosen; a link to another pipeline is left alone", async () => {
  logs[0] = Array.from({ length: 900 }, (_, n) => line(n));
  history.replaceState(null, "", "#site/load/L120-L121");
  await open(0);
  expect(
    rows()
      .filter((row) => row.dataset["chosen"])
      .map((row) => row.dataset["line"]),
  ).toEqual(["120", "121"]);
  history.replaceState(null, "", "#A-heading");
  await press(region(), "Escape");
  expect(location.hash).toBe("#A-heading");
});

test("the bar of what is chosen is below the lines, which stay where they are", async () => {
  await open(0);
  find('[data-line="20"] .milo-log-number').click();
  await settled();
  const bar = find('[aria-label="Chosen lines"]');
  expect(region().compareDocumentPosition(bar) & Node.DOCUMENT_POSITION_FOLLOWING).toBeTruthy();
});

test("a line that was chosen leads nobody who opens the log again", async () => {
  await open(0);
  find('[data-line="20"] .milo-log-number').click();
  await settled();
  expect(location.hash).toBe("#site/load/L20");
  render(null, el);
  await open(0);
  expect(el.querySelector("[data-chosen]")).toBeNull();
});

test("chosen lines are copied, with numbers if wanted, without colours", async () => {
  logs[0] = Array.from({ length: 12 }, (_, n) => line(n, `\u001b[31mline\u001b[0m ${n}`));
  await open(0);
  const written = vi.spyOn(navigator.clipboard, "writeText").mockResolvedValue();
  find('[data-line="9"] .milo-log-number').click();
  find('[data-line="11"] .milo-log-number').dispatchEvent(new MouseEvent("click", { bubbles: true, shiftKey: true }));
  await settled();
  await press(region(), "y");
  expect(written).toHaveBeenLastCalledWith("line 8\nline 9\nline 10\n");
  button("Copy with numbers").click();
  await settled();
  expect(written).toHaveBeenLastCalledWith(" 9  line 8\n10  line 9\n11  line 10\n");
  expect(find(".milo-log-said").textContent).toBe("Copied 3 lines");
  button("Copy link").click();
  await settled();
  expect(written).toHaveBeenLastCalledWith(expect.stringMatching(/#site\/load\/L9-L11$/));
});

test("what the browser refuses is said", async () => {
  logs[0] = Array.from({ length: 12 }, (_, n) => line(n));
  await open(0);
  vi.spyOn(navigator.clipboard, "writeText").mockRejectedValue(new Error("denied"));
  document.execCommand = () => false;
  find('[data-line="9"] .milo-log-number').click();
  await settled();
  button("Copy").click();
  await settled();
  expect(find(".milo-log-said").textContent).toContain("The browser refused to copy");
  URL.createObjectURL = () => {
    throw new Error("denied");
  };
  button("More").click();
  await settled();
  button("Download").click();
  await settled(60);
  expect(find(".milo-log-said").textContent).toContain("The browser refused to save");
  refusals["text"] = "The log is gone.";
  button("Download").click();
  await settled();
  expect(find(".milo-log-said").textContent).toBe("The log is gone.");
});

test("the full text is saved, piece by piece", async () => {
  logs[0] = Array.from({ length: 9_000 }, (_, n) => line(n, `a line that is long enough, number ${n}`));
  await open(0);
  const saved: Blob[] = [];
  URL.createObjectURL = (blob) => {
    saved.push(blob as Blob);
    return "blob:x";
  };
  const names: string[] = [];
  vi.spyOn(HTMLAnchorElement.prototype, "click").mockImplementation(function (this: HTMLAnchorElement) {
    names.push(this.download);
  });
  button("More").click();
  await settled();
  button("Download").click();
  await settled(80);
  expect(asked.filter(({ what }) => what === "text").length).toBe(2);
  expect(names).toEqual(["load.log"]);
  expect((await saved[0]?.text())?.split("\n").length).toBe(9_001);
  expect(find(".milo-log-said").textContent).toContain("Download started: load.log, ");
});

test("all phases: whose line it is, and a click goes there", async () => {
  logs = [
    [line(0, "a"), line(2, "c")],
    [line(1, "b"), line(3, "d")],
  ];
  await open(0);
  button("All").click();
  await settled(60);
  expect(
    rows().map((row) => [row.querySelector(".milo-log-phase")?.textContent, row.querySelector(".milo-log-text")?.textContent]),
  ).toEqual([
    ["load", "a"],
    ["parse", "b"],
    ["load", "c"],
    ["parse", "d"],
  ]);
  find('[data-line="2"] .milo-log-phase').click();
  await settled();
  expect(port.select).toHaveBeenCalledWith(1, true);
  expect(button("This phase").getAttribute("aria-pressed")).toBe("true");
});

test("times are those since the phase began, of the day, or none", async () => {
  logs[0] = Array.from({ length: 12 }, (_, n) => line(n));
  await open(0);
  const stamp = () => rows()[0]?.querySelector(".milo-log-stamp")?.textContent;
  expect(stamp()).toBe("0:00.000");
  await press(region(), "t");
  const date = new Date((1_700_000_000 + 11) * 1000);
  expect(stamp()).toContain(`:${String(date.getMinutes()).padStart(2, "0")}:${String(date.getSeconds()).padStart(2, "0")}.000`);
  await press(region(), "t");
  expect(stamp()).toBeUndefined();
});

test("one goes to a line, to a time, along a link, and hears why not", async () => {
  logs[0] = Array.from({ length: 900 }, (_, n) => line(n));
  await open(0);
  await press(region(), ":");
  await settled();
  const goal = find("[data-goal]") as HTMLInputElement;
  expect(document.activeElement).toBe(goal);
  const go = async (text: string) => {
    goal.value = text;
    await press(goal, "Enter");
    await settled();
    return rows().find((row) => row.dataset["chosen"])?.dataset["line"];
  };
  expect(await go("120")).toBe("120");
  expect(await go("0:05")).toBe("501");
  expect(await go("#site/load/L77")).toBe("77");
  expect(await go("5,000")).toBe("77");
  expect(alerts()).toEqual(["The log has 900 lines."]);
  await go("yesterday");
  expect(alerts()[0]).toContain("Not a line, a time or a link");
  await go("#other/load/L77");
  expect(alerts()[0]).toContain("another pipeline");
  expect(await go("#site/parse/L1")).toBe("77");
  expect(port.select).toHaveBeenLastCalledWith(1, true);
});

test("lines that were cut are named between head and tail", async () => {
  logs[0] = Array.from({ length: 30 }, (_, n) => line(n));
  const answered = port.ask;
  port.ask = (what, args, onAnswer) =>
    answered(what, args, (answer) =>
      onAnswer({
        ...answer,
        body: {
          ...(answer.body as object),
          total: 20_030,
          first: 20_000,
          kept: [
            [0, 5],
            [20_000, 20_030],
          ],
        },
      }),
    );
  await open(0);
  store.dispatch({ type: "chose", choice: { follow: false }, byPerson: true, at: 0 });
  await settled();
  await press(region(), "g");
  expect(rows()[5]?.textContent).toContain("19,995 lines were cut here to save memory: 6 to 20,000");
  expect(numbers()[6]).toBe(20_001);
});

test("hostile text is text: links lead to the web only, what cannot be seen is named, long lines are cut", async () => {
  logs[0] = [
    line(0, "see https://example.org/a?b=1). <script>alert(1)</script> javascript:alert(1) \u0007"),
    line(1, "exe\u202egnp.txt zero\u200bwidth"),
    line(2, "\u001b]8;;javascript:alert(1)\u0007click\u001b]8;;\u0007 \u001b]8;;https://ok.example/\u0007here\u001b]8;;\u0007"),
    line(3, "x".repeat(9_000)),
  ];
  await open(0);
  const links = [...el.querySelectorAll("a")];
  expect(links.map((link) => [link.textContent, link.getAttribute("href"), link.rel, link.target])).toEqual([
    ["https://example.org/a?b=1", "https://example.org/a?b=1", "noopener noreferrer", "_blank"],
    ["here", "https://ok.example/", "noopener noreferrer", "_blank"],
  ]);
  expect(el.querySelector("script")).toBeNull();
  expect([...el.querySelectorAll(".milo-log-hidden")].map((one) => one.textContent)).toEqual(["U+202E", "U+200B"]);
  expect(find('[data-line="4"] .milo-log-text').textContent?.length).toBe(2_000);
  button("… 7,000 more characters: show all").click();
  await settled();
  expect(find('[data-line="4"] .milo-log-text').textContent?.length).toBe(9_000);
});

test("a line that was cut for the way here is asked for whole, to be shown and to be copied", async () => {
  logs[0] = [line(0, `${"x".repeat(16_000)}… [9 more characters]`)];
  const written = vi.spyOn(navigator.clipboard, "writeText").mockResolvedValue();
  const answered = port.ask;
  port.ask = (what, args, onAnswer) => {
    const data = new DataView(new TextEncoder().encode("x".repeat(16_009)).buffer);
    return answered(what, args, (answer) => onAnswer(what === "lines" ? { ...answer, data } : answer));
  };
  await open(0);
  find('[data-line="1"] .milo-log-number').click();
  await settled();
  button("Copy").click();
  await settled();
  expect(written).toHaveBeenLastCalledWith(`${"x".repeat(16_009)}\n`);
  find(".milo-log-row .milo-link").click();
  await settled();
  expect(find(".milo-log-text").textContent?.length).toBe(16_009);
});

test("a kernel that is gone leaves what is here to be searched, and says what cannot be had", async () => {
  await open(0);
  refusals["page"] = "The kernel does not answer.";
  store.dispatch({ type: "connected", connection: "gone" });
  await type("line 3");
  expect(find(".milo-log-steps").textContent).toMatch(/of \d+/);
});

test("an answer that cannot be read is said, and the log stays", async () => {
  port.ask = (what, _, onAnswer) => {
    if (what === "page") queueMicrotask(() => onAnswer({ done: true, error: "", body: { rows: 3 }, data: undefined }));
    return () => undefined;
  };
  await open(0);
  expect(alerts()[0]).toContain("page");
  expect(numbers().length).toBeGreaterThan(0);
});

test("a pattern that could hold up the page on a long line marks nothing there", () => {
  const marks = (text: string) => {
    const root = document.createElement("div");
    render(<Coloured text={text} pattern={/.*.*x/giu} />, root);
    return root.querySelectorAll("mark").length;
  };
  const began = performance.now();
  expect(marks("a".repeat(2_000))).toBe(0);
  expect(performance.now() - began).toBeLessThan(1_000);
  expect(marks("aaax")).toBe(1);
});

test("lines that the kernel has no more, as after a cut, are asked for once and not without end", async () => {
  const { ask } = port;
  port = {
    ...port,
    ask(what, args, onAnswer) {
      if (what !== "lines" && what !== "page") return ask(what, args, onAnswer);
      asked.push({ what, args });
      const body = what === "lines" ? { rows: [] } : { start: args["start"], total: 40, first: 0, kept: [[0, 40]], rows: [] };
      queueMicrotask(() => onAnswer({ done: true, error: "", body, data: undefined }));
      return () => undefined;
    },
  };
  await open(0);
  await type("line 1");
  button("Filter").click();
  await settled();
  button("only matches").click();
  await settled(200);
  expect(asked.filter(({ what }) => what === "lines").length).toBe(1);
  expect(rows().length).toBeGreaterThan(0);
});
