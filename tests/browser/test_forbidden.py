"""What a browser may forbid a page: its clipboard, its downloads, what pages without https never get."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import EXPECT_TIMEOUT_MS, VIEWPORT
from tests.browser.lab import PLAIN_HOST
from tests.browser.test_logs import MIXED, SETUP, go_to, open_logs, open_mixed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, BrowserContext, Locator

    from tests.browser.lab import Lab
    from tests.browser.notebook import Notebook

# The last way into the clipboard, which pages in frames without the right do not have either.
NO_COMMANDS = "document.execCommand = () => false"
REFUSED = "The browser refused to copy. Download the log, or choose text and press Ctrl+C."
FIELD = """() => {
  const field = document.body.appendChild(document.createElement("textarea"));
  field.id = "pasted";
  field.focus();
}"""


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A context of the test's own: what is forbidden here, other tests may do."""
    made = browser.new_context(viewport=VIEWPORT)
    made.set_default_timeout(EXPECT_TIMEOUT_MS)
    yield made
    made.close()


@pytest.fixture
def forbid(browser: Browser, context: BrowserContext, lab: Lab) -> Callable[..., None]:
    """Forbids pages of the server to write into the clipboard, or to save files."""
    page = context.new_page()
    own = context.new_cdp_session(page).send("Target.getTargetInfo")["targetInfo"]["browserContextId"]
    devtools = browser.new_browser_cdp_session()

    def forbid_(what: str) -> None:
        if what == "downloads":
            devtools.send("Browser.setDownloadBehavior", {"behavior": "deny", "browserContextId": own})
            return
        permission = {"permission": {"name": what}, "setting": "denied", "origin": lab.url, "browserContextId": own}
        devtools.send("Browser.setPermission", permission)

    return forbid_


def said(pane: Locator) -> Locator:
    return pane.locator(".milo-log-said")


def pasted(notebook: Notebook) -> str:
    """Return what a person would paste now."""
    notebook.page.evaluate(FIELD)
    notebook.page.keyboard.press("Control+V")
    text = notebook.page.locator("#pasted").input_value()
    notebook.page.evaluate("document.getElementById('pasted').remove()")
    return text


def test_where_pages_may_not_use_the_clipboard_lines_are_copied_as_by_ctrl_c(open_notebook: Any, forbid: Any) -> None:
    forbid("clipboard-write")
    notebook, pane = open_mixed(open_notebook, "load")
    go_to(pane, "3-4")

    pane.get_by_role("button", name="Copy", exact=True).click()

    expect(said(pane)).to_have_text("Copied 2 lines")
    assert pasted(notebook) == "row 2\nrow 3\n"
    pane.get_by_role("button", name="Copy link").click()
    expect(said(pane)).to_have_text("Copied")
    assert pasted(notebook).endswith("#mixed/load/L3-L4")


def test_where_nothing_can_be_copied_it_is_said_what_to_do_instead_and_the_rest_works(
    open_notebook: Any, forbid: Any
) -> None:
    forbid("clipboard-write")
    notebook, pane = open_mixed(lambda *cells: open_notebook(*cells, script=NO_COMMANDS), "load")
    for name in ("Copy", "Copy with numbers", "Copy link"):
        go_to(pane, "3-4")
        expect(said(pane)).to_have_text("406 lines")
        pane.get_by_role("button", name=name, exact=True).click()
        expect(said(pane)).to_have_text(REFUSED)
    assert pane.evaluate("(pane) => pane.scrollWidth <= pane.clientWidth")
    with notebook.page.expect_download() as waiting:
        pane.get_by_role("button", name="Download").click()
    assert len(waiting.value.path().read_text(encoding="utf-8").splitlines()) == 406
    pane.get_by_role("button", name="Copy all").click()
    expect(said(pane)).to_have_text(REFUSED)
    notebook.phase("parse").click()
    expect(notebook.log.last).to_have_text("done")


def test_where_downloads_are_forbidden_it_is_said_what_to_do_if_no_file_comes(open_notebook: Any, forbid: Any) -> None:
    notebook, pane = open_mixed(open_notebook, "load")
    forbid("downloads")
    pane.get_by_role("button", name="More", exact=True).click()

    with notebook.page.expect_download() as waiting:
        pane.get_by_role("button", name="Download").click()

    assert waiting.value.failure() == "canceled"
    expect(said(pane)).to_contain_text("Download started: mixed-load")
    expect(said(pane)).to_contain_text("If no file comes, allow downloads for this page, or choose Copy all.")
    expect(pane.get_by_role("button", name="Stop")).to_have_count(0)
    pane.get_by_role("button", name="Copy all").click()
    expect(said(pane)).to_have_text("Copied")
    assert len(pasted(notebook).splitlines()) == 406
    with notebook.page.expect_download() as waiting:
        notebook.view.get_by_role("button", name="Save a report").click()
    assert waiting.value.failure() == "canceled"
    expect(notebook.view.get_by_text("or run %milo report in a cell.")).to_be_visible()


def test_on_a_page_without_https_the_view_works_and_lines_are_copied(open_notebook: Any) -> None:
    notebook = open_notebook(SETUP, MIXED)
    notebook.page.goto(notebook.lab.address(notebook.name).replace("127.0.0.1", PLAIN_HOST))
    notebook.wait_ready()
    assert notebook.page.evaluate("[isSecureContext, 'clipboard' in navigator]") == [False, False]

    notebook.run(0, 1)

    notebook.expect_status("completed")
    pane = open_logs(notebook, "load")
    go_to(pane, "3-4")
    pane.get_by_role("button", name="Copy", exact=True).click()
    expect(said(pane)).to_have_text("Copied 2 lines")
    assert pasted(notebook) == "row 2\nrow 3\n"
    notebook.button("run").click()
    expect(notebook.view.locator(".milo-header [data-requested]")).to_have_count(0)
    notebook.expect_status("completed")
