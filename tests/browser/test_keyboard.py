"""Everything that the view can do, done by somebody who has no mouse."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Locator

    from tests.browser.notebook import Notebook

SETUP = """
%load_ext milo_nb
import threading
gate = threading.Event()
spare = ["a page"]
"""
SITE = """
%%milo site --parallel
@phase
def load():
    for n in range(60):
        print("line", n)
    return [1, 2]

@phase
def parse(load):
    raise ValueError("no title")

@phase
def write(parse):
    gate.wait(60)
    return parse

@phase
def check(write):
    return write
"""
REVIEW = """
%%milo read
@phase(review=True)
def draft():
    return 1

@phase
def publish(draft):
    return draft
"""
MOST_TABS = 60
NO_MOUSE = """
for (const kind of ["pointerdown", "mousedown", "click", "contextmenu", "wheel"])
  window.addEventListener(kind, (event) => {
    if (event.isTrusted && event.detail > 0 || kind === "wheel") window.usedMouse = kind;
  }, true);
"""


def tab_to(notebook: Notebook, what: Locator, key: str = "Tab") -> Locator:
    """Press Tab until something has the focus, as a person would."""
    for _ in range(MOST_TABS):
        if what.count() and what.first.evaluate("(one) => one === document.activeElement"):
            return what
        notebook.page.keyboard.press(key)
    raise AssertionError(f"{what} is out of reach")


def press(notebook: Notebook, *keys: str) -> None:
    for key in keys:
        notebook.page.keyboard.press(key)


def run_cells(notebook: Notebook, count: int) -> None:
    """Run cells as people do: the first cell is selected when a notebook opens."""
    for index in range(count):
        press(notebook, "Shift+Enter")
        notebook.page.wait_for_function(
            "(i) => window.panel.content.widgets[i].model.executionCount !== null", arg=index
        )


def graph_of(notebook: Notebook) -> Locator:
    return notebook.view.locator("[data-view=graph] [role=listbox]")


def enter_view(notebook: Notebook) -> Locator:
    """Come from the cells into the view."""
    press(notebook, "ArrowUp")  # the cell of the pipeline, whose output comes next
    return tab_to(notebook, graph_of(notebook))


@pytest.fixture
def failed(open_notebook: Callable[..., Notebook]) -> Iterator[Notebook]:
    """A pipeline that failed, with the focus in its graph; whoever used a mouse is found out."""
    notebook = open_notebook(SETUP, SITE, "'below'", script=NO_MOUSE)
    notebook.page.evaluate("window.panel.content.activate()")
    run_cells(notebook, 2)
    notebook.expect_status("failed")
    enter_view(notebook)
    yield notebook
    assert notebook.page.evaluate("window.usedMouse ?? ''") == ""


def test_phases_are_looked_at_searched_and_given_room_without_a_mouse(failed):
    view, page = failed.view, failed.page
    inspector = view.locator('.milo-inspector[aria-label="Phase load"]')
    press(failed, "ArrowLeft")
    expect(failed.phase("load")).to_have_attribute("aria-selected", "true")
    press(failed, "Enter")
    expect(inspector).to_be_visible()
    tab_to(failed, inspector.locator("[role=tab][aria-selected=true]"))
    press(failed, "ArrowLeft")
    expect(failed.pane("info")).to_be_visible()
    expect(inspector.locator("[data-tab=info]")).to_be_focused()
    press(failed, "ArrowRight")
    expect(failed.pane("logs")).to_be_visible()

    press(failed, "/")
    expect(view.get_by_label("Find in the log")).to_be_focused()
    page.keyboard.type("line 4")
    expect(failed.pane("logs")).to_contain_text("11")
    expect(view.locator(".milo-log-row mark").first).to_be_visible()
    press(failed, "Enter", "Escape", "Escape")

    height = inspector.bounding_box()["height"]
    tab_to(failed, inspector.get_by_role("separator").last, "Shift+Tab")
    press(failed, "ArrowDown", "ArrowDown")
    page.wait_for_function(
        "(was) => document.querySelector('.milo-inspector').getBoundingClientRect().height > was + 20", arg=height
    )


def test_a_failed_phase_is_tried_again_and_skipped_with_a_value_without_a_mouse(failed):
    view, page, graph = failed.view, failed.page, graph_of(failed)
    press(failed, "r")
    expect(failed.phase("parse")).to_have_attribute("aria-selected", "true")
    expect(failed.phase("parse")).to_contain_text("attempt 2")
    failed.expect_status("failed")
    expect(graph).to_be_focused()

    tab_to(failed, failed.button("retry-failed"), "Shift+Tab")
    expect(page.get_by_role("tooltip")).to_contain_text("Runs parse again, then write and check.")
    tab_to(failed, graph)
    expect(page.get_by_role("tooltip")).to_have_count(0)

    press(failed, ".")
    expect(page.get_by_role("menuitem", name="Retry", exact=True)).to_be_focused()
    press(failed, "s", "s")
    expect(page.get_by_role("menuitem", name="Skip with value…")).to_be_focused()
    press(failed, "Enter")
    dialog = page.get_by_role("dialog", name="Skip parse with a value")
    expect(dialog.get_by_label("A variable of the notebook")).to_be_enabled()
    expect(dialog.get_by_label("None")).to_be_focused()
    press(failed, "ArrowDown")
    expect(dialog.get_by_label("A variable of the notebook")).to_be_checked()
    press(failed, "Tab")
    page.keyboard.type("spare")
    expect(dialog).to_contain_text("what depends on it gets spare")
    tab_to(failed, dialog.get_by_role("button", name="Skip with this value"))
    press(failed, "Enter")
    failed.expect_phases(parse="skipped", write="running")
    expect(graph).to_be_focused()
    failed.ask("gate.set()")
    failed.expect_status("completed")
    assert failed.ask("print(site.results['check'])") == "['a page']"
    expect(view.get_by_role("alert")).to_have_count(0)


def test_a_run_is_held_let_go_and_cancelled_and_the_view_changed_and_left_without_a_mouse(failed):
    view, page, graph = failed.view, failed.page, graph_of(failed)
    word = view.locator(".milo-header .milo-word")
    press(failed, "s")
    failed.expect_phases(write="running")
    press(failed, "p")
    expect(word).to_have_text("pausing")
    press(failed, "p")
    expect(word).to_have_text("running")
    press(failed, "q", "c")
    expect(word).to_have_text(re.compile("cancell"))
    failed.ask("gate.set()")
    failed.expect_status("cancelled")

    for key, name in (("2", "timeline"), ("3", "list"), ("1", "graph")):
        tab_to(failed, view.locator("[data-view] :is([role=listbox], [role=grid])").first)
        press(failed, key)
        expect(view.locator(f"[data-view={name}]")).to_be_visible()
    tab_to(failed, view.locator("[data-count=skipped]"), "Shift+Tab")
    press(failed, "Enter")
    expect(view.locator("[data-count=skipped]")).to_have_attribute("aria-pressed", "true")
    press(failed, "Enter")

    tab_to(failed, graph)
    press(failed, "?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    press(failed, "Escape")
    expect(graph).to_be_focused()
    press(failed, "Escape")
    page.wait_for_function("document.activeElement.matches('.jp-Notebook, .jp-Notebook :not(.milo-root *)')")


def test_a_review_is_approved_without_a_mouse(open_notebook):
    notebook = open_notebook(SETUP, REVIEW, "'below'", script=NO_MOUSE)
    notebook.page.evaluate("window.panel.content.activate()")
    run_cells(notebook, 2)
    notebook.expect_status("paused")
    enter_view(notebook)
    press(notebook, "p")
    expect(notebook.view.get_by_role("alert")).to_contain_text("draft waits for your approval")
    press(notebook, "a")
    notebook.expect_status("completed")
    assert notebook.page.evaluate("window.usedMouse ?? ''") == ""
