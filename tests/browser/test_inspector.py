"""The inspector in a real notebook: results of every kind, the code of attempts, what runs now, and who decides what opens."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

if TYPE_CHECKING:
    from playwright.sync_api import Locator

    from tests.browser.notebook import Notebook

SETUP = """
%load_ext milo_nb
import threading
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from IPython.display import HTML, display

go = threading.Event()

class Hangs:
    def __repr__(self):
        while True:
            pass
"""
RESULTS = """
%%milo results --parallel

@phase
def frame():
    return pd.DataFrame({f"column_{c}": np.arange(50_000) * c for c in range(40)})

@phase
def mixed():
    return {"frame": pd.DataFrame({"city": ["Oslo", "Rome"]}), "shape": np.zeros((3, 4)), "label": "<b>bold</b>"}

@phase
def plot():
    figure = Figure()
    figure.add_subplot().plot([1, 3, 2])
    return figure

@phase
def stuck():
    return Hangs()

@phase
def table():
    display(HTML(pd.DataFrame({f"c{c}": range(50) for c in range(30)}).to_html()))
"""
BROKEN = """
%%milo site --parallel

def page(row):
    return row["title"]

@phase
def load():
    return [{"title": "a"}, {}]

@phase
def parse(load):
    return [page(row) for row in load]

@phase
def write(parse):
    pass
"""
MENDED = BROKEN.replace('row["title"]', 'row.get("title", "")').replace(
    "return [page(row) for row in load]", "titles = [page(row) for row in load]\n    return titles"
)
WATCHED = """
%%milo watched --parallel

def wait():
    print("waiting")
    go.wait(60)

@phase
def slow():
    wait()

@phase
def fails(slow):
    raise ValueError("no title")
