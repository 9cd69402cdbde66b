"""How quickly the view draws a graph of 2,000 phases in Chromium: laid out, panned, zoomed. No kernel, no notebook.

The frame rate is not limited, so that figures below 16 ms say how much is left of a frame. CPU time is of the page's thread.
"""

from __future__ import annotations

import json
import math
import random
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from browsing import FLAGS, percentile
from harness import Benchmark, Options, Row

from milo_nb import Phase
from milo_nb.declare.graph import PhaseGraph
from milo_nb.state.model import PhaseStatus, PipelineState
from milo_nb.state.table import Table
from milo_nb.state.wire import to_snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import BrowserContext, Page

ROOT = Path(__file__).parents[2]
BUNDLE = ROOT / "milo_nb/show/bundle"
LAYOUT = 'export { arrange } from "./src/layout"; export { draw } from "./src/layout-choice";'
LOAD = """async ([text, upstream]) => {
  window.made = await import(URL.createObjectURL(new Blob([text], { type: "text/javascript" })));
  window.upstream = upstream;
}"""
# In a task of the page: what the debugger runs is not counted as a script.
LAY_OUT = "() => new Promise((done) => setTimeout(() => done(made.draw(made.arrange(upstream)).length)))"
UNLIMITED = ("--disable-frame-rate-limit", "--disable-gpu-vsync")
SPAN_S = 0.5
# A model with a kernel that tells one snapshot, and beats.
OPEN = """async ([widget, css, state]) => {
  document.adoptedStyleSheets = [Object.assign(new CSSStyleSheet(), {})];
  document.adoptedStyleSheets[0].replaceSync(css);
  const { default: make } = await import(URL.createObjectURL(new Blob([widget], { type: "text/javascript" })));
  const traits = new Map(Object.entries({ selected_phase: 0, expanded: false, auto_follow: true }));
  const listeners = new Map();
  const say = (message) => setTimeout(() => listeners.get("msg:custom")?.(message), 1);
  const model = {
    get: (name) => traits.get(name) ?? null,
    set: (name, value) => traits.set(name, value),
    save_changes: () => undefined,
    on: (event, call) => listeners.set(event, call),
    off: (event) => listeners.delete(event),
    send: ({ type }) => type === "hello" && say({ type: "snapshot", seq: 1, state }),
  };
  setInterval(() => say({ type: "heartbeat", now: state.now, seq: 1 }), 1000);
  const el = document.body.appendChild(document.createElement("div"));
  const { initialize, render } = make();
  initialize({ model });
  render({ model, el });
}"""
# The time from frame to frame while a person drags, or zooms with the wheel.
MOVE = """async ([how, frames, zoom]) => {
  const box = document.querySelector("[role=listbox]");
  const { left, top, width, height } = box.getBoundingClientRect();
  const middle = [left + width / 2, top + height / 2];
  const frame = () => new Promise(requestAnimationFrame);
  const point = (type, x, y) => {
    const at = { clientX: middle[0] + x, clientY: middle[1] + y, buttons: 1, bubbles: true };
    box.dispatchEvent(new PointerEvent(type, at));
  };
  const wheel = (deltaY) => {
    const at = { clientX: middle[0], clientY: middle[1], bubbles: true, cancelable: true };
    box.dispatchEvent(new WheelEvent("wheel", { ...at, ctrlKey: true, deltaY }));
  };
  box.setPointerCapture = () => undefined; // no real pointer is down
  box.focus();
  box.dispatchEvent(new KeyboardEvent("keydown", { key: "0", bubbles: true, cancelable: true }));
  await frame();
  if (zoom) {
    const world = box.querySelector("[role=presentation]");
    wheel(-Math.log(zoom / Number(world.style.getPropertyValue("--m-scale"))) / 0.005);
  }
  for (let i = 0; i < 5; i++) await frame();
  const took = [];
  let last = await frame();
  if (how === "drag") point("pointerdown", 0, 0);
  for (let i = 1; i <= frames; i++) {
    if (how === "drag") point("pointermove", 250 * Math.sin(i / 9), 90 * Math.sin(i / 7));
    else wheel(-60 * Math.sin(i / 12));
    const now = await frame();
    took.push(now - last);
    last = now;
  }
  if (how === "drag") point("pointerup", 0, 0);
  return took;
}"""


@contextmanager
def chromium() -> Iterator[BrowserContext]:
    """Give a browser without a limit of frames, which ends with it."""
    sys.path.append(str(ROOT))
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - the other benchmarks need no browser

    from tests.browser.lab import find_chromium  # noqa: PLC0415 - as above

    with sync_playwright() as playwright:
        executable = find_chromium(playwright.chromium.executable_path)
        browser = playwright.chromium.launch(executable_path=executable, args=[*FLAGS, *UNLIMITED])
        try:
            yield browser.new_context(viewport={"width": 1280, "height": 1000})
        finally:
            browser.close()


