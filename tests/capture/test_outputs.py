"""Outputs as values: copies, capped, updated in place, the last ones kept."""

from __future__ import annotations

import base64

import pytest

from milo_nb.capture import outputs
from milo_nb.capture.outputs import WIDGET, Output, OutputBook, make_output


def text(value: str, display_id: str | None = None, *, update: bool = False) -> Output:
    return Output({"text/plain": value}, display_id=display_id, update=update)


def texts(book: OutputBook) -> list[str]:
    return [str(output.data["text/plain"]) for output in book]


def test_images_are_bytes_json_is_its_text_and_text_is_text() -> None:
    picture = b"\x89PNG\r\n"
    data = {
        "image/png": base64.encodebytes(picture).decode(),
        "image/jpeg": bytearray(picture),
        "image/svg+xml": "<svg/>",
        "application/json": {"a": [1, "é"]},
        "text/html": "<b>é</b>",
    }
    assert make_output(data).data == {
        "image/png": picture,
        "image/jpeg": picture,
        "image/svg+xml": "<svg/>",
        "application/json": '{"a": [1, "é"]}',
        "text/html": "<b>é</b>",
    }


def test_an_image_that_is_no_base64_and_json_that_is_none_are_kept_as_text() -> None:
    kept = make_output({"image/png": "not base64!", "application/json": {1}}).data
    assert kept == {"image/png": "not base64!", "application/json": "{1}"}


def test_an_output_holds_copies() -> None:
    data, metadata = {"application/json": [1]}, {"image/png": {"width": 3}}
    output = make_output(data, metadata, "id", update=True)
    data["application/json"].append(2)
    metadata.clear()
    assert output == Output({"application/json": "[1]"}, {"image/png": {"width": 3}}, "id", update=True)


def test_a_form_that_is_too_large_becomes_a_line_that_says_so() -> None:
    data = {"image/png": b"x" * 52_000_000, "text/plain": "<Figure>"}
    assert make_output(data).data == {"text/plain": "<Figure>\n[image/png of 52 MB left out]"}
    assert make_output({"text/plain": "é" * 6_000_000}).data == {"text/plain": "[text/plain of 12 MB left out]"}


def test_of_a_display_that_is_too_large_in_all_the_largest_forms_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outputs, "MAX_DISPLAY_BYTES", 10_000_000)
    sizes = {"text/html": 6_000_000, "image/png": 5_000_000, "text/latex": 4_000_000}
    kept = make_output({mime: b"x" * size for mime, size in sizes.items()}).data
    assert list(kept) == ["image/png", "text/latex", "text/plain"]
    assert kept["text/plain"] == "[text/html of 6 MB left out]"


@pytest.mark.parametrize(
    ("plain", "what"), [("IntSlider(value=0)", "IntSlider"), ("<a b>", "A widget"), ("", "A widget")]
)
def test_a_widget_becomes_a_sentence_that_says_what_to_do(plain: str, what: str) -> None:
    output = make_output({WIDGET: {"model_id": "1"}, "text/plain": plain, "text/html": "<p>"})
    assert list(output.data) == ["text/html", "text/plain"]
    assert str(output.data["text/plain"]).startswith(f"[{what} is not shown here")
    assert "cell of its own from the phase's result" in str(output.data["text/plain"])


def test_outputs_have_references_and_are_found_by_them() -> None:
    book = OutputBook("parse")
    assert book.add(text("a"), 1) == "parse.1/1"
    assert book.add(text("b"), 1) == "parse.1/2"
    assert book.add(text("c"), 2, True) == "parse.2/1"
    assert book.find("parse.1/2") == text("b")
    assert book.find("parse.1/3") is None
    assert [entry.late for entry in book.entries] == [False, False, True]
    assert len(book) == 3


def test_an_update_takes_the_place_of_what_it_updates() -> None:
    book = OutputBook("p")
    book.add(text("1%", "bar"), 1)
    book.add(text("other"), 1)
    assert book.add(text("2%", "bar", update=True), 1) is None
    assert texts(book) == ["2%", "other"]
    assert book.add(text("3%", "bar"), 1) == "p.1/3"
    assert texts(book) == ["3%", "other", "3%"]
    assert book.revision == 4


def test_an_update_of_what_was_displayed_elsewhere_is_a_new_output() -> None:
    book = OutputBook("p")
    assert book.add(text("a", "cell's", update=True), 1) == "p.1/1"
    assert book.add(text("b", "cell's", update=True), 2) == "p.2/1"
    assert texts(book) == ["a", "b"]


def test_clearing_clears_the_attempt_and_no_other() -> None:
    book = OutputBook("p")
    book.add(text("a"), 1)
    book.add(text("b"), 2)
    assert book.add(Output({}, clear=True), 2) is None
    assert texts(book) == ["a"]
    assert book.add(text("c"), 2) == "p.2/2"


def test_clearing_that_waits_is_done_by_the_next_display() -> None:
    book = OutputBook("p")
    book.add(text("a", "id"), 1)
    book.add(Output({}, clear=True, wait=True), 1)
    book.add(text("b", "id", update=True), 1)
    assert texts(book) == ["b"]
    book.add(text("c"), 1)
    assert texts(book) == ["c"]


def test_the_last_outputs_are_kept_and_the_others_counted() -> None:
    book = OutputBook("p", most=2)
    for name in "abcd":
        book.add(text(name), 1)
    assert texts(book) == ["c", "d"]
    assert book.dropped == 2


def test_attempts_that_display_by_turns_never_give_one_reference_twice() -> None:
    book = OutputBook("p")
    given = [book.add(text("a"), 1), book.add(text("b"), 2), book.add(text("c"), 1, late=True), book.add(text("d"), 2)]
    assert given == ["p.1/1", "p.2/1", "p.1/2", "p.2/2"]
