"""The view where its cell does not give it all the room: scrolled, folded away, in a place of its own, in two tabs."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from milo_nb.state.model import ENDED

SETUP = """
%load_ext milo_nb
import threading
gate = threading.Event()
"""
SITE = """
%%milo site
@phase
def load(ctx):
    print("loading")
    while not gate.is_set():
        ctx.sleep(0.01)
@phase
def parse(load):
    print("parsing")
"""


def choose(notebook, index):
    notebook.page.evaluate("(index) => { window.panel.content.activeCellIndex = index; }", index)


def test_in_a_scrolled_output_all_of_it_is_reached_and_works(open_notebook):
    notebook = open_notebook(SETUP, SITE)
    notebook.run(0, 1)
    choose(notebook, 1)
    notebook.command("notebook:enable-output-scrolling")
    notebook.phase("load").click()
    expect(notebook.log).to_have_text(["loading"])
    area = notebook.page.locator(".jp-mod-outputsScrolled .jp-Cell-outputArea")
    assert area.evaluate("(area) => area.scrollHeight > area.clientHeight"), "else nothing is scrolled"
    notebook.button("pause").click()
    notebook.expect_word("pausing")  # the command goes another way than the code that is asked for
    notebook.ask("gate.set()")
    notebook.expect_status("paused")
    notebook.button("resume").click()
    notebook.expect_status("completed")
    notebook.phase("parse").click()
    expect(notebook.log).to_have_text(["parsing"])

    notebook.command("notebook:disable-output-scrolling")
    notebook.expect_phases(load="completed", parse="completed")


def test_in_a_small_window_what_a_person_opens_is_brought_into_sight(open_notebook):
    notebook = open_notebook(SETUP, SITE, "gate.set(); site.wait(60).success")
    notebook.run(0, 1, 2)
    notebook.expect_status("completed")
    notebook.page.set_viewport_size({"width": 900, "height": 420})
    head = notebook.view.locator(".milo-inspector [role=tablist]")

    notebook.phase("load").click()
    expect(head).to_be_in_viewport()
    expect(notebook.log).to_be_in_viewport()

    notebook.phase("parse").click()
    expect(notebook.log).to_have_text(["parsing"])
    expect(head).to_be_in_viewport()


def test_a_page_opened_with_a_link_shows_where_it_leads(open_notebook):
    notebook = open_notebook(SETUP + "# one line more\n" * 60, SITE, "gate.set(); site.wait(60).success")
    notebook.run(0, 1, 2)
    notebook.expect_status("completed")
    notebook.phase("parse").click()
    notebook.view.locator(".milo-log-number").first.click()
    notebook.page.wait_for_function("location.hash === '#site/parse/L1'")

    notebook.reload()

    expect(notebook.view.locator("[data-chosen] .milo-log-text")).to_have_text(["parsing"])
    expect(notebook.view.locator("[data-chosen]")).to_be_in_viewport()


def test_folded_away_and_out_again_it_shows_what_has_happened_meanwhile(open_notebook):
    notebook = open_notebook(SETUP, SITE)
    notebook.run(0, 1)
    notebook.expect_phases(load="running")
    choose(notebook, 1)
    notebook.command("notebook:hide-cell-outputs")
    expect(notebook.view).to_be_hidden()
    notebook.ask("gate.set(); site.wait(60)")
    notebook.command("notebook:show-cell-outputs")
    notebook.expect_status("completed")
    expect(notebook.page.locator(".milo-still")).to_be_hidden()
    notebook.phase("parse").click()
    expect(notebook.log).to_have_text(["parsing"])


def test_a_view_of_its_own_outlives_the_output_of_its_cell(open_notebook):
    notebook = open_notebook(SETUP, SITE)
    notebook.run(0, 1)
    notebook.expect_phases(load="running")
    choose(notebook, 1)
    notebook.command("notebook:create-output-view")
    views = notebook.page.locator(".milo-root")
    expect(views).to_have_count(2)
    own = notebook.page.locator(".jp-LinkedOutputView .milo-root")
    own.locator("[data-view=graph] [data-phase=load]").click()
    expect(own.locator("[data-pane=logs] .milo-log-text")).to_have_text(["loading"])
    notebook.ask("gate.set()")
    for view in views.all():
        expect(view).to_have_attribute("data-status", "completed")


@pytest.mark.parametrize(("one", "other"), [("pause", "cancel"), ("cancel", "pause")])
def test_two_tabs_that_ask_for_different_things_end_in_one_state_with_a_way_out(open_notebook, one, other):
    notebook = open_notebook(SETUP, SITE)
    notebook.run(0, 1)
    notebook.expect_phases(load="running")
    notebook.command("docmanager:save")
    tab = open_notebook(name=notebook.name)
    tab.expect_phases(load="running")
    for there, command in ((notebook, one), (tab, other)):
        there.button(command).evaluate("(button) => button.click()")  # whatever has come of the other
    notebook.expect_word(re.compile("pausing|cancell"))
    notebook.ask("gate.set()")
    notebook.page.wait_for_function(
        "(ended) => [...ended, 'paused'].includes(document.querySelector('.milo-root').dataset.status)", arg=[*ENDED]
    )
    status = notebook.view.get_attribute("data-status")
    assert status in ("cancelled", "paused")
    tab.expect_status(status)
    for there in (notebook, tab):
        expect(there.view.locator("[data-requested]")).to_have_count(0)
    tab.button("resume" if status == "paused" else "run").click()
    for there in (notebook, tab):
        there.expect_status("completed")