"""


@pytest.fixture
def notebook(open_notebook) -> Notebook:
    opened = open_notebook(SETUP, "")
    opened.run(0)
    return opened


def run(notebook: Notebook, cell: str) -> None:
    notebook.edit(1, cell)
    notebook.run(1)


def choose(notebook: Notebook, phase: str, tab: str) -> Locator:
    notebook.phase(phase).click()
    notebook.view.locator(f".milo-inspector [data-tab={tab}]").click()
    return notebook.pane(tab)


def test_results_are_shown_as_what_they_are(notebook: Notebook) -> None:
    run(notebook, RESULTS)
    notebook.expect_status("completed")
    pane = choose(notebook, "frame", "result")
    expect(pane).to_contain_text("50,000 rows × 40 columns")  # noqa: RUF001 - as people write it
    expect(pane).to_contain_text("25 of 50,000 rows, 24 of 40 columns")
    expect(pane.locator("thead tr > *")).to_have_count(1 + 24 + 1)
    expect(pane.locator("thead tr > *").nth(2)).to_have_text("column_1int64")
    expect(pane.locator("tbody tr").last).to_contain_text("49999")
    pane = choose(notebook, "mixed", "result")
    expect(pane.locator("tbody tr").nth(2)).to_contain_text("'<b>bold</b>'")
    pane.get_by_role("button", name="Open 'frame'").click()
    expect(pane.locator("tbody td").first).to_have_text("Oslo")
    expect(pane.locator("nav")).to_contain_text("'frame'")
    pane.locator("nav button").click()
    expect(pane.locator("tbody tr")).to_have_count(3)
    image = choose(notebook, "plot", "result").locator("img")
    expect(image).to_be_visible()
    assert image.evaluate("(img) => img.naturalWidth") > 300


def test_a_value_that_hangs_when_it_is_looked_at_hurts_nobody(notebook: Notebook) -> None:
    run(notebook, RESULTS)
    notebook.expect_status("completed")
    pane = choose(notebook, "stuck", "result")
    expect(pane).to_contain_text("Looking at it took longer than 2 s and was given up.")
    expect(pane).to_contain_text("Hangs")
    pane = choose(notebook, "frame", "result")
    expect(pane).to_contain_text("50,000 rows")
    assert notebook.ask("print(1 + 1)") == "2"


def test_a_long_table_that_was_displayed_has_no_scroll_bar_of_its_own(notebook: Notebook) -> None:
    run(notebook, RESULTS)
    notebook.expect_status("completed")
    pane = choose(notebook, "table", "output")
    frame = pane.locator("iframe")
    expect(frame.content_frame.locator("tbody tr")).to_have_count(50)
    notebook.page.wait_for_function(
        "(frame) => frame.offsetHeight >= frame.contentDocument.documentElement.scrollHeight"
        " && frame.offsetWidth >= frame.contentDocument.documentElement.scrollWidth && frame.offsetHeight > 900",
        arg=frame.element_handle(),
    )


def test_after_an_edit_the_code_of_both_attempts_can_be_compared(notebook: Notebook) -> None:
    run(notebook, BROKEN)
    notebook.expect_status("failed")
    expect(notebook.pane("error")).to_contain_text("KeyError")
    expect(notebook.pane("error")).to_contain_text("1 phase waits for it: write")
    notebook.phase("write").click()
    expect(notebook.view.locator("[data-strip]")).to_contain_text("blocked by parse, which failed")
    notebook.view.locator("[data-strip] > button").click()
    expect(notebook.pane("error")).to_be_visible()
    run(notebook, MENDED)
    notebook.expect_status("completed")
    pane = choose(notebook, "parse", "info")
    second = pane.locator("[data-attempt='2']")
    expect(second).to_have_attribute("open", "")
    expect(second.locator("[data-change=removed]")).to_contain_text("return [page(row) for row in load]")
    expect(second.locator("[data-change=added]").first).to_contain_text("titles = [page(row)")
    pane.locator("[data-attempt='1'] > summary").click()
    expect(pane.locator("[data-attempt='1'] pre")).to_contain_text("return [page(row) for row in load]")


def test_the_running_line_is_shown_and_an_idle_tab_asks_nothing(notebook: Notebook) -> None:
    run(notebook, WATCHED)
    pane = choose(notebook, "slow", "now")
    frames = pane.locator("figure")
    expect(frames.nth(0).locator("[aria-current]")).to_contain_text("wait()")
    expect(frames.nth(1).locator("[aria-current]")).to_contain_text("go.wait(60)")
    expect(pane).to_contain_text("Last line")
    expect(pane).to_contain_text(re.compile(r"Process\d+% of \d+ core"))
    expect(pane).to_contain_text(re.compile(r"At this linefor \d"))
    notebook.ask("go.set()")
    notebook.expect_status("failed")


def test_a_failure_does_not_open_in_front_of_somebody_who_reads(notebook: Notebook) -> None:
    run(notebook, WATCHED)
    choose(notebook, "slow", "logs")
    notebook.ask("go.set()")
    notebook.expect_status("failed")
    strip = notebook.view.locator("[data-strip]")
    expect(strip).to_contain_text("fails failed while you were reading.")
    expect(notebook.view.locator(".milo-inspector")).to_have_attribute("aria-label", "Phase slow")
    strip.get_by_role("button").click()
    expect(notebook.pane("error")).to_contain_text("no title")


def test_the_edges_of_the_inspector_move_by_pointer_and_by_keys(notebook: Notebook) -> None:
    run(notebook, BROKEN)
    notebook.expect_status("failed")
    box = notebook.view.locator(".milo-inspector")
    before = box.bounding_box()
    edge = notebook.view.get_by_role("separator", name="Height of the inspector")
    edge.scroll_into_view_if_needed()
    where = edge.bounding_box()
    assert before is not None
    assert where is not None
    notebook.page.mouse.move(where["x"] + 40, where["y"] + 3)
    notebook.page.mouse.down()
    notebook.page.mouse.move(where["x"] + 40, where["y"] - 77)
    notebook.page.mouse.up()
    height = "(box) => Math.round(box.getBoundingClientRect().height)"
    assert abs(box.evaluate(height) - (before["height"] - 80)) <= 2
    dragged = box.evaluate(height)
    edge.press("ArrowDown")
    expect(edge).to_have_attribute("aria-valuenow", str(dragged + 24))
    edge.press("Delete")
    expect(edge).to_have_attribute("aria-valuenow", str(round(before["height"])))
