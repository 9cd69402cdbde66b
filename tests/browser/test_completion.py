"""JupyterLab's own completer offers pipelines, phases and options where ``%milo`` takes them."""

from __future__ import annotations

from playwright.sync_api import expect

SETUP = "%load_ext milo_nb"
SHOP = """
%%milo shop --define
@phase
def load(): return 1
@phase
def clean(load, rate): return 2
@phase
def train(clean): return 3
"""
OFFERED = ".jp-Completer-item .jp-Completer-match"


def type_and_tab(notebook, index, text, *, at="Control+End"):
    """Type at the end of a cell, or where other keys lead, and press Tab."""
    notebook.page.locator(".jp-Cell").nth(index).locator(".cm-content").click()
    for key in at.split():
        notebook.page.keyboard.press(key)
    notebook.page.keyboard.type(text)
    notebook.page.keyboard.press("Tab")


def test_words_phases_and_options_are_offered_and_put_in(open_notebook):
    notebook = open_notebook(
        SETUP, SHOP, "%milo", "%%milo shop.report --after", "%%milo shop\n@phase\ndef load(): return 1"
    )
    notebook.run(0, 1)
    offered = notebook.page.locator(OFFERED)

    type_and_tab(notebook, 2, " re")
    expect(offered).to_have_text(["report", "rerun", "results", "resume", "retry"])  # in JupyterLab's order
    notebook.page.keyboard.type("tr")
    expect(offered).to_have_text(["retry"])
    notebook.page.keyboard.press("Enter")
    type_and_tab(notebook, 2, " shop tr")
    expect(offered).to_have_text(["train"])
    notebook.page.keyboard.press("Enter")

    type_and_tab(notebook, 3, " cl")
    expect(offered).to_have_text(["clean"])
    notebook.page.keyboard.press("Enter")

    type_and_tab(notebook, 4, " --par", at="Control+Home End")
    expect(offered).to_have_text(["--parallel", "--param"])
    notebook.page.keyboard.press("Enter")

    first_lines = [source.splitlines()[0] for source in notebook.sources()]
    assert first_lines[2:] == ["%milo retry shop train", "%%milo shop.report --after clean", "%%milo shop --parallel"]
