"""What a person at a browser notices, in a real JupyterLab: floods of lines, changes, clicks while a cell runs.

Kernel and page share one machine and with it one clock. A change is in the page when a frame with it has been drawn.
"""

from __future__ import annotations

import json
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from harness import Benchmark, Options, Row, show

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.browser.notebook import Notebook

    Open = Callable[..., Notebook]

ROOT = Path(__file__).parents[2]
KB = 1024
FLAGS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
TIMEOUT_MS = 60_000
SETUP = """
%load_ext milo_nb
import json, os, time
from milo_nb import PipelineExecutor
begun, handled, stamps = [], [], []
command = PipelineExecutor.command
def note(executor, word, *phases, **options):
    made = command(executor, word, *phases, **options)
    handled.append(time.time() * 1000)
    return made
PipelineExecutor.command = note
"""
FLOOD = """
%%milo flood
@phase
def shout():
    begun.append(time.time() * 1000)
    for n in range({lines}):
        print(f"line {{n}} " + "x" * 48)
"""
CHAIN = """
from milo_nb import Phase, Pipeline
def make(n):
    def work(ctx):
        stamps.append([f"p{n}", time.time() * 1000])
        ctx.sleep(0.05)
    return Phase(f"p{n}", work, depends_on=[f"p{n - 1}"] if n else [])
chain = Pipeline("chain", *map(make, range(10))).run()
chain
"""
RUN_CHAIN = """
for _ in range({runs}):
    chain.wait()
    chain.run_again()
chain.wait()
"""
ENDLESS = """
%%milo site
@phase
def turn(ctx):
    while True:
        ctx.sleep(0.05)
"""
BUSY = "while not os.path.exists('go-{kernel}'): time.sleep(0.01)"
# The longest time that the page did nothing else, from when it is set to when it is read.
WATCH_GAP = """() => {
  let last = performance.now();
  window.gap = 0;
  const channel = new MessageChannel();
  channel.port1.onmessage = () => {
    const now = performance.now();
    window.gap = Math.max(window.gap, now - last);
    last = now;
    if (window.gap >= 0) setTimeout(() => channel.port2.postMessage(0), 1);
  };
  channel.port2.postMessage(0);
}"""
NOTE_FRAMES = """() => {
  window.drawn = [];
  const root = document.querySelector(".milo-root");
  const seen = new Map();
  const look = () => {
    for (const node of root.querySelectorAll("[data-view=graph] [data-phase]")) {
      const { phase, status } = node.dataset;
      if (seen.get(phase) === status) continue;
      seen.set(phase, status);
      if (status !== "running") continue;
      const entry = [phase, 0];
      window.drawn.push(entry);
      requestAnimationFrame(() => setTimeout(() => { entry[1] = performance.timeOrigin + performance.now(); }, 0));
    }
  };
  new MutationObserver(look).observe(root, { subtree: true, childList: true, attributes: true, attributeFilter: ["data-status"] });
}"""
CLICK = """(command) => new Promise((resolve) => {
  const find = (name) => document.querySelector(`.milo-header button[data-command=${name}]:not([data-requested])`);
  const other = { pause: "resume", resume: "pause" }[command];
  const clicked = performance.timeOrigin + performance.now();
  find(command).click();
  const watch = new MutationObserver(() => {
    if (!find(other)) return;
    watch.disconnect();
    resolve(clicked);
  });
  watch.observe(document.querySelector(".milo-root"), { subtree: true, childList: true, attributes: true });
})"""


@contextmanager
def laboratory(*flags: str) -> Iterator[Open]:
    """Give what opens a notebook with these cells, in a JupyterLab and a browser (with flags) that end with it."""
    sys.path.append(str(ROOT))
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - the other benchmarks need no browser

    from tests.browser.lab import Lab, find_chromium  # noqa: PLC0415 - as above
    from tests.browser.notebook import Notebook  # noqa: PLC0415 - as above

    with tempfile.TemporaryDirectory() as home, sync_playwright() as playwright:
        chromium = find_chromium(playwright.chromium.executable_path)
        browser = playwright.chromium.launch(executable_path=chromium, args=[*FLAGS, *flags])
        context = browser.new_context(viewport={"width": 1280, "height": 1120})
        context.set_default_timeout(TIMEOUT_MS)
        lab = Lab(Path(home))

        def open_(*cells: str, **options: str) -> Notebook:
            for page in context.pages:
                page.close()
            lab.end_kernels()
            return Notebook(context.new_page(), lab, lab.write(list(cells), **options))

        try:
            yield open_
        finally:
            browser.close()
            lab.stop()


def browsing(options: Options) -> Iterator[Row]:
    """All of it, in one JupyterLab."""
    with laboratory() as open_:
        yield from flood(open_, options)
        yield from changes(open_, options)
        yield from clicks(open_, options)


