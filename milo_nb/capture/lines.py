r"""Text to lines: pure, no clock, thread or disk.

The rules: only ``\n`` ends a line; ``\r`` goes back to its start and what follows overwrites it, as
on a terminal; how the text was cut into writes changes nothing.
"""

from __future__ import annotations

_ESCAPE = "\x1b"


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

    def feed(self, text: str) -> list[str]:
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
        lines = text.split("\n")
        rest = lines.pop()
        if rest:
            pieces.append(rest)
        if "\r" in text:
            lines = [fold(line) if "\r" in line else line for line in lines]
            self._compact()
        return lines

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
