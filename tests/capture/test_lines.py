r"""Text to lines: chunking changes nothing, \r goes back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milo_nb.capture.lines import Lines, LineSplitter, fold, join, length_of

TEXT = st.text(st.sampled_from("ab\r\n\x1b\u2028é"), max_size=40)


def split(pieces: list[str]) -> list[str]:
    splitter = LineSplitter()
    return [line for piece in pieces for line in splitter.feed(piece)] + splitter.flush()


@given(st.lists(TEXT))
def test_how_text_was_cut_into_writes_changes_nothing(pieces: list[str]) -> None:
    assert split(pieces) == split(["".join(pieces)])


@given(st.text(st.sampled_from("ab\n"), max_size=40))
def test_lines_and_newlines_are_the_text(text: str) -> None:
    lines = split([text])
    assert "\n".join(lines) == text.removesuffix("\n")


@given(st.text(st.sampled_from("abc\r"), max_size=30))
def test_folding_is_what_a_terminal_shows(text: str) -> None:
    cells: list[str] = []
    column = 0
    for character in text:
        if character == "\r":
            column = 0
        else:
            cells[column : column + 1] = [character]
            column += 1
    assert fold(text) == "".join(cells)


@given(TEXT)
def test_a_folded_line_has_nothing_left_to_fold(text: str) -> None:
    assert "\r" not in fold(text)
    assert fold(fold(text)) == fold(text)


def test_an_erased_line_is_replaced_whole() -> None:
    assert fold("a long line\r\x1b[2Kdone") == "\x1b[2Kdone"


def test_only_a_newline_ends_a_line() -> None:
    assert split(["a\u2028b\x0bc\n", "d"]) == ["a\u2028b\x0bc", "d"]


def test_crlf_ends_a_line_like_a_newline() -> None:
    assert split(["a\r\nb\r", "\n"]) == ["a", "b"]


def test_a_progress_bar_that_never_ends_its_line_is_held_in_the_size_of_a_line() -> None:
    splitter = LineSplitter()
    for step in range(10_000):
        splitter.feed(f"\r{step:5d}")
    assert sum(map(len, splitter._pieces)) < 20
    assert splitter.flush() == [" 9999"]


@given(st.lists(st.text("ab\r", max_size=4), max_size=9), st.integers(-12, 12), st.integers(-12, 12))
def test_lines_of_a_text_are_a_sequence_of_them(lines: list[str], start: int, stop: int) -> None:
    of_text = Lines("".join(f"{line}\n" for line in lines))
    assert (len(of_text), list(of_text), repr(of_text)) == (len(lines), lines, repr(lines))
    assert of_text == lines
    assert of_text[start:stop] == lines[start:stop]
    assert of_text[start:] == lines[start:]
    assert of_text[::-1] == lines[::-1]
    assert lines == [of_text[i] for i in range(len(lines))]
    assert join(of_text, of_text) == join(lines, of_text) == lines * 2


@given(st.lists(st.text("ab", max_size=9), max_size=20), st.integers(1, 12))
def test_a_text_is_cut_into_pieces_between_lines(lines: list[str], length: int) -> None:
    whole = Lines("".join(f"{line}\n" for line in lines))
    pieces = list(whole.pieces(length))
    assert [line for piece in pieces for line in piece] == lines
    assert all(len(piece.text) <= length or len(piece) == 1 for piece in pieces)
    assert whole.has_longer(length) == any(len(line) > length for line in lines)


def test_lines_of_a_text_are_no_other_kind_of_thing() -> None:
    assert Lines("a\n") != 1
    assert length_of(Lines("a\nb\n")) == 4
    assert length_of(["a", "b"]) == 2
    with pytest.raises(IndexError):
        Lines("a\n")[1]