def viewing(options: Options) -> Iterator[Row]:
    """All of it, in one browser."""
    count = options.size(2_000, 200)
    with chromium() as context:
        yield layout(context, count, options)
        yield from moving(context, count, options)


def layout(context: BrowserContext, count: int, options: Options) -> Row:
    """Give the CPU time of a layout in a page that has made none before."""
    esbuild = (ROOT / "js/node_modules/.bin/esbuild", "--bundle", "--format=esm", "--minify", "--log-level=error")
    made = subprocess.run(esbuild, input=LAYOUT, capture_output=True, text=True, check=True, cwd=ROOT / "js").stdout
    upstream = [list(after) for after in dependencies(count)]
    spent = []
    for _ in range(options.rounds):
        page = context.new_page()
        page.evaluate(LOAD, [made, upstream])
        clock = Clock(page)
        before = clock.read_ms("ScriptDuration")
        page.evaluate(LAY_OUT)
        spent.append(clock.read_ms("ScriptDuration") - before)
        page.close()
    return Row(f"graph of {count:,} phases: layout, CPU, the first in a page", "ms", 200, 130, spent)


def moving(context: BrowserContext, count: int, options: Options) -> Iterator[Row]:
    """Give the time from frame to frame while the graph is moved."""
    frames = options.size(240, 12)
    page = context.new_page()
    texts = [(BUNDLE / name).read_text(encoding="utf-8") for name in ("widget.js", "widget.css")]
    page.evaluate(OPEN, [*texts, snapshot(count)])
    page.locator("[role=listbox]").wait_for()
    clock = Clock(page)
    for what, how, zoom in (
        ("pan, all of it in sight", "drag", 0),
        ("pan, half size", "drag", 0.5),
        ("pan, full size", "drag", 1),
        ("zoom, from all of it to full size and back", "wheel", 0),
    ):
        before = clock.read_ms("TaskDuration")
        took = [page.evaluate(MOVE, [how, frames, zoom]) for _ in range(options.rounds)]
        spent = (clock.read_ms("TaskDuration") - before) / frames / options.rounds
        p95s = [percentile(one, 0.95) for one in took]
        note = f"{spent:.1f} / {percentile([ms for one in took for ms in one], 0.5):.1f} ms"
        yield Row(f"graph of {count:,} phases: {what}, p95 of a frame", "ms", 40, 16, p95s, note)
    page.close()


class Clock:
    """The CPU time of a page's main thread."""

    def __init__(self, page: Page) -> None:
        """Begin to count."""
        self._client = page.context.new_cdp_session(page)
        self._client.send("Performance.enable", {"timeDomain": "threadTicks"})

    def read_ms(self, what: str) -> float:
        """Return what was spent so far: on ``ScriptDuration``, or on all of it, ``TaskDuration``."""
        metrics = self._client.send("Performance.getMetrics")["metrics"]
        return float({entry["name"]: entry["value"] for entry in metrics}[what]) * 1000


def dependencies(count: int) -> list[tuple[int, ...]]:
    """Return what each phase depends on: one or two of those not long before it, as in a pipeline that grew."""
    chance = random.Random(7)
    near = round(math.sqrt(count) * 1.6)
    return [
        ()
        if i < math.sqrt(count) / 2
        else tuple({max(0, i - 1 - chance.randrange(near)) for _ in range(chance.choice((1, 1, 2)))})
        for i in range(count)
    ]


def snapshot(count: int) -> dict[str, Any]:
    """Return what a kernel tells of a session that is half done."""
    graph = PhaseGraph(
        [
            Phase(f"phase_{i}", int, depends_on=tuple(f"phase_{j}" for j in after))
            for i, after in enumerate(dependencies(count))
        ]
    )
    done = [
        PhaseStatus(phase.name, "completed", 1 + SPAN_S * i, SPAN_S)
        for i, phase in enumerate(graph.phases[: count // 2])
    ]
    rest = [
        PhaseStatus(phase.name, "running" if i < 4 else "pending") for i, phase in enumerate(graph.phases[count // 2 :])
    ]
    state = PipelineState(name="grown", phases=Table([*done, *rest]), status="running", started_at=1.0)
    told: dict[str, Any] = json.loads(
        json.dumps(to_snapshot(state, graph, now=SPAN_S * count, seq=1, interactive=True))
    )
    return told


BENCHMARKS = (Benchmark("viewing", viewing),)
