"""2,000 phases with filters: what is left out steps back in the graph and goes from the list, by pointer and by keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.browser.test_list import names, show_list

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.browser.notebook import Notebook

MANY = """
%load_ext milo_nb
from milo_nb import Phase, PhasePolicy, Pipeline
def broken():
    raise ValueError("no title")
def step(i):
    after = [f"step-{j}" for j in (i - 41, i - 39) if j >= 0]
    if i in (1970, 1980, 1990):
        return Phase(f"step-{i}", broken, depends_on=after, policy=PhasePolicy(on_fail="continue"))
    if i in (1975, 1985):
        return Phase(f"step-{i}", broken, depends_on=after, policy=PhasePolicy(on_fail="skip"))
    return Phase(f"step-{i}", int, depends_on=after)
Pipeline("wide", *map(step, range(2000)), parallel=True).run()
"""
FAILED = ["step-1970", "step-1980", "step-1990"]
SKIPPED = ["step-1975", "step-1985"]
# How much green and how much red there is in the picture of the graph.
INK = """() => {
  const canvas = document.querySelector("[data-view=graph] [role=listbox] > canvas");
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let green = 0, red = 0;
  for (let i = 0; i < data.length; i += 4) {
    const [r, g, b, a] = data.slice(i, i + 4);
    green += Math.max(0, g - Math.max(r, b)) * a;
    red += Math.max(0, r - Math.max(g, b)) * a;
  }
  return { green, red };
}"""


def open_many(open_notebook: Callable[..., Notebook]) -> Notebook:
    notebook = open_notebook(MANY)
    notebook.command("application:toggle-left-area")
    notebook.run(0)
    notebook.expect_status("failed")
    notebook.view.evaluate("(root) => root.scrollIntoView()")
    return notebook


def count(notebook: Notebook, status: str) -> None:
    """Click a count of the header."""
    notebook.view.locator(f".milo-header [data-count={status}]").click()


def test_a_click_on_a_count_has_all_other_boxes_of_the_graph_step_back(open_notebook):
    notebook = open_many(open_notebook)
    graph = notebook.view.locator("[data-view=graph] [role=listbox]")
    graph.press("0")  # all of it
    expect(graph).to_have_attribute("data-size", "far")
    expect(notebook.view.locator(".milo-header [data-count=failed]")).to_have_text("3 failed")
    before = notebook.page.evaluate(INK)

    count(notebook, "failed")

    expect(notebook.view.locator(".milo-header [data-count=failed]")).to_have_attribute("aria-pressed", "true")
    notebook.page.wait_for_function(f"(before) => ({INK})().green < before.green / 2", arg=before)
    assert notebook.page.evaluate(INK)["red"] > before["red"] / 2
    count(notebook, "failed")
    notebook.page.wait_for_function(f"(before) => ({INK})().green >= before.green", arg=before)


def test_the_list_shows_just_what_counts_words_and_states_ask_for(open_notebook):
    notebook = open_many(open_notebook)
    count(notebook, "failed")
    table = show_list(notebook)
    expect(notebook.view.get_by_text("3 of 2,000 phases")).to_be_visible()
    assert names(table) == FAILED

    notebook.view.locator("[data-filter=skipped]").click()
    expect(notebook.view.get_by_text("5 of 2,000 phases")).to_be_visible()
    assert names(table) == [*FAILED, *SKIPPED]
    field = notebook.view.get_by_role("searchbox", name="Filter phases")
    field.press_sequentially("step-198")
    expect(notebook.view.get_by_text("2 of 2,000 phases")).to_be_visible()
    assert names(table) == ["step-1980", "step-1985"]
    field.fill("no title")
    expect(notebook.view.get_by_text("5 of 2,000 phases")).to_be_visible()
    field.fill("no such phase")
    expect(notebook.view.get_by_text("No phase is like that.")).to_be_visible()

    notebook.view.get_by_role("button", name="Show all").first.click()
    expect(notebook.view.get_by_text("of 2,000 phases")).to_have_count(0)
    expect(field).to_have_value("")
    assert names(table)[:5] == [*FAILED, "step-0", "step-1"]
    assert table.locator("[data-phase]").count() < 60


def test_keys_sort_go_to_both_ends_and_open_what_is_there(open_notebook):
    notebook = open_many(open_notebook)
    keys = notebook.page.keyboard
    table = show_list(notebook)
    by_name = table.get_by_role("columnheader", name="phase").get_by_role("button")
    for direction in ("ascending", "descending"):
        by_name.focus()
        keys.press("Enter")
        expect(table.get_by_role("columnheader", name="phase")).to_have_attribute("aria-sort", direction)
    table.focus()
    keys.press("Home")
    expect(table.locator("[aria-selected=true]")).to_have_attribute("data-phase", "step-1999")
    keys.press("End")
    expect(table.locator("[aria-selected=true]")).to_have_attribute("data-phase", "step-0")
    expect(table.locator("[data-phase=step-0]")).to_be_in_viewport()
    for _ in range(3):
        keys.press("PageUp")
    keys.press("Enter")
    expect(notebook.view.get_by_label("Phase step-30", exact=True)).to_be_visible()
    expect(table.locator("[data-phase=step-30]")).to_be_in_viewport()
    assert table.locator("[data-phase]").count() < 60

    keys.press("1")
    expect(notebook.phase("step-30")).to_have_attribute("aria-selected", "true")
