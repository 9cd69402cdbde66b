"""What the browser is given of displays: the best form it can show without danger, the reasons for the rest, in pieces."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milo_nb import Phase, Pipeline
from milo_nb.capture.outputs import Output, OutputBook, make_output
from milo_nb.show.notebook import feed as rules
from milo_nb.show.notebook import outputs
from milo_nb.show.notebook.errands import Desk, Errands
from milo_nb.show.notebook.outputs import FORMS, choose, to_list, to_piece
from milo_nb.state.wire_browser import Hello, OutputRequest, OutputsRequest
from tests.show.test_feed import Stage
from tests.strategies import DEADLINE_S, Hand, nothing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FIXTURES = {f.stem: json.loads(f.read_text("utf-8")) for f in Path(__file__).parents[1].glob("wire/*.json")}
MESSAGE_BYTES = 256_000
PNG = b"\x89PNG"


def book_of(*displays: dict[str, Any]) -> OutputBook:
    book = OutputBook("parse")
    for data in displays:
        book.add(make_output(data), 1)
    return book


def item_of(data: dict[str, Any], metadata: dict[str, Any] | None = None) -> dict[str, Any]:
    book = OutputBook("parse")
    book.add(make_output(data, metadata), 1)
    (item,) = to_list(book)["items"]
    return item


def body_of(book: OutputBook, item: dict[str, Any]) -> bytes:
    """Fetch all of a display, as a browser does."""
    body = b""
    while len(body) < item["size"]:
        piece = to_piece(book, item["ref"], item["version"], len(body))
        assert piece
        assert len(piece) <= outputs.PIECE_BYTES
        body += piece
    assert to_piece(book, item["ref"], item["version"], len(body)) is None
    return body


def shown(data: dict[str, Any]) -> str:
    """Return the text that the browser shows."""
    book = book_of(data)
    return body_of(book, to_list(book)["items"][0]).decode()


class AtOnce(Errands):
    """Does what it is given in the caller's thread."""

    def add(self, job: Callable[[], None]) -> bool:
        job()
        return True


# ---------------------------------------------------------------------- which form


def test_the_browser_knows_exactly_the_forms_that_the_kernel_may_choose() -> None:
    source = (Path(__file__).parents[2] / "js/src/wire.ts").read_text("utf-8")
    listed = source.partition("mime: oneOf(")[2].partition(")")[0]
    assert [word.strip().strip('"') for word in listed.split(",") if word.strip()] == [
        "",
        *(mime for mime, most in FORMS.items() if most),
        "text/plain",
    ]


@pytest.mark.parametrize(
    ("data", "mime"),
    [
        ({"text/plain": "<Figure>", "image/png": PNG}, "image/png"),
        ({"text/plain": "  a\n0 1", "text/html": "<table>"}, "text/html"),
        ({"text/html": "<b>", "image/svg+xml": "<svg/>"}, "image/svg+xml"),
        ({"text/plain": "<JSON>", "application/json": {"a": 1}}, "application/json"),
        ({"text/plain": "x**2", "text/latex": "$x^2$"}, "text/latex"),
        ({"text/plain": "x", "application/javascript": "alert(1)"}, "text/plain"),
        ({"application/javascript": "alert(1)"}, ""),
        ({"image/png": "<script>", "text/plain": "x"}, "text/plain"),
        ({"text/html": b"<b>", "text/plain": "x"}, "text/plain"),
        ({"text/html": "<b>" + "x" * 2_000_000, "text/plain": "x"}, "text/plain"),
        ({}, ""),
        ({"text/plain": ""}, ""),
    ],
)
def test_the_best_form_that_can_be_shown_is_chosen(data: dict[str, Any], mime: str) -> None:
    assert choose(make_output(data)) == mime
    assert item_of(data)["mime"] == ("text/plain" if mime in ("application/json", "text/latex") else mime)


# ---------------------------------------------------------------------- the list


def test_a_list_has_the_shape_that_the_browser_expects() -> None:
    expected = FIXTURES["outputs-list"]["message"]
    book = book_of({"image/png": PNG, "text/plain": "<Figure size 640x480>"}, {"text/plain": "2"})
    made = to_list(book)
    assert {"type", "id", "phase", *made} == expected.keys()
    assert made["items"][0].keys() == expected["items"][0].keys()
    assert [(i["ref"], i["mime"], i["size"], i["alt"]) for i in made["items"]] == [
        ("1/1", "image/png", 4, "<Figure size 640x480>"),
        ("1/2", "text/plain", 1, "2"),
    ]


def test_a_phase_that_displayed_nothing_has_an_empty_list() -> None:
    assert to_list(None) == {"revision": 0, "dropped": 0, "items": []}
    assert to_piece(None, "1/1", 1, 0) is None


