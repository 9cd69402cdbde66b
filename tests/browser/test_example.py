"""The first notebook, as a person works through it: run it all, look at the site, make it fail, mend it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

EXAMPLE = Path(__file__).parents[2] / "notebooks/01-build-a-site.ipynb"
RUN_ALL = """() => {
  window.isAllRun = false;
  const done = (isGood) => { window.isAllRun = { isGood }; };
  window.jupyterapp.commands.execute("notebook:run-all-cells").then(done, () => done(false));
}"""
RUN_ALL_TIMEOUT_MS = 200_000


def cell_that_has(text: str) -> int:
    cells: list[dict[str, Any]] = json.loads(EXAMPLE.read_text(encoding="utf-8"))["cells"]
    return next(i for i, cell in enumerate(cells) if cell["cell_type"] == "code" and text in "".join(cell["source"]))


@pytest.fixture
def example(lab, open_notebook):
    shutil.copy(EXAMPLE, lab.root)
    return open_notebook(name=EXAMPLE.name)


def test_the_first_notebook_builds_its_site_fails_when_told_to_and_finishes_when_retried(example, lab):
    trouble, publish = cell_that_has('trouble = {"disk_is_full"'), cell_that_has("%%milo publish")
    example.page.evaluate(RUN_ALL)
    example.page.wait_for_function("() => window.isAllRun", timeout=RUN_ALL_TIMEOUT_MS)

    shown = [(index, output) for index in range(publish + 2) for output in example.outputs(index)]
    assert [(index, output) for index, output in shown if output["output_type"] == "error"] == []
    assert [example.text(cell_that_has(f"{name}.wait()")) for name in ("site", "check", "publish")] == ["True"] * 3
    site = lab.root / "site"
    assert (site / "index.html").is_file()
    assert len(list(site.glob("packages/*.html"))) > 20
    assert (site / "site.zip").is_file()
    for name in ("site", "publish"):
        view = example.page.locator(f'.milo-root[data-pipeline="{name}"]').first
        view.evaluate("(view) => view.scrollIntoView()")
        expect(view).to_have_attribute("data-status", "completed")

    switch = example.sources()[trouble]
    example.edit(trouble, switch.replace("False", "True"))
    example.run(trouble, publish)
    view = example.page.locator('.milo-root[data-pipeline="publish"]')
    expect(view).to_have_attribute("data-status", "failed")
    expect(view.locator('[data-view=graph] [data-phase="save"]')).to_have_attribute("data-status", "failed")
    expect(view.locator("[data-pane=error] [aria-current=true]")).to_contain_text("raise OSError")

    example.edit(trouble, switch)
    example.run(trouble)
    view.locator(".milo-inspector [data-command=retry]").click()
    expect(view).to_have_attribute("data-status", "completed")
    assert example.ask("print(publish.results['save'].name)") == "site.zip"
