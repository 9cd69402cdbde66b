"""The view on a page that the browser zooms: as far in as WCAG asks for (320 pixels are left of 1,280), and out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import VIEWPORT
from tests.browser.page import violations
from tests.browser.test_graph import MANY, middle, open_site, wait_moved, world

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

    from tests.browser.notebook import Notebook

ZOOMS = (0.5, 2, 4)
WINDOW = {"width": 1280, "height": 1120}
CASES = ("failed", "names", "waiting", "gone", "2000")
# What a person can press or write into, and why they would not get at it: scrolled into sight it is cut off or covered.
UNREACHABLE = """() => {
  const wrong = [];
  if (document.documentElement.scrollWidth > window.innerWidth) wrong.push("the page scrolls sideways");
  for (const one of document.querySelectorAll(".milo-root :is(button, input, [role=tab])")) {
    if (one.closest(".milo-log-host") || !one.checkVisibility()) continue;
    one.scrollIntoView({ block: "center", inline: "nearest", behavior: "instant" });
    const { left, right, top, bottom } = one.getBoundingClientRect();
    const what = (one.getAttribute("aria-label") || one.textContent || one.outerHTML).slice(0, 60);
    if (left < 0 || right > window.innerWidth) wrong.push(`${what}: out of the page`);
    if (one.localName === "button" && getComputedStyle(one).textOverflow !== "ellipsis" && one.scrollWidth > one.clientWidth + 1) wrong.push(`${what}: its text is cut off`);
    const on = document.elementFromPoint((left + right) / 2, (top + bottom) / 2);
    if (!one.contains(on)) wrong.push(`${what}: covered by ${on?.outerHTML.slice(0, 80)}`);
  }
  return wrong;
}"""
# Texts beside each other that lie on each other.
OVERLAPS = """() => {
  const parts = [...document.querySelectorAll(".milo-root :is(.milo-header, .milo-inspector) .milo-line > *, .milo-views > *, .milo-log-bar > *")];
  const boxes = parts.filter((one) => one.checkVisibility()).map((one) => [one, one.getBoundingClientRect()]);
  const lieOn = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1;
  return boxes.flatMap(([one, box], i) => boxes.slice(i + 1)
    .filter(([other, its]) => !one.contains(other) && !other.contains(one) && lieOn(box, its))
    .map(([other]) => `${one.outerHTML.slice(0, 80)} and ${other.outerHTML.slice(0, 80)}`));
}"""
# How high letters are on the screen, the least of them.
LEAST_LETTERS = """() => Math.min(...[...document.querySelectorAll(".milo-root :is(b, small, span, button, code)")]
  .filter((one) => one.checkVisibility() && [...one.childNodes].some((child) => child.nodeType === 3 && child.data.trim()))
  .map((one) => {
    const scale = one.offsetHeight ? one.getBoundingClientRect().height / one.offsetHeight : 1;
    return parseFloat(getComputedStyle(one).fontSize) * scale;
  }))"""
IS_SHARP = """(zoom) => {
  const { width, height, clientWidth, clientHeight } = document.querySelector("[data-view=graph] [role=listbox] > canvas");
  return Math.abs(width / clientWidth - zoom) < 0.02 && Math.abs(height / clientHeight - zoom) < 0.02;
}"""


def zoom_in(notebook: Notebook, zoom: float) -> None:
    """Have the page look as in a window of the same size that is zoomed by the browser."""
    size = {side: round(length / zoom) for side, length in VIEWPORT.items()}
    devtools = notebook.page.context.new_cdp_session(notebook.page)
    devtools.send("Emulation.setDeviceMetricsOverride", {**size, "deviceScaleFactor": zoom, "mobile": False})
    notebook.page.wait_for_function("(zoom) => window.devicePixelRatio === zoom", arg=zoom)


def go_through(page: Page, case: str) -> list[str]:
    """Return what is out of reach in all views and panes of a state."""
    found = []
    for view in ("graph", "timeline", "list"):
        page.locator(f".milo-root [data-tab={view}]").click()
        expect(page.locator(f"[data-view={view}] :is([role=listbox], [role=grid])")).to_be_visible()
        found += [f"{case}, {view}: {one}" for one in page.evaluate(UNREACHABLE) + page.evaluate(OVERLAPS)]
    page.locator("[data-view] [role=grid]").focus()
    page.keyboard.press("Enter")
    for tab in page.locator(".milo-inspector [role=tab]").all():
        tab.click()
        expect(tab).to_have_attribute("aria-selected", "true")
        what = f"{case}, {tab.get_attribute('data-tab')}"
        found += [f"{what}: {one}" for one in page.evaluate(UNREACHABLE) + page.evaluate(OVERLAPS)]
    return found


@pytest.mark.parametrize("zoom", ZOOMS)
@pytest.mark.parametrize("case", CASES)
def test_on_a_zoomed_page_nothing_is_cut_off_covered_or_out_of_reach(
    look: Callable[..., Page], case: str, zoom: float
) -> None:
    page = look(case, zoom=zoom, viewport=WINDOW)

    assert go_through(page, case) == []
    assert violations(page) == []
    assert page.evaluate(LEAST_LETTERS) >= 10
    page.locator(".milo-root [data-tab=logs]").click()
    for drawer in ("Filter", "More"):
        page.get_by_role("button", name=drawer, exact=True).click()
        assert page.evaluate(UNREACHABLE) + page.evaluate(OVERLAPS) == [], drawer


@pytest.mark.parametrize("zoom", ZOOMS)
def test_menu_dialog_and_keys_fit_into_a_zoomed_page(look: Callable[..., Page], zoom: float) -> None:
    page = look("failed", zoom=zoom, viewport=WINDOW)
    for keys, role in ((".", "menu"), ("?", "dialog")):
        page.locator("[data-view=graph] [role=listbox]").focus()
        page.keyboard.press(keys)
        over = page.get_by_role(role)  # type: ignore[arg-type] # one of the roles it is
        expect(over).to_be_in_viewport(ratio=0.99)
        page.keyboard.press("Escape")
        expect(over).to_have_count(0)


# The graph takes the room that the inspector leaves.
UNTIL_IT_STANDS_STILL = """async (element) => {
  const place = () => JSON.stringify(element.getBoundingClientRect());
  for (let before = "", frames = 0; frames < 10; frames = place() === before ? frames + 1 : 0) {
    before = place();
    await new Promise(requestAnimationFrame);
  }
}"""


@pytest.mark.parametrize("zoom", ZOOMS)
def test_on_a_zoomed_page_the_pointer_and_the_wheel_meet_the_phase_that_is_there(
    open_notebook: Any, zoom: float
) -> None:
    notebook = open_site(open_notebook)
    notebook.command("application:toggle-left-area")
    zoom_in(notebook, zoom)
    notebook.view.evaluate("(root) => root.scrollIntoView()")
    notebook.page.wait_for_function(IS_SHARP, arg=zoom)

    for name in ("assets", "load"):
        notebook.phase(name).evaluate("(phase) => phase.scrollIntoView({ block: 'center' })")
        notebook.page.mouse.click(*middle(notebook, f'[data-view=graph] [data-phase="{name}"]'))
        expect(notebook.view.locator(f'.milo-inspector[aria-label="Phase {name}"]')).to_be_visible()
    notebook.view.get_by_role("button", name="Close the inspector").click()
    expect(notebook.view.locator(".milo-inspector")).to_have_count(0)
    notebook.phase("assets").evaluate(UNTIL_IT_STANDS_STILL)

    notebook.phase("assets").evaluate("(phase) => phase.scrollIntoView({ block: 'center' })")
    x, y = middle(notebook, '[data-view=graph] [data-phase="assets"]')
    before = world(notebook)
    notebook.page.mouse.move(x, y)
    notebook.page.keyboard.down("Control")
    notebook.page.mouse.wheel(0, -60)
    notebook.page.keyboard.up("Control")
    assert wait_moved(notebook, before)["k"] > before["k"]
    assert middle(notebook, '[data-view=graph] [data-phase="assets"]') == pytest.approx((x, y), abs=2)


@pytest.mark.parametrize("zoom", [0.5, 2])
def test_of_two_thousand_boxes_on_a_zoomed_page_the_one_that_is_clicked_opens(open_notebook: Any, zoom: float) -> None:
    notebook = open_notebook(MANY)
    notebook.command("application:toggle-left-area")
    notebook.run(0)
    notebook.expect_status("completed")
    zoom_in(notebook, zoom)
    notebook.view.evaluate("(root) => root.scrollIntoView()")
    graph = notebook.view.locator("[data-view=graph] [role=listbox]")
    graph.press("0")  # all of it
    expect(graph).to_have_attribute("data-size", "far")
    graph.press("End")
    expect(notebook.phase("step-1999")).to_have_attribute("aria-selected", "true")
    x, y = middle(notebook, '[data-view=graph] [data-phase="step-1999"]')
    graph.press("Home")
    expect(notebook.phase("step-0")).to_have_attribute("aria-selected", "true")

    notebook.page.mouse.click(x, y)

    expect(notebook.view.locator('.milo-inspector[aria-label="Phase step-1999"]')).to_be_visible()
