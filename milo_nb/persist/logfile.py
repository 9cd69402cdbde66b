"""Writes the full log of a phase to disk; see `logindex` for how it lies there. One thread at a time.

Where nothing else is said, offsets are in bytes and line numbers count from 0 over all attempts.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Protocol

from milo_nb.persist.logindex import HEAD, STRIDE, Entry, Index, Place, head_place, more_place, places
from milo_nb.persist.logreader import LogReader
from milo_nb.persist.rundir import open_regular, read_regular

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

MAX_BYTES: Final = 128 << 20
"""Most bytes of one phase's log, index and all; a quarter for its start, the rest for its end."""
MAX_LINE_LENGTH: Final = 1_000_000
"""Most characters of a line."""
_ENTRY_LENGTH: Final = 1_000_000
"""An entry of more characters than this has one line only."""
_FLAGS: Final = (
    os.O_WRONLY | os.O_CREAT | os.O_APPEND
    | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)
)  # fmt: skip


class Lines(Protocol):
    """A run of complete lines of one stream, as `milo_nb.capture` has it."""

    @property
    def stream(self) -> str:
        """Where they were written."""

    @property
    def level(self) -> str:
        """How grave they are, ``""`` where nobody said."""

    @property
    def timestamp(self) -> float:
        """When, by the session's clock."""

    @property
    def lines(self) -> Sequence[str]:
        """The lines, without newlines."""


class LogFile:
    """The log of one phase, open for appending."""

    def __init__(self, folder: Path, phase: str, max_bytes: int = MAX_BYTES) -> None:
        """Append to the log of ``phase`` in ``folder``; what is there from before stays.

        Nothing is made before the first `append`.
        """
        self._folder = folder
        self._phase = phase
        self._max_bytes = max_bytes
        self._parts: list[Place] = []
        self._sizes: list[int] = []  # of each part but the last
        self._total = -1
        self._text_bytes = 0
        self._index_bytes = 0
        self._files: tuple[int, int] | None = None

    @property
    def is_open(self) -> bool:
        """Whether it holds file descriptors now."""
        return self._files is not None

    def __len__(self) -> int:
        """All lines there ever were."""
        if self._total < 0:
            self._total = len(LogReader(self._folder, self._phase))
        return self._total

    def append(self, blocks: Iterable[Lines], attempt: int) -> None:
        """Write lines of an attempt.

        Raises:
            OSError: If that is not possible. Of what could not be written whole nothing is there.
        """
        texts: list[bytes] = []
        entries: list[bytes] = []
        waiting = 0
        for block in blocks:
            for lines in _runs(block.lines):
                text = ("\n".join(lines) + "\n").encode("utf-8", "backslashreplace")
                if self._files is None:
                    self._open()
                offset = self._text_bytes + waiting
                if offset and offset + len(text) + self._index_bytes + 32 * len(entries) > self._room():
                    self._write(texts, entries)
                    self._roll()
                    offset = waiting = 0
                entries.append(Entry(self._total, offset, block.timestamp, attempt, block.stream, block.level).pack())
                texts.append(text)
                waiting += len(text)
                self._total += len(lines)
        self._write(texts, entries)

    def close(self) -> None:
        """Let go of the files; the next `append` opens them again."""
        files, self._files = self._files, None
        for file in files or ():
            os.close(file)

    def _room(self) -> int:
        return self._max_bytes // (4 if len(self._parts) == 1 else 8)

    def _open(self) -> None:
        """Open the last part, mended if it was torn."""
        if not self._parts:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._parts = places(self._folder, self._phase) or [head_place(self._folder, self._phase)]
            self._sizes = [_size(place.text) + _size(place.entries) for place in self._parts[:-1]]
        self._open_last()

    def _open_last(self) -> None:
        last = self._parts[-1]
        text = os.open(last.text, _FLAGS, 0o600)
        try:
            self._files = (text, os.open(last.entries, _FLAGS, 0o600))
            self._text_bytes, self._index_bytes = os.fstat(text).st_size, _size(last.entries)
            if self._total < 0:
                self._mend(last, *self._files)
            if not self._index_bytes:
                _write_all(self._files[1], HEAD)
                self._index_bytes = len(HEAD)
        except BaseException:
            if self._files is None:
                os.close(text)
            self.close()
            raise

    def _mend(self, last: Place, text: int, index: int) -> None:
        """End a torn line, drop a torn index, count the lines."""
        if self._text_bytes and not _ends_a_line(last.text):
            self._text_bytes += _write_all(text, b"\n")
        try:
            whole = Index(last)
            whole.cut_to(self._text_bytes)
        except ValueError:
            whole = Index(last, read_regular(last.text))
        os.ftruncate(index, 0)
        self._index_bytes = _write_all(index, whole.pack())
        self._total = len(LogReader(self._folder, self._phase))

    def _write(self, texts: list[bytes], entries: list[bytes]) -> None:
        """Append what waits, all or nothing, and forget it."""
        if not texts or self._files is None:
            return
        text, index = self._files
        try:
            size = _write_all(text, b"".join(texts))
            self._index_bytes += _write_all(index, b"".join(entries))
        except OSError:
            with suppress(OSError):
                os.ftruncate(text, self._text_bytes)
                os.ftruncate(index, self._index_bytes)
            self._total = -1  # counted again
            self.close()
            raise
        self._text_bytes += size
        texts.clear()
        entries.clear()

    def _roll(self) -> None:
        """Go on in another file, and make room for it."""
        self.close()
        self._sizes.append(self._text_bytes + self._index_bytes)
        self._parts.append(more_place(self._folder, self._phase, self._total))
        self._parts[-1].text.parent.mkdir(mode=0o700, exist_ok=True)
        while len(self._parts) > 2 and sum(self._sizes) + self._room() > self._max_bytes:  # noqa: PLR2004 - first and last stay
            place = self._parts.pop(1)
            del self._sizes[1]
            for path in (place.text, place.entries):
                path.unlink(missing_ok=True)
        self._open_last()


def _runs(lines: Sequence[str]) -> Iterator[Sequence[str]]:
    """Cut lines into runs for one entry each."""
    lines = list(lines)
    for start in range(0, len(lines), STRIDE):
        yield from _short_runs(lines[start : start + STRIDE])


def _short_runs(lines: Sequence[str]) -> Iterator[Sequence[str]]:
    if len(lines) > 1 and sum(map(len, lines)) > _ENTRY_LENGTH:
        middle = len(lines) // 2
        yield from _short_runs(lines[:middle])
        yield from _short_runs(lines[middle:])
    elif len(lines) == 1 and len(lines[0]) > MAX_LINE_LENGTH:
        yield [f"{lines[0][:MAX_LINE_LENGTH]}… [{len(lines[0]) - MAX_LINE_LENGTH:,} more characters cut]"]
    else:
        yield lines


def _write_all(file: int, data: bytes) -> int:
    left = memoryview(data)
    while left:
        left = left[os.write(file, left) :]
    return len(data)


def _ends_a_line(path: Path) -> bool:
    with open_regular(path) as file:
        file.seek(-1, os.SEEK_END)
        return file.read() == b"\n"


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
