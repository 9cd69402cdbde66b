"""The graph under real hands: pointer, wheel and keys, few phases and many, in a real JupyterLab."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from playwright.sync_api import expect

if TYPE_CHECKING:
    from tests.browser.notebook import Notebook

SETUP = """
%load_ext milo_nb
import threading
gate = threading.Event()
"""
SITE = """
%%milo site --parallel
@phase
def load():
    return 1
@phase
def parse(load, ctx):
    ctx.sleep(0.4)
    return 1
@phase
def assets(load):
    return 1
@phase
def write(parse, assets):
    gate.wait(60)
"""
MANY = """
%load_ext milo_nb
from milo_nb import Phase, Pipeline
names = [f"step-{i}" for i in range(2000)]
after = [[f"step-{j}" for j in {i - 39, i - 41} if 0 <= j] for i in range(2000)]
Pipeline("wide", *[Phase(n, int, depends_on=a) for n, a in zip(names, after)], parallel=True).run()
"""
SCROLLED = "() => window.panel.content.node.querySelector('.jp-WindowedPanel-outer').scrollTop"
# Where dots are that the compositor moves.
DOTS = """() => document.getAnimations()
  .filter(({ effect, playState }) => playState === "running" && effect.target.localName === "i" && effect.target.closest("[data-view=graph]"))
  .map(({ effect }) => getComputedStyle(effect.target).transform)"""
HAVE_MOVED = f"(before) => {{ const now = ({DOTS})(); return now.length && now.every((one, i) => one !== before[i]); }}"


# Edges of no colour are drawn in black.
BLACK = """(canvas) => {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let black = 0, drawn = 0;
  for (let i = 0; i < data.length; i += 4) {
    if (data[i + 3] < 200) continue;
    drawn++;
    if (data[i] + data[i + 1] + data[i + 2] === 0) black++;
  }
  return [drawn > 0, black];
}"""


def world(notebook: Notebook) -> dict[str, float]:
    """Return how far the picture is moved and zoomed."""
    moved: str = notebook.view.locator("[data-view=graph] [role=listbox] > [role=presentation]").evaluate(
        "(world) => getComputedStyle(world).transform"
    )
    k, _, _, _, x, y = map(float, moved.removeprefix("matrix(").removesuffix(")").split(","))
    return {"k": k, "x": x, "y": y}


def wait_moved(notebook: Notebook, before: dict[str, float]) -> dict[str, float]:
    """Wait until the picture is not where it was; return where it is then."""
    notebook.page.wait_for_function(
        """([k, x, y]) => {
          const world = document.querySelector("[data-view=graph] [role=listbox] > [role=presentation]");
          const { a, e, f } = new DOMMatrix(getComputedStyle(world).transform);
          return a !== k || e !== x || f !== y;
        }""",
        arg=list(before.values()),
    )
    return world(notebook)


def open_site(open_notebook: Any, **media: Any) -> Notebook:
    """Open the site while its last phase runs."""
    notebook: Notebook = open_notebook(SETUP, SITE, *["# more"] * 12)
    notebook.page.emulate_media(**media)
    notebook.run(0, 1)
    notebook.expect_phases(load="completed", parse="completed", assets="completed", write="running")
    notebook.view.evaluate("(root) => root.scrollIntoView()")
    return notebook


def middle(notebook: Notebook, selector: str = "[data-view=graph] [role=listbox]") -> tuple[float, float]:
    """Return the middle of a part of the view on the page."""
    box = notebook.view.locator(selector).bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_dots_move_into_the_running_phase_until_it_is_over(open_notebook):
    notebook = open_site(open_notebook)

    before = notebook.page.evaluate(DOTS)
    assert len(before) == 4  # two for each of two edges
    notebook.page.wait_for_function(HAVE_MOVED, arg=before)

    notebook.ask("gate.set()")
    notebook.expect_status("completed")
    assert notebook.page.evaluate(DOTS) == []


def test_where_motion_is_not_wanted_nothing_moves(open_notebook):
    notebook = open_site(open_notebook, reduced_motion="reduce")

    assert (
        notebook.page.evaluate(
            "() => document.getAnimations().filter((one) => one.effect.target.closest('.milo-root'))"
        )
        == []
    )


def test_what_decided_when_it_was_over_is_marked(open_notebook):
    notebook = open_site(open_notebook)
    notebook.ask("gate.set()")
    notebook.expect_status("completed")

    for name, mark in {"load": "true", "parse": "true", "write": "true"}.items():
        expect(notebook.phase(name)).to_have_attribute("data-critical", mark)
    assert notebook.phase("assets").get_attribute("data-critical") is None
    legend = notebook.view.get_by_text("critical path", exact=True)
    expect(legend).to_have_attribute("title", "3 phases, one after the other, decided when it was over")


def test_pointing_at_a_phase_shows_its_way_and_a_drag_is_no_click(open_notebook):
    notebook = open_site(open_notebook)
    graph = notebook.view.locator("[data-view=graph]")

    notebook.phase("assets").hover()
    expect(graph.locator("[data-faint]")).to_have_count(1)
    expect(notebook.phase("parse")).to_have_attribute("data-faint", "true")
    notebook.page.mouse.move(2, 2)
    expect(graph.locator("[data-faint]")).to_have_count(0)

    before = world(notebook)
    x, y = middle(notebook, '[data-phase="assets"]')
    notebook.page.mouse.move(x, y)
    notebook.page.mouse.down()
    notebook.page.mouse.move(x + 60, y + 10, steps=4)
    notebook.page.mouse.up()
    after = wait_moved(notebook, before)
    assert (round(after["x"] - before["x"]), round(after["y"] - before["y"])) == (60, 10)
    expect(notebook.view.locator(".milo-inspector")).to_have_count(0)

    notebook.phase("assets").click()
    expect(notebook.phase("assets")).to_have_attribute("aria-selected", "true")
    expect(notebook.view.locator('.milo-inspector[aria-label="Phase assets"]')).to_be_visible()


def test_the_wheel_scrolls_the_notebook_until_there_is_more_of_the_graph_to_see(open_notebook):
    notebook = open_site(open_notebook)
    page = notebook.page
    page.mouse.move(*middle(notebook))
    before, scrolled = world(notebook), page.evaluate(SCROLLED)

    page.mouse.wheel(0, 40)
    page.wait_for_function(f"(before) => ({SCROLLED})() > before", arg=scrolled)
    assert world(notebook) == before

    page.mouse.move(*middle(notebook))
    page.keyboard.down("Control")
    page.mouse.wheel(0, -120)
    page.keyboard.up("Control")
    zoomed = wait_moved(notebook, before)
    assert zoomed["k"] > before["k"]
    assert page.evaluate("window.visualViewport.scale") == 1

    scrolled = page.evaluate(SCROLLED)
    page.mouse.wheel(30, 0)
    panned = wait_moved(notebook, zoomed)
    assert panned["x"] < zoomed["x"]
    assert page.evaluate(SCROLLED) == scrolled


def test_keys_zoom_and_show_all_again(open_notebook):
    notebook = open_site(open_notebook)
    notebook.view.locator("[data-view=graph] [role=listbox]").focus()
    whole = world(notebook)

    notebook.page.keyboard.press("+")
    near = wait_moved(notebook, whole)
    assert near["k"] > whole["k"]
    notebook.page.keyboard.press("-")
    notebook.page.keyboard.press("-")
    assert wait_moved(notebook, near)["k"] < near["k"]
    notebook.page.keyboard.press("0")
    notebook.page.wait_for_function(
        "(k) => new DOMMatrix(getComputedStyle(document.querySelector('[data-view=graph] [role=listbox] > [role=presentation]')).transform).a === k",
        arg=whole["k"],
    )


def test_two_thousand_phases_are_boxes_that_can_be_named_opened_and_come_near(open_notebook):
    notebook = open_notebook(MANY)
    notebook.run(0)
    notebook.expect_status("completed")
    notebook.view.evaluate("(root) => root.scrollIntoView()")
    graph = notebook.view.locator("[data-view=graph] [role=listbox]")

    expect(graph).to_have_attribute("data-size", "compact")  # first what ran, with names
    expect(notebook.view.get_by_text("of 2,000 in sight")).to_be_visible()
    notebook.view.get_by_role("button", name="Show all", exact=True).click()
    expect(graph).to_have_attribute("data-size", "far")
    expect(graph.locator("[data-phase]")).to_have_count(1)  # the selected one
    graph.press("End")
    expect(notebook.phase("step-1999")).to_have_attribute("aria-selected", "true")
    x, y = middle(notebook, '[data-view=graph] [data-phase="step-1999"]')
    graph.press("Home")
    expect(notebook.phase("step-0")).to_have_attribute("aria-selected", "true")

    notebook.page.mouse.move(x, y)
    expect(notebook.view.get_by_text("step-1999")).to_be_visible()
    notebook.page.mouse.click(x, y)
    expect(notebook.view.locator('.milo-inspector[aria-label="Phase step-1999"]')).to_be_visible()

    graph.press("Escape")
    notebook.page.mouse.dblclick(*middle(notebook, '[data-view=graph] [data-phase="step-1999"]'))
    expect(graph).to_have_attribute("data-size", "full")
    expect(notebook.phase("step-1999")).to_be_in_viewport()
    assert graph.locator("[data-phase]").count() < 200


def test_the_edges_of_a_view_that_nobody_touched_have_their_colours(open_notebook: Any) -> None:
    notebook = open_notebook(SETUP, SITE.replace("gate.wait(60)", "return 1"))
    notebook.run(0, 1)
    notebook.expect_status("completed")
    canvas = notebook.view.locator("[data-view=graph] canvas")
    assert canvas.evaluate(BLACK) == [True, 0]
