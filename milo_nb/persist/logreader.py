"""Reads the full log of a phase from disk, while it is written or years later. Needs no lock and changes nothing."""

from __future__ import annotations

import os
from bisect import bisect_left
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple

from milo_nb.persist.logindex import LEVELS, STREAMS, Entry, Index, Place, places
from milo_nb.persist.rundir import open_regular

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_READ_BYTES: Final = 1 << 20

Row = tuple[int, float, str, str, str]
"""Line number (from 0, over all attempts), timestamp, stream, level, text."""


class Run(NamedTuple):
    """Neighbouring lines of one stream, level and time.

    Attributes:
        path: The file.
        begin: Where they begin in it, in bytes.
        end: Where they end.
        first: Number of the first line.
        stop: The number after that of the last one.
        timestamp: When they were written.
        stream: Where.
        level: How grave they are.
    """

    path: Path
    begin: int
    end: int
    first: int
    stop: int
    timestamp: float
    stream: str
    level: str


class LogReader:
    """All lines of one phase that are on disk, as they were at the last `refresh`."""

    def __init__(self, folder: Path, phase: str) -> None:
        """Read the log of ``phase`` in ``folder``; an empty name is what belongs to no phase."""
        self._folder = folder
        self._phase = phase
        self._parts: list[_Part] = []
        self.refresh()

    def refresh(self) -> None:
        """Look again at what is there."""
        known = {part.place: part for part in self._parts}
        self._parts = []
        for place in places(self._folder, self._phase):
            part = known.get(place) or _Part(place)
            with suppress(OSError):  # it may have been removed since it was listed
                part.refresh()
                self._parts.append(part)

    def __len__(self) -> int:
        """All lines there ever were, kept or cut."""
        return self._parts[-1].stop if self._parts else 0

    @property
    def kept(self) -> tuple[range, ...]:
        """The numbers of the kept lines."""
        kept: list[range] = []
        for part in self._parts:
            if kept and kept[-1].stop == part.place.first:
                kept[-1] = range(kept[-1].start, part.stop)
            elif part.stop > part.place.first:
                kept.append(range(part.place.first, part.stop))
        return tuple(kept)

    @property
    def first(self) -> int:
        """The number from which on every line is kept."""
        return self.kept[-1].start if self.kept else 0

    @property
    def places(self) -> tuple[Place, ...]:
        """The files, in order: for who searches all of the text."""
        return tuple(part.place for part in self._parts)

    def page(self, start: int, count: int) -> list[Row]:
        """Return the kept lines among the ``count`` ones from number ``start``."""
        start, stop = max(start, 0), start + count
        rows: list[Row] = []
        for part in self._parts:
            with suppress(OSError):  # removed meanwhile: cut
                rows.extend(part.rows(max(start, part.place.first), min(stop, part.stop)))
        return rows

    def runs(self, start: int = 0) -> Iterator[Run]:
        """Yield all lines from the run that has line `start` on, by the index alone."""
        for part in self._parts:
            if part.stop > start:
                yield from part.runs(start)

    def stretches(self, start: int, size_bytes: int) -> Iterator[Run]:
        """Yield all lines from the run that has line `start` on, in stretches of about a size; they have no stream."""
        for part in self._parts:
            if part.stop > start:
                yield from part.stretches(start, size_bytes)

    def offset_of(self, number: int) -> int:
        """Return where a kept line begins in its file.

        Raises:
            ValueError: If it is not there any more.
        """
        for part in self._parts:
            if part.place.first <= number < part.stop:
                with suppress(OSError):
                    return part.offset_of(number)
        raise ValueError(f"line {number} is not kept")

    def attempt_of(self, number: int) -> int:
        """Return the attempt that wrote line ``number``; 0 if that is not known."""
        for part in self._parts:
            if part.place.first <= number < part.stop:
                return part.entry_of(number).attempt
        return 0

    def text(self) -> str:
        """Return all kept lines as text, with one line that says how many were cut and where."""
        return "".join(self._texts())

    def _texts(self) -> Iterator[str]:
        end = 0
        for part in self._parts:
            if part.place.first > end:
                yield f"[{part.place.first - end:,} lines cut here: {end + 1:,} to {part.place.first:,}]\n"
            with suppress(OSError):
                yield part.read(0, part.size_bytes).decode(errors="replace")
            end = part.stop


