"""Timeline and list on the development page: judged by axe in what only they show, and read without a mouse or colours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.page import violations

if TYPE_CHECKING:
    from playwright.sync_api import Page

CASES = ("retries", "review", "approved", "crowded", "hostile", "pending", "one")
ROWS = ":is([role=listbox], [role=grid])"
OVERLAPS = """(track) => {
  // texts of one row that lie on each other
  const boxes = [...track.querySelectorAll("[data-beside]")].map((one) => one.getBoundingClientRect()).sort((a, b) => a.left - b.left);
  return boxes.some((box, i) => i > 0 && box.left < boxes[i - 1].right - 1);
}"""

IN_SIGHT = """() => {
  // the middle of what is in sight is a row
  const box = document.querySelector("[data-view] .milo-rows").getBoundingClientRect();
  return document.elementFromPoint(box.left + 40, (box.top + box.bottom) / 2)?.closest("[data-phase]");
}"""


def show(page: Page, tab: str) -> None:
    page.locator(f"[data-tab={tab}]").click()
    expect(page.locator(f"[data-view={tab}] {ROWS}")).to_be_visible()


@pytest.mark.parametrize("width", [400, 1000])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_reports_nothing_in_timeline_and_list(look, theme, width):
    found = []
    for case in CASES:
        page = look(case, theme, viewport={"width": width, "height": 800})
        for tab in ("timeline", "list"):
            show(page, tab)
            found += [f"{case}, {tab}: {one}" for one in violations(page)]
    assert found == []


def test_times_beside_bars_never_lie_on_each_other(look):
    for case in ("retries", "approved", "crowded"):
        page = look(case)
        show(page, "timeline")
        for width in (420, 640, 1000):
            page.set_viewport_size({"width": width, "height": 800})
            for zoom in ("0", "+", "+", "+"):
                page.locator("[data-view=timeline] [role=listbox]").press(zoom)
                tracks = page.locator("[data-view=timeline] [data-phase] > [aria-hidden=true]")
                assert not any(track.evaluate(OVERLAPS) for track in tracks.all()), (case, width)


def test_of_two_thousand_phases_only_those_in_sight_are_made_wherever_it_is_scrolled_to(look):
    page = look("crowded2000")
    for tab in ("timeline", "list"):
        show(page, tab)
        for place in (0.3, 0.7, 1):
            page.locator(".milo-rows").evaluate(
                "(box, place) => { box.scrollTop = place * (box.scrollHeight - box.clientHeight); }", place
            )
            page.wait_for_function(IN_SIGHT)
            assert page.locator("[data-view] [data-phase]").count() < 60
