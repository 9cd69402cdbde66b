"""How the view looks: in both themes, in every state, in narrow rooms; and that axe has nothing to say against it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.browser.notebook import Notebook

AXE = Path(__file__).parents[2] / "js/node_modules/axe-core/axe.min.js"
AXE_RUN = """async () => {
  const answer = await axe.run(".milo-root", { resultTypes: ["violations"] });
  const serious = answer.violations.filter(({ impact }) => impact === "serious" || impact === "critical");
  return serious.map(({ id, help, nodes }) => [id, help, ...nodes.slice(0, 5).map((node) => `${node.html} ${node.failureSummary}`)]);
}"""
HIDDEN = """
%load_ext milo_nb
import logging, threading
prices = {"unit": "12.50"}
log = logging.getLogger("shop")

class Orders: # stop in the middle, until they may go on
    half, go = threading.Event(), threading.Event()

def read_orders(file):
    orders = list(range(1001, 1041))
    print(f"{file}: {len(orders)} orders")
    return orders

def check(order):
    if order == 1024:
        Orders.half.set()
        Orders.go.wait(60)
    Orders.go.wait(0.02)
    if order % 9 == 0:
        log.warning("order %s has no date, today's taken", order)
    print(f"order {order}: \x1b[32mok\x1b[0m")
    return order
"""
SHOP = """
%%milo shop --parallel

@phase
def load():
    return read_orders("november.csv")

@phase
def clean(load, ctx):
    return [check(order) for order in ctx.track(load)]

@phase
def currencies(load):
    return {"EUR": 1.0, "CHF": 0.94}

@phase
def price(clean, currencies):
    unit = float(prices["unit"]) / currencies["CHF"]
    return [order * unit for order in clean]

@phase
def report(price):
    return f"{len(price)} orders, {sum(price):,.2f} EUR"
"""
PICTURES = """
%%milo pictures
from IPython.display import HTML, SVG, display

@phase(retry=1, retry_delay=0)
def look(ctx):
    print("looking")
    if ctx.attempt == 1:
        display({"text/plain": "before it fails"}, raw=True)
        raise ValueError("not yet")
    rows = "".join(f"<tr><th>{i}</th><td>{name}</td><td>{links}</td></tr>" for i, (name, links) in enumerate(COUNTS))
    head = '<tr style="text-align: right;"><th></th><th>package</th><th>links</th></tr>'
    style = "<style scoped>.dataframe tbody tr th { vertical-align: top; }</style>"
    display(HTML(f'<div>{style}<table border="1" class="dataframe"><thead>{head}</thead><tbody>{rows}</tbody></table></div>'))
    bars = "".join(f'<rect x="{i * 60}" y="{120 - n * 8}" width="40" height="{n * 8}"/>' for i, (_, n) in enumerate(COUNTS))
    display(SVG(f'<svg xmlns="http://www.w3.org/2000/svg" width="300" height="130">{bars}<path d="M0 120H300" stroke="black"/></svg>'))
    display({"application/json": dict(COUNTS)}, raw=True)
    display({"application/vnd.chart+json": {}, "text/plain": "<Chart>"}, raw=True)

COUNTS = [("anyio", 12), ("attrs", 7), ("certifi", 3), ("idna", 9)]
"""
DARK = "JupyterLab Dark"
LIGHT = "JupyterLab Light"
BRIGHTNESS = """(element) => {
  const canvas = document.createElement("canvas");
  const ink = canvas.getContext("2d");
  for (let at = element; at; at = at.parentElement) { // the first colour behind the element that is not transparent
    ink.fillStyle = getComputedStyle(at).backgroundColor;
    ink.fillRect(0, 0, 1, 1);
    const [red, green, blue, alpha] = ink.getImageData(0, 0, 1, 1).data;
    if (alpha === 255) return (red + green + blue) / 3;
  }
  return 255;
}"""


@pytest.fixture
def wear(open_notebook: Callable[..., Notebook]) -> Iterator[Callable[[Notebook, str], None]]:
    """Puts a theme on; it is JupyterLab's own again after the test."""
    worn: list[Notebook] = []

    def wear_(notebook: Notebook, theme: str) -> None:
        worn.append(notebook)
        notebook.command("apputils:change-theme", theme=theme)
        notebook.page.wait_for_function("(name) => document.body.dataset.jpThemeName === name", arg=theme)

    yield wear_
    for notebook in worn[:1]:
        wear_(notebook, LIGHT)


def open_shop(open_notebook: Callable[..., Notebook], *, unit: str = "12.50") -> Notebook:
    """Open the shop in the middle of its run, with the log of `clean` in sight and nothing beside it."""
    notebook = open_notebook(HIDDEN.replace("12.50", unit), SHOP)
    notebook.command("application:toggle-left-area")
    notebook.run(0, 1)
    notebook.phase("clean").click()
    expect(notebook.log.last).to_have_text("order 1023: ok")
    return notebook


