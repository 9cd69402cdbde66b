"""The lines of one phase, wherever they are: numbers, texts and times are the same in memory and on disk."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from milo_nb.capture.logbook import LogBook
from milo_nb.capture.sink import Block
from milo_nb.persist.logchild import LogSearch, Query
from milo_nb.persist.logfile import LogFile
from milo_nb.show.notebook.logs import source as sources
from milo_nb.show.notebook.logs.download import to_download
from milo_nb.show.notebook.logs.source import Source, find_time
from tests.strategies import DEADLINE_S

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Printing:
    """A phase that prints, and the source of its lines."""

    def __init__(self, folder: Path, book: LogBook | None, max_bytes: int = 1 << 20) -> None:
        self.book = book
        self.folder = folder
        self.file = LogFile(folder, "load", max_bytes)
        self.count = 0
        self.source = Source("load", 0, lambda: self.book, lambda: self.folder)

    def say(self, count: int, size: int = 10) -> None:
        lines = [f"{n} {'x' * size}" for n in range(self.count, self.count + count)]
        blocks = [Block("stdout", "", float(self.count), lines)]
        self.count += count
        self.file.append(blocks, 1)
        if self.book is not None:
            self.book.extend(blocks)

    def look(self) -> Source:
        self.source._looked_at = 0.0  # at once
        self.source.refresh()
        return self.source


@pytest.fixture(params=["on disk", "in memory, too"])
def printing(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Printing]:
    book = None if request.param == "on disk" else LogBook(head_lines=7, tail_lines=11)
    printing = Printing(tmp_path, book, max_bytes=4_000)
    yield printing
    printing.file.close()


def find(source: Source, text: str) -> list[int]:
    search = LogSearch(processes=1)
    try:
        found = search.search(Query(text, regex=True, case=True), source.pieces(0, None), lambda: True)
        return [n for part in found for n in part.numbers]
    finally:
        search.close()


def test_of_a_log_that_became_too_long_start_and_end_are_there_and_the_cut_is_named(printing: Printing) -> None:
    for _ in range(100):
        printing.say(5)
    source = printing.look()
    head, tail = source.kept
    assert (head.start, tail.stop, source.total) == (0, 500, 500)
    assert head.stop < tail.start
    numbers = [*head, *tail]
    assert [row.number for row in source.rows(0, 1_000)] == numbers
    assert [row.text.split()[0] for row in source.rows(0, 1_000)] == [str(n) for n in numbers]
    assert find(source, "7 x+$") == [n for n in numbers if n % 10 == 7]
    assert f"[{tail.start - head.stop:,} lines cut here: {head.stop + 1:,} to {tail.start:,}]" in read(source)
    assert find_time(source, float(head.stop + 1)) == tail.start
    assert source.lost == ""


def read(source: Source) -> str:
    return to_download(source, "x").read(0, 1 << 20).decode()


def test_a_log_that_grows_while_it_is_looked_at_is_the_same_log(printing: Printing) -> None:
    for k in range(40):
        printing.say(3)
        source = printing.look()
        assert source.total == 3 * (k + 1)
        assert source.rows(source.total - 1, 5)[0].text.split()[0] == str(source.total - 1)
    assert source.lost == ""


def test_what_another_process_writes_is_not_looked_at_all_the_time(tmp_path: Path) -> None:
    printing = Printing(tmp_path, None)
    printing.say(1)
    source = printing.look()
    printing.say(1)
    source.refresh()
    assert source.total == 1
    assert printing.look().total == 2
    printing.file.close()


def test_a_log_that_was_replaced_by_a_longer_one_is_noticed_by_its_lines(tmp_path: Path) -> None:
    printing = Printing(tmp_path, LogBook(head_lines=5, tail_lines=5))
    printing.say(30)
    assert len(printing.look().rows(0, 100)) == 30
    (tmp_path / "load.log").write_text("other\n" * 50)
    source = printing.look()
    assert "cut, removed or replaced" in source.lost
    assert [row.number for row in source.rows(0, 100)] == [*range(5), *range(25, 30)]
    assert read(source).startswith("[The log of 'load' on disk was cut")
    printing.file.close()


def test_lines_that_look_otherwise_on_disk_are_no_harm(tmp_path: Path) -> None:
    printing = Printing(tmp_path, LogBook(head_lines=5, tail_lines=5))
    for text in ("\ud800", "tab\there", "y" * 200_000, "\x1b[1mbold"):
        blocks = [Block("stdout", "", 1.0, [text, "plain", "plain"])]
        printing.book.extend(blocks)  # type: ignore[union-attr]  # it has one
        printing.file.append(blocks, 1)
        assert printing.look().lost == ""
    printing.file.close()


def test_a_line_that_was_torn_when_a_kernel_died_is_no_harm(tmp_path: Path) -> None:
    printing = Printing(tmp_path, LogBook(head_lines=5, tail_lines=5))
    printing.say(20)
    printing.file.close()
    with (tmp_path / "load.log").open("a") as file:
        file.write("to")
    printing.file = LogFile(tmp_path, "load")  # ends the line: it is one line more than in memory
    printing.say(20)
    assert printing.look().lost == ""
    printing.file.close()


def test_a_folder_that_cannot_be_had_is_as_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "SMALL", 0)

    def refuse() -> Any:
        raise OSError("no room")

    book = LogBook()
    book.extend([Block("stdout", "", 1.0, ["one"])])
    source = Source("load", 0, lambda: book, refuse)
    source.refresh()
    assert [row.text for row in source.rows(0, 9)] == ["one"]
    assert source.lost == ""


def test_who_prints_and_who_looks_do_not_disturb_each_other(tmp_path: Path) -> None:
    printing = Printing(tmp_path, LogBook(head_lines=50, tail_lines=100), max_bytes=40_000)
    is_over = threading.Event()
    wrong: list[str] = []

    def look() -> None:
        while not is_over.is_set():
            source = printing.look()
            rows = source.rows(max(source.total - 300, 0), 200)
            wrong.extend(row.text for row in rows if row.text.split()[0] != str(row.number))
            wrong.extend(repr(piece) for piece in source.pieces(0, None) if piece.stop <= piece.first)
            if source.lost:
                wrong.append(source.lost)

    lookers = [threading.Thread(target=look) for _ in range(2)]
    for looker in lookers:
        looker.start()
    for _ in range(300):
        printing.say(7)
    is_over.set()
    for looker in lookers:
        looker.join(DEADLINE_S)
    printing.file.close()
    assert wrong == []
