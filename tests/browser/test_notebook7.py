"""All of it in Jupyter Notebook 7, which has other panels, other keys and another page than JupyterLab."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.lab import Classic
from tests.browser.lanes import Lanes
from tests.browser.notebook import OPEN_TIMEOUT_MS
from tests.browser.test_still import no_new_kernel, until_still

if TYPE_CHECKING:
    from collections.abc import Iterator

SETUP = """
%load_ext milo_nb
import threading
broken = True
gate = threading.Event()
"""
SITE = """
%%milo site
@phase
def load():
    print("loading")
    gate.wait(60)
@phase
def parse(load):
    if broken:
        raise ValueError("no title")
"""
BUSY = "open('enough').close()"  # a pipe: until somebody writes into it
KEYS = (
    "j",
    "k",
    "a",
    "b",
    "d",
    "d",
    "x",
    "m",
    "y",
    "z",
    "Shift+M",
    "Shift+Enter",
    "Enter",
    "0",
    "0",
    "i",
    "i",
    "h",
    "l",
    "o",
)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Classic]:
    server = Classic(tmp_path_factory.mktemp("notebook7"))
    yield server
    server.stop()


def test_a_failed_phase_is_mended_and_tried_again_by_its_button(open_notebook):
    notebook = open_notebook(SETUP, SITE, "broken = False")
    notebook.run(0, 1)
    notebook.expect_phases(load="running", parse="pending")
    notebook.phase("load").click()
    expect(notebook.log).to_have_text(["loading"])
    notebook.ask("gate.set()")
    notebook.expect_phases(load="completed", parse="failed")
    notebook.phase("parse").click()
    expect(notebook.pane("error")).to_contain_text("no title")
    notebook.run(2)
    notebook.button("retry", "parse").click()
    notebook.expect_status("completed")
    assert [notebook.shown(i) for i in range(3)] == [[], ["view", "still"], []]


@pytest.mark.parametrize("has_control", [True, False])
def test_buttons_work_while_another_cell_runs(open_notebook, has_control):
    notebook = open_notebook(SETUP, SITE, BUSY)
    notebook.run(0, 1)
    notebook.expect_phases(load="running")
    if not has_control:
        Lanes(notebook).close_control()
    enough = notebook.lab.root / "enough"
    os.mkfifo(enough)
    notebook.start(2)
    notebook.button("pause").click()
    expect(notebook.view.locator(".milo-header .milo-word")).to_have_text("pausing")
    assert notebook.page.evaluate("window.cellsDone[2]") is False
    enough.write_text("")
    notebook.wait_done(2)
    enough.unlink()


def test_keys_typed_in_the_view_are_the_views_and_ctrl_s_saves(open_notebook):
    notebook = open_notebook(SETUP, SITE, "'mine'")
    notebook.run(0, 1)
    before = notebook.sources()
    graph = notebook.view.locator("[data-view=graph] [role=listbox]")
    notebook.phase("load").click()
    graph.focus()
    for key in KEYS:
        notebook.page.keyboard.press(key)
    expect(graph).to_be_focused()
    assert notebook.sources() == before
    assert notebook.page.evaluate("window.panel.content.activeCell.model.type") == "code"
    notebook.expect_phases(load="running")
    graph.press("p")
    expect(notebook.view.locator(".milo-header .milo-word")).to_have_text("pausing")
    graph.press("Control+s")
    notebook.page.wait_for_function("() => !window.panel.context.model.dirty")


def test_a_reload_brings_the_view_back_and_its_buttons_work(open_notebook):
    notebook = open_notebook(SETUP, SITE)
    notebook.run(0, 1)
    notebook.expect_phases(load="running")
    notebook.reload()
    notebook.expect_phases(load="running", parse="pending")
    expect(notebook.page.locator(".milo-still")).to_be_hidden()
    notebook.button("pause").click()
    notebook.expect_word("pausing")  # the command goes another way than the code that is asked for
    notebook.ask("gate.set()")
    notebook.expect_status("paused")
    notebook.button("resume").click()
    until_still(notebook, 1, "site: failed (1 completed, 1 failed)")


def test_a_saved_notebook_shows_how_its_pipeline_ended_without_a_kernel(open_notebook, lab):
    notebook = open_notebook(SETUP, SITE, "gate.set()")
    notebook.run(0, 1, 2)
    until_still(notebook, 1, "site: failed (1 completed, 1 failed)")
    notebook.command("docmanager:save")
    notebook.page.goto("about:blank")
    lab.end_kernels()
    notebook.page.route("**/api/sessions**", no_new_kernel)
    notebook.page.goto(lab.address(notebook.name))
    expect(notebook.page.locator(".milo-still")).to_be_visible(timeout=OPEN_TIMEOUT_MS)
    expect(notebook.page.get_by_role("img", name="Graph of site: failed.")).to_be_visible()
    expect(notebook.page.get_by_text("Loading widget")).to_be_hidden()
