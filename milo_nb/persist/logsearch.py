"""Finds text and regular expressions in logs. Also the program of the child process that does so.

A regular expression can hold Python's lock for good, so no kernel runs one: it runs in a process that can be ended. That
process is started by this file's path, isolated, with the standard library only, in some 20 ms; so nothing of a notebook
is imported there, and nothing of ours. It reads messages (see `read_message`) and answers each, and ends itself when a
message takes too long, when nobody asks any more, and when the kernel is gone.

What is searched is the visible text of each line: escape sequences count for nothing. No match goes over lines.
"""

from __future__ import annotations

import faulthandler
import json
import os
import re
import stat
import sys
import warnings
from array import array
from collections import OrderedDict
from itertools import compress
from pathlib import Path
from struct import Struct
from typing import IO, TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

IDLE_S: Final = 60.0
"""A process that nobody asks ends itself after so long."""
BLOCK_BYTES: Final = 1 << 19
"""Text is searched in blocks of about so much: what holds no match is passed over whole."""
WINDOW_BYTES: Final = 1 << 18
"""Short pieces of a file are read so much at a time."""
MOST_OPEN: Final = 32
HEAD: Final = Struct("<II")
"""Of a message: bytes of its head, which is JSON, and bytes of what follows."""
PIECE: Final = Struct("<IQQQ")
"""Text to search: which file, from which byte to which, number of its first line. It holds whole lines."""
ENCLOSED: Final = 0xFFFFFFFF
"""In place of a file: the next bytes after the pieces."""
_SEQUENCE: Final = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]?|[\]PX^_][^\x07\x1b\n]*(?:\x07|\x1b\\)?|[ -/]*[0-~]?)")
_MOST_NEEDLES: Final = 20
_SPARSE: Final = 8
"""If fewer than one line in so many may match, only these are looked at."""


class Matcher:
    """What is looked for."""

    def __init__(self, text: str, *, regex: bool, case: bool) -> None:
        """Look for `text`, which may be a regular expression; without ``case``, small letters are as good as capitals.

        Raises:
            re.error: If it is none.
            RecursionError: If it is too deep; other errors of the compiler are possible, too.
        """
        self._search = None
        needles: Sequence[str] = (text,)
        if regex:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of what a later Python may read otherwise
                pattern = re.compile(text, 0 if case else re.IGNORECASE)
                self._search = pattern.search
                case = not pattern.flags & re.IGNORECASE
                needles = _needles(text, pattern.flags)
        elif "\n" in text:
            needles = ()  # no line has that, and none is looked at
        self._folds = not case
        self._needles = tuple(map(_fold, needles)) if self._folds else tuple(needles)

    def find(self, text: str) -> list[int]:
        r"""Return which lines of a text match, from 0. Each of them ends with ``\n``."""
        if "\x1b" in text:
            text = _SEQUENCE.sub("", text)
        if not self._needles:
            lines = text.split("\n")
            del lines[-1]
            return list(compress(range(len(lines)), map(self._search, lines))) if self._search is not None else []
        folded = _fold(text) if self._folds else text
        hits = sum(folded.count(needle) for needle in self._needles)
        if not hits:
            return []
        if hits * _SPARSE < folded.count("\n"):
            return self._find_sparse(text, folded)
        return self._find_dense(text, folded)

    def _find_sparse(self, text: str, folded: str) -> list[int]:
        """Look at the few lines around the needles."""
        found = []
        # Letters that become two when they are folded move what comes after them.
        lines = None if folded is text or text.isascii() else text.split("\n")
        number = looked_at = 0
        end = -1
        for at in sorted(at for needle in self._needles for at in _places(folded, needle)):
            if at <= end:
                continue
            start, end = folded.rfind("\n", 0, at) + 1, folded.find("\n", at)
            number += folded.count("\n", looked_at, start)
            looked_at = start
            if self._search is None or self._search(text[start:end] if lines is None else lines[number]):
                found.append(number)
        return found

    def _find_dense(self, text: str, folded: str) -> list[int]:
        """Look at all lines that have a needle."""
        lines = folded.split("\n")
        found: Iterable[int] = [i for i, line in enumerate(lines) if self._needles[0] in line]
        if len(self._needles) > 1:
            others = (i for needle in self._needles[1:] for i, line in enumerate(lines) if needle in line)
            found = sorted({*found, *others})
        if folded is not text and self._search is not None:
            lines = text.split("\n")
        return [i for i in found if self._search is None or self._search(lines[i])]


def _places(text: str, needle: str) -> Iterator[int]:
    at = text.find(needle)
    while at >= 0:
        yield at
        at = text.find(needle, at + len(needle))