def assert_accessible(notebook: Notebook) -> None:
    """Assert that axe finds nothing serious inside the view."""
    assert AXE.is_file(), "axe-core is missing: `make bundle` installs it."
    if notebook.page.evaluate("() => typeof axe") == "undefined":
        notebook.page.evaluate(AXE.read_text(encoding="utf-8"))
    assert notebook.page.evaluate(AXE_RUN) == []


def scroll_to(notebook: Notebook, index: int) -> None:
    notebook.page.locator(".jp-Cell").nth(index).evaluate("(cell) => cell.scrollIntoView()")


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_axe_finds_nothing_serious_in_a_run_that_fails_and_is_mended(open_notebook, wear, theme):
    notebook = open_shop(open_notebook, unit="12,50")
    wear(notebook, theme)
    scroll_to(notebook, 1)

    assert_accessible(notebook)
    for view in ("timeline", "list", "graph"):
        notebook.view.locator(f"[data-tab={view}]").click()
        assert_accessible(notebook)
    if theme == LIGHT:
        notebook.shoot("running")

    notebook.ask("Orders.go.set()")
    notebook.expect_status("failed")
    notebook.phase("price").click()
    expect(notebook.pane("error")).to_contain_text("could not convert string to float: '12,50'")
    assert_accessible(notebook)
    if theme == DARK:
        notebook.shoot("failed")

    notebook.ask("prices['unit'] = '12.50'")
    notebook.button("retry", "price").click()
    notebook.expect_status("completed")
    notebook.view.locator("[data-tab=result]").click()
    expect(notebook.pane("result")).to_contain_text("13311.1")
    assert_accessible(notebook)
    if theme == LIGHT:
        notebook.shoot("done")


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_displays_can_be_read_in_both_themes_and_axe_finds_nothing_serious(open_notebook, wear, theme):
    notebook = open_notebook("%load_ext milo_nb", PICTURES)
    notebook.command("application:toggle-left-area")
    notebook.run(0, 1)
    notebook.expect_status("completed")
    notebook.phase("look").click()
    notebook.view.locator("[data-tab=output]").click()
    pane = notebook.pane("output")
    expect(pane.locator("figure")).to_have_count(5)
    wear(notebook, theme)
    scroll_to(notebook, 1)

    cell = pane.frame_locator("iframe").locator("td").first
    expect(cell).to_have_text("anyio")
    colours = pane.evaluate("(pane) => getComputedStyle(pane).color")
    expect(cell).to_have_css("color", colours)
    assert pane.locator("img").evaluate(BRIGHTNESS) > 200  # black ink of figures without a background
    assert_accessible(notebook)
    if theme == DARK:
        notebook.shoot("displays", notebook.view)
    notebook.view.locator("[data-tab=logs]").click()
    expect(notebook.log).to_have_text(["looking", "looking"])
    expect(notebook.view.locator(".milo-log-row").last).to_have_attribute("data-attempt", "2")


def test_the_view_wears_the_colours_of_the_theme_and_follows_its_change(open_notebook, wear):
    notebook = open_shop(open_notebook)
    parts = [notebook.view.locator(part) for part in (".milo-header", ".milo-log", ".milo-graph", ".milo-inspector")]

    wear(notebook, DARK)
    expect(notebook.view).to_have_attribute("data-theme", "dark")
    assert [part.evaluate(BRIGHTNESS) < 80 for part in parts] == [True] * len(parts)

    wear(notebook, LIGHT)
    expect(notebook.view).to_have_attribute("data-theme", "light")
    assert [part.evaluate(BRIGHTNESS) > 200 for part in parts] == [True] * len(parts)


def test_a_narrow_view_hides_nothing_and_scrolls_nothing_sideways(open_notebook):
    notebook = open_shop(open_notebook)

    notebook.page.set_viewport_size({"width": 480, "height": 1000})
    notebook.view.evaluate("(root) => root.scrollIntoView()")

    expect(notebook.button("cancel")).to_be_in_viewport()
    expect(notebook.button("retry", "clean")).to_be_in_viewport()
    expect(notebook.phase("report")).to_be_visible()
    notebook.shoot("narrow", notebook.view)
    assert notebook.view.evaluate("(root) => root.scrollWidth <= root.clientWidth")
    width = notebook.view.evaluate("(root) => root.clientWidth")
    assert width < 480
    for word in ("Pause", "Cancel"):
        expect(notebook.view.get_by_role("button", name=re.compile(rf"^{word}$"))).to_be_in_viewport(ratio=1)
