"""All lines that there are of one phase, wherever they are: in memory, on disk, or both.

Lines have the same numbers in both. What is in memory comes from there: it is there first, and nobody can take it away.
What memory has let go of comes from disk, as long as the log there is what it should be: somebody may cut it, remove it or
put another in its place, and then `lost` says so.
"""

from __future__ import annotations

import threading
import time
from bisect import bisect_left
from itertools import groupby
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from milo_nb.persist.logchild import Piece
from milo_nb.persist.logreader import LogReader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from milo_nb.capture.logbook import LogBook, Row
    from milo_nb.persist.logreader import Run

    Wants = Callable[[str, str], bool]
    """Tells by stream and level whether a line is wanted."""

AGAIN_S: Final = 0.3
"""How long a log that somebody else writes is not looked at again."""
SMALL: Final = 2_000
"""Fewer lines are taken from memory alone."""
STRETCH_BYTES: Final = 1 << 18
CHUNK_LINES: Final = 5_000
_SAME: Final = 1_000
"""Longer lines may have been cut, in memory or on disk."""
_NEAR: Final = 2


class Shown(NamedTuple):
    """A line as it is shown."""

    number: int
    timestamp: float
    stream: str
    level: str
    text: str
    phase: int


class Log(Protocol):
    """The lines of a phase, or of all phases."""

    @property
    def lost(self) -> str:
        """Why lines are missing that should be there; "" if none are."""

    @property
    def total(self) -> int:
        """All lines there ever were."""

    @property
    def kept(self) -> tuple[range, ...]:
        """The numbers of the kept lines."""

    def refresh(self) -> None:
        """Look again at what is there."""

    def rows(self, start: int, count: int) -> list[Shown]:
        """Return the kept lines among the ``count`` ones from number ``start``."""

    def pieces(self, start: int, wants: Wants | None) -> Iterator[Piece]:
        """Yield the text of the kept lines from about number ``start`` on that are wanted, in order."""


class Source:
    """The lines of one phase. Any thread.

    Attributes:
        name: The phase; "" for what belongs to none.
        lost: Why lines are missing that should be there; "" if none are.
    """

    def __init__(
        self, name: str, phase: int, book: Callable[[], LogBook | None], folder: Callable[[], Path | None]
    ) -> None:
        """Look at nothing yet.

        Args:
            name: The phase.
            phase: Its position.
            book: Returns what is in memory; None if nothing is.
            folder: Returns where the full logs are; None for nowhere.
        """
        self.name = name
        self.lost = ""
        self._phase = phase
        self._book = book
        self._folder = folder
        self._reader: LogReader | None = None
        self._on_disk = 0
        self._looked_at = 0.0
        self._lock = threading.RLock()

    @property
    def total(self) -> int:
        """All lines there ever were."""
        book = self._book()
        return self._on_disk if book is None else len(book)

    @property
    def on_disk(self) -> int:
        """How many lines the log on disk had when it was last looked at."""
        return 0 if self.lost else self._on_disk

    @property
    def kept(self) -> tuple[range, ...]:
        """The numbers of the kept lines."""
        with self._lock:
            book, reader = self._book(), self._reader
            ranges = list(reader.kept) if reader is not None and not self.lost else []
            if book is not None:
                ranges = [range(r.start, min(r.stop, len(book))) for r in ranges] + list(book.kept)
        return joined(ranges)

    def has_more(self, seen: int) -> bool:
        """Tell whether there may be more than so many lines, without a look at the disk where memory knows."""
        book = self._book()
        return book is None or len(book) > seen

    def refresh(self) -> None:
        """Look again at what is on disk."""
        with self._lock:
            now, book = time.monotonic(), self._book()
            if book is None and now - self._looked_at < AGAIN_S:
                return
            if book is not None and len(book) < SMALL and not book.cut:
                return  # all of it is at hand: of thousands of phases most are so
            self._looked_at = now
            try:
                folder = None if self.lost else self._folder()
            except OSError:
                folder = None
            if folder is None:
                return
            if self._reader is None:
                self._reader = LogReader(folder, self.name)
            else:
                self._reader.refresh()
            before, self._on_disk = self._on_disk, len(self._reader)
            if self._on_disk < before or not self._is_same():
                self._on_disk = before
                self.lost = f"The log of {self._called} on disk was cut, removed or replaced."
                if self._book() is not None:
                    self.lost += " What is still in memory is shown."

    @property
    def _called(self) -> str:
        return f"'{self.name}'" if self.name else "what belongs to no phase"

    def _is_same(self) -> bool:
        """Tell whether the first and the last line on disk are lines that are in memory, about there."""
        book = self._book()
        if book is None or not self._on_disk or self._reader is None:
            return True
        for number in (0, self._on_disk - 1):
            # A line that was torn when a kernel died is a line on disk only: numbers may differ a little.
            mine = [row[4] for row in book.page(number - _NEAR, 2 * _NEAR + 1)]
            theirs = [row[4] for row in self._reader.page(number, 1)]
            is_plain = all(len(text) <= _SAME and text.isprintable() for text in mine + theirs)
            if len(mine) > 1 and is_plain and theirs[0] not in mine:
                return False
        return True

    def rows(self, start: int, count: int) -> list[Shown]:
        """Return the kept lines among the ``count`` ones from number ``start``."""
        start = max(start, 0)
        book = self._book()
        rows = [] if book is None else book.page(start, count)
        with self._lock:
            if self._reader is not None and not self.lost and len(rows) < count:
                rows = self._with_disk(rows, start, min(start + count, self.total), self._reader)
        return [Shown(*row, self._phase) for row in rows]

    @staticmethod
    def _with_disk(rows: list[Row], start: int, stop: int, reader: LogReader) -> list[Row]:
        """Return rows with those between them that are on disk."""
        filled: list[Row] = []
        for row in rows:
            if row[0] > start:
                filled += reader.page(start, row[0] - start)
            filled.append(row)
            start = row[0] + 1
        return filled + reader.page(start, stop - start) if start < stop else filled

    def pieces(self, start: int, wants: Wants | None) -> Iterator[Piece]:
        """Yield the text of the kept lines from about number ``start`` on that are wanted, in order."""
        reader = self._reader
        if wants is not None or reader is None or self.lost:
            yield from Cursor(self, start, wants).take(start, self.total)
            return
        stop = min(self.on_disk, self.total)
        for run in reader.stretches(start, STRETCH_BYTES):
            if run.first >= stop:
                break
            yield Piece(run.path, run.begin, run.end, run.first, run.stop)
        yield from self.in_memory(max(stop, start), self.total, None)

    def runs(self, start: int) -> Iterator[Run]:
        """Yield what is on disk from the run with line ``start`` on."""
        return iter(()) if self._reader is None or self.lost else self._reader.runs(start)

    def offset_of(self, number: int) -> int | None:
        """Return where a line begins in its file; None if it is not there any more."""
        with self._lock:
            try:
                return None if self._reader is None else self._reader.offset_of(number)
            except (ValueError, OSError):
                return None

    def in_memory(self, start: int, stop: int, wants: Wants | None) -> Iterator[Piece]:
        """Yield the text of lines that are in memory."""
        for rows in self._chunks(start, stop):
            wanted = [row for row in rows if wants is None or wants(row[2], row[3])]
            for _, group in groupby(enumerate(wanted), key=lambda item: item[1][0] - item[0]):
                lines = [row for _, row in group]
                text = "".join(f"{row[4]}\n" for row in lines).encode("utf-8", "replace")
                yield Piece(None, 0, len(text), lines[0][0], lines[-1][0] + 1, text)

    def times(self, start: int) -> Iterator[tuple[float, int, int]]:
        """Yield of all kept lines from number ``start`` on, in runs: when they were written, the first, how many."""
        for run in self.runs(start):
            first = max(run.first, start)
            stop = min(run.stop, self.total)
            if first < stop:
                yield run.timestamp, first, stop - first
        for rows in self._chunks(max(start, self.on_disk), self.total):
            for (_, at), group in groupby(enumerate(rows), key=lambda item: (item[1][0] - item[0], item[1][1])):
                lines = [row for _, row in group]
                yield at, lines[0][0], len(lines)

    def _chunks(self, start: int, stop: int) -> Iterator[list[Row]]:
        book = self._book()
        if book is None:
            return
        for kept in book.kept:
            first, last = max(kept.start, start), min(kept.stop, stop)
            for at in range(first, last, CHUNK_LINES):
                yield book.page(at, min(CHUNK_LINES, last - at))