def _fold(text: str) -> str:
    """Return a text in which letters are equal that `re.IGNORECASE` takes for equal."""
    return text.lower() if text.isascii() else text.casefold().replace("\u0131", "i").replace("\u0307", "")


def _needles(pattern: str, flags: int) -> Sequence[str]:
    """Return texts of which every match has one; none if that cannot be told."""
    try:
        from re import _parser  # type: ignore[attr-defined]  # noqa: PLC0415 - not public: do without if it is gone

        return _needed(_parser.parse(pattern, flags)) or ()
    except Exception:  # noqa: BLE001 - a later Python may have other trees; all lines are looked at then
        return ()


def _needed(tree: Iterable[tuple[Any, Any]]) -> Sequence[str] | None:
    """Return the longest texts of which everything that a parsed pattern matches has one."""
    found: list[Sequence[str]] = []
    run: list[str] = []
    for op, value in [*tree, (None, None)]:
        kind = str(op)
        if kind == "LITERAL":
            run.append(chr(value))
            continue
        if run:
            found.append(("".join(run),))
            run.clear()
        inner = _needed_in(kind, value)
        if inner:
            found.append(inner)
    return max(found, key=lambda needles: (min(map(len, needles)), -len(needles)), default=None)


def _needed_in(kind: str, value: Any) -> Sequence[str] | None:
    match kind:
        case "SUBPATTERN":
            _, added, removed, inner = value
            return None if added or removed else _needed(inner)
        case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
            least, _, inner = value
            return _needed(inner) if least else None
        case "ATOMIC_GROUP":
            return _needed(value)
        case "BRANCH":
            branches = [_needed(branch) for branch in value[1]]
            needles = [needle for branch in branches for needle in branch or ()]
            return needles if all(branches) and len(needles) <= _MOST_NEEDLES else None
    return None


# ---------------------------------------------------------------------- files


class _Files:
    """The files of one search, some of them open."""

    def __init__(self) -> None:
        self._open: OrderedDict[str, int] = OrderedDict()
        self._windows: dict[str, tuple[int, bytes]] = {}

    def read(self, path: str, start: int, size: int) -> bytes:
        """Return bytes of a file; fewer if there are no more, none if it cannot be read."""
        try:
            file = self._file(path)
            os.lseek(file, start, os.SEEK_SET)
            pieces = []
            while size > 0 and (piece := os.read(file, size)):
                pieces.append(piece)
                size -= len(piece)
        except OSError:
            return b""
        return b"".join(pieces)

    def read_short(self, path: str, start: int, size: int) -> bytes:
        """Do that for a piece that others follow soon."""
        offset, window = self._windows.get(path, (0, b""))
        if not offset <= start <= start + size <= offset + len(window):
            offset, window = start, self.read(path, start, max(size, WINDOW_BYTES))
            self._windows[path] = offset, window
        return window[start - offset : start - offset + size]

    def close(self) -> None:
        for file in self._open.values():
            os.close(file)
        self._open.clear()
        self._windows.clear()

    def _file(self, path: str) -> int:
        if path in self._open:
            self._open.move_to_end(path)
            return self._open[path]
        file = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        self._open[path] = file
        if not stat.S_ISREG(os.fstat(file).st_mode):
            os.close(self._open.pop(path))
            raise OSError(path)
        while len(self._open) > MOST_OPEN:
            other, oldest = self._open.popitem(last=False)
            self._windows.pop(other, None)
            os.close(oldest)
        return file


# ---------------------------------------------------------------------- searching


