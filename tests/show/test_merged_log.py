"""The lines of all phases in one order: by time, and whoever has a number keeps it."""

from __future__ import annotations

import math
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from milo_nb.capture.logbook import LogBook
from milo_nb.capture.sink import Block
from milo_nb.persist.logfile import LogFile
from milo_nb.show.notebook.logs.merged import MergedLog
from milo_nb.show.notebook.logs.source import Source, joined

if TYPE_CHECKING:
    from milo_nb.show.notebook.logs.source import Shown

PHASES = 3
ARRIVALS = st.lists(
    st.lists(
        st.tuples(
            st.integers(0, PHASES - 1),
            st.integers(0, 20),
            st.sampled_from(["stdout", "stderr"]),
            st.integers(1, 4),
        ),
        max_size=6,
    ),
    max_size=6,
)


class World:
    """Phases that print, and who looks at all of them."""

    def __init__(self, folder: Path | None = None) -> None:
        self.until = math.inf
        self.books = [LogBook(head_lines=4, tail_lines=6) if folder else LogBook() for _ in range(PHASES)]
        self.files = [LogFile(folder, f"p{i}") for i in range(PHASES)] if folder else []
        self.said: list[list[tuple[float, str]]] = [[] for _ in range(PHASES)]
        sources = [Source(f"p{i}", i, lambda i=i: self.books[i], lambda: folder) for i in range(PHASES)]  # type: ignore[misc]  # bound now
        self.log = MergedLog(sources, lambda: self.until)

    def say(self, phase: int, at: float, stream: str, count: int) -> None:
        lines = [f"{phase}.{len(self.said[phase]) + k}" for k in range(count)]
        self.said[phase] += [(at, line) for line in lines]
        blocks = [Block(stream, "", at, lines)]
        self.books[phase].extend(blocks)
        if self.files:
            self.files[phase].append(blocks, 1)

    def close(self) -> None:
        for file in self.files:
            file.close()

    def rows(self) -> list[Shown]:
        self.log.refresh()
        return self.log.rows(0, 1_000)


def check_order(world: World, batches: list[list[tuple[int, int, str, int]]]) -> None:
    before: list[Shown] = []
    for batch in batches:
        for arrival in batch:
            world.say(*arrival)
        rows = world.rows()
        assert rows[: len(before)] == before
        assert [row.number for row in rows] == list(range(len(rows)))
        for phase in range(PHASES):
            own = [(row.timestamp, row.text) for row in rows if row.phase == phase]
            assert own == world.said[phase]
        before = rows
    for start in range(0, len(before), 3):
        assert world.log.rows(start, 5) == before[start : start + 5]


@given(ARRIVALS)
def test_every_line_has_one_number_and_keeps_it_and_each_phase_keeps_its_order(
    batches: list[list[tuple[int, int, str, int]]],
) -> None:
    check_order(World(), batches)


@given(ARRIVALS)
def test_it_is_so_for_lines_that_are_on_disk_only(batches: list[list[tuple[int, int, str, int]]]) -> None:
    with TemporaryDirectory() as folder:
        world = World(Path(folder))
        check_order(world, batches)
        world.close()


@given(ARRIVALS)
def test_lines_that_came_in_order_of_time_stand_in_order_of_time(
    batches: list[list[tuple[int, int, str, int]]],
) -> None:
    world = World()
    for arrival in sorted((a for batch in batches for a in batch), key=lambda a: a[1]):
        world.say(*arrival)
    times = [row.timestamp for row in world.rows()]
    assert times == sorted(times)


@given(ARRIVALS, st.integers(0, 20))
def test_the_text_that_is_searched_is_that_of_the_lines(
    batches: list[list[tuple[int, int, str, int]]], start: int
) -> None:
    with TemporaryDirectory() as folder:
        world = World(Path(folder))
        for batch in batches:
            for arrival in batch:
                world.say(*arrival)
            world.log.refresh()  # runs of lines are cut where somebody looked
        world.close()
        rows = world.rows()
        for wants in (None, lambda stream, _: stream == "stderr"):
            found = {}
            for piece in world.log.pieces(start, wants):
                text = piece.text or piece.path.read_bytes()[piece.begin : piece.end]  # type: ignore[union-attr]  # a file
                lines = text.decode().splitlines()
                assert len(lines) == piece.stop - piece.first
                found.update(enumerate(lines, piece.first))
            expected = {r.number: r.text for r in rows if r.number >= start and (wants is None or wants(r.stream, ""))}
            assert found == expected


def test_what_is_too_young_waits_for_the_next_look() -> None:
    world = World()
    world.until = 5.0
    world.say(0, 4, "stdout", 2)
    world.say(0, 6, "stdout", 1)
    world.say(0, 3, "stdout", 1)
    assert [row.text for row in world.rows()] == ["0.0", "0.1"]
    world.say(1, 5.5, "stdout", 1)
    world.until = 7.0
    assert [row.text for row in world.rows()] == ["0.0", "0.1", "1.0", "0.2", "0.3"]


def test_lines_that_were_dropped_before_anybody_looked_have_no_number() -> None:
    world = World()
    world.books[0] = LogBook(head_lines=2, tail_lines=2)
    for _ in range(9):
        world.say(0, 1, "stdout", 1)
    assert [row.text for row in world.rows()] == ["0.0", "0.1", "0.7", "0.8"]
    world.say(0, 2, "stdout", 2)
    assert [(row.number, row.text) for row in world.rows()] == [(0, "0.0"), (1, "0.1"), (4, "0.9"), (5, "0.10")]
    assert world.log.total == 6


def test_ranges_that_touch_are_one() -> None:
    assert joined([range(5, 9), range(0), range(3), range(3, 4), range(6, 7)]) == (range(4), range(5, 9))
