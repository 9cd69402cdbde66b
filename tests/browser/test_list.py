"""The list in JupyterLab: sorted, filtered, read by screen readers as a table, used without a mouse."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

if TYPE_CHECKING:
    from playwright.sync_api import Locator

    from tests.browser.notebook import Notebook

SETUP = """
%load_ext milo_nb
import threading
go = threading.Event()
"""
SHOP = """
%%milo shop --parallel
@phase
def load():
    print("40 orders")
@phase
def prices(ctx):
    ctx.sleep(0.5)
    print("12 prices")
@phase
def check(load):
    raise ValueError("order 7 has no date")
@phase
def report(check):
    pass
@phase
def slow():
    print("page 1")
    go.wait(60)
"""
MANY = """
%load_ext milo_nb
from milo_nb import Phase, Pipeline
many = Pipeline("many", *[Phase(f"step-{i}", lambda: None) for i in range(2000)], parallel=True)
many.run()
"""


def show_list(notebook: Notebook) -> Locator:
    """Show the list."""
    notebook.view.locator("[data-tab=list]").click()
    table = notebook.view.get_by_role("grid")
    expect(table).to_be_visible()
    return table


def names(table: Locator) -> list[str]:
    return table.locator("[data-phase]").evaluate_all("(rows) => rows.map((row) => row.dataset.phase)")


def test_what_failed_and_what_runs_comes_first_with_what_it_said_last(open_notebook):
    notebook = open_notebook(SETUP, SHOP, "go.set()")
    notebook.run(0, 1)
    table = show_list(notebook)
    expect(table.locator('[data-phase="check"]')).to_have_attribute("data-status", "failed")
    expect(table.locator('[data-phase="prices"]')).to_have_attribute("data-status", "completed")

    assert names(table)[:2] == ["check", "slow"]
    expect(table.locator('[data-phase="check"] [data-column=note]')).to_contain_text("order 7 has no date")
    expect(table.locator('[data-phase="slow"] [data-column=note]')).to_have_text("page 1")
    expect(table.locator('[data-phase="report"] [data-column=note]')).to_have_text("blocked by check")
    notebook.run(2)
    expect(table.locator('[data-phase="slow"]')).to_have_attribute("data-status", "completed")

    table.get_by_role("columnheader", name="time").get_by_role("button").click()
    expect(table.get_by_role("columnheader", name="time")).to_have_attribute("aria-sort", "descending")
    times = [names(table).index(name) for name in ("slow", "prices", "load")]
    assert times == sorted(times)


def test_lines_of_before_the_page_was_loaded_are_there_too(open_notebook):
    notebook = open_notebook(SETUP, SHOP, "go.set()")
    notebook.run(0, 2, 1)
    notebook.expect_status("failed")
    notebook.reload()

    table = show_list(notebook)

    expect(table.locator('[data-phase="load"] [data-column=note]')).to_have_text("40 orders")
    expect(table.locator('[data-phase="slow"] [data-column=note]')).to_have_text("page 1")


def test_words_and_states_leave_rows_out_by_keyboard_alone(open_notebook):
    notebook = open_notebook(MANY)
    notebook.run(0)
    notebook.expect_status("completed")
    table = show_list(notebook)
    expect(table).to_have_attribute("aria-rowcount", "2001")
    assert table.get_by_role("row").count() < 60

    field = notebook.view.get_by_role("searchbox", name="Filter phases")
    field.focus()
    notebook.page.keyboard.type("STEP-77")
    expect(notebook.view.get_by_text("11 of 2,000 phases")).to_be_visible()
    assert names(table)[:3] == ["step-77", "step-770", "step-771"]
    notebook.page.keyboard.press("Enter")
    expect(table).to_be_focused()
    notebook.page.keyboard.press("ArrowDown")
    notebook.page.keyboard.press("ArrowDown")
    notebook.page.keyboard.press("Enter")
    expect(notebook.view.locator('.milo-inspector[aria-label="Phase step-770"]')).to_be_visible()

    field.focus()
    notebook.page.keyboard.press("Escape")
    expect(notebook.view.get_by_text("11 of 2,000 phases")).to_be_hidden()
    notebook.page.keyboard.press("Tab")
    notebook.page.keyboard.press("Space")
    expect(notebook.view.locator("[data-filter=completed]")).to_have_attribute("aria-pressed", "true")
    expect(notebook.view.get_by_text("2,000 of 2,000 phases")).to_be_visible()
