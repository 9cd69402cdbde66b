"""A log as a file: the text of one moment, to be fetched in pieces while the log may go on."""

from __future__ import annotations

import os
import tempfile
from typing import IO, TYPE_CHECKING, Final

from milo_nb.errors import SearchError
from milo_nb.persist.rundir import open_regular
from milo_nb.persist.workdir import safe_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from milo_nb.show.notebook.logs.source import Log

PAGE: Final = 1_000
_GONE: Final = "The log was cut, removed or replaced while it was downloaded. Download it again."


class Download:
    """The text of a log. Used by one thread at a time.

    Attributes:
        name: How the file is to be called.
        size: In bytes.
    """

    def __init__(
        self, name: str, parts: Sequence[tuple[Path | None, int, int, bytes]], spool: IO[bytes] | None = None
    ) -> None:
        """Read from files (from byte, to byte), from texts, or all from ``spool``, which is closed at the end."""
        self.name = name
        self._parts = list(parts)
        self._spool = spool
        self.size = sum(end - begin for _, begin, end, _ in parts)
        if spool is not None:
            self.size = spool.seek(0, os.SEEK_END)

    def read(self, start: int, most: int) -> bytes:
        """Return the bytes from ``start`` on.

        Raises:
            SearchError: If they are not there any more.
        """
        if self._spool is not None:
            self._spool.seek(start)
            return self._spool.read(most)
        pieces: list[bytes] = []
        for path, begin, end, text in self._parts:
            size = end - begin
            if start < size and most > 0:
                wanted = min(most, size - start)
                piece = text[start : start + wanted] if path is None else _read(path, begin + start, wanted)
                if len(piece) != wanted:
                    raise SearchError(_GONE)
                pieces.append(piece)
                most -= wanted
                start += wanted
            start -= size
        return b"".join(pieces)

    def close(self) -> None:
        """Let go of the text."""
        self._parts.clear()
        if self._spool is not None:
            self._spool.close()


def to_download(log: Log, name: str) -> Download:
    """Return the text of one phase's log as it is now, what was cut of it named.

    Raises:
        SearchError: If nothing is left of it.
    """
    parts: list[tuple[Path | None, int, int, bytes]] = []
    at = 0
    for piece in log.pieces(0, None):
        if piece.first > at:
            note = f"[{piece.first - at:,} lines cut here: {at + 1:,} to {piece.first:,}]\n".encode()
            parts.append((None, 0, len(note), note))
        if piece.path is not None and parts and parts[-1][0] == piece.path and parts[-1][2] == piece.begin:
            parts[-1] = (piece.path, parts[-1][1], piece.end, b"")
        else:
            parts.append((piece.path, piece.begin, piece.end, piece.text))
        at = piece.stop
    if log.lost:
        if not parts:
            raise SearchError(log.lost)
        note = f"[{log.lost}]\n".encode()
        parts.insert(0, (None, 0, len(note), note))
    return Download(name, parts)


def to_merged_download(log: Log, names: Sequence[str], name: str) -> Download:
    """Return the text of all phases, each line with its phase before it.

    Raises:
        OSError: If there is no room for it.
    """
    spool = tempfile.TemporaryFile(prefix="milo-", suffix=".log")  # noqa: SIM115 - closed with the download
    try:
        for lines in _pages(log, names):
            spool.write(lines)
    except BaseException:
        spool.close()
        raise
    return Download(name, (), spool)


def _pages(log: Log, names: Sequence[str]) -> Iterator[bytes]:
    for start in range(0, log.total, PAGE):
        rows = log.rows(start, min(PAGE, log.total - start))
        lines = [f"[{names[row.phase]}] {row.text}\n" if names[row.phase] else f"{row.text}\n" for row in rows]
        yield "".join(lines).encode("utf-8", "replace")


def _read(path: Path, start: int, size: int) -> bytes:
    try:
        with open_regular(path) as file:
            file.seek(start)
            return file.read(size)
    except OSError as error:
        raise SearchError(_GONE) from error


def file_name(*parts: str) -> str:
    """Return how a downloaded log is called."""
    return "-".join(safe_name(part) for part in parts if part) + ".log"
