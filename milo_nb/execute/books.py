"""The lines of a phase whose earlier ones are on disk: of a session that was taken up, or is only looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from milo_nb.capture.logbook import LogBook
from milo_nb.persist.logreader import LogReader
from milo_nb.persist.workdir import file_name
from milo_nb.state.model import PhaseLog

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from milo_nb.capture.logbook import Row
    from milo_nb.capture.sink import Block


class ContinuedBook(LogBook):
    """A log book that goes on where one on disk ends; numbers of lines go on, too."""

    __slots__ = ("_before", "_earlier")

    def __init__(self, earlier: LogReader) -> None:
        """Go on after what `earlier` has now."""
        super().__init__()
        self._earlier = earlier
        self._before = len(earlier)

    def __len__(self) -> int:
        """All lines there ever were."""
        return self._before + super().__len__()

    @property
    def kept(self) -> tuple[range, ...]:
        """The numbers of the kept lines."""
        before = self._before
        later = [range(r.start + before, r.stop + before) for r in super().kept]
        earlier = list(self._earlier.kept)
        if earlier and later and earlier[-1].stop == later[0].start:
            later[0] = range(earlier.pop().start, later[0].stop)
        return (*earlier, *later)

    @property
    def cut(self) -> range:
        """The numbers of the lines that were dropped since it goes on."""
        cut = super().cut
        return range(cut.start + self._before, cut.stop + self._before)

    @property
    def first(self) -> int:
        """The number from which on every line is kept."""
        return self.kept[-1].start if self.kept else 0

    def page(self, start: int, count: int) -> list[Row]:
        """Return the kept lines among the ``count`` ones from number ``start``."""
        before, start = self._before, max(start, 0)
        rows: list[Row] = []
        if start < before:
            rows = self._earlier.page(start, min(count, before - start))
        later = start + count - before
        if later > 0:
            first = max(start - before, 0)
            rows += [(row[0] + before, *row[1:]) for row in _own_page(self, first, later - first)]
        return rows

    def text(self) -> str:
        """Return all kept lines as text."""
        return self._earlier.text() + super().text()


def _own_page(book: LogBook, start: int, count: int) -> list[Row]:
    rows: list[Row] = []
    with book._lock:  # noqa: SLF001 - the base's own pages, by its own numbers
        for kept in LogBook.kept.fget(book):  # type: ignore[attr-defined]  # the base's property
            book._collect(rows, max(start, kept.start), min(start + count, kept.stop))  # noqa: SLF001 - as above
    return rows


class DiskBook:
    """The lines of a phase that another process writes, or wrote."""

    def __init__(self, reader: LogReader) -> None:
        """Show what `reader` finds."""
        self.reader = reader

    def __len__(self) -> int:
        """All lines there ever were."""
        return len(self.reader)

    @property
    def kept(self) -> tuple[range, ...]:
        """The numbers of the kept lines."""
        return self.reader.kept

    @property
    def cut(self) -> range:
        """The numbers of the lines that were dropped."""
        kept = self.reader.kept
        return range(kept[0].stop, kept[-1].start) if len(kept) > 1 else range(0)

    @property
    def first(self) -> int:
        """The number from which on every line is kept."""
        return self.reader.first

    def page(self, start: int, count: int) -> list[Row]:
        """Return the kept lines among the ``count`` ones from number ``start``."""
        return self.reader.page(start, count)

    def text(self) -> str:
        """Return all kept lines as text."""
        return self.reader.text()

    def extend(self, blocks: list[Block], late: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002 - a log book's face
        """Refuse: its owner writes."""
        raise AssertionError("a session that is only looked at prints nothing")


def readers(folder: Path, names: Iterable[str]) -> dict[str, LogReader]:
    """Return readers of the logs that are in a folder, by phase."""
    try:
        there = {path.name.partition(".")[0] for path in folder.iterdir()}
    except OSError:
        return {}
    found = {name: LogReader(folder, name) for name in names if file_name(name) in there}
    return {name: reader for name, reader in found.items() if len(reader)}


def last_logs(reader: LogReader, most: int) -> tuple[tuple[PhaseLog, ...], int]:
    """Return the last lines of a log as the state has them, and how many there are in all."""
    total = len(reader)
    rows = reader.page(max(total - most, 0), most) if most else []
    return tuple(PhaseLog(text, stream, t, level) for _, t, stream, level, text in rows), total
