"""The second notebook, as a person works through it: a retry, a skip with a value, a mistake mended in its cell, plots."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

if TYPE_CHECKING:
    from playwright.sync_api import Locator

    from tests.browser.notebook import Notebook

EXAMPLE = Path(__file__).parents[2] / "notebooks/02-train-models.ipynb"
CELLS: list[dict[str, Any]] = json.loads(EXAMPLE.read_text(encoding="utf-8"))["cells"]
AT = {cell["id"]: index for index, cell in enumerate(CELLS)}
RUN_ALL = """() => {
  window.isAllRun = false;
  const done = (isGood) => { window.isAllRun = { isGood }; };
  window.jupyterapp.commands.execute("notebook:run-all-cells").then(done, () => done(false));
}"""
RUN_ALL_TIMEOUT_MS = 200_000
TRAINING_TIMEOUT_MS = 100_000
MISTAKE = "roc_auc_score(truth, chances)"
MENDED = 'roc_auc_score(truth, chances, multi_class="ovr")'
ATTEMPTS = "print({name: n for name, n in models.wait().metrics.attempts.items() if n != 1})"


@pytest.fixture
def example(lab, open_notebook):
    shutil.copy(EXAMPLE, lab.root)
    return open_notebook(name=EXAMPLE.name)


def run(notebook: Notebook, *names: str) -> str:
    """Run cells by their ids, in sight as when a person runs them; return what the last one showed as text."""
    text = ""
    for name in names:
        notebook.page.evaluate("(index) => window.panel.content.scrollToItem(index, 'start')", AT[name])
        text = notebook.run(AT[name])
    return text


def view_below(notebook: Notebook, name: str) -> Locator:
    """Return the view that a cell shows."""
    return notebook.page.locator(".jp-Cell").nth(AT[name]).locator(".milo-root")


def open_tab(view: Locator, phase: str, tab: str) -> Locator:
    """Click a phase and one of its tabs; return the pane."""
    view.locator(f'[data-view=graph] [data-phase="{phase}"]').click()
    view.locator(f"[data-tab={tab}]").click()
    return view.locator(f"[data-pane={tab}]")


def expect_plot(view: Locator, phase: str) -> None:
    """Expect one picture in the Output pane of a phase, which is not wider than the pane."""
    pane = open_tab(view, phase, "output")
    expect(pane.locator("img")).to_have_count(1)
    assert pane.locator("img").evaluate("(one) => one.decode().then(() => one.naturalWidth)") > 200
    assert pane.evaluate("(pane) => pane.scrollWidth <= pane.clientWidth")


def test_a_person_gets_the_second_notebook_to_its_end_and_trains_nothing_twice(example):
    run(example, "load", "helpers", "models")
    models = view_below(example, "models")
    expect(models.locator("[data-pane=error]")).to_contain_text("FileNotFoundError")
    expect(models.locator("[data-pane=error] [aria-current=true]").first).to_contain_text("return json.loads")
    expect(models).to_have_attribute("data-status", "failed", timeout=TRAINING_TIMEOUT_MS)
    expect(open_tab(models, "network", "info")).to_contain_text("steps of 2 are too long")
    logs = open_tab(models, "network", "logs").locator(".milo-log-row")
    expect(logs).to_contain_text(["epochs: 0%", "epochs: 100%", "correctly"], use_inner_text=False)
    for phase in ("digits", "neighbours", "forest", "network"):
        expect_plot(models, phase)
    expect(models.locator('[data-view=graph] [data-phase="ranking"]')).to_contain_text("blocked by last_week")

    assert run(example, "skip") == "models: skip last_week; runs ranking; 5 kept\n"

    assert run(example, "skip-wait") == "True"
    assert example.ask(ATTEMPTS) == "{'network': 2}"
    run(example, "results")
    models.evaluate("(view) => view.scrollIntoView()")
    expect(models).to_have_attribute("data-status", "completed")
    rows = open_tab(models, "ranking", "output").frame_locator("iframe").locator("tbody tr")
    expect(rows).to_have_count(3)

    run(example, "report")
    report = view_below(example, "report")
    expect(report).to_have_attribute("data-status", "failed")
    expect(report.locator("[data-pane=error] [aria-current=true]").first).to_contain_text(MISTAKE)
    example.edit(AT["report"], example.sources()[AT["report"]].replace(MISTAKE, MENDED))
    assert "1 kept" in run(example, "report")
    expect(report).to_have_attribute("data-status", "completed")
    expect_plot(report, "curves")
    assert example.ask("print(report.wait().metrics.attempts)") == "{'chances': 1, 'curves': 2, 'verdict': 1}"

    assert run(example, "mended", "mended-wait") == "True"
    assert "The next session uses it: %milo run report" in run(example, "mistakes")
    assert run(example, "run", "run-wait") == "True"
    assert run(example, "mistakes-result") == "True"
    example.page.evaluate("(index) => window.panel.content.scrollToItem(index, 'start')", AT["run"])
    expect_plot(view_below(example, "run"), "mistakes")


def test_all_of_the_second_notebook_runs_in_one_go(example, lab):
    before = {path.name for path in lab.root.iterdir()}

    example.page.evaluate(RUN_ALL)
    example.page.wait_for_function("() => window.isAllRun", timeout=RUN_ALL_TIMEOUT_MS)

    shown = [
        output["output_type"]
        for index, cell in enumerate(CELLS)
        if cell["cell_type"] == "code"
        for output in example.outputs(index)
    ]
    assert "error" not in shown
    told = {name: example.text(AT[name]) for name in AT if name.endswith("-wait")}
    assert told == {
        "models-wait": "'failed'",
        "skip-wait": "True",
        "report-wait": "'failed'",
        "mended-wait": "True",
        "run-wait": "True",
    }
    assert "1 kept" in example.text(AT["mended"])
    assert {path.name for path in lab.root.iterdir()} - before <= {".milo", ".ipynb_checkpoints"}
