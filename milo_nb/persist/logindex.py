"""How the full log of a phase lies on disk, and the index that finds line N of a million.

``<phase>.log`` holds the lines as UTF-8 and nothing else. ``<phase>.idx`` beside it has 32 bytes at its head and 32 for
each run of at most 256 lines of one stream, level, attempt and time: so a line is found by bisection and one short read.
Both only grow. A log that became too long goes on in ``<phase>.more/from-<line>.log`` (the line's number, from 1), with
an index each: there the oldest file goes when room is needed, so that the start and the end stay.

The text alone is what counts: an index that is missing, torn or wrong is made anew from it, without streams, levels,
attempts and times. A last line without its newline was torn when it was written; it does not count.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from struct import Struct
from typing import TYPE_CHECKING, Final, NamedTuple
from zlib import crc32

from milo_nb.persist.rundir import read_regular
from milo_nb.persist.workdir import file_name

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STRIDE: Final = 256
"""Most lines of one entry."""
STREAMS: Final = ("stdout", "stderr", "log", "warning", "milo")
LEVELS: Final = ("", "DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
HEAD: Final = b"milo_nb log index 1\n".ljust(32, b"\0")
_ENTRY: Final = Struct("<QQdIBB")
_CHECK: Final = Struct("<H")
_WHOLE: Final = Struct("<QQdIBBH")
_SIZE: Final = _WHOLE.size
_STRIDE_OF_TEXT: Final = re.compile(rb"(?:[^\n]*\n){1,%d}" % STRIDE)
_FROM: Final = re.compile(r"from-([0-9]{1,18})\.log")


class Entry(NamedTuple):
    """What the index says of one run of lines."""

    first: int
    """Number of its first line, from 0, over all attempts."""
    offset: int
    """Where that line begins in its file, in bytes."""
    timestamp: float
    attempt: int
    stream: str
    level: str

    def pack(self) -> bytes:
        """Return the 32 bytes."""
        stream = STREAMS.index(self.stream) if self.stream in STREAMS else 0
        level = LEVELS.index(self.level) if self.level in LEVELS else 0
        packed = _ENTRY.pack(self.first, self.offset, self.timestamp, self.attempt, stream, level)
        return packed + _CHECK.pack(crc32(packed) & 0xFFFF)


class Place(NamedTuple):
    """Where a part of a log lies."""

    first: int
    """Number of its first line, from 0."""
    text: Path
    entries: Path


def head_place(folder: Path, phase: str) -> Place:
    """Return where the log of a phase begins."""
    stem = file_name(phase)
    return Place(0, folder / f"{stem}.log", folder / f"{stem}.idx")


def more_folder(folder: Path, phase: str) -> Path:
    """Return where what came later lies, if the log became too long for one file."""
    return folder / f"{file_name(phase)}.more"


def more_place(folder: Path, phase: str, first: int) -> Place:
    """Return where the log of a phase goes on with line ``first``."""
    below = more_folder(folder, phase)
    return Place(first, below / f"from-{first + 1}.log", below / f"from-{first + 1}.idx")


def places(folder: Path, phase: str) -> list[Place]:
    """Return the parts of a log that are there, in order."""
    head = head_place(folder, phase)
    found = [head] if head.text.exists() else []
    try:
        names = [entry.name for entry in more_folder(folder, phase).iterdir()]
    except OSError:
        return found
    numbers = sorted(int(match[1]) - 1 for match in map(_FROM.fullmatch, names) if match)
    return found + [more_place(folder, phase, number) for number in numbers if number > 0]


class Index:
    """The entries of one part of a log, as they were when it was read."""

    def __init__(self, place: Place, text: bytes | memoryview | None = None) -> None:
        """Read the index that lies there, or make one of ``text`` if that is given.

        Raises:
            ValueError: If there is none, or it is none of ours.
        """
        if text is not None:
            self._packed = b"".join(_entries_of(place.first, text))
            return
        try:
            packed = read_regular(place.entries)
        except OSError as error:
            raise ValueError(str(error)) from error
        if not packed.startswith(HEAD):
            raise ValueError(f"{place.entries} is no index of a log")
        self._packed = packed[len(HEAD) : len(packed) - len(packed) % _SIZE]
        if self._packed and self[0][:2] != (place.first, 0):
            raise ValueError(f"{place.entries} belongs to another log")

    def __len__(self) -> int:
        """How many entries there are."""
        return len(self._packed) // _SIZE

    def __getitem__(self, i: int) -> Entry:
        """Return an entry.

        Raises:
            ValueError: If there is none, or it was damaged.
        """
        packed = self._packed[i * _SIZE : (i + 1) * _SIZE]
        if len(packed) < _SIZE or _CHECK.pack(crc32(packed[: _ENTRY.size]) & 0xFFFF) != packed[_ENTRY.size :]:
            raise ValueError(f"entry {i} of an index is damaged")
        first, offset, timestamp, attempt, stream, level = _ENTRY.unpack_from(packed)
        return Entry(
            first,
            offset,
            timestamp,
            attempt,
            STREAMS[stream] if stream < len(STREAMS) else "",
            LEVELS[level] if level < len(LEVELS) else "",
        )

    def starts(self, i: int) -> Iterator[tuple[int, int, float, int, int]]:
        """Yield of each entry from this one on: first line, offset, time, stream, level, the last two as they are written.

        Stops before an entry that does not go on where the one before it was. Ten times as quick as one after the other.
        """
        before = (-1, -1)
        for first, offset, timestamp, _, stream, level, _ in _WHOLE.iter_unpack(self._packed[i * _SIZE :]):
            if first <= before[0] or offset <= before[1]:
                return
            before = (first, offset)
            yield first, offset, timestamp, stream, level

    def find(self, number: int) -> int:
        """Return which entry has line ``number``, at least 0."""
        return max(bisect_right(range(len(self)), number, key=lambda i: self[i].first) - 1, 0)

    def cut_to(self, size_bytes: int) -> None:
        """Forget the entries of lines that lie behind the end of the text."""
        kept = bisect_right(range(len(self)), size_bytes, key=lambda i: self[i].offset)
        self._packed = self._packed[: kept * _SIZE]

    def pack(self) -> bytes:
        """Return the index as it lies on disk."""
        return HEAD + self._packed


def _entries_of(first: int, text: bytes | memoryview) -> Iterator[bytes]:
    for match in _STRIDE_OF_TEXT.finditer(text):
        yield Entry(first, match.start(), 0.0, 0, "stdout", "").pack()
        first += match[0].count(b"\n")
