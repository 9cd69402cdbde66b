"""The report: one file that tells a session to whoever has no kernel, and does nothing else."""

from __future__ import annotations

import logging
import re
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from milo_nb import MiloError, Phase, PhasePolicy, Pipeline, PipelineExecutor, attach
from milo_nb.capture.outputs import OutputBook, make_output
from milo_nb.execute import reporting
from milo_nb.show.notebook import reporting as pieces
from milo_nb.show.report import page as page_module
from milo_nb.show.report.facts import HIDDEN, say_time
from milo_nb.show.report.page import to_page
from milo_nb.show.report.results import to_displays
from milo_nb.show.report.text import to_coloured, to_html
from tests.show.html import Page
from tests.strategies import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

EVIL = '</title></pre></style><script>alert(1)</script><img src="x" onerror="alert(2)">&amp;\'" \x1b[31m\x00\u202e'
SHOWN = '</title></pre></style><script>alert(1)</script><img src="x" onerror="alert(2)">&amp;\'"'
# fmt: off
TAGS = {
    "html", "head", "meta", "title", "style", "body", "main", "header", "h1", "h2", "h3", "p", "b", "small", "span",
    "bdi", "time", "code", "pre", "mark", "section", "a", "div", "svg", "g", "path", "rect", "text", "desc", "table",
    "thead", "tbody", "tr", "th", "td", "i", "details", "summary", "dl", "dt", "dd", "img",
}
# fmt: on
PIXEL = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89"
"""The beginning of a picture: nobody looks at it here."""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def shop() -> Iterator[PipelineExecutor]:
    tries = []

    def load(rate: float) -> list[int]:
        for n in range(30):
            print("line", n)
        logging.getLogger("shop").warning("careful")
        return [3, 1, 2]

    def clean(load: list[int]) -> list[int]:
        tries.append(1)
        if len(tries) < 3:
            raise ConnectionError(f"no network in try {len(tries)}")
        return sorted(load)

    def train(clean: list[int]) -> int:
        return clean[7]

    made = Pipeline(
        "shop",
        Phase("load", load, "Reads the rows."),
        Phase("clean", clean, policy=PhasePolicy("retry", 3, 0.0)),
        Phase("train", train, policy=PhasePolicy("continue")),
        Phase("publish", lambda train: train),
    ).run({"rate": 0.5})
    made.wait(60)
    yield made
    made.close()


def text_of(html: str) -> str:
    return Page(html).text()


def test_it_tells_how_the_session_went_and_what_went_wrong(shop: PipelineExecutor) -> None:
    text = text_of(to_page(shop.session))
    assert "shop failed" in text
    assert "2 completed, 1 failed, 1 pending" in text
    assert str(shop.session_id) in text
    wrong = text[text.index("What went wrong") : text.index("Graph load")]
    assert "IndexError : list index out of range" in wrong
    assert "return clean[7]" in wrong
    assert "Never ran, as what they need failed: publish" in wrong
    assert "Reads the rows." in text
    assert "Parameters rate 0.5" in text
    assert re.search(r"Versions Python 3\.\d+\.\d+ milo_nb ", text)


def test_it_has_graph_timeline_attempts_lines_and_results(shop: PipelineExecutor) -> None:
    page = Page(to_page(shop.session))
    drawn = [attrs["data-status"] for _, attrs in page.tags if attrs.get("class") == "p"]
    assert drawn == ["completed", "completed", "failed", "pending"]
    assert sum(attrs.get("class") == "work" for tag, attrs in page.tags if tag == "i") == 5
    text = page.text()
    assert re.search(
        r"1 failed \d+ ms ConnectionError: no network in try 1 2 failed \d+ ms ConnectionError: no network in try 2 3 completed",
        text,
    )
    assert "Lines (the last 20 of 31)" in text
    assert "line 29 31 careful" in text
    assert "line 9 " not in text
    assert "Result list 3 items" in text
    assert "[1, 2, 3]" in text
    assert "attempt 2 started at" in text  # the bars are told to who does not see them


def test_links_lead_to_phases_of_the_same_page(shop: PipelineExecutor) -> None:
    page = Page(to_page(shop.session))
    ids = {attrs["id"] for _, attrs in page.tags if "id" in attrs}
    links = {attrs["href"] for tag, attrs in page.tags if tag == "a"}
    assert len(ids) == 4
    assert {f"#{one}" for one in ids} == links


def check_harmless(html: str) -> Page:
    """Nothing of the page acts, and nothing of it is anywhere else."""
    page = Page(html)
    assert {tag for tag, _ in page.tags} <= TAGS
    for tag, attrs in page.tags:
        assert not [name for name in attrs if name.startswith("on")]
        assert attrs.get("href", "#").startswith("#")
        assert attrs.get("src", "data:image/").startswith("data:image/")
        assert "url(" not in (attrs.get("style") or "")
        if tag == "meta" and attrs.get("http-equiv"):
            assert "default-src 'none'" in attrs["content"]
    style = "".join(re.findall(r"<style>(.*?)</style>", html, re.DOTALL))
    assert "url(" not in style
    assert "@import" not in style
    assert not {"\x00", "\x1b", "\u202e"} & set(html)
    return page


