"""Two pages on one kernel: each looks where it likes, and gets what it asked for."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import expect

from tests.browser.notebook import Notebook

CELL = """
%load_ext milo_nb
from milo_nb import Phase, Pipeline

def make(name):
    def handler():
        from IPython.display import HTML, display
        display(HTML(f"<b>shown by {name}</b>"))
    return handler

site = Pipeline("site", Phase("load", make("load")), Phase("parse", make("parse"))).run()
site
"""
CHOOSE = """
from milo_nb.show.notebook.widget import PipelineWidget
for index in (1, 0):
    PipelineWidget.of(site).selected_phase = index
"""


def inspected(notebook: Notebook) -> Any:
    return notebook.view.locator(".milo-inspector")


def test_two_pages_that_choose_at_the_same_time_keep_their_selections_and_show_what_is_theirs(
    open_notebook: Any,
) -> None:
    first = open_notebook(CELL)
    first.run(0)
    first.expect_status("completed")
    first.command("docmanager:save")
    second = Notebook(first.page.context.new_page(), first.lab, first.name)
    try:
        second.expect_status("completed")
        looks = ((first, "load"), (second, "parse"))
        for notebook, phase in looks:
            notebook.phase(phase).click()
            notebook.view.locator("[data-tab=output]").click()
        for notebook, phase in (*reversed(looks), *looks):  # no page waits for what comes of the other's choice
            notebook.phase(phase).click()
        for notebook, _ in (*looks, *looks):
            notebook.ask("1")  # the choices have come to the kernel, and what it had to say to that is here
        for notebook, phase in looks:
            expect(inspected(notebook)).to_have_attribute("aria-label", f"Phase {phase}")
            shown = notebook.view.frame_locator("[data-pane=output] iframe")
            expect(shown.get_by_text(f"shown by {phase}")).to_be_visible()

        first.ask(CHOOSE)
        for notebook, _ in looks:  # what the notebook chooses, both follow
            expect(inspected(notebook)).to_have_attribute("aria-label", "Phase load")
        assert second.complaints() == []
    finally:
        second.page.close()