class _Part:
    """One of the files of a log."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.size_bytes = -1
        """Up to the last newline."""
        self.stop = place.first
        self._seen = (-1, -1)
        self._index: Index

    def refresh(self) -> None:
        """Look again at what is there."""
        # The text first: it is written first, so the index that is read then knows of all of it.
        size = self.place.text.stat().st_size
        seen = (size, self.place.entries.stat().st_size if self.place.entries.exists() else 0)
        if seen == self._seen:
            return
        self._seen = seen
        self.size_bytes = self._find_end(size)
        try:
            self._index = Index(self.place)
            self._index.cut_to(self.size_bytes)
            self._count()
        except ValueError:
            self._rebuild()

    def _find_end(self, size: int) -> int:
        """Return where the last whole line ends."""
        with open_regular(self.place.text) as file:
            while size > 0:
                start = max(size - _READ_BYTES, 0)
                file.seek(start)
                found = file.read(size - start).rfind(b"\n")
                if found >= 0:
                    return start + found + 1
                size = start
        return 0

    def _rebuild(self) -> None:
        self._index = Index(self.place, self.read(0, self.size_bytes))
        self._count()

    def _count(self) -> None:
        """Count the lines: up to the last entry the index says how many there are."""
        self.stop = self.place.first
        if not len(self._index):
            if self.size_bytes:
                raise ValueError(f"{self.place.entries} has no entries")
            return
        last = self._index[len(self._index) - 1]
        self._check(last)
        with open_regular(self.place.text) as file:
            file.seek(last.offset)
            left, count = self.size_bytes - last.offset, 0
            while left > 0 and (piece := file.read(min(left, _READ_BYTES))):
                count += piece.count(b"\n")
                left -= len(piece)
        self.stop = last.first + count

    def _check(self, entry: Entry) -> None:
        """Raise ValueError if no line begins where the index says."""
        if entry.offset and self.read(entry.offset - 1, entry.offset) != b"\n":
            raise ValueError(f"{self.place.entries} does not fit its log")

    def entry_of(self, number: int) -> Entry:
        try:
            return self._index[self._index.find(number)]
        except ValueError:
            self._rebuild()
            return self._index[self._index.find(number)]

    def runs(self, start: int) -> Iterator[Run]:
        path, size, stop = self.place.text, self.size_bytes, self.stop
        begun: tuple[int, int, float, int, int] | None = None
        for entry in self._index.starts(self._index.find(start) if len(self._index) else 0):
            if begun is not None:
                yield _run(path, begun, entry[1], entry[0])
            begun = entry
        if begun is not None and begun[0] < stop:
            yield _run(path, begun, size, stop)

    def stretches(self, start: int, size_bytes: int) -> Iterator[Run]:
        index = self._index
        i = index.find(start) if len(index) else 0
        while i < len(index):
            begin = index[i]
            k = bisect_left(range(len(index)), begin.offset + size_bytes, i + 1, key=lambda i: index[i].offset)
            end, stop = (index[k].offset, index[k].first) if k < len(index) else (self.size_bytes, self.stop)
            yield Run(self.place.text, begin.offset, end, begin.first, stop, begin.timestamp, "", "")
            i = k

    def offset_of(self, number: int) -> int:
        entry = self.entry_of(number)
        size = _READ_BYTES
        while True:
            text = self.read(entry.offset, min(entry.offset + size, self.size_bytes))
            at = 0
            for _ in range(number - entry.first):
                at = text.find(b"\n", at) + 1
                if not at:
                    break
            else:
                return entry.offset + at
            if len(text) < size:
                raise ValueError(f"line {number} is not there")
            size *= 2

    def rows(self, start: int, stop: int) -> list[Row]:
        """Return the lines from ``start`` to ``stop``, which are among its own."""
        if start >= stop:
            return []
        try:
            return self._rows(start, stop)
        except ValueError:
            self._rebuild()
            return self._rows(start, min(stop, self.stop))

    def _rows(self, start: int, stop: int) -> list[Row]:
        rows: list[Row] = []
        i = self._index.find(start)
        entry = self._index[i]
        self._check(entry)
        entries = [entry]
        while i + 1 < len(self._index) and self._index[i + 1].first < stop:
            i += 1
            entries.append(self._index[i])
        end = self._index[i + 1].offset if i + 1 < len(self._index) else self.size_bytes
        text = self.read(entry.offset, end)
        number = entry.first
        for k, entry in enumerate(entries):
            after = entries[k + 1] if k + 1 < len(entries) else None
            if entry.first != number or (after is not None and after.offset < entry.offset):
                raise ValueError(f"{self.place.entries} does not fit its log")
            begin = entry.offset - entries[0].offset
            lines = text[begin : None if after is None else after.offset - entries[0].offset].split(b"\n")
            lines.pop()  # what comes after the last newline: nothing
            low, high = max(start - number, 0), min(stop - number, len(lines))
            rows.extend(
                (number + j, entry.timestamp, entry.stream, entry.level, lines[j].decode(errors="replace"))
                for j in range(low, high)
            )
            number += len(lines)
        return rows

    def read(self, start: int, stop: int) -> bytes:
        """Return bytes of the text."""
        with open_regular(self.place.text) as file:
            file.seek(start, os.SEEK_SET)
            pieces = []
            while start < stop and (piece := file.read(stop - start)):
                pieces.append(piece)
                start += len(piece)
        return b"".join(pieces)


def _run(path: Path, begun: tuple[int, int, float, int, int], end: int, stop: int) -> Run:
    first, offset, timestamp, stream, level = begun
    said = STREAMS[stream] if stream < len(STREAMS) else ""
    return Run(path, offset, end, first, stop, timestamp, said, LEVELS[level] if level < len(LEVELS) else "")