def test_what_people_wrote_is_text_and_nothing_else() -> None:
    def work(evil: str) -> Any:
        print(EVIL)
        logging.getLogger("x").error(EVIL)
        return {EVIL: type(EVIL[2:7], (), {"__repr__": lambda self: EVIL})()}

    def fail(context: Any) -> None:
        raise type(EVIL.replace("\x00", ""), (ValueError,), {})(EVIL)

    name = EVIL.replace("\x00", "")
    policy = PhasePolicy("continue")
    made = Pipeline(f"p{name}", Phase(name, work, EVIL), Phase(f"{name}2", fail, EVIL, [name], policy=policy))
    executor = made.run({"evil": EVIL}, work_dir=None)
    executor.wait(60)
    text = check_harmless(to_page(executor.session)).text()
    assert text.count(SHOWN) >= 8
    executor.close()


def test_displays_are_pictures_or_text() -> None:
    book = OutputBook("x")
    svg = '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
    for data in (
        {"image/png": PIXEL, "text/plain": '<Figure "1">'},
        {"text/html": "<script>alert(1)</script><b>table</b>", "text/plain": "a table & more"},
        {"image/svg+xml": svg},
        {"text/html": "<p>only html</p>"},
    ):
        book.add(make_output(data), 1)
    _, png, table, drawing, html = to_displays(book)
    assert png.startswith('<img src="data:image/png;base64,iVBORw0KGgo')
    assert 'alt="&lt;Figure &quot;1&quot;&gt;"' in png
    assert table == "<pre>a table &amp; more</pre>"
    assert drawing.startswith('<img src="data:image/svg+xml;base64,')  # where scripts do not run
    assert html == "<p>[text/html is not shown here]</p>"
    book.add(make_output({"image/png": PIXEL + bytes(700_000)}), 1)
    shown = list(to_displays(book))
    assert shown[0] == "<h3>Displays <small>(the last 4 of 5)</small></h3>"
    assert shown[-1] == "<p>[image/png of 0.7 MB is left out here]</p>"
    assert list(to_displays(None)) == []


def test_a_past_session_is_told_from_its_directory_alone(shop: PipelineExecutor, folder: Path) -> None:
    session = str(shop.session_id)
    shop.close()
    past = attach(session)
    try:
        html = past.report(folder / "past.html").read_text("utf-8")
    finally:
        past.close()
    text = check_harmless(html).text()
    assert f"Past session {session[:8]}, read-only." in text
    assert "IndexError : list index out of range" in text
    assert "line 29 31 careful" in text
    assert "no network in try 2" in text
    assert "Parameters rate 0.5" in text
    assert "Versions" not in text  # who knows what it ran on
    assert "on disk" in text  # who only looks loads nothing


def test_a_session_that_runs_or_has_not_begun_is_told_as_it_is() -> None:
    gate, begun = threading.Event(), threading.Event()

    def work(ctx: Any) -> None:
        ctx.progress(0.5, "half of it")
        begun.set()
        gate.wait(60)

    made = Pipeline("slow", Phase("work", work)).run(work_dir=None)
    begun.wait(60)
    wait_until(lambda: made["work"].known.fraction == 0.5)
    text = text_of(to_page(made.session))
    assert "Progress 50%, half of it" in text
    gate.set()
    assert "slow running" in text
    assert "As of" in text
    assert "Ended" not in text
    made.wait(60)
    made.close()
    idle, none = (PipelineExecutor(p, work_dir=None) for p in (Pipeline("idle", Phase("a", int)), Pipeline("none")))
    assert "idle pending" in text_of(to_page(idle.session))
    assert "There are no phases." in text_of(to_page(none.session))


@pytest.mark.parametrize("name", ["password", "API_KEY", "apiKey", "access_token", "client_secret"])
def test_what_is_a_secret_by_its_name_is_not_written(name: str) -> None:
    handler = eval(f"lambda {name}, author: 1")
    made = Pipeline("p", Phase("a", handler)).run({name: "hunter2", "author": "me"}, work_dir=None)
    made.wait(60)
    html = to_page(made.session)
    assert "hunter2" not in html
    assert to_html(HIDDEN) in html
    assert "&#x27;me&#x27;" in html
    made.close()