class Cursor:
    """Goes once through the lines of a source, and gives the text of those that are wanted."""

    def __init__(self, source: Source, start: int, wants: Wants | None) -> None:
        """Begin with line ``start``."""
        self._source = source
        self._wants = wants
        self._runs = source.runs(start)
        self._run = next(self._runs, None)

    def take(self, first: int, stop: int) -> Iterator[Piece]:
        """Yield the text of lines; no earlier ones than those of the call before."""
        waiting: Piece | None = None
        while first < stop:
            while self._run is not None and self._run.stop <= first:
                self._run = next(self._runs, None)
            if self._run is None or first >= self._source.on_disk:
                break
            piece = self._cut(self._run, max(first, self._run.first), min(stop, self._run.stop))
            first = self._run.stop
            if piece is not None and waiting is not None and _follows(waiting, piece):
                waiting = waiting._replace(end=piece.end, stop=piece.stop)
                continue
            if waiting is not None:
                yield waiting
            waiting = piece
        if waiting is not None:
            yield waiting
        if first < stop:
            yield from self._source.in_memory(first, stop, self._wants)

    def _cut(self, run: Run, first: int, stop: int) -> Piece | None:
        """Return the part of a run that is asked for, if it is wanted."""
        if first >= stop or (self._wants is not None and not self._wants(run.stream, run.level)):
            return None
        begin = run.begin if first == run.first else self._source.offset_of(first)
        end = run.end if stop == run.stop else self._source.offset_of(stop)
        return None if begin is None or end is None else Piece(run.path, begin, end, first, stop)


def _follows(before: Piece, piece: Piece) -> bool:
    return before.path == piece.path and before.end == piece.begin and piece.end - before.begin <= STRETCH_BYTES


def joined(ranges: Sequence[range]) -> tuple[range, ...]:
    """Return ranges in order, those that touch as one."""
    found: list[range] = []
    for one in sorted((r for r in ranges if r), key=lambda r: (r.start, r.stop)):
        if found and one.start <= found[-1].stop:
            found[-1] = range(found[-1].start, max(found[-1].stop, one.stop))
        else:
            found.append(one)
    return tuple(found)


def find_time(log: Log, at: float) -> int:
    """Return the number of the first kept line that was written at this time of the session's clock or later.

    The last one if all were written before; 0 if there is none.
    """
    starts, count = [], 0
    for kept in log.kept:
        starts.append((count, kept))
        count += len(kept)
    if not count:
        return 0

    def number(k: int) -> int:
        begin, kept = next(one for one in reversed(starts) if one[0] <= k)
        return kept[k - begin]

    def time_of(k: int) -> float:
        rows = log.rows(number(k), 1)
        return rows[0].timestamp if rows else 0.0

    return number(min(bisect_left(range(count), at, key=time_of), count - 1))
