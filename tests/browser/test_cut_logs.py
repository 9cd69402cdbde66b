"""A log file that is cut under its reader: while it is searched, while it is scrolled, while its phase still prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.test_logs import MILLION, find, go_to, open_logs

if TYPE_CHECKING:
    from tests.browser.notebook import Notebook

LOST = "was cut, removed or replaced"
SETUP = """
%load_ext milo_nb
import os, threading
from pathlib import Path
from milo_nb.show.notebook.logs import searching

go = threading.Event()
begun, cut = threading.Event(), threading.Event()
whole = searching.SEARCH

class HeldAfterItsFirstPart:
    @staticmethod
    def search(query, pieces, is_wanted):
        for part in whole.search(query, pieces, is_wanted):
            yield part
            begun.set()
            cut.wait(60)
"""
QUIET = """
@phase
def still():
    print("untouched")
"""
GOES_ON = """
%%milo long
@phase
def shout():
    print("\\n".join(f"line {n} of the log" for n in range(200_000)))
    go.wait(60)
    for n in range(200_000, 200_100):
        print(f"line {n} of the log")
"""
CUT = """
for file in Path(".milo").rglob("logs/**/*"):
    if file.is_file() and file.stat().st_size > 1_000_000:
        os.truncate(file, file.stat().st_size // 4)
        print("cut")
"""


def cut(notebook: Notebook) -> None:
    """Leave a quarter of each long log."""
    assert notebook.ask(CUT).split() == ["cut"]


def test_a_log_that_is_cut_while_it_is_searched_is_said_to_be_and_other_searches_go_on(open_notebook):
    notebook = open_notebook(SETUP, MILLION + QUIET)
    notebook.run(0, 1)
    notebook.expect_status("completed")
    pane = open_logs(notebook, "shout")
    notebook.ask("searching.SEARCH = HeldAfterItsFirstPart")

    find(pane, "99 of the log")
    expect(pane.locator(".milo-log-steps")).to_contain_text("searching…")
    notebook.ask("begun.wait(60)")
    cut(notebook)
    notebook.ask("cut.set(); searching.SEARCH = whole")

    expect(pane.get_by_role("alert").first).to_contain_text(LOST)
    expect(pane.get_by_role("alert").first).to_contain_text("Found in what is there: ")
    expect(pane.locator(".milo-log-row mark").first).to_be_visible()
    find(pane, "line 1234 ")
    expect(pane.locator("[data-current] .milo-log-text")).to_have_text("line 1234 of the log")
    find(pane, "")
    notebook.phase("still").click()
    expect(notebook.log).to_have_text(["untouched"])
    expect(pane.get_by_role("alert")).to_have_count(0)


@pytest.mark.parametrize("way", ["wheel", "bar"])
def test_who_scrolls_into_what_was_cut_is_told_and_gets_to_what_is_there(open_notebook, way):
    notebook = open_notebook(SETUP, MILLION + QUIET)
    notebook.run(0, 1)
    notebook.expect_status("completed")
    pane = open_logs(notebook, "shout")
    host = pane.locator(".milo-log-host")
    host.evaluate("(host) => host.scrollTo(0, host.scrollHeight / 2)")
    expect(notebook.log.first).to_contain_text("of the log")

    cut(notebook)

    if way == "bar":
        host.evaluate("(host) => host.scrollTo(0, host.scrollHeight * 0.7)")
    else:
        host.hover()
        notebook.page.mouse.wheel(0, 30_000)
    expect(pane.get_by_role("alert")).to_contain_text(LOST)
    region = pane.get_by_label("Log", exact=True)
    region.press("g")
    expect(notebook.log.first).to_have_text("line 0 of the log")
    region.press("G")
    expect(notebook.log.last).to_have_text("line 999999 of the log")
    notebook.phase("still").click()
    expect(notebook.log).to_have_text(["untouched"])


def test_what_a_phase_prints_after_its_log_was_cut_is_seen(open_notebook):
    notebook = open_notebook(SETUP, GOES_ON)
    notebook.run(0, 1)
    notebook.phase("shout").click()
    expect(notebook.log.last).to_have_text("line 199999 of the log")
    pane = notebook.pane("logs")
    go_to(pane, "100,001")  # which only the file has
    expect(pane.locator("[data-chosen] .milo-log-text")).to_have_text("line 100000 of the log")

    cut(notebook)
    pane.get_by_label("Log", exact=True).press("G")
    notebook.ask("go.set()")

    expect(notebook.log.last).to_have_text("line 200099 of the log")
    notebook.expect_status("completed")
    find(pane, "line 200050 ")
    expect(pane.locator(".milo-log-row mark").or_(pane.get_by_role("alert")).first).to_be_visible()
