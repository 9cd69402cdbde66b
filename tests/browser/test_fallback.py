"""Where widgets are missing, or the notebook is not trusted: what is left, and that it says so. For lanes see test_busy."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.lab import Classic, Lab
from tests.browser.notebook import OPEN_TIMEOUT_MS
from tests.browser.test_still import no_new_kernel, until_still

SETUP = """
%load_ext milo_nb
import threading
gate = threading.Event()
"""
EVIL = "<img src=x onerror='window.hacked = true'><script>window.hacked = true</script>"
SITE = f"""
%%milo site
@phase
def load():
    gate.wait(60)
@phase
def parse(load):
    raise ValueError({EVIL!r})
@phase
def index(parse): ...
"""
NO_VIEW = (
    "<pipeline site>: no live view is shown here. %milo status site tells how it stands, %milo help what can be done."
)
ENDED = "site: failed (1 completed, 1 failed, 1 pending)"
OF_JUPYTER = (  # what it says of an extension that cannot be loaded
    "net::ERR_FAILED",
    "error: Event",
    "Cannot read properties of undefined (reading 'get')",
    "No version of module anywidget is registered",
    "Shared module @jupyter-widgets/base doesn't exist",
    "Exception opening new comm",
)


@pytest.fixture(scope="module")
def classic(tmp_path_factory):
    server = Classic(tmp_path_factory.mktemp("notebook7"))
    yield server
    server.stop()


@pytest.fixture(params=["anywidget", "@jupyter-widgets"])
def without(open_notebook, context, request):
    """Opens a notebook where a front end's extension cannot be loaded."""
    pattern = f"**/extensions/{request.param}/**"
    context.route(pattern, lambda route: route.abort())
    notebook = open_notebook(SETUP, SITE, "%milo status site")
    yield notebook
    context.unroute(pattern)
    notebook.console[:] = [line for line in notebook.console if not any(known in line for known in OF_JUPYTER)]


def test_without_widgets_there_is_the_still_and_it_follows_the_run(without):
    notebook = without
    notebook.run(0, 1)
    still = notebook.page.locator(".milo-still")
    expect(still.locator(".milo-still-head")).to_have_text("site running 1 running, 2 pending")
    notebook.ask("gate.set()")
    expect(still.locator(".milo-still-head")).to_have_text("site failed 1 completed, 1 failed, 1 pending")
    expect(still.locator(".milo-still-error")).to_contain_text(EVIL)
    assert notebook.outputs(1)[0]["data"]["text/plain"] == NO_VIEW
    assert notebook.outputs(1)[1]["data"]["text/plain"].splitlines()[0] == ENDED
    assert "[FAIL]  parse" in notebook.run(2)  # what it says to do is done
    assert notebook.page.evaluate("window.hacked") is None


def test_without_a_widget_manager_the_cell_says_what_to_do(open_notebook, context):
    pattern = "**/extensions/@jupyter-widgets/**"
    context.route(pattern, lambda route: route.abort())
    notebook = open_notebook(SETUP, SITE)
    try:
        notebook.run(0, 1)
        expect(notebook.page.locator(".jp-OutputArea-output").first).to_have_text(NO_VIEW)
        expect(notebook.page.locator(".milo-still")).to_be_visible()
    finally:
        context.unroute(pattern)
        notebook.console[:] = [line for line in notebook.console if not any(known in line for known in OF_JUPYTER)]


@pytest.mark.parametrize("server", ["lab", "classic"])
def test_a_notebook_that_is_not_trusted_tells_how_its_pipeline_ended_and_runs_nothing(
    open_notebook, context, server, request
):
    notebook = open_notebook(SETUP, SITE, "gate.set()")
    notebook.run(0, 1, 2)
    until_still(notebook, 1, ENDED)
    notebook.command("docmanager:save")
    text = (notebook.lab.root / notebook.name).read_text("utf-8")
    begin = '<div class=\\"milo-still\\"'
    evil = text.replace(begin, f"<script>window.hacked = true</script>{begin}")
    assert evil != text
    host: Lab = request.getfixturevalue(server)
    (host.root / "foreign.ipynb").write_text(evil, "utf-8")

    page = context.new_page()
    try:
        page.route("**/api/sessions**", no_new_kernel)
        page.goto(host.address("foreign.ipynb"))
        still = page.locator(".milo-still")
        expect(still).to_be_visible(timeout=OPEN_TIMEOUT_MS)
        expect(still).to_contain_text("site failed 1 completed, 1 failed, 1 pending")
        expect(still).to_contain_text("load: completed; parse: failed; index: pending;")
        still.locator("summary").click()
        expect(still.locator("tbody tr")).to_have_text([
            "loadcompleted1", "parsefailed1load", "indexpending1parseblocked by parse"
        ])  # fmt: skip
        expect(page.get_by_text(NO_VIEW)).to_be_visible()
        assert page.evaluate("window.hacked") is None
    finally:
        page.close()
