"""Sessions that are kept: reviewed, gone on with, only looked at; what could not be saved; the still of a page that was loaded again."""

from __future__ import annotations

import re

import nbformat
import pytest
from playwright.sync_api import expect

from tests.browser.notebook import is_still
from tests.browser.test_looks import DARK, LIGHT, assert_accessible, scroll_to, wear

__all__ = ["wear"]  # a fixture

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
    return ["anyio", "attrs"]
@phase
def parse(load):
    if broken:
        raise ValueError("no title")
    gate.wait(60)
    return len(load)
"""
SHOWN = SITE.replace("def load():", "def load():\n    display({'text/plain': 'two packages'}, raw=True)")
REVIEW = """
%%milo review
@phase(review=True)
def draft(ctx):
    (ctx.work_dir / "draft.txt").write_text("three orders")
    return {"orders": 3}
@phase
def send(draft):
    return draft["orders"]
"""
WAITING = """
from milo_nb import Phase, Pipeline
waiting = Pipeline("waiting", Phase("wait", gate.wait), Phase("after", lambda wait: 1)).run()
waiting
"""
OTHER = """
from milo_nb.capture.sink import Block
waiting.session.logs.unattributed.extend([Block("stdout", "", 1.0, ["straight to the descriptor"] * 2)])
"""
STILLS = "window.panel.content.widgets[i].model.outputs.toJSON().map((output) => output.data?.['text/plain']?.split('\\n')[0])"


def banner(notebook, kind):
    return notebook.view.locator(f"[data-kind={kind}]")


def test_a_review_says_what_to_look_at_survives_a_reload_and_is_approved_by_one_click(open_notebook):
    notebook = open_notebook(SETUP, REVIEW)
    notebook.run(0, 1)
    notebook.expect_status("paused")
    said = re.compile(r"'draft' waits for approval\. Look at draft\.txt in .*; its result, dict\.")
    expect(banner(notebook, "waiting")).to_have_text(said)
    assert_accessible(notebook)
    notebook.shoot("review", notebook.view)

    notebook.reload()

    notebook.expect_phases(draft="completed", send="pending")
    expect(banner(notebook, "waiting")).to_have_text(said)
    notebook.button("approve").click()
    notebook.expect_status("completed")
    expect(banner(notebook, "waiting")).to_have_count(0)
    expect(notebook.button("approve")).to_have_count(0)


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_a_past_session_can_be_looked_at_in_a_new_kernel_and_says_why_it_cannot_be_steered(open_notebook, wear, theme):
    notebook = open_notebook(SETUP, SITE, "%milo attach site")
    notebook.run(0, 1)
    notebook.expect_status("failed")
    notebook.page.evaluate("window.panel.sessionContext.session.kernel.restart()")
    expect(notebook.view).to_have_attribute("data-connection", "gone")
    notebook.run(0)
    notebook.run(2)
    wear(notebook, theme)
    scroll_to(notebook, 2)

    view = notebook.page.locator(".milo-root").last
    expect(view).to_have_attribute("data-owner", "nobody")
    expect(view).to_have_attribute("data-status", "failed")
    expect(view.locator("[data-kind=told]")).to_contain_text("read-only")
    for command in ("retry-failed", "run", "retry", "skip"):
        button = view.locator(f"button[data-command={command}]")
        expect(button).to_have_attribute("aria-disabled", "true")
        expect(button).to_have_attribute("title", re.compile(r"has no kernel any more.*%milo resume site"))
    view.locator('[data-view=graph] [data-phase="parse"]').click()
    error = view.locator("[data-pane=error]")
    expect(error).to_contain_text("ValueError: no title")
    error.locator("summary").click()
    expect(error.locator("pre")).to_contain_text('raise ValueError("no title")')
    view.locator('[data-view=graph] [data-phase="load"]').click()
    view.locator("[data-tab=result]").click()
    expect(view.locator("[data-pane=result]")).to_contain_text("%milo pull site load")
    assert_accessible(notebook)
    notebook.shoot(f"past-{theme.split()[-1].lower()}", view)


def test_a_past_session_goes_on_at_a_click_in_its_own_view_with_what_it_displayed(open_notebook):
    notebook = open_notebook(SETUP, SHOWN, "%milo attach site", "broken = False; gate.set()")
    notebook.run(0, 1)
    notebook.expect_status("failed")
    notebook.page.evaluate("window.panel.sessionContext.session.kernel.restart()")
    expect(notebook.view).to_have_attribute("data-connection", "gone")
    expect(notebook.page.locator(".milo-still").first).to_be_hidden()  # the view above it tells the same

    notebook.edit(1, SHOWN.replace("%%milo site", "%%milo site --define"))
    notebook.run(0, 3)
    notebook.run(1)
    notebook.run(2)
    scroll_to(notebook, 2)
    view = notebook.page.locator(".milo-root").last
    expect(view.locator("[data-kind=told]")).to_contain_text("goes on in it, with the code of this kernel")
    view.locator('[data-view=graph] [data-phase="load"]').click()
    view.locator("[data-tab=output]").click()
    expect(view.locator("[data-pane=output]")).to_contain_text("two packages")
    assert_accessible(notebook)
    notebook.shoot("past-defined", view)

    view.locator("button[data-command=retry-failed]").click()
    expect(view).to_have_attribute("data-status", "completed")
    expect(view).to_have_attribute("data-owner", "here")
    expect(view.locator("[data-pane=output]")).to_contain_text("two packages")
    assert notebook.ask("print(site['load'].known.attempt, site.results['parse'])") == "1 2"


def test_a_session_that_another_kernel_runs_is_followed_and_steered_from_here(open_notebook):
    owner = open_notebook(SETUP, WAITING)
    owner.run(0, 1)
    owner.expect_phases(wait="running")
    session = owner.ask("print(waiting.session_id)")

    other = open_notebook("%load_ext milo_nb\nimport milo_nb", f"milo_nb.attach('{session}')")
    other.run(0, 1)
    expect(other.view).to_have_attribute("data-owner", "elsewhere")
    expect(banner(other, "told")).to_contain_text("is run by another kernel")
    other.expect_phases(wait="running", after="pending")
    other.button("pause").click()
    expect(other.view.locator(".milo-header .milo-word").first).to_have_text("pausing")
    owner.ask("gate.set()")
    owner.expect_status("paused")
    other.expect_status("paused")
    other.button("resume").click()
    other.expect_status("completed")
    owner.expect_status("completed")


def test_shift_enter_goes_on_in_a_session_and_the_view_says_so_until_it_is_started_anew(open_notebook):
    notebook = open_notebook(SETUP, SITE, "broken = False", "gate.set()")
    notebook.run(0, 1)
    notebook.expect_status("failed")
    notebook.run(2, 1)
    notebook.expect_phases(load="completed", parse="running")
    first = notebook.ask("print(site.session_id)")
    expect(banner(notebook, "told")).to_contain_text(f"Continued {first[:8]}: 1 kept.")
    assert_accessible(notebook)
    notebook.shoot("continued", notebook.view)

    notebook.view.get_by_role("button", name="Start anew").click()
    notebook.run(3)  # the phase that waits in C ends, as it was told to
    expect(banner(notebook, "told")).to_have_count(0)
    notebook.expect_status("completed")
    assert notebook.ask("print(site.session_id)") != first


def test_what_could_not_be_saved_is_said_above_all_else_and_goes_when_it_is_over(open_notebook):
    notebook = open_notebook(SETUP, WAITING)
    notebook.run(0, 1)
    notebook.expect_phases(wait="running")
    notebook.ask("waiting.session.disk.trouble('No space left on device')")
    expect(banner(notebook, "failed")).to_have_text(
        "Not saved: No space left on device. The session goes on in memory."
    )
    assert_accessible(notebook)
    notebook.ask("waiting.session.disk.trouble('')")
    expect(banner(notebook, "failed")).to_have_count(0)
    notebook.ask("gate.set()")
    notebook.expect_status("completed")
    expect(notebook.view.locator("[data-unsaved]")).to_have_count(0)


def test_lines_that_belong_to_no_phase_have_their_own_entry_and_log(open_notebook):
    notebook = open_notebook(SETUP, WAITING)
    notebook.run(0, 1)
    notebook.expect_phases(wait="running")
    notebook.view.locator("[data-tab=list]").click()
    expect(notebook.view.locator("[data-other]")).to_have_count(0)
    notebook.ask(OTHER)
    entry = notebook.view.locator("[data-other]")
    expect(entry).to_have_text("Other output, 2 lines")
    entry.click()
    expect(notebook.log).to_have_text(["straight to the descriptor"] * 2)
    assert_accessible(notebook)
    notebook.shoot("other", notebook.view)
    notebook.ask("gate.set()")
    notebook.expect_status("completed")


def test_the_still_says_how_it_ended_though_the_page_was_loaded_again_meanwhile(open_notebook):
    notebook = open_notebook(SETUP, WAITING)
    notebook.run(0, 1)
    notebook.expect_phases(wait="running")
    until_still(notebook, "waiting: running (1 running, 1 pending)")

    notebook.reload()

    notebook.expect_phases(wait="running")
    notebook.ask("gate.set()")
    notebook.expect_status("completed")
    until_still(notebook, "waiting: completed (2 completed)")
    notebook.command("docmanager:save")
    saved = nbformat.read(notebook.lab.root / notebook.name, as_version=4)
    (still,) = [output for output in saved.cells[1].outputs if is_still(output)]
    assert still.data["text/plain"] == "waiting: completed (2 completed)"
    assert "completed" in still.data["text/html"]


def until_still(notebook, line):
    """Wait until the file has a still that says this."""
    notebook.page.wait_for_function(f"([i, line]) => {STILLS}.includes(line)", arg=[1, line])