def flood(open_: Open, options: Options) -> Iterator[Row]:
    """Give how long lines take to the browser, how long the page stood still, by how much the notebook grew."""
    lines = options.size(100_000, 2_000)
    notebook = open_(SETUP, FLOOD.format(lines=lines))
    notebook.run(0)
    file = notebook.lab.root / notebook.name
    before = file.stat().st_size
    seconds, gaps = [], []
    for _ in range(options.rounds):
        notebook.page.evaluate(WATCH_GAP)
        notebook.start(1)
        has_all = f"""() => document.querySelector(".milo-root[data-status=completed]")
            && document.querySelector(".milo-root [data-pane=logs]")?.textContent.includes("{lines:,} lines")"""
        notebook.wait_done(1)
        notebook.phase("shout").click()
        notebook.page.wait_for_function(has_all)
        ended = notebook.page.evaluate("performance.timeOrigin + performance.now()")
        gaps.append(notebook.page.evaluate("[window.gap, window.gap = -1][0]"))
        seconds.append((ended - float(notebook.ask("print(begun[-1])"))) / 1000)
    notebook.command("docmanager:save")
    notebook.page.wait_for_function("!window.panel.context.model.dirty")
    what = f"{lines:,} printed lines to the browser"
    yield Row(f"{what}, all accounted for", "s", 5, 2.5, seconds)
    yield Row(f"{what}, longest time that the page stood still", "ms", 300, 100, gaps)
    yield Row(f"{what}, growth of the notebook's file", "KB", 20, 10, [(file.stat().st_size - before) / KB])


def changes(open_: Open, options: Options) -> Iterator[Row]:
    """Give how long a change in the kernel takes to the page's pixels, at 20 changes a second."""
    runs = options.size(5, 1)
    notebook = open_(SETUP, CHAIN, RUN_CHAIN.format(runs=runs))
    notebook.run(0, 1)
    notebook.expect_status("completed")
    notebook.page.evaluate(NOTE_FRAMES)
    medians, p95s = [], []
    for _ in range(options.rounds):
        notebook.ask("stamps.clear()")
        notebook.page.evaluate("window.drawn.length = 0")
        notebook.run(2)
        notebook.expect_status("completed")
        told = json.loads(notebook.ask("print(json.dumps(stamps))"))
        drawn = [entry for entry in notebook.page.evaluate("window.drawn") if entry[1]]
        late = latencies(told, drawn)
        medians.append(median(late))
        p95s.append(percentile(late, 0.95))
    note = f"{len(told)} changes in a round, {len(drawn)} of them seen one by one"
    yield Row("action in the kernel to pixels, 20 changes a second, median", "ms", 40, 15, medians, note)
    yield Row("action in the kernel to pixels, 20 changes a second, p95", "ms", 100, 40, p95s, note)


def latencies(told: Sequence[Any], drawn: Sequence[Any]) -> list[float]:
    """Return the time from each change to the first frame that shows it, or a later one in its place."""
    shown: list[tuple[int, float]] = []
    for name, at in drawn:
        which = max(
            (k for k, (told_name, told_at) in enumerate(told) if told_name == name and told_at <= at), default=-1
        )
        shown.append((which, at))
    return [
        min(at for which, at in shown if which >= k) - told_at
        for k, (_, told_at) in enumerate(told)
        if shown[-1][0] >= k
    ]


def clicks(open_: Open, options: Options) -> Iterator[Row]:
    """Give how long a click takes until it is handled while another cell runs, on each ipykernel."""
    from tests import kernels  # noqa: PLC0415 - as in laboratory()

    count = options.size(20, 3)
    for kernel in kernels.ALL:
        firsts, p95s = [], []
        for _ in range(1 if options.quick else min(options.rounds, 3)):
            notebook = open_(SETUP, ENDLESS, BUSY.format(kernel=kernel), kernel=kernel)
            notebook.run(0, 1)
            notebook.expect_phases(turn="running")
            notebook.start(2)
            clicked = [notebook.page.evaluate(CLICK, ("pause", "resume")[n % 2]) for n in range(count)]
            assert notebook.page.evaluate("window.cellsDone[2] === false")
            go = notebook.lab.root / f"go-{kernel}"
            go.touch()
            notebook.wait_done(2)
            go.unlink()
            handled = json.loads(notebook.ask("print(json.dumps(handled))"))
            late = [done - click for click, done in zip(clicked, handled, strict=True)]
            firsts.append(late[0])
            p95s.append(percentile(late[1:], 0.95))
        what = f"click to handled while another cell runs, ipykernel {kernel}"
        yield Row(f"{what}, the first", "ms", 400, None, firsts)
        yield Row(
            f"{what}, p95 of those after it",
            "ms",
            400,
            50,
            p95s,
            f"{count - 1} clicks, median {show(median(late[1:]))} ms",
        )


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value that this share of all does not exceed."""
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]


BENCHMARKS = (Benchmark("browser", browsing),)
