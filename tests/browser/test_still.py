"""What the file of a notebook shows of a pipeline when no view is alive: in JupyterLab and as a page of nbconvert."""

from __future__ import annotations

from typing import TYPE_CHECKING

import nbformat
import pytest
from nbconvert import HTMLExporter
from playwright.sync_api import expect

from tests import kernels
from tests.browser.notebook import OPEN_TIMEOUT_MS, is_still

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Route

    from tests.browser.notebook import Notebook

SETUP = """
%load_ext milo_nb
import threading
gate = threading.Event()
"""
SITE = """
%%milo site
@phase
def load():
    gate.wait(60)
@phase
def parse(load):
    raise ValueError("<b>no</b> title")
@phase
def index(parse): ...
"""
PLAIN = """
from milo_nb import Phase, Pipeline
executor = Pipeline("plain", Phase("work", lambda: gate.wait(60))).run()
executor
"""
STILL = ".milo-still"


def until_still(notebook: Notebook, index: int, line: str) -> None:
    """Wait until the file has a still in a cell that says this."""
    stills = "window.panel.content.widgets[i].model.outputs.toJSON().map((output) => output.data?.['text/plain']?.split('\\n')[0])"
    notebook.page.wait_for_function(f"([i, line]) => {stills}.includes(line)", arg=[index, line])


def no_new_kernel(route: Route) -> None:
    """Leave JupyterLab waiting for a kernel."""
    if route.request.method != "POST":
        route.continue_()


def check_picture(still: Locator) -> None:
    expect(still).to_be_visible()
    expect(still.get_by_role("img", name="Graph of site: failed.")).to_be_visible()
    expect(still.locator("g.p")).to_have_count(3)
    expect(still.locator(".milo-still-error")).to_have_text("parse failed ValueError: <b>no</b> title")
    still.locator("summary").click()
    expect(still.locator("tbody tr")).to_have_text([
        "loadcompleted1", "parsefailed1load", "indexpending1parseblocked by parse"
    ])  # fmt: skip
    still.locator("summary").click()


@pytest.mark.parametrize("kernel", kernels.ALL)
def test_a_saved_notebook_shows_how_its_pipeline_ended_without_a_kernel(open_notebook, lab, kernel):
    notebook = open_notebook(SETUP, SITE, "gate.set()", kernel=kernel)
    notebook.run(0, 1)
    notebook.expect_status("running")
    expect(notebook.page.locator(STILL)).to_be_hidden()  # while the view lives
    room = notebook.page.locator(".jp-OutputArea-child:has(.milo-still)")
    assert room.bounding_box() is None
    until_still(notebook, 1, "site: running (1 running, 2 pending)")
    notebook.run(2)
    until_still(notebook, 1, "site: failed (1 completed, 1 failed, 1 pending)")
    assert [notebook.shown(i) for i in range(3)] == [[], ["view", "still"], []]
    notebook.command("docmanager:save")
    notebook.page.goto("about:blank")
    lab.end_kernels()

    notebook.page.route("**/api/sessions**", no_new_kernel)
    notebook.page.goto(lab.address(notebook.name))
    still = notebook.page.locator(STILL)
    expect(still).to_be_visible(timeout=OPEN_TIMEOUT_MS)
    check_picture(still)
    expect(notebook.page.get_by_text("Loading widget")).to_be_hidden()
    notebook.shoot("still", notebook.page.locator(".jp-Notebook .jp-CodeCell").nth(1))
    assert lab.ask("/api/kernels") == []


def test_a_cell_that_was_run_again_or_cleared_stays_as_it_is(open_notebook):
    notebook = open_notebook(SETUP, PLAIN, "gate.set(); executor.wait(60).success")
    notebook.run(0, 1)
    notebook.ask("first = executor")
    notebook.run(1)  # while the first one runs
    assert notebook.shown(1) == ["view", "still"]
    assert notebook.run(2) == "True"
    until_still(notebook, 1, "plain: completed (1 completed)")
    assert notebook.ask("print(first.wait(60).success)") == "True"
    assert [notebook.shown(i) for i in range(3)] == [[], ["view", "still"], ["execute_result"]]

    notebook.ask("gate.clear()")
    notebook.run(1)
    notebook.page.evaluate("window.panel.content.activeCellIndex = 1")
    notebook.command("notebook:clear-cell-output")
    assert notebook.ask("gate.set(); print(executor.wait(60).success)") == "True"
    assert notebook.run(2) == "True"
    assert notebook.shown(1) == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_page_of_nbconvert_shows_it_in_its_colours(open_notebook, lab, context, theme):
    notebook = open_notebook(SETUP, SITE, "gate.set()")
    notebook.run(0, 1, 2)
    until_still(notebook, 1, "site: failed (1 completed, 1 failed, 1 pending)")
    notebook.command("docmanager:save")
    saved = nbformat.read(lab.root / notebook.name, as_version=4)
    assert [is_still(output) for output in saved.cells[1].outputs] == [False, True]
    html, _ = HTMLExporter(theme=theme).from_notebook_node(saved)
    page = context.new_page()
    try:
        page.route("**/*", lambda route: route.abort())  # as without a network
        page.set_content(html, wait_until="domcontentloaded")
        still = page.locator(STILL)
        check_picture(still)
        paper = page.evaluate("getComputedStyle(document.querySelector('.milo-still')).backgroundColor")
        assert (sum(map(int, paper[4:-1].split(","))) < 384) is (theme == "dark")
    finally:
        page.close()
