"""The timeline in JupyterLab: attempts and what came between them, zoomed and scrolled as one, growing while phases run."""

from __future__ import annotations

import re
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
FETCH = """
%%milo fetch --parallel
@phase(retry=1, retry_delay=0.3)
def prices(ctx):
    if ctx.attempt == 1:
        raise OSError("HTTP 503")
    return [3, 4]
@phase
def names():
    return ["ash", "oak"]
@phase
def slow(names):
    go.wait(60)
@phase
def table(prices, slow):
    return dict(zip("ab", prices))
"""
REVIEWED = """
%%milo model
@phase(review=True)
def train():
    return 0.93
@phase
def publish(train):
    return "published"
"""
MANY = """
%load_ext milo_nb
from milo_nb import Phase, Pipeline
many = Pipeline("many", *[Phase(f"step-{i}", lambda: None) for i in range(2000)], parallel=True)
many.run()
"""
LEFT_OF = "(element) => element.getBoundingClientRect().left"


def show_timeline(notebook: Notebook) -> Locator:
    """Show the timeline."""
    notebook.view.locator("[data-tab=timeline]").click()
    timeline = notebook.view.locator("[data-view=timeline]")
    expect(timeline).to_be_visible()
    return timeline


def bars(timeline: Locator, phase: str) -> Locator:
    return timeline.locator(f'[data-phase="{phase}"] [data-kind]')


def kinds(timeline: Locator, phase: str) -> list[tuple[str, str]]:
    return [
        tuple(one)
        for one in bars(timeline, phase).evaluate_all(
            "(all) => all.map((one) => [one.dataset.kind, one.dataset.status])"
        )
    ]


def test_attempts_and_the_wait_between_them_are_bars_and_lines_and_a_running_one_grows(open_notebook):
    notebook = open_notebook(SETUP, FETCH, "go.set()")
    notebook.run(0, 1)
    timeline = show_timeline(notebook)
    expect(timeline.locator('[data-phase="prices"]')).to_have_attribute("data-status", "completed")

    works = [one for one in kinds(timeline, "prices") if one[0] != "waiting"]
    assert works == [("work", "failed"), ("delay", "completed"), ("work", "completed")]
    running = timeline.locator('[data-phase="slow"] [data-kind=work][data-status=running]')
    before = running.bounding_box()["width"]
    notebook.page.wait_for_function(
        "([selector, width]) => document.querySelector(selector)?.getBoundingClientRect().width > width + 2",
        arg=['[data-phase="slow"] [data-kind="work"]', before],
    )
    assert kinds(timeline, "table") == []  # it waits for others, not for its turn

    notebook.run(2)
    notebook.expect_status("completed")
    critical = timeline.locator("[data-critical]")
    expect(critical.first).to_be_visible()
    marked = critical.evaluate_all("(all) => all.map((one) => one.closest('[data-phase]').dataset.phase)")
    assert list(dict.fromkeys(marked)) == ["names", "slow", "table"]
    expect(timeline.locator('[data-phase="slow"]')).to_contain_text("on the critical path")


def test_a_review_is_shown_until_somebody_approves_and_how_long_it_took_stays(open_notebook):
    notebook = open_notebook(SETUP, REVIEWED)
    notebook.run(0, 1)
    timeline = show_timeline(notebook)

    review = timeline.locator('[data-phase="train"] [data-kind=review]')
    expect(review).to_be_visible()
    expect(review).to_have_attribute("title", re.compile("train, review, .* now", re.DOTALL))
    notebook.button("approve").click()
    notebook.expect_status("completed")
    expect(review).to_have_attribute("title", re.compile(r"train, review, .*:\d\d", re.DOTALL))
    expect(review).not_to_have_attribute("title", re.compile("now"))


def test_zoomed_in_by_keys_names_and_axis_stay_in_sight_while_bars_scroll_both_ways(open_notebook):
    notebook = open_notebook(MANY)
    notebook.run(0)
    notebook.expect_status("completed")
    timeline = show_timeline(notebook)
    box = timeline.get_by_role("listbox")
    rows = timeline.locator("[data-phase]")
    assert 0 < rows.count() < 60
    box.focus()
    box.press("End")
    expect(timeline.locator('[data-phase="step-999"]')).to_be_visible()  # the last by name
    expect(timeline.locator('[data-phase="step-999"]')).to_have_attribute("aria-selected", "true")

    for _ in range(4):
        box.press("+")
    scroller = box.locator("xpath=..")
    assert scroller.evaluate("(element) => element.scrollWidth > 3 * element.clientWidth")
    scroller.evaluate("(element) => { element.scrollLeft = 900; }")
    axis = scroller.locator("> *").first
    name = timeline.locator('[data-phase="step-999"] > span').first
    edge = scroller.evaluate(LEFT_OF)
    assert abs(name.evaluate(LEFT_OF) - edge) < 2
    assert abs(axis.locator("> span").first.evaluate(LEFT_OF) - edge) < 2
    top = "(element) => element.getBoundingClientRect().top"
    assert abs(axis.evaluate(top) - scroller.evaluate(top)) < 2
    box.press("0")
    expect(scroller).to_have_js_property("scrollLeft", 0)


def test_the_pinch_of_a_trackpad_zooms_around_the_pointer(open_notebook):
    notebook = open_notebook(SETUP, "go.set()", FETCH)
    notebook.run(0, 1, 2)
    notebook.expect_status("completed")
    timeline = show_timeline(notebook)
    bar = timeline.locator('[data-phase="table"] [data-kind=work]')
    bar.hover()  # which waits until it stands still
    place = bar.bounding_box()
    x = place["x"] + place["width"] / 2
    # What Chromium makes of a pinch; a wheel of the pointer's may reach what lay below it a moment ago.
    bar.dispatch_event("wheel", {"deltaY": -200, "ctrlKey": True, "clientX": x, "cancelable": True})
    notebook.page.wait_for_function(
        """([width, x]) => {
          const now = document.querySelector("[data-phase=table] [data-kind=work]").getBoundingClientRect();
          return now.width > width * 1.2 && now.left <= x && x <= now.right;
        }""",
        arg=[place["width"], x],
    )
