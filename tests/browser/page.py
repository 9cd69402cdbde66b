"""The development page: the view in each of its states, on a kernel that is part of the page."""

from __future__ import annotations

import subprocess
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Page

JS = Path(__file__).parents[2] / "js"
AXE = JS / "node_modules/axe-core/axe.min.js"
BUILD_TIMEOUT_S = 300
FOUND = """async (where) => {
  const { violations } = await axe.run(where, { resultTypes: ["violations"] });
  return violations.flatMap(({ id, help, nodes }) =>
    nodes.map((node) => `${id}: ${help}: ${node.html.slice(0, 160)} (${node.any.map((one) => one.message).join("; ")})`));
}"""


class Quiet(SimpleHTTPRequestHandler):
    """Says nothing of what it is asked for."""

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


class DevelopmentPage:
    """A server of the page, built into `folder`."""

    def __init__(self, folder: Path) -> None:
        """Build the page and serve it."""
        command = [sys.executable, str(JS / "hatch_build.py"), "npm", "run", "page", "--", str(folder)]
        subprocess.run(command, check=True, capture_output=True, timeout=BUILD_TIMEOUT_S)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
        threading.Thread(target=self._server.serve_forever, name="page", daemon=True).start()

    def open(self, page: Page, case: str, theme: str = "light") -> None:
        """Open the view in one of its states; wait until all parts of it are there."""
        page.goto(f"http://127.0.0.1:{self._server.server_port}/index.html?case={case}&theme={theme}")
        page.locator(".milo-root").wait_for()

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()


def violations(page: Page, where: str = ".milo-root") -> list[str]:
    """Return what axe has to say against a part of a page."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text("utf-8"))
    return page.evaluate(FOUND, where)  # type: ignore[no-any-return]