class Searcher:
    """Answers messages about one search after the other."""

    def __init__(self) -> None:
        """Look for nothing yet."""
        self._matcher: Matcher | None = None
        self._files = _Files()
        self._is_damaged = False

    def answer(self, head: Mapping[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
        """Begin a search (``text``, ``regex``, ``case``), or go on with it (``paths``, ``pieces``: how many).

        Returns:
            ``error`` and ``position`` (-1: unknown) of what cannot be looked for; or ``damaged``, if text was not where it
            should be, and the numbers of the lines that match, 32 bits each.
        """
        if "text" in head:
            self._files.close()
            try:
                self._matcher = Matcher(head["text"], regex=head["regex"], case=head["case"])
            except (re.error, OverflowError, RecursionError, MemoryError, ValueError) as error:
                position = getattr(error, "pos", None)
                reason = getattr(error, "msg", "") or "it is too large or too deep"
                return {"error": reason, "position": -1 if position is None else position}, b""
            return {"error": "", "position": -1}, b""
        self._is_damaged = False
        numbers = array("I")
        for text, lines in self._blocks(self._texts(head["paths"], head["pieces"], data)):
            if self._matcher is not None:
                _add_numbers(numbers, self._matcher.find(text.decode("utf-8", "replace")), lines)
        return {"damaged": self._is_damaged}, numbers.tobytes()

    def _texts(self, paths: Sequence[str], count: int, data: bytes) -> Iterator[tuple[bytes, int]]:
        """Yield whole lines, and the number of the first of them."""
        enclosed = count * PIECE.size
        for which, start, end, first in PIECE.iter_unpack(memoryview(data)[:enclosed]):
            if which == ENCLOSED:
                yield data[enclosed : enclosed + end], first
                enclosed += end
            elif end - start <= WINDOW_BYTES // 2:
                text = self._files.read_short(paths[which], start, end - start)
                self._is_damaged |= len(text) != end - start
                yield text, first
            else:
                yield from self._long(paths[which], start, end, first)

    def _long(self, path: str, start: int, end: int, first: int) -> Iterator[tuple[bytes, int]]:
        while start < end:
            size = min(BLOCK_BYTES, end - start)
            text = self._files.read(path, start, size)
            cut = text.rfind(b"\n") + 1
            while not cut and len(text) == size < end - start:  # a line that is longer than a block
                size = min(2 * size, end - start)
                text = self._files.read(path, start, size)
                cut = text.rfind(b"\n") + 1
            if not cut:
                self._is_damaged = True
                return
            yield text[:cut], first
            first += text.count(b"\n", 0, cut)
            start += cut

    def _blocks(self, texts: Iterable[tuple[bytes, int]]) -> Iterator[tuple[bytes, list[tuple[int, int]]]]:
        """Join short texts; yield with each block which of its lines have which number from there on."""
        parts: list[bytes] = []
        lines: list[tuple[int, int]] = []
        size = count = 0
        for text, first in texts:
            if text[-1:] != b"\n":
                self._is_damaged = True
                text = text[: text.rfind(b"\n") + 1]  # noqa: PLW2901 - what is whole of it
            if size and size + len(text) > BLOCK_BYTES:
                yield b"".join(parts), lines
                parts, lines, size, count = [], [], 0, 0
            if parts:
                count += parts[-1].count(b"\n")
            parts.append(text)
            lines.append((count, first))
            size += len(text)
        if parts:
            yield b"".join(parts), lines


def _add_numbers(numbers: array[int], found: Sequence[int], lines: Sequence[tuple[int, int]]) -> None:
    """Add the numbers of lines, found by their place in a block."""
    at, (begin, first) = 0, lines[0]
    if len(lines) == 1:
        numbers.extend([first + i for i in found])
        return
    for i in found:
        while at + 1 < len(lines) and lines[at + 1][0] <= i:
            at += 1
            begin, first = lines[at]
        numbers.append(first + i - begin)


# ---------------------------------------------------------------------- the child process


def read_message(file: IO[bytes]) -> tuple[dict[str, Any], bytes] | None:
    """Return the next message, its head and what follows; None if there are no more."""
    packed = file.read(HEAD.size)
    if len(packed) < HEAD.size:
        return None
    size, follows = HEAD.unpack(packed)
    text, data = file.read(size), file.read(follows)
    return None if len(text) < size or len(data) < follows else (json.loads(text), data)


def pack_message(head: Mapping[str, Any], data: bytes = b"") -> bytes:
    """Return a message as it is sent."""
    text = json.dumps(head).encode("ascii")
    return HEAD.pack(len(text), len(data)) + text + data


def serve(requests: IO[bytes], replies: IO[bytes], idle_s: float = IDLE_S) -> None:
    """Answer until there are no more messages. A message that takes longer than its ``limit_s`` ends the process."""
    searcher = Searcher()
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        while True:
            # By a thread in C that needs no lock of Python's: a regular expression may hold that for ever.
            faulthandler.dump_traceback_later(idle_s, exit=True, file=nowhere)
            message = read_message(requests)
            if message is None:
                faulthandler.cancel_dump_traceback_later()
                return
            head, data = message
            faulthandler.dump_traceback_later(head["limit_s"], exit=True, file=nowhere)
            told, found = searcher.answer(head, data)
            replies.write(pack_message({"id": head["id"], **told}, found))
            replies.flush()


if __name__ == "__main__":
    with_idle = float(sys.argv[1]) if len(sys.argv) > 1 else IDLE_S
    try:
        serve(sys.stdin.buffer, sys.stdout.buffer, with_idle)
    except BrokenPipeError:  # the kernel is gone
        os._exit(0)
