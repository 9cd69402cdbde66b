"""What goes wrong while somebody clicks: always a state that can be read and left, and never an exception in the console."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

if TYPE_CHECKING:
    from playwright.sync_api import Locator

    from tests.browser.notebook import Notebook

SETUP = """
%load_ext milo_nb
import os, threading
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
DIES = "site.session.command = lambda command: os._exit(1)"
BROKEN = """
%%milo site
@phase
def load():
    return 1
@phase
def parse(load):
    if not gate.is_set():
        raise ValueError("no title")
    return load
"""
KILLED = """
import signal
site.session.command = lambda command: os.kill(os.getpid(), signal.SIGKILL)
"""
HOLDS = """
hold, held = threading.Event(), site.session.command
def late(command):
    hold.wait(60)
    return held(command)
site.session.command = late
"""

DIES_WHEN_ASKED = """
from milo_nb.show.notebook import answers
def die(executor, args, tell):
    os._exit(1)
for word in ("values", "result"):
    answers.WORDS[word] = answers.Word(die, answers.WORDS[word].lane)
"""


def word(notebook: Notebook) -> Locator:
    return notebook.view.locator(".milo-header .milo-word")


def test_a_kernel_that_dies_in_the_middle_of_a_command_is_said_and_the_cell_makes_a_new_start(open_notebook):
    notebook = open_notebook(SETUP, SITE)
    notebook.run(0, 1)
    notebook.expect_phases(load="running")
    notebook.ask(DIES)

    notebook.button("pause").click()

    expect(notebook.view).to_have_attribute("data-connection", "gone")
    alert = notebook.view.get_by_role("alert").first
    expect(alert).to_contain_text("The kernel is gone. This is the last known state.")
    expect(alert).to_contain_text("%milo resume site")
    notebook.expect_phases(load="running", parse="pending")
    expect(notebook.button("cancel")).to_have_attribute("aria-disabled", "true")
    expect(notebook.view.locator(".milo-header [data-requested]")).to_have_count(0)

    notebook.wait_ready()
    notebook.run(0, 1)
    expect(notebook.view).to_have_attribute("data-connection", "live")
    notebook.ask("gate.set()")
    notebook.expect_status("completed")


def test_of_a_kernel_that_is_killed_while_it_tries_a_phase_again_the_failure_can_still_be_read(open_notebook):
    notebook = open_notebook(SETUP, BROKEN, "gate.set()")
    notebook.run(0, 1)
    notebook.expect_phases(load="completed", parse="failed")
    notebook.ask(KILLED)

    notebook.button("retry", "parse").click()

    expect(notebook.view).to_have_attribute("data-connection", "gone")
    expect(notebook.view.get_by_role("alert").first).to_contain_text("The kernel is gone.")
    expect(notebook.button("retry", "parse")).to_have_attribute("aria-disabled", "true")
    expect(notebook.view.locator("[data-requested]")).to_have_count(0)
    notebook.expect_phases(load="completed", parse="failed")
    expect(notebook.pane("error")).to_contain_text("ValueError: no title")

    notebook.wait_ready()
    notebook.run(0, 2, 1)
    notebook.expect_status("completed")


def test_a_kernel_that_dies_while_it_is_asked_leaves_no_question_open(open_notebook):
    notebook = open_notebook(SETUP, SITE)
    notebook.run(0, 1)
    notebook.expect_phases(load="running")
    notebook.ask(DIES_WHEN_ASKED)

    notebook.phase("load").click(button="right")
    notebook.view.locator("[data-offer=skip-value]").click()

    dialog = notebook.view.get_by_role("dialog")
    expect(dialog.get_by_role("alert")).to_have_text("The kernel does not answer.")
    expect(dialog).to_contain_text("The kernel is gone.")
    expect(dialog.get_by_role("button", name="Skip with this value")).to_have_attribute("aria-disabled", "true")
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_have_count(0)


def test_of_two_tabs_that_want_different_things_both_see_what_came_of_it(open_notebook):
    notebook = open_notebook(SETUP, SITE)
    notebook.run(0, 1)
    notebook.expect_phases(load="running")
    notebook.command("docmanager:save")
    other = open_notebook(name=notebook.name)
    other.expect_phases(load="running")
    notebook.ask(HOLDS)

    notebook.button("cancel").click()
    other.button("pause").click()
    for tab, command in ((notebook, "cancel"), (other, "pause")):
        expect(tab.button(command)).to_have_attribute("data-requested", "true")
    notebook.ask("hold.set()")

    expect(other.view.get_by_role("alert")).to_contain_text("The session is being cancelled; it cannot be paused.")
    for tab in (notebook, other):
        expect(word(tab)).to_have_text("cancelling")
    notebook.ask("gate.set()")
    for tab in (notebook, other):
        tab.expect_status("cancelled")
        expect(tab.view.locator(".milo-header [data-requested]")).to_have_count(0)
    other.view.get_by_role("button", name="Dismiss").click()
    expect(other.view.get_by_role("alert")).to_have_count(0)
