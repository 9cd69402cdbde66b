"""The log of a phase: bounded, paged, cut by name."""

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milo_nb.capture.lines import Lines
from milo_nb.capture.logbook import HEAD_LINES, LATE_PREFIX, MAX_LINE_LENGTH, TAIL_LINES, LogBook
from milo_nb.capture.router import Block

BLOCK = st.builds(
    Block,
    st.sampled_from(["stdout", "stderr", "log"]),
    st.sampled_from(["", "INFO"]),
    st.floats(0, 10),
    st.lists(st.text("ab", max_size=3), max_size=7),
)
BATCHES = st.lists(st.lists(BLOCK, max_size=4), max_size=8)


def rows_of(batches: list[list[Block]]) -> list[tuple[int, float, str, str, str]]:
    rows = [(b.timestamp, b.stream, b.level, line) for batch in batches for b in batch for line in b.lines]
    return [(number, *row) for number, row in enumerate(rows)]


@given(BATCHES, st.integers(0, 60), st.integers(0, 60))
def test_a_page_is_a_slice_of_all_lines(batches: list[list[Block]], start: int, count: int) -> None:
    book = LogBook()
    for batch in batches:
        book.extend(batch)
    rows = rows_of(batches)
    assert len(book) == len(rows)
    assert book.page(start, count) == rows[start : start + count]


@given(BATCHES, st.integers(0, 9), st.integers(0, 9), st.integers(-3, 60), st.integers(0, 60))
def test_a_page_skips_what_was_cut(batches: list[list[Block]], head: int, tail: int, start: int, count: int) -> None:
    book = LogBook(head, tail)
    for batch in batches:
        book.extend(batch)
    total = len(book)
    kept = {*range(min(head, total)), *range(max(head, total - tail), total)}
    rows = [row for row in rows_of(batches) if row[0] in kept]
    assert book.page(start, count) == [row for row in rows if start <= row[0] < start + count]
    assert book.page(0, total) == rows
    assert {number for part in book.kept for number in part} == kept
    assert len(book.cut) == total - len(kept)
    assert book.first == (book.cut.stop if book.cut else 0)


def test_the_text_names_the_cut() -> None:
    book = LogBook(2, 1)
    book.extend([Block("stdout", "", 0.0, list("abcdef"))])
    assert book.text() == "a\nb\n[3 lines cut here: 3 to 5]\nf\n"


def test_a_long_log_keeps_no_more_blocks_than_its_tail_needs() -> None:
    book = LogBook(10, 100)
    for number in range(10_000):
        book.extend([Block("stdout", "", 0.0, [str(number)])])
    assert len(book._blocks) < 10 + 2 * 101
    assert [row[4] for row in book.page(9_990, 100)] == [str(number) for number in range(9_990, 10_000)]


def test_late_lines_are_marked() -> None:
    book = LogBook()
    book.extend([Block("stdout", "", 0.0, ["on time"])])
    book.extend([Block("stdout", "", 0.0, ["too late"])], late=True)
    assert book.text() == f"on time\n{LATE_PREFIX}too late\n"


def test_a_line_of_100_mb_is_cut_and_says_so() -> None:
    book = LogBook()
    book.extend([Block("stdout", "", 0.0, ["x" * 100_000_000, "short"])])
    ((*_, line), (*_, short)) = book.page(0, 2)
    assert len(line) < MAX_LINE_LENGTH + 100
    assert line.endswith("… [99,900,000 more characters cut]")
    assert short == "short"


def test_an_empty_log_has_no_lines() -> None:
    book = LogBook()
    assert (len(book), book.page(0, 10), book.text(), book.kept, book.first) == (0, [], "", (), 0)


@pytest.mark.parametrize("make", [list, lambda lines: Lines("".join(f"{line}\n" for line in lines))])
def test_memory_is_bounded_whatever_the_length_of_lines(make: Callable[[list[str]], Sequence[str]]) -> None:
    book = LogBook(head_bytes=1_000_000, tail_bytes=3_000_000)
    for n in range(100):
        book.extend([Block("stdout", "", 0.0, make([f"{n}.{k} " + "x" * 50_000 for k in range(10)]))])
    head, tail = book.kept
    assert 10 <= len(head) <= 20
    assert 50 <= len(tail) <= 65
    assert sum(map(len, book.text().splitlines())) < 5_000_000
    assert [row[4].split()[0] for row in book.page(0, 1000)] == [
        f"{n // 10}.{n % 10}" for part in (head, tail) for n in part
    ]


def test_a_block_larger_than_all_room_is_cut_too() -> None:
    book = LogBook(head_bytes=1_000_000, tail_bytes=3_000_000)
    book.extend([Block("stdout", "", 0.0, Lines("".join(f"{n:09}\n" for n in range(1_000_000))))])
    head, tail = book.kept
    assert (len(head), len(tail)) == (HEAD_LINES, TAIL_LINES)
    assert book.page(999_999, 1)[0][4] == "000999999"
    assert book.page(tail.start, 1)[0][4] == f"{tail.start:09}"
