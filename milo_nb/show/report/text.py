"""Text of people as HTML: whatever it holds, it is shown and does nothing."""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_LINE = 2_000
_SEQUENCE = re.compile(r"\x1b(?:\[([0-9;:?<=>]*)[ -/]*([@-~])|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~])")
_BRIGHT = 90
_STYLES = {1: "b", 2: "d", 3: "i", 4: "u", 9: "s"}
_ENDS = {22: "bd", 23: "i", 24: "u", 29: "s"}


def to_html(text: str, most: int = MAX_LINE) -> str:
    """Return text for HTML, cut to `most` characters, without what does not print; line ends and tabs stay."""
    cut = f"… [{len(text) - most:,} more characters]" if len(text) > most else ""
    return escape("".join(c for c in text[:most] if c.isprintable() or c in "\n\t") + cut)


def to_name(name: str, most: int = 80) -> str:
    """Return a name for HTML, on one line, that no direction of writing reaches out of."""
    one_line = " ".join(name[: 4 * most].split())
    shown = one_line if len(one_line) <= most else f"{one_line[: most - 1]}…"
    return f"<bdi>{to_html(shown)}</bdi>"


def to_coloured(line: str) -> str:
    """Return a line of a log for HTML: its sixteen colours as classes, all other escape sequences left out."""
    parts: list[str] = []
    colour, styles = "", ""
    for text, codes in _pieces(line[:MAX_LINE]):
        shown = to_html(text)
        if shown and (colour or styles):
            shown = f'<span class="{" ".join(filter(None, [colour, *styles]))}">{shown}</span>'
        parts.append(shown)
        colour, styles = _change(codes, colour, styles)
    if len(line) > MAX_LINE:
        parts.append(f"… [{len(line) - MAX_LINE:,} more characters]")
    return "".join(parts)


def _pieces(line: str) -> Iterator[tuple[str, list[int]]]:
    """Yield each piece of text with the codes behind it."""
    at = 0
    for found in _SEQUENCE.finditer(line):
        codes = found[1] if found[2] == "m" else None
        yield line[at : found.start()], [] if codes is None else _numbers(codes)
        at = found.end()
    yield line[at:], []


def _numbers(codes: str) -> list[int]:
    found = [int(code) if code.isdecimal() and len(code) < 4 else 0 for code in codes.split(";")]  # noqa: PLR2004 - digits
    for long, count in ((38, {5: 3, 2: 5}), (48, {5: 3, 2: 5}), (58, {5: 3, 2: 5})):
        while long in found:  # colours of 256 and more: not ours to map, and no codes of their own
            i = found.index(long)
            kind = found[i + 1] if i + 1 < len(found) else 0
            del found[i : i + count.get(kind, 1)]
    return found


def _change(codes: list[int], colour: str, styles: str) -> tuple[str, str]:
    for code in codes:
        base = code % 10
        if code == 0:
            colour, styles = "", ""
        elif code in _STYLES and _STYLES[code] not in styles:
            styles += _STYLES[code]
        elif code in _ENDS:
            styles = "".join(s for s in styles if s not in _ENDS[code])
        elif code - base in (30, _BRIGHT) and base < 8:  # noqa: PLR2004 - the eight colours
            colour = f"c{base}"
        elif code == 39:  # noqa: PLR2004 - the colour of text again
            colour = ""
    return colour, styles
