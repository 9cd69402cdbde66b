"""What phases display, in the Output pane: figures, tables, attacks, updates, and displays of any size."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.browser.notebook import Notebook

SETUP = """
%load_ext milo_nb
import threading
from IPython.display import HTML, JSON, SVG, Image, Latex, Markdown, clear_output, display

go = {name: threading.Event() for name in ("a", "b", "c")}

def png(width, height, colour):
    import struct, zlib
    def part(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    rows = (b"\\0" + bytes(colour) * width) * height
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\\x89PNG\\r\\n\\x1a\\n" + part(b"IHDR", head) + part(b"IDAT", zlib.compress(rows)) + part(b"IEND", b"")
"""
KINDS = """
%%milo kinds

@phase
def table():
    rows = "".join(f"<tr><th>{name}</th><td>{count}</td></tr>" for name, count in [("anyio", 12), ("attrs", 7)])
    display(HTML(f"<style>th {{ font-weight: 700 }}</style><table><thead><tr><th>name</th><th>links</th></tr></thead>{rows}</table>"))
    display(Image(png(64, 32, (200, 60, 40))))
    display(SVG('<svg xmlns="http://www.w3.org/2000/svg" width="90" height="40"><rect width="90" height="40" fill="teal"/></svg>'))
    display(JSON({"links": [12, 7], "id": 12345678901234567890}))
    display(Latex("$x^2$"))
    display(Markdown("**bold**"))
    display({"text/plain": "\\x1b[31mred\\x1b[0m text"}, raw=True)
"""


@pytest.fixture
def canary() -> Iterator[tuple[str, list[str]]]:
    """The address of a server, and what it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, name="canary")
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    thread.join(10)
    server.server_close()


def open_outputs(notebook: Notebook, phase: str) -> None:
    notebook.phase(phase).click()
    notebook.view.locator("[data-tab=output]").click()


def test_each_kind_of_display_is_shown_in_its_best_form(open_notebook):
    notebook = open_notebook(SETUP, KINDS)
    notebook.run(0, 1)
    notebook.expect_status("completed")

    open_outputs(notebook, "table")

    pane = notebook.pane("output")
    expect(pane.locator("figure")).to_have_count(7)
    expect(notebook.view.locator("[data-tab=output]")).to_have_text("output 7")
    frame = pane.frame_locator("iframe")
    expect(frame.locator("td")).to_have_text(["12", "7"])
    expect(pane.locator("img")).to_have_count(2)
    sizes = pane.locator("img").evaluate_all("(all) => all.map((one) => [one.naturalWidth, one.naturalHeight])")
    assert sizes == [[64, 32], [90, 40]]
    texts = pane.locator("pre")
    expect(texts.nth(0)).to_contain_text('"id": 12345678901234567890')
    expect(texts.nth(1)).to_have_text("$x^2$")
    expect(texts.nth(2)).to_have_text("**bold**")
    expect(texts.nth(3)).to_have_text("red text")
