r"""Text to lines: pure, no clock, thread or disk.

The rules: only ``\n`` ends a line; ``\r`` goes back to its start and what follows overwrites it, as
on a terminal; how the text was cut into writes changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import overload

_ESCAPE = "\x1b"


class Lines(Sequence[str]):
    """The lines of one text, taken apart only when somebody asks for them: most are never looked at.

    Attributes:
        text: All of them, each with its newline.
    """

    __slots__ = ("_count", "text")

    def __init__(self, text: str) -> None:
        """Stand for the lines of ``text``, which is empty or ends with a newline."""
        self.text = text
        self._count = text.count("\n")

    def __len__(self) -> int:
        """How many there are."""
        return self._count

    def __iter__(self) -> Iterator[str]:
        """Go through the lines."""
        return iter(self._split())

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> list[str]: ...

    def __getitem__(self, index: int | slice) -> str | list[str]:
        """Return a line or a list of lines; the last ones are found without looking at the others."""
        if isinstance(index, slice):
            start, stop, step = index.indices(self._count)
            if start > 0 and stop == self._count and step == 1:
                return self.text[:-1].rsplit("\n", self._count - start)[1:] if start < stop else []
        return self._split()[index]

    def __eq__(self, other: object) -> bool:
        """Compare as a list."""
        return self._split() == list(other) if isinstance(other, Sequence) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # as that of a list

    def __repr__(self) -> str:
        """Show a list."""
        return repr(self._split())

    def has_longer(self, length: int) -> bool:
        """Whether a line is longer than ``length``; found in strides of that length."""
        text, start = self.text, 0
        while start + length < len(text):
            start = text.rfind("\n", start, start + length + 1) + 1
            if start == 0:
                return True
        return False

    def pieces(self, length: int) -> Iterator[Lines]:
        """Cut into parts of at most ``length`` characters; a line that is longer is a part of its own."""
        text, start = self.text, 0
        while start < len(text):
            end = len(text)
            if end - start > length:
                end = (text.rfind("\n", start, start + length) + 1) or (text.find("\n", start + length) + 1)
            yield Lines(text[start:end])
            start = end

    def _split(self) -> list[str]:
        return self.text[:-1].split("\n") if self._count else []


def join(first: Sequence[str], second: Sequence[str]) -> Sequence[str]:
    """Return the lines of both."""
    if isinstance(first, Lines) and isinstance(second, Lines):
        return Lines(first.text + second.text)
    return [*first, *second]


def whole_lines(text: object) -> Lines | None:
    r"""Return the lines of a text if it has nothing but whole ones without ``\r``."""
    return Lines(text) if isinstance(text, str) and text[-1:] == "\n" and "\r" not in text else None


def length_of(lines: Sequence[str]) -> int:
    """Return how many characters there are about."""
    return len(lines.text) if isinstance(lines, Lines) else sum(map(len, lines))


def fold(line: str) -> str:
    r"""Return what a terminal would show at last of a line with carriage returns.

    Text after a ``\r`` covers the start of what was there. Where escape sequences make columns
    unknowable, the last part that is not empty stands alone.
    """
    parts = line.split("\r")
    if len(parts) > 2 and _ESCAPE not in line:  # noqa: PLR2004 - more than one return
        # A part shows only where it is longer than all that came after it: so each character is copied once.
        seen, covered = [], 0
        for part in reversed(parts):
            if len(part) > covered:
                seen.append(part[covered:])
                covered = len(part)
        return "".join(seen)
    shown = parts[0]
    for part in parts[1:]:
        shown = _overlay(shown, part)
    return shown


def _overlay(below: str, above: str) -> str:
    if not above:
        return below
    if _ESCAPE in above or _ESCAPE in below:
        return above
    return above + below[len(above) :]


class LineSplitter:
    """Gives the complete lines of a text that arrives in pieces, holding the unfinished last one."""

    __slots__ = ("_pieces",)

    def __init__(self) -> None:
        self._pieces: list[str] = []

    def feed(self, text: str) -> Sequence[str]:
        """Take the next piece and return the lines that it completes, folded, without newlines."""
        pieces = self._pieces
        if "\n" not in text:
            if text:
                pieces.append(text)
                if "\r" in text:
                    self._compact()
            return []
        if pieces:
            pieces.append(text)
            text = "".join(pieces)
            pieces.clear()
        end = text.rfind("\n") + 1
        lines = Lines(text[:end])
        if end < len(text):
            pieces.append(text[end:])
        if "\r" not in text:
            return lines
        self._compact()
        return [fold(line) if "\r" in line else line for line in lines]

    def flush(self) -> list[str]:
        """Return the unfinished line, if there is one, as a line."""
        if not self._pieces:
            return []
        text = fold("".join(self._pieces))
        self._pieces.clear()
        return [text]

    def __bool__(self) -> bool:
        """Whether an unfinished line is held."""
        return bool(self._pieces)

    def _compact(self) -> None:
        # A progress bar rewrites its line for hours without ending it: what is covered may go, but the
        # column of the cursor (the length after the last \r) must stay.
        if self._pieces:
            below, returned, above = "".join(self._pieces).rpartition("\r")
            self._pieces[:] = [fold(below) + returned + above]
