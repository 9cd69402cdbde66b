"""Buttons while another cell runs: on each ipykernel, with and without subshells, whatever the cell does.

No test looks at the clock. A busy cell ends when its test lets it end, and that is after the view has shown what came of
the clicks.
"""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests import kernels
from tests.browser.lanes import Lanes

SETUP = """
%load_ext milo_nb
import asyncio, os, time
from milo_nb import PipelineExecutor
begun, carried_out = [], []
command = PipelineExecutor.command
def note(executor, word, *phases, **options):
    carried_out.append(word)
    return command(executor, word, *phases, **options)
PipelineExecutor.command = note
"""
SITE = """
%%milo site
@phase
def turn(ctx):
    begun.append(ctx.attempt)
    while True:
        ctx.check_cancelled()
        time.sleep(0.01)
@phase
def after(turn):
    return 1
"""
BUSY = {
    "sleeps": "while not os.path.exists('sleeps'): time.sleep(0.05)",
    "spins": "while not os.path.exists('spins'): pass",
    "awaits": "while not os.path.exists('awaits'): await asyncio.sleep(0.05)",
}


def is_busy(notebook, cell):
    return notebook.page.evaluate("(index) => window.cellsDone[index] === false", cell)


@pytest.mark.parametrize("subshells", ["perCommTarget", "disabled"])
@pytest.mark.parametrize("kernel", kernels.ALL)
def test_each_click_is_answered_before_the_cell_ends(open_notebook, kernel, subshells):
    notebook = open_notebook(SETUP, SITE, *BUSY.values(), kernel=kernel, subshells=subshells)
    assert notebook.ask("import ipykernel; print(ipykernel.__version__)") == kernel
    lanes = Lanes(notebook)
    notebook.run(0, 1)
    notebook.expect_phases(turn="running")
    notebook.phase("turn").click()

    ways = {}
    for cell, kind in enumerate(BUSY, 2):
        notebook.start(cell)
        notebook.button("pause").click()
        expect(notebook.view.locator(".milo-header .milo-word")).to_have_text("pausing")
        notebook.button("cancel").click()
        notebook.expect_phases(turn="cancelled")
        notebook.button("retry", "turn").click()
        notebook.expect_phases(turn="running")
        expect(notebook.view.locator("[data-requested]")).to_have_count(0)
        ways = ways or {command: lanes.ways(command) for command in ("pause", "cancel")}
        lanes.send_again({message["id"] for message in lanes.sent()})  # by both: an id counts once
        assert is_busy(notebook, cell)
        (notebook.lab.root / kind).touch()
        notebook.wait_done(cell)
        (notebook.lab.root / kind).unlink()

    notebook.button("cancel").click()
    notebook.expect_phases(turn="cancelled")
    assert notebook.ask("print(begun, *carried_out)") == "[1, 2, 3, 4] " + "pause cancel retry " * 3 + "cancel"
    if subshells == "disabled" or kernel == kernels.OLDEST:  # a comm's messages wait for the cell
        assert all("control" in tried for tried in ways.values()), "nothing else gets there before the cell ends"


def test_where_no_lane_works_a_command_is_queued_and_carried_out_when_the_cell_ends(open_notebook):
    notebook = open_notebook(SETUP, SITE, BUSY["sleeps"], kernel=kernels.OLDEST)
    notebook.run(0, 1)
    notebook.expect_phases(turn="running")
    Lanes(notebook).close_control()

    notebook.start(2)
    notebook.button("pause").click()
    expect(notebook.view.get_by_text("Queued: kernel busy. When the running cell ends: pause.")).to_be_visible()
    expect(notebook.button("pause")).to_have_attribute("aria-disabled", "true")
    assert is_busy(notebook, 2)
    (notebook.lab.root / "sleeps").touch()
    notebook.wait_done(2)
    (notebook.lab.root / "sleeps").unlink()

    expect(notebook.view.locator(".milo-header .milo-word")).to_have_text("pausing")
    expect(notebook.view.get_by_text("Queued")).to_have_count(0)
    assert notebook.ask("print(carried_out)") == "['pause']"