def test_an_update_is_another_version_of_the_same_display() -> None:
    book = OutputBook("parse")
    book.add(Output({"text/plain": "1%"}, display_id="bar"), 1)
    book.add(Output({"text/plain": "other"}), 1)
    before = to_list(book)["items"]
    book.add(Output({"text/plain": "100%"}, display_id="bar", update=True), 1)
    after = to_list(book)["items"]
    assert [i["ref"] for i in before] == [i["ref"] for i in after] == ["1/1", "1/2"]
    assert before[0]["version"] != after[0]["version"]
    assert before[1] == after[1]
    assert to_piece(book, "1/1", before[0]["version"], 0) is None
    assert body_of(book, after[0]) == b"100%"


def test_of_more_than_a_browser_should_hold_the_last_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outputs, "MAX_PHASE_BYTES", 10)
    sizes = (3, 6, 5)
    told = to_list(book_of(*[{"image/png": bytes(size), "text/plain": "x"} for size in sizes]))
    assert [(i["mime"], i["size"]) for i in told["items"]] == [("", 0), ("", 0), ("image/png", 5)]
    assert told["items"][1]["note"] == "[image/png of 0.0 MB is not shown: later displays are large]"


def test_dropped_outputs_are_counted() -> None:
    book = OutputBook("parse", most=2)
    for number in range(5):
        book.add(Output({"text/plain": str(number)}), 1)
    told = to_list(book)
    assert (told["dropped"], [i["ref"] for i in told["items"]]) == (3, ["1/4", "1/5"])


@pytest.mark.parametrize(
    ("width", "told"), [(320, 320), ("320", 0), (-1, 0), (10**9, 0), (True, 0), (None, 0), (1.5, 0)]
)
def test_a_width_is_told_if_it_is_one(width: object, told: int) -> None:
    assert item_of({"image/png": PNG}, {"image/png": {"width": width}})["width"] == told


def test_metadata_of_any_kind_harms_nobody() -> None:
    assert item_of({"image/png": PNG}, {"image/png": "wide"})["width"] == 0


@pytest.mark.parametrize(
    ("data", "note"),
    [
        ({"text/plain": "x"}, ""),
        ({"text/html": "<b>x</b>", "text/plain": "x"}, ""),
        (
            {"text/html": "<SCRIPT>x</SCRIPT>"},
            "[scripts do not run here, and nothing is loaded from elsewhere]",
        ),
        (
            {"text/html": "<b>", "image/png": bytes(12_000_000), "text/plain": "<Figure>"},
            "[image/png of 12 MB left out]",
        ),
        (
            {"text/html": "x" * 3_000_000, "text/plain": "x"},
            "[text/html of 3.0 MB is too large to be shown here]",
        ),
        ({"application/javascript": "x", "text/html": "<b>"}, "[not shown here: application/javascript]"),
        ({"application/vnd.vega+json": {}, "text/plain": "Chart"}, "[not shown here: application/vnd.vega+json]"),
        ({"application/pdf": b"%PDF", "image/png": PNG}, ""),
        ({f"x/{n}": "x" for n in range(7)}, "[not shown here: x/0, x/1, x/2, x/3, x/4 and 2 more]"),
    ],
)
def test_what_is_not_shown_is_named(data: dict[str, Any], note: str) -> None:
    assert item_of(data)["note"] == note


def test_the_longest_list_fits_a_message() -> None:
    book = OutputBook("parse")
    for _ in range(150):
        odd = {f"\x00{n}\U0001f600" * 1_000: "x" for n in range(9)}
        book.add(make_output({**odd, "text/plain": "\x1b\udc80\U0001f600" * 5_000}), 1)
    assert (
        len(json.dumps({"type": "outputs", "id": "x" * 200, "phase": 1, **to_list(book)}, ensure_ascii=False).encode())
        <= MESSAGE_BYTES
    )


@given(st.dictionaries(st.text(max_size=5), st.text() | st.binary() | st.integers() | st.none(), max_size=4))
def test_a_list_can_always_be_sent_and_its_bodies_be_fetched(data: dict[str, Any]) -> None:
    book = book_of(data, dict(zip(FORMS, data.values(), strict=False)))
    for item in json.loads(json.dumps(to_list(book), ensure_ascii=False).encode())["items"]:
        assert len(body_of(book, item)) == item["size"]


# ---------------------------------------------------------------------- what forms hold


def test_json_is_indented_with_numbers_as_they_are() -> None:
    assert shown({"application/json": {"id": 12345678901234567890}}) == '{\n  "id": 12345678901234567890\n}'


def test_json_that_is_none_or_long_stays_as_it_is() -> None:
    assert shown({"application/json": "{no"}) == "{no"
    long = json.dumps(list(range(100_000)))
    assert shown({"application/json": long}).startswith(long[:100_000])


def test_a_long_text_is_cut_and_says_so() -> None:
    text = shown({"text/plain": "é" * 300_000})
    assert text == "é" * 200_000 + "… [100,000 more characters]"


