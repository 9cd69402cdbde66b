"""What phases display, in the Output pane: figures, tables, attacks, updates, and displays of any size."""

from __future__ import annotations

import re
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
    rows = b"".join(b"\\0" + (colour() if callable(colour) else bytes(colour) * width) for _ in range(height))
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
ATTACKS = """
%%milo attacks

@phase
def attack():
    hack = "window.isHacked = parent.isHacked = top.isHacked = 1"
    display(HTML('''
        <base href="CANARY/base/"><base target="_top">
        <meta http-equiv="refresh" content="0; url=CANARY/refresh">
        <link rel="stylesheet" href="CANARY/style.css"><link rel="preconnect" href="CANARY"><link rel="icon" href="CANARY/icon">
        <style>@import url("CANARY/import.css"); body { background: url(CANARY/background.png) }</style>
        <script>HACK; fetch("CANARY/fetch")</script><script src="CANARY/script.js"></script>
        <img src="x" onerror="HACK"><img src="CANARY/image.png"><img srcset="CANARY/set.png 2x">
        <iframe src="CANARY/frame"></iframe><iframe srcdoc="<script>HACK</script>"></iframe>
        <object data="CANARY/object"></object><embed src="CANARY/embed">
        <video src="CANARY/video" autoplay poster="CANARY/poster"></video> <b>the end</b>'''.replace("HACK", hack)))
    display(HTML('''
        <body onload="HACK" background="CANARY/body"><details open ontoggle="HACK">x</details>
        <a href="CANARY/link" ping="CANARY/ping" onclick="HACK">a link</a> <a href="javascript:HACK" target="_top">js</a>
        <form action="CANARY/form"><button formaction="CANARY/button">send</button><input autofocus onfocus="HACK"></form>
        <b>the end</b></body>'''.replace("HACK", hack)))
    display(HTML('''
        <b style="position: relative">the end</b><svg onload="HACK"><script>HACK</script><image href="CANARY/svg-image"/><use xlink:href="CANARY/use#x"/>
        <foreignObject><iframe src="CANARY/foreign"></iframe></foreignObject><animate onbegin="HACK" attributeName="x" dur="1s"/></svg>
        <template><script>HACK</script></template><noscript><p title="</noscript><img src=x onerror=HACK>"></noscript>
        <math><mtext><table><mglyph><style><img src=x onerror="HACK"></style></mglyph></table></mtext></math>
        <div style="position: fixed; inset: 0; background: url(CANARY/div.png)"></div>
        '''.replace("HACK", hack)))
    display(SVG('''
        <svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="30" height="30" onload="HACK">
        <script>HACK</script><image xlink:href="CANARY/in-svg" width="9" height="9"/><style>@import url("CANARY/svg.css");</style>
        <foreignObject width="9" height="9"><body xmlns="http://www.w3.org/1999/xhtml"><img src="x" onerror="HACK"/></body>
        </foreignObject></svg>'''.replace("HACK", hack)))
    display({"application/javascript": hack, "text/plain": "<Javascript>"}, raw=True)
    odd = {"text/x-<script>alert(1)</script>": hack, "image/png": "<script>", "__proto__": "x", "text/plain": "<b>odd</b>"}
    display(odd, raw=True)
"""
UPDATES = """
%%milo updates

@phase
def paint():
    display({"text/plain": chr(10).join(["tall"] * 40)}, raw=True)
    picture = display(Image(png(40, 300, (0, 90, 0))), display_id=True)
    frame = display(HTML("<b>1</b>"), display_id=True)
    go["a"].wait(60)
    picture.update(Image(png(50, 300, (0, 0, 90))))
    frame.update(HTML("<b>2</b>"))
    go["b"].wait(60)
"""
CLEARS = """
%%milo clears

def say(text):
    display({"text/plain": text}, raw=True)

@phase
def clear():
    go["a"].wait(60)
    say("zero")
    clear_output()
    say("one")
    go["b"].wait(60)
    clear_output(wait=True)
    say("two")
    go["c"].wait(60)

@phase
def many(clear):
    for number in range(105):
        say(f"display {number}")

@phase
def quiet(many):
    pass
"""
LARGE = """
%%milo big --parallel

@phase
def large():
    import random
    def noise(side):
        return png(side, side, lambda: random.randbytes(side * 3))
    for _ in range(3):
        display({"image/png": noise(1800), "text/plain": "<noise>"}, raw=True)
    display({"image/png": bytes(52_000_000), "text/plain": "<Figure>"}, raw=True)

@phase
def talk():
    for number in range(10_000):
        if go["b"].wait(0.05):
            return
        print("tick", number)

@phase
def after(talk):
    pass
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
    thread.join(60)
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


def test_nothing_that_is_displayed_runs_or_reaches_out(open_notebook, canary):
    address, asked = canary
    notebook = open_notebook(SETUP, ATTACKS.replace("CANARY", address))
    notebook.run(0, 1)
    notebook.expect_status("completed")

    open_outputs(notebook, "attack")

    pane = notebook.pane("output")
    expect(pane.locator("figure")).to_have_count(6)
    frames = [pane.locator("iframe").nth(i).content_frame for i in range(3)]
    for frame in frames:
        expect(frame.get_by_text("the end")).to_be_visible()
    frames[1].get_by_text("link").click()
    frames[1].get_by_text("send").click()
    expect(pane.locator("img")).to_have_count(1)
    assert pane.locator("img").evaluate("(one) => one.decode().then(() => one.naturalWidth)") == 30
    expect(pane.locator("figure").nth(4)).to_contain_text("not shown here: application/javascript")
    expect(pane.locator("figure").nth(5)).to_contain_text("not shown here: text/x-<script>")
    expect(pane.locator("figure").nth(0)).to_contain_text(
        "scripts do not run here, and nothing is loaded from elsewhere"
    )
    notebook.page.evaluate("(address) => fetch(`${address}/alive`, { mode: 'no-cors' })", address)
    assert asked == ["/alive"]
    assert [frame.evaluate("typeof isHacked") for frame in notebook.page.frames] == ["undefined"] * len(
        notebook.page.frames
    )
    assert [frame.url for frame in notebook.page.frames[1:]] == ["about:srcdoc"] * 3
    assert [line for line in notebook.complaints() if not re.search("Content Security Policy|sandboxed", line)] == []
    notebook.console.clear()  # the browser tells what the policy has stopped


def test_updates_change_a_display_in_place_and_leave_the_scroll_position(open_notebook):
    notebook = open_notebook(SETUP, UPDATES, 'go["a"].set()', 'go["b"].set()')
    notebook.run(0, 1)
    open_outputs(notebook, "paint")
    pane = notebook.pane("output")
    picture, frame = pane.locator("img"), pane.locator("iframe")
    expect(pane.locator("figure")).to_have_count(3)
    expect(frame.content_frame.locator("b")).to_have_text("1")
    expect(picture).to_have_js_property("naturalWidth", 40)
    pane.evaluate("(pane) => { pane.scrollTop = 120; }")
    for part in (picture, frame):
        part.evaluate("(element) => { element.isTheSame = true; }")

    notebook.run(2)

    expect(picture).to_have_js_property("naturalWidth", 50)
    expect(frame.content_frame.locator("b")).to_have_text("2")
    assert [part.evaluate("(element) => element.isTheSame") for part in (picture, frame)] == [True, True]
    assert pane.evaluate("(pane) => pane.scrollTop") == 120
    notebook.run(3)
    notebook.expect_status("completed")


def test_cleared_displays_go_and_what_was_dropped_is_counted(open_notebook):
    notebook = open_notebook(SETUP, CLEARS, 'go["a"].set()', 'go["b"].set()', 'go["c"].set()')
    notebook.run(0, 1)
    open_outputs(notebook, "clear")
    pane = notebook.pane("output")
    expect(pane).to_have_text(re.compile("^Nothing displayed yet"))
    notebook.run(2)
    expect(pane.locator("figure")).to_have_text(["one"])
    notebook.run(3)
    expect(pane.locator("figure")).to_have_text(["two"])
    notebook.run(4)
    notebook.expect_status("completed")

    notebook.phase("many").click()

    expect(pane).to_contain_text("5 earlier outputs dropped")
    expect(pane.locator("figure")).to_have_count(100)
    expect(pane.locator("figure").last).to_have_text("display 104")
    notebook.phase("quiet").click()
    expect(pane).to_have_text(re.compile("^Nothing displayed[.]"))


def test_a_widget_in_a_phase_says_why_it_is_not_there(open_notebook):
    notebook = open_notebook(
        SETUP, "%%milo w\n@phase\ndef slide():\n    import ipywidgets\n    display(ipywidgets.IntSlider())"
    )
    notebook.run(0, 1)
    notebook.expect_status("completed")

    open_outputs(notebook, "slide")

    expect(notebook.pane("output").locator("figure")).to_contain_text("IntSlider is not shown here")


def test_displays_are_there_again_after_a_reload(open_notebook):
    notebook = open_notebook(SETUP, KINDS)
    notebook.run(0, 1)
    notebook.expect_status("completed")
    notebook.reload()

    open_outputs(notebook, "table")

    expect(notebook.pane("output").locator("figure")).to_have_count(7)
    expect(notebook.pane("output").frame_locator("iframe").locator("td").first).to_have_text("12")
    expect(notebook.pane("output").locator("img").first).to_have_js_property("naturalWidth", 64)


def test_thirty_megabytes_on_their_way_hold_up_no_button_and_no_log(open_notebook):
    notebook = open_notebook(SETUP, LARGE, 'go["b"].set()')
    notebook.run(0, 1)
    open_outputs(notebook, "large")
    pane = notebook.pane("output")
    expect(pane.locator("figure")).to_have_count(4)
    expect(pane).to_contain_text(re.compile(r"Loading \d+%"))

    notebook.button("pause").click()
    expect(notebook.view.locator("button[data-command=resume]")).to_be_visible()
    notebook.phase("talk").click()
    notebook.view.locator("[data-tab=logs]").click()
    expect(notebook.log.last).to_have_text(re.compile("^tick "))
    open_outputs(notebook, "large")

    expect(pane.locator("img")).to_have_count(3)
    widths = pane.locator("img").evaluate_all(
        "(all) => Promise.all(all.map((one) => one.decode().then(() => one.naturalWidth)))"
    )
    assert widths == [1800] * 3
    expect(pane.locator("figure").last).to_contain_text("[image/png of 52 MB left out]")
    notebook.run(2)
