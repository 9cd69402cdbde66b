"""A report in a browser: without scripts and network, light and dark, on paper, by axe."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from milo_nb import Phase, PhasePolicy, Pipeline, attach
from milo_nb.capture.outputs import OutputBook, make_output
from tests.browser.page import violations

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20"><script>document.title = "hacked"</script>'
    '<rect width="40" height="20" fill="red"/></svg>'
)


CELL = """
%%milo site
@phase
def load():
    print("loading")
    return list(range(100_000))
@phase
def parse(load):
    raise ValueError("no title")
"""


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The report of a session that failed, and of the same one looked at from its directory."""
    folder = tmp_path_factory.mktemp("report")

    def load() -> dict[str, object]:
        for n in range(30):
            print("\x1b[32mline\x1b[0m", n, "<script>alert(1)</script>")
        logging.getLogger("shop").warning("careful")
        return {"rows": [3, 1, 2], "<b>": "x" * 300}

    def train(load: object) -> int:
        return load["<img src=x onerror=alert(1)>"]

    made = Pipeline(
        "shop",
        Phase("load", load),
        Phase("train", train, policy=PhasePolicy("retry", 1, 0.0)),
        Phase("publish", lambda train: train),
        Phase("a long name of a phase that goes on and on " * 3, lambda: 1),
    ).run(work_dir=folder / "work")
    made.wait(60)
    made.session.outputs["load"] = book = OutputBook("load")
    book.add(make_output({"image/svg+xml": SVG, "text/plain": "a red box"}), 1)
    live = made.report(folder / "live.html")
    session = str(made.session_id)
    made.close()
    past = attach(session, folder / "work")
    told = past.report(folder / "past.html")
    past.close()
    return {"live": live, "past": told}


@pytest.fixture(params=["light", "dark"])
def reader(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A person with a browser that runs no scripts, offline."""
    context = browser.new_context(color_scheme=request.param, java_script_enabled=False, offline=True)
    yield context.new_page()
    context.close()


def test_it_is_all_there_without_scripts_and_network(reader: Page, reports: dict[str, Path]) -> None:
    asked: list[str] = []
    reader.on("request", lambda request: asked.append(request.url.partition(":")[0]))
    reader.goto(reports["live"].as_uri())
    expect(reader.get_by_role("heading", level=1)).to_contain_text("shop failed")
    expect(reader.get_by_role("group", name="Graph of shop: failed.")).to_be_visible()
    expect(reader.locator("section.error")).to_contain_text("KeyError: '<img src=x onerror=alert(1)>'")
    expect(reader.locator(".lane .work")).to_have_count(4)
    load = reader.locator("details.phase").filter(has=reader.locator("summary", has_text="load"))
    expect(load.locator("img")).to_be_hidden()
    reader.locator("tbody").get_by_role("link", name="load").click()  # a link opens what it leads to
    expect(load.locator("img")).to_be_visible()
    expect(load).to_contain_text("line 29 <script>alert(1)</script>")
    assert set(asked) <= {"file", "data"}
    assert reader.title() == "shop: failed"


def test_paper_has_all_of_it_in_dark_ink(reader: Page, reports: dict[str, Path]) -> None:
    reader.goto(reports["live"].as_uri())
    reader.emulate_media(media="print")
    expect(reader.get_by_text("line 29").first).to_be_visible()
    assert len(reader.pdf()) > 20_000


@pytest.mark.parametrize("name", ["live", "past"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_has_nothing_to_say(browser: Browser, reports: dict[str, Path], name: str, theme: str) -> None:
    context = browser.new_context(color_scheme=theme)
    try:
        page = context.new_page()
        page.goto(reports[name].as_uri())
        page.evaluate("for (const details of document.querySelectorAll('details')) details.open = true")
        assert violations(page, "html") == []
    finally:
        context.close()


@pytest.mark.parametrize("width", [400, 1280, 2000])
def test_it_needs_no_scrolling_sideways(browser: Browser, reports: dict[str, Path], width: int) -> None:
    page = browser.new_page(viewport={"width": width, "height": 800})
    try:
        page.goto(reports["live"].as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    finally:
        page.close()


def test_the_view_saves_it_as_a_file(open_notebook, context, tmp_path):
    notebook = open_notebook("%load_ext milo_nb", CELL)
    notebook.run(0, 1)
    notebook.expect_status("failed")
    with notebook.page.expect_download() as downloading:
        notebook.view.get_by_role("button", name="Save a report").click()
    assert downloading.value.suggested_filename == "site-report.html"
    downloading.value.save_as(tmp_path / "site.html")
    expect(notebook.view.get_by_text("Download started: site-report.html")).to_be_visible()
    page = context.new_page()
    page.goto((tmp_path / "site.html").as_uri())
    expect(page.locator("section.error")).to_contain_text("Cell [2], line 8, in parse")
    page.close()