def test_a_large_image_comes_in_pieces_that_make_it_up() -> None:
    image = bytes(range(256)) * 39_000
    book = book_of({"image/png": image, "text/plain": "<Figure>"})
    (item,) = to_list(book)["items"]
    assert body_of(book, item) == image


# ---------------------------------------------------------------------- who asks


@pytest.fixture
def desk() -> Iterator[tuple[Desk, list[dict[str, Any]]]]:
    executor = Pipeline("site", Phase("draw", nothing), Phase("load", nothing)).run(work_dir=None)
    executor.wait(DEADLINE_S)
    assert executor.session.graph.names == ("draw", "load")
    executor.session.outputs["draw"] = book_of({"image/png": PNG, "text/plain": "<Figure>"})
    answers: list[dict[str, Any]] = []
    yield Desk(executor, answers.append, commands=AtOnce("at-once"), details=AtOnce("at-once")), answers
    executor.close()


def test_a_list_and_a_piece_are_answered_as_the_browser_expects(desk: tuple[Desk, list[dict[str, Any]]]) -> None:
    at, answers = desk
    at.take(OutputsRequest("1", 0))
    version = answers[0]["items"][0]["version"]
    at.take(OutputRequest("2", 0, "1/1", version, 2))
    assert answers[0].keys() == FIXTURES["outputs-list"]["message"].keys()
    assert answers[1] == {
        "type": "output", "id": "2", "phase": 0, "ref": "1/1", "version": version, "start": 2, "data": PNG[2:],
    }  # fmt: skip
    assert answers[1].keys() - {"data"} == FIXTURES["output-piece"]["message"].keys()


def test_what_is_not_there_gets_no_answer(desk: tuple[Desk, list[dict[str, Any]]]) -> None:
    at, answers = desk
    for request in (
        OutputsRequest("1", 99),
        OutputRequest("2", 99, "1/1", 1, 0),
        OutputRequest("3", 0, "7/7", 1, 0),
        OutputRequest("4", 0, "1/1", 99, 0),
        OutputRequest("5", 0, "1/1", 1, 10**9),
        OutputRequest("6", 1, "1/1", 1, 0),
    ):
        at.take(request)
    assert answers == []


# ---------------------------------------------------------------------- what all are told


@pytest.fixture
def stage() -> Iterator[Stage]:
    with Hand([Phase(f"p{i:03}", nothing, parallel=True) for i in range(3)]) as hand:
        yield Stage(hand)


def test_displays_are_told_by_revision_and_count(stage: Stage) -> None:
    stage.open()
    stage.show("1", display_id="bar")
    stage.tick()
    stage.show("2", display_id="bar", update=True)
    stage.tick()
    assert [content["phases"] for content in stage.browser.deltas()] == [
        [[0, {"outputs": [1, 1]}]],
        [[0, {"outputs": [2, 1]}]],
    ]
    stage.ack().agrees()


def test_who_comes_later_is_told_in_the_snapshot_and_in_the_trait(stage: Stage) -> None:
    stage.show("1")
    stage.open()
    assert stage.browser.state is not None
    assert [p["outputs"] for p in stage.browser.state["phases"]] == [[1, 1], [0, 0], [0, 0]]
    assert [p["outputs"] for p in stage.browser.traits["snapshot"]["phases"]] == [[1, 1], [0, 0], [0, 0]]


def test_nobody_looks_for_displays_before_one_changes_which_wakes_the_feed(stage: Stage) -> None:
    woken: list[bool] = []
    stage.feed.wake = lambda: woken.append(True)
    stage.show("1", display_id="bar")
    stage.open()
    due = stage.tick()
    assert due is not None
    assert due - stage.now > rules.GAP_S
    assert woken == []
    stage.show("2", display_id="bar", update=True)
    assert woken == [True]
    stage.tick()
    assert stage.browser.state is not None
    assert stage.browser.state["phases"][0]["outputs"] == [2, 1]


def test_an_update_that_changes_no_state_is_news(stage: Stage) -> None:
    stage.show("1", display_id="bar")
    stage.open()
    state = stage.hand.state
    stage.show("2", display_id="bar", update=True)
    stage.show("late", late=True)
    assert stage.hand.state is state
    stage.tick()
    assert stage.browser.deltas()[-1]["phases"] == [[0, {"outputs": [3, 2]}]]


def test_a_piece_is_sent_with_its_bytes_beside_it(stage: Stage) -> None:
    answer = {"type": "output", "id": "1", "data": b"abc"}
    stage.feed.heard(Hello("a"))
    stage.feed.answer(answer)
    stage.tick()
    assert stage.browser.heard[0] == {"type": "output", "id": "1"}
    assert stage.browser.buffers == [b"abc"]
    assert answer["data"] == b"abc"
