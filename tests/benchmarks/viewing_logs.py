"""What a person at a browser notices of a log with a million lines, in a real JupyterLab.

The browser draws frames as fast as it can, so a frame takes what it costs: no screen is waited for. The heap is what the
view adds to JupyterLab's own.
"""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from browsing import laboratory, percentile
from harness import Benchmark, Options, Row, show

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import CDPSession

    from tests.browser.notebook import Notebook

FLAGS = (
    "--disable-frame-rate-limit",
    "--disable-gpu-vsync",
    "--enable-precise-memory-info",
    "--js-flags=--expose-gc",
)
SETUP = "%load_ext milo_nb"
PRINT = """
%%milo long
@phase
def other():
    pass

@phase
def shout(other):
    for start in range(0, {lines}, 1000):
        print("\\n".join(f"line {{n}} of the log " + "x" * 48 for n in range(start, start + 1000)))
"""
# From the click on the phase to the frame with the log's last line.
OPEN = """(last) => new Promise((resolve) => {
  const root = document.querySelector(".milo-root");
  const begun = performance.now();
  const look = () => {
    const row = [...root.querySelectorAll("[data-pane=logs] .milo-log-row")].at(-1);
    if (row?.dataset.line !== last || row.textContent.endsWith("…")) return requestAnimationFrame(look);
    requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - begun), 0));
  };
  root.querySelector('[data-view=graph] [data-phase=shout]').click();
  look();
})"""
# Turns of a wheel: the time from each to when its frame has been drawn.
SCROLL = """([steps, by]) => new Promise((resolve) => {
  const host = document.querySelector("[data-pane=logs] .milo-log-host");
  const spent = [];
  const turn = () => {
    const begun = performance.now();
    host.scrollTop += by;
    requestAnimationFrame(() => {
      const drawn = new MessageChannel();
      drawn.port1.onmessage = () => {
        spent.push(performance.now() - begun);
        if (spent.length < steps) setTimeout(turn, 0);
        else resolve(spent);
      };
      drawn.port2.postMessage(0);
    });
  };
  turn();
})"""
# From the last key to the count of all matches.
SEARCH = """([text, count]) => new Promise((resolve) => {
  const pane = document.querySelector("[data-pane=logs]");
  const input = pane.querySelector("input[type=search]");
  const begun = performance.now();
  const look = () => {
    const told = pane.querySelector(".milo-log-steps")?.textContent ?? "";
    if (told.includes(count) && !told.includes("searching")) resolve(performance.now() - begun);
    else setTimeout(look, 5);
  };
  input.value = text;
  input.dispatchEvent(new Event("input", { bubbles: true }));
  look();
})"""
HEAP = "() => { window.gc(); return performance.memory.usedJSHeapSize / 1e6; }"


def viewing_logs(options: Options) -> Iterator[Row]:
    """Give how long the log takes to open, to scroll and to be searched, and what it takes of the browser's memory."""
    lines = options.size(1_000_000, 20_000)
    opened, turns, middles, cpu, heaps, searches = [], [], [], [], [], []
    with laboratory(*FLAGS) as open_:
        notebook = open_(SETUP, PRINT.format(lines=lines))
        notebook.run(0)
        before = notebook.page.evaluate(HEAP)
        notebook.run(1)
        notebook.expect_status("completed")
        for round_ in range(options.rounds):
            if round_:  # who scrolled away, and so did the last round, finds a log at its beginning
                notebook.pane("logs").get_by_role("button", name="Follow").click()
            notebook.phase("other").click()
            notebook.page.wait_for_function(
                "() => document.querySelector('[data-pane=logs]')?.textContent.includes('No lines')"
            )
            opened.append(notebook.page.evaluate(OPEN, str(lines)))
            spent, cpu_ms = scroll(notebook, options.size(300, 20), round_)
            turns.append(percentile(spent, 0.95))
            middles.append(percentile(spent, 0.5))
            cpu.append(cpu_ms)
            searches.append(search(notebook, lines, round_))
            heaps.append(notebook.page.evaluate(HEAP) - before)
    what = f"a log of {lines:,} lines"
    note = f"median {show(median(middles))} ms; of the page's thread {show(median(cpu))} ms CPU a turn"
    yield Row(f"{what}: click to its last lines", "ms", 200, 50, opened)
    yield Row(f"{what}: a turn of the wheel to the frame, p95", "ms", 16, 8, turns, note)
    yield Row(f"{what}: the last key of a regex to the count of all matches", "ms", 1_000, 300, searches)
    yield Row(
        f"{what}: memory that the view takes in the browser", "MB", 100, 50, heaps, f"{show(before)} MB before it"
    )


def scroll(notebook: Notebook, steps: int, round_: int) -> tuple[list[float], float]:
    """Return what turns of the wheel take, where nobody has looked before; and the CPU time of one, in ms."""
    notebook.page.evaluate(
        """(share) => {
          const host = document.querySelector("[data-pane=logs] .milo-log-host");
          host.scrollTo(0, host.scrollHeight * share);
        }""",
        (round_ + 1) / 20,
    )
    notebook.page.wait_for_function(
        "() => document.querySelector('.milo-log-row .milo-log-text')?.textContent.startsWith('line')"
    )
    tools = notebook.page.context.new_cdp_session(notebook.page)
    tools.send("Performance.enable", {"timeDomain": "threadTicks"})
    before = busy(tools)
    spent: list[float] = notebook.page.evaluate(SCROLL, [steps, 90])
    return spent, (busy(tools) - before) * 1000 / steps


def busy(tools: CDPSession) -> float:
    """Return the CPU time of the page's thread so far, in seconds."""
    metrics = tools.send("Performance.getMetrics")["metrics"]
    return float(next(one["value"] for one in metrics if one["name"] == "TaskDuration"))


def search(notebook: Notebook, lines: int, round_: int) -> float:
    """Return how long a search by a regular expression takes until all matches are counted; another one each round."""
    pane = notebook.pane("logs")
    if round_ == 0:
        pane.get_by_role("button", name="Regular expression").click()
    pattern = f"line \\d*{round_ % 9 + 1}77 "
    spent: float = notebook.page.evaluate(SEARCH, [pattern, f"of {lines // 1000:,}"])
    pane.get_by_label("Find in the log").fill("")
    return spent


BENCHMARKS = (Benchmark("log-view", viewing_logs),)
