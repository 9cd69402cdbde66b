"""All that the view can look like, judged by axe: in each designed state, light and dark, and in JupyterLab's own themes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from tests.browser.page import JS, violations

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Locator, Page

STATES = re.findall(r"^  (\w+): \(\) =>", (JS / "dev/states.ts").read_text("utf-8"), re.MULTILINE)
CASES = (*STATES, "empty", "pending", "one", "running", "failed", "cancelled", "done", "200", "2000", "hostile")
FAILING = """
%%milo site
@phase
def load():
    print("loaded")
    return [1, 2]

@phase
def parse(load):
    raise ValueError("no title")

@phase
def write(parse):
    pass
"""
SHOWS_FOCUS = """() => {
  const element = document.activeElement;
  if (!element || !document.querySelector(".milo-root").contains(element)) return null;
  const shown = [element, ...element.querySelectorAll("[aria-selected=true]"), element.closest(".milo-rows, .milo-log-host")];
  const isMarked = (one) => {
    if (!one) return false;
    const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(one);
    return (outlineStyle !== "none" && parseFloat(outlineWidth) >= 2) || boxShadow !== "none";
  };
  return [element.outerHTML.slice(0, 120), shown.some(isMarked)];
}"""


def keyboard(page: Page) -> Locator:
    """Return what has the keys, focused."""
    box = page.locator("[data-view] :is([role=listbox], [role=grid])")
    box.focus()
    return box


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("case", CASES)
def test_axe_reports_nothing_in_any_designed_state(look: Callable[..., Page], case: str, theme: str) -> None:
    assert violations(look(case, theme)) == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_reports_nothing_in_what_lies_over_the_view(look: Callable[..., Page], theme: str) -> None:
    page = look("failed", theme)
    keyboard(page).press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    assert violations(page) == []
    page.keyboard.press("Escape")
    keyboard(page).press(".")
    expect(page.get_by_role("menu", name="Actions for render")).to_be_visible()
    assert violations(page) == []
    page.keyboard.press("s")
    page.keyboard.press("s")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="Skip render with a value")).to_contain_text("4be1a90c")
    assert violations(page) == []
    page.keyboard.press("Escape")
    page.locator(".milo-header [data-command=retry-failed]").hover()
    expect(page.get_by_role("tooltip")).to_be_visible()
    assert violations(page) == []


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("case", ["failed", "running", "names"])
def test_axe_reports_nothing_in_any_view_and_pane(look: Callable[..., Page], case: str, theme: str) -> None:
    page = look(case, theme)
    for key in "321":
        keyboard(page).press(key)
        expect(
            page.locator(f"[data-view={dict(zip('123', ('graph', 'timeline', 'list'), strict=True))[key]}]")
        ).to_be_visible()
        assert violations(page) == [], key
    keyboard(page).press("Enter")
    for tab in page.locator(".milo-inspector [role=tab]").all():
        tab.click()
        expect(tab).to_have_attribute("aria-selected", "true")
        assert violations(page) == [], tab.inner_text()


@pytest.mark.parametrize("width", [400, 2000])
def test_axe_reports_nothing_on_a_narrow_and_a_very_wide_page(look: Callable[..., Page], width: int) -> None:
    for case in ("waiting", "failed", "names"):
        page = look(case, viewport={"width": width, "height": 900})
        assert violations(page) == []
        overflow = "() => document.documentElement.scrollWidth - window.innerWidth"
        assert page.evaluate(overflow) <= 0, case
        for button in page.locator(".milo-header button").all():
            expect(button).to_be_in_viewport()


def test_where_the_system_forces_its_colours_states_still_differ(look: Callable[..., Page]) -> None:
    page = look("failed", forced_colors="active")
    assert violations(page) == []
    icons = page.locator("[data-view=graph] .milo-node .milo-icon").evaluate_all(
        "(all) => all.map((one) => [one.closest('[data-status]').dataset.status, one.innerHTML])"
    )
    shapes = {status: {shape for name, shape in icons if name == status} for status, _ in icons}
    assert len({shape for some in shapes.values() for shape in some}) >= len(shapes) > 1
    selected = page.locator("[data-view=graph] [aria-selected=true]")
    assert selected.evaluate("(one) => getComputedStyle(one).outlineStyle") != "none"


def test_who_wants_less_motion_sees_none(look: Callable[..., Page]) -> None:
    page = look("running", reduced_motion="reduce")
    assert page.evaluate("document.getAnimations().filter((one) => one.playState === 'running').length") == 0


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("view", "123")
def test_whatever_tab_reaches_shows_that_it_has_the_focus(look: Callable[..., Page], theme: str, view: str) -> None:
    page = look("failed", theme)
    keyboard(page).press(view)
    page.evaluate("document.activeElement.blur()")
    reached: list[str] = []
    for _ in range(80):
        page.keyboard.press("Tab")
        found = page.evaluate(SHOWS_FOCUS)
        if found is None:
            break
        element, is_shown = found
        assert is_shown, element
        reached.append(element)
    assert len(reached) > 10
    assert len(reached) < 80, "Tab never leaves the view"


def test_on_paper_there_are_no_buttons_and_the_rest_is_there(look: Callable[..., Page]) -> None:
    page = look("failed")
    page.emulate_media(media="print")
    expect(page.locator(".milo-actions").first).to_be_hidden()
    expect(page.locator(".milo-header .milo-word")).to_have_text("failed")
    expect(page.locator("[data-phase=render]").first).to_be_visible()


def test_one_line_tells_screen_readers_how_it_stands(look: Callable[..., Page]) -> None:
    page = look("failed")
    line = page.locator(".milo-said[role=status]")
    expect(line).to_have_text("site failed, 3 of 6 done, render failed")


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark", "JupyterLab Dark High Contrast"])
def test_axe_reports_nothing_in_jupyterlab_and_its_themes(open_notebook: Any, theme: str) -> None:
    notebook = open_notebook("%load_ext milo_nb", FAILING)
    notebook.command("apputils:change-theme", theme=theme)
    notebook.page.wait_for_function("(name) => document.body.dataset.jpThemeName === name", arg=theme)
    notebook.run(0, 1)
    notebook.expect_status("failed")
    expect(notebook.pane("error")).to_contain_text("no title")
    assert violations(notebook.page) == []
    keyboard(notebook.page).press(".")
    expect(notebook.page.get_by_role("menu")).to_be_visible()
    assert violations(notebook.page) == []
    notebook.command("apputils:change-theme", theme="JupyterLab Light")
