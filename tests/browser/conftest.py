"""One server and one browser for all of these tests, one page and one kernel for each."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect, sync_playwright

from tests import kernels
from tests.browser.lab import KERNELS_SETTINGS, PLAIN_HOST, Lab, find_chromium
from tests.browser.notebook import Notebook
from tests.browser.page import DevelopmentPage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, BrowserContext, Error, Page, ViewportSize

FAILURES = Path(__file__).parent / "screenshots/failures"
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    f"--host-resolver-rules=MAP {PLAIN_HOST} 127.0.0.1",
)
VIEWPORT: ViewportSize = {"width": 1280, "height": 1120}
WIDE: ViewportSize = {"width": 1000, "height": 900}
AS_IT_COMES = dict.fromkeys(("media", "color_scheme", "reduced_motion", "forced_colors"), "null")
"""What a page is emulated with before anybody asks for something."""
NOTHING_TO_WAIT_FOR = ("empty", "restored")  # the kernel has not spoken yet
EXPECT_TIMEOUT_MS = 60_000
SUBSHELLS = "perCommTarget"  # as JupyterLab comes
HAS_FAILED = pytest.StashKey[bool]()

expect.set_options(timeout=EXPECT_TIMEOUT_MS)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.slow)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    report = yield
    if report.when == "call":
        item.stash[HAS_FAILED] = report.failed
    return report


# Playwright keeps an event loop running in this thread: it must be gone before the tests of other rooms begin.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        try:
            executable = find_chromium(playwright.chromium.executable_path)
        except RuntimeError as error:
            pytest.fail(str(error), pytrace=False)
        made = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        yield made
        made.close()


@pytest.fixture(scope="package")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    server = Lab(tmp_path_factory.mktemp("lab"))
    yield server
    server.stop()


@pytest.fixture(scope="package")
def context(browser: Browser) -> BrowserContext:
    """What pages share: one cache, so that JupyterLab is loaded once."""
    made = browser.new_context(viewport=VIEWPORT)
    made.set_default_timeout(EXPECT_TIMEOUT_MS)
    return made


@pytest.fixture(scope="package")
def development_page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevelopmentPage]:
    made = DevelopmentPage(tmp_path_factory.mktemp("page"))
    yield made
    made.close()


@pytest.fixture(scope="package")
def one_page(browser: Browser) -> Page:
    """A page for the view alone: to go to an address in it costs a third of a new one."""
    return browser.new_page()


@pytest.fixture
def look(browser: Browser, one_page: Page, development_page: DevelopmentPage) -> Iterator[Callable[..., Page]]:
    """Opens the view in a state, in a page that is as if it were new; what the page complains of fails the test.

    The viewport is as large as the page is before the browser zooms it.
    """
    said: list[str] = []
    zoomed: list[Page] = []

    def hear(error: Error) -> None:
        said.append(f"{one_page.url}: {error}")

    def zoom_in(viewport: ViewportSize, zoom: float) -> Page:
        size: ViewportSize = {"width": round(viewport["width"] / zoom), "height": round(viewport["height"] / zoom)}
        zoomed.append(browser.new_page(viewport=size, device_scale_factor=zoom))
        zoomed[-1].on("pageerror", hear)
        return zoomed[-1]

    def open_(case: str, theme: str = "light", *, viewport: ViewportSize = WIDE, zoom: float = 1, **media: Any) -> Page:
        page = one_page if zoom == 1 else zoom_in(viewport, zoom)
        if page is one_page:
            page.set_viewport_size(viewport)
        page.emulate_media(**media)
        development_page.open(page, case, theme)
        if case not in NOTHING_TO_WAIT_FOR:
            expect(page.locator(".milo-root")).not_to_have_attribute("data-connection", "connecting")
            expect(page.locator("[data-view] :is([role=listbox], [role=grid])")).to_be_visible()
        return page

    one_page.on("pageerror", hear)
    yield open_
    for page in zoomed:
        page.close()
    restore(one_page)
    if one_page.url != "about:blank":
        one_page.evaluate("localStorage.clear()")
        one_page.goto("about:blank")
    one_page.remove_listener("pageerror", hear)
    assert said == []


@pytest.fixture
def open_notebook(
    lab: Lab, context: BrowserContext, request: pytest.FixtureRequest
) -> Iterator[Callable[..., Notebook]]:
    """Opens a notebook with these cells (or one that lies in the server's folder) in a page of its own.

    It runs on the ipykernel named, with what JupyterLab's setting `commsOverSubshells` shall say; a script runs in the
    page before anything else does.
    """
    opened: list[Notebook] = []

    def open_(
        *cells: str, name: str = "", kernel: str = kernels.OWN, subshells: str = SUBSHELLS, script: str = ""
    ) -> Notebook:
        lab.set(KERNELS_SETTINGS, {"commsOverSubshells": subshells})
        name = lab.serve(name) if name else lab.write(list(cells), kernel)
        page = context.new_page()
        page.add_init_script(script)
        opened.append(Notebook(page, lab, name))
        return opened[-1]

    yield open_
    has_failed = request.node.stash.get(HAS_FAILED, True)
    for notebook in opened:
        if has_failed:
            keep(notebook, request.node.name)
        notebook.page.close()
    lab.end_kernels()
    shutil.rmtree(lab.root / ".milo", ignore_errors=True)  # the next test's pipelines have no past
    assert [line for notebook in opened for line in notebook.complaints()] == []


def restore(page: Page) -> None:
    """Take back what a test told the browser."""
    page.set_viewport_size(VIEWPORT)
    page.emulate_media(**AS_IT_COMES)
    page.mouse.move(0, 0)


def keep(notebook: Notebook, test: str) -> None:
    """Keep what a failed test saw."""
    FAILURES.mkdir(parents=True, exist_ok=True)
    name = re.sub(r"\W+", "-", test)
    notebook.page.screenshot(path=FAILURES / f"{name}.png")
    (FAILURES / f"{name}.log").write_text("\n".join(notebook.console), encoding="utf-8")