@pytest.mark.slow
def test_its_size_is_bounded_and_it_says_what_was_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    def work(n: int) -> Any:
        if n == 1_500:
            raise ValueError("x" * 50_000)
        return "z" * 100_000

    phases = [Phase(f"p{n}", lambda n=n: work(n), parallel=True) for n in range(2_200)]
    executor = Pipeline("many", *phases).run(work_dir=None)
    executor.wait(120)
    html = to_page(executor.session)
    text = text_of(html)
    assert len(html.encode()) < page_module.MAX_BYTES
    assert "2,200 phases are too many to draw here" in text
    assert "200 more phases are not shown." in text
    assert "1,800 more phases are not told one by one" in text
    assert "p1500 failed" in text  # what failed is told, wherever it is
    monkeypatch.setattr(page_module, "MAX_BYTES", 20_000)
    assert "is not told here: the report would be too large." in text_of(to_page(executor.session))
    executor.close()


# ---------------------------------------------------------------------- where it goes


def test_it_is_written_where_it_is_asked_for(shop: PipelineExecutor, folder: Path) -> None:
    assert shop.report() == folder / "shop-report.html"
    assert shop.report("mine.html") == folder / "mine.html"
    (folder / "reports").mkdir()
    assert shop.report("reports") == folder / "reports/shop-report.html"
    assert shop.report(folder / "mine.html").read_text("utf-8").startswith("<!doctype html>")
    (folder / "link.html").symlink_to(folder / "mine.html")
    shop.report("link.html")
    assert (folder / "link.html").is_symlink()
    there = sorted(path.name for path in folder.iterdir())
    assert there == [".milo", "link.html", "mine.html", "reports", "shop-report.html"]


def test_what_was_there_stands_if_it_cannot_be_written(
    shop: PipelineExecutor, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = shop.report("mine.html")
    before = file.read_bytes()

    def full(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device", str(self))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full)
        with pytest.raises(OSError, match="No space left"):
            shop.report("mine.html")
    assert file.read_bytes() == before
    assert not list(folder.glob(".*.tmp"))
    with pytest.raises(FileNotFoundError):
        shop.report("nowhere/mine.html")


def test_without_the_front_door_there_is_a_sentence(shop: PipelineExecutor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reporting, "_write", None)
    with pytest.raises(MiloError, match="import milo_nb"):
        shop.report()


# ---------------------------------------------------------------------- for the view


class Told:
    """Notes what is answered."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.data = b""

    def __call__(self, body: dict[str, Any], data: bytes | None = None, *, done: bool = True) -> None:
        assert done
        self.bodies.append(body)
        self.data += data or b""


def test_a_view_gets_it_in_pieces(shop: PipelineExecutor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "MAX_PIECE_BYTES", 5_000)
    tell: Any = Told()
    pieces.answer_report(shop, {}, tell)
    made = tell.bodies[0]["made"]
    other: Any = Told()
    pieces.answer_report(shop, {}, other)  # another tab
    while len(tell.data) < tell.bodies[0]["size"]:
        pieces.answer_report(shop, {"start": len(tell.data), "made": made}, tell)
    assert {body["name"] for body in tell.bodies} == {"shop-report.html"}
    assert text_of(tell.data.decode()).startswith("shop: failed shop failed")
    with pytest.raises(MiloError, match="Download it again"):  # it has been handed out
        pieces.answer_report(shop, {"start": 5_000, "made": made}, tell)
    pieces.answer_report(shop, {"start": 5_000, "made": other.bodies[0]["made"]}, other)
    assert len(other.data) == 10_000


# ---------------------------------------------------------------------- text


@pytest.mark.parametrize(
    ("line", "html"),
    [
        ("plain <b>", "plain &lt;b&gt;"),
        ("\x1b[31mred\x1b[0m x", '<span class="c1">red</span> x'),
        ("\x1b[1;92mok\x1b[22m!\x1b[39m.", '<span class="c2 b">ok</span><span class="c2">!</span>.'),
        ("\x1b[38;5;200mpink\x1b[48;2;1;2;31mx", "pinkx"),
        ("\x1b[38;5mx\x1b[38mx\x1b[38;2mx", "xxx"),
        ("\x1b]8;;http://x\x07link\x1b]8;;\x1b\\", "link"),
        ("\x1b[2K\x1b[1Ga\x1b(Bb\x1b", "ab"),
        ("\x1b[999999999999999999mx\x1b[;;mx", "xx"),
        ("a\tb\x00\x07\u202ec", "a\tbc"),
        ("x" * 2_001, "x" * 2_000 + "… [1 more characters]"),
    ],
)
def test_colours_of_lines_are_classes_and_all_else_is_text(line: str, html: str) -> None:
    assert to_coloured(line) == html


def test_what_utf_8_cannot_hold_is_left_out() -> None:
    assert to_html("\ud800x") == "x"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0 ms"),
        (0.1234, "123 ms"),
        (0.9999, "1.00 s"),
        (9.999, "10.0 s"),
        (12.34, "12.3 s"),
        (99.99, "1 min 40 s"),
        (3_599.9, "1 h 0 min"),
        (90_061, "1 d 1 h"),
    ],
)
def test_durations_are_told_in_two_figures_that_matter(seconds: float, text: str) -> None:
    assert say_time(seconds) == text
