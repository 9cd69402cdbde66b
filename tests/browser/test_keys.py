"""Keys typed in the view are the view's: the notebook is neither edited nor run, and Ctrl+S still saves."""

from __future__ import annotations

from playwright.sync_api import expect

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
    return 1
"""
IS_DIRTY = "window.panel.context.model.dirty"


def test_keys_typed_in_the_graph_do_not_edit_the_notebook(open_notebook):
    notebook = open_notebook(SETUP, SITE, "'mine'")
    notebook.run(0, 1)
    before = notebook.sources()
    notebook.phase("load").click()
    graph = notebook.view.locator("[data-view=graph] [role=listbox]")
    graph.focus()

    for key in (
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
    ):
        notebook.page.keyboard.press(key)

    expect(graph).to_be_focused()
    assert notebook.sources() == before
    assert notebook.page.evaluate("window.panel.content.activeCell.model.type") == "code"
    notebook.expect_phases(load="running")


def test_a_focused_cell_rings_nothing_in_the_view(open_notebook):
    notebook = open_notebook(SETUP, SITE)
    notebook.run(0, 1)
    cell = notebook.page.locator(".jp-Cell").nth(1)
    expect(cell).to_be_focused()

    expect(notebook.phase("load")).to_have_css("outline-style", "none")
    for tab in notebook.view.locator("[role=tab]").all():
        expect(tab).to_have_css("outline-style", "none")
    notebook.view.locator("[data-view=graph] [role=listbox]").focus()
    expect(notebook.phase("load")).to_have_css("outline-style", "solid")


def test_ctrl_s_in_the_graph_saves_the_notebook(open_notebook):
    notebook = open_notebook(SETUP, SITE)
    notebook.run(0, 1)
    notebook.view.locator("[data-view=graph] [role=listbox]").focus()
    assert notebook.page.evaluate(IS_DIRTY) is True

    notebook.page.keyboard.press("Control+s")

    notebook.page.wait_for_function(f"() => !{IS_DIRTY}")


def test_ctrl_a_in_the_view_chooses_no_cells_of_the_notebook(open_notebook):
    notebook = open_notebook(SETUP, SITE)
    notebook.run(0, 1)
    selected = "window.panel.content.selectedCells.length"
    assert notebook.page.evaluate(selected) == 1
    notebook.view.locator("[data-view=graph] [role=listbox]").focus()

    notebook.page.keyboard.press("Control+a")
    notebook.page.keyboard.press("3")  # a key of the view, so that the one before has been dealt with

    expect(notebook.view.locator("[data-view=list]")).to_be_visible()
    assert notebook.page.evaluate(selected) == 1
    assert notebook.page.evaluate("getSelection().toString()") == ""


def test_a_pipeline_is_led_by_keys_alone(open_notebook):
    notebook = open_notebook(SETUP, SITE)
    notebook.run(0, 1)
    graph = notebook.view.locator("[data-view=graph] [role=listbox]")
    graph.focus()

    graph.press("p")
    expect(notebook.view.locator(".milo-header .milo-word")).to_have_text("pausing")
    graph.press("p")
    expect(notebook.view.locator(".milo-header .milo-word")).to_have_text("running")
    graph.press("ArrowRight")
    expect(notebook.phase("parse")).to_have_attribute("aria-selected", "true")
    graph.press("Enter")
    expect(notebook.view.locator('.milo-inspector[aria-label="Phase parse"]')).to_be_visible()
    graph.press("q")
    expect(notebook.view.locator(".milo-inspector")).to_have_count(0)
    graph.press("3")
    expect(notebook.view.locator("[data-view=list]")).to_be_visible()
    notebook.ask("gate.set()")
    notebook.expect_status("completed")
