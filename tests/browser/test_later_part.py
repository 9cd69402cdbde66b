"""What the first picture does not need comes later, once, from the kernel; and a view says so when it does not come."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.browser.notebook import Notebook

SETUP = """
%load_ext milo_nb
import threading
from milo_nb.show.notebook import answers, bundle
asked = []
send = answers.WORDS["part"].answerer
def note(executor, args, tell):
    asked.append(args["start"])
    send(executor, args, tell)
answers.WORDS["part"] = answers.Word(note, "quick")
"""
ONE = """
%%milo one
@phase
def load():
    print("loaded")
"""
TWO = ONE.replace("one", "two")
MISSING = """
from milo_nb import MiloError
def refuse(executor, args, tell):
    raise MiloError("The second part is missing.")
answers.WORDS["part"] = answers.Word(refuse, "quick")
"""


def test_all_views_of_a_page_share_one_later_part(open_notebook: Callable[..., Notebook]) -> None:
    notebook = open_notebook(SETUP, ONE, TWO)
    notebook.run(0, 1)
    notebook.expect_status("completed")
    notebook.phase("load").click()
    expect(notebook.page.locator(".milo-inspector")).to_be_visible()
    assert notebook.ask("print(asked)").strip() == "[0]"
    notebook.run(2)
    second = notebook.page.locator(".milo-root[data-pipeline=two]")
    second.locator("[data-phase=load]").first.click()
    expect(second.locator(".milo-inspector")).to_be_visible()
    assert notebook.ask("print(asked)").strip() == "[0]", "the page has it already"
    assert notebook.page.locator("head style[data-milo]").count() == 1
    assert notebook.complaints() == []


def test_a_part_that_does_not_come_is_told_and_asked_for_again(open_notebook: Callable[..., Notebook]) -> None:
    notebook = open_notebook(SETUP, MISSING, ONE)
    notebook.run(0, 1, 2)
    notebook.expect_status("completed")
    root = notebook.page.locator(".milo-root")
    expect(root.locator("[data-view=graph] [data-phase=load]")).to_be_visible()
    root.locator("[data-tab=list]").click()
    expect(root.get_by_text("The second part is missing.")).to_be_visible()
    notebook.ask("answers.WORDS['part'] = answers.Word(note, 'quick')")
    expect(root.locator("[data-view=list] [data-phase=load]")).to_be_visible()
    assert notebook.complaints() == []


def test_a_part_that_cannot_be_read_is_told_and_asked_for_again(open_notebook: Callable[..., Notebook]) -> None:
    wrong = 'answers.WORDS["part"] = answers.Word(lambda executor, args, tell: tell({"start": "x"}, b"x"), "quick")'
    notebook = open_notebook(SETUP, wrong, ONE)
    notebook.run(0, 1, 2)
    notebook.expect_status("completed")
    root = notebook.page.locator(".milo-root")
    root.locator("[data-tab=list]").click()
    expect(root.get_by_text("part.start: expected a whole number")).to_be_visible()
    notebook.ask("answers.WORDS['part'] = answers.Word(note, 'quick')")
    expect(root.locator("[data-view=list] [data-phase=load]")).to_be_visible()
    assert notebook.complaints() == []
