"""All lines of one phase over its attempts, bounded: head and tail are kept, the cut is named."""

from __future__ import annotations

import threading
from bisect import bisect_right
from sys import getsizeof
from typing import TYPE_CHECKING, Final

from milo_nb.capture.lines import Lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from milo_nb.capture.sink import Block

HEAD_LINES: Final = 10_000
TAIL_LINES: Final = 90_000
HEAD_BYTES: Final = 4_000_000
TAIL_BYTES: Final = 28_000_000
"""Of memory: a character takes one byte in most languages and four at most."""
MAX_LINE_LENGTH: Final = 100_000
LATE_PREFIX: Final = "[late] "
_PIECE_LENGTH: Final = 200_000
"""Longer texts are kept in pieces: a page takes a piece apart, and the cut lies between two."""
_PIECE_LINES: Final = 4_000

Row = tuple[int, float, str, str, str]
"""Line number (from 0, over all attempts), timestamp, stream, level, text."""


class LogBook:
    """All lines of one phase over its attempts.

    One thread at a time extends it, any thread reads; a lock sees to both. Lines stay in the blocks they
    came in, so a line costs no object of its own.
    """

    __slots__ = (
        "_blocks",
        "_head_blocks",
        "_head_end",
        "_head_room",
        "_lock",
        "_sizes",
        "_starts",
        "_tail_block",
        "_tail_from",
        "_tail_bytes",
        "_tail_lines",
        "_tail_room",
        "_total",
    )

    def __init__(
        self,
        head_lines: int = HEAD_LINES,
        tail_lines: int = TAIL_LINES,
        head_bytes: int = HEAD_BYTES,
        tail_bytes: int = TAIL_BYTES,
    ) -> None:
        """Keep the first ``head_lines`` and the last ``tail_lines``, and of each no more bytes than given."""
        self._lock = threading.Lock()
        # Blocks never lie across the head's end; those of the tail that are cut whole go now and then.
        self._blocks: list[Block] = []
        self._starts: list[int] = []
        self._sizes: list[int] = []
        self._total = 0
        self._head_end = head_lines  # at the latest
        self._head_room = head_bytes
        self._head_blocks = 0
        self._tail_block = 0
        self._tail_from = head_lines
        self._tail_lines = tail_lines
        self._tail_bytes = 0
        self._tail_room = tail_bytes

    def __len__(self) -> int:
        """All lines there ever were, kept or cut."""
        return self._total

    @property
    def kept(self) -> tuple[range, ...]:
        """The numbers of the kept lines: one range, or head and tail."""
        total, tail_from, head_end = self._total, self._tail_from, self._head_end
        if tail_from == head_end or total == 0:
            return (range(total),) if total else ()
        return tuple(kept for kept in (range(head_end), range(tail_from, total)) if kept)

    @property
    def cut(self) -> range:
        """The numbers of the lines that were dropped; empty if none were."""
        return range(self._head_end, self._tail_from)

    @property
    def first(self) -> int:
        """The number from which on every line is kept."""
        return self._tail_from if self.cut else 0

    def extend(self, blocks: list[Block], late: bool = False) -> None:  # noqa: FBT001, FBT002 - as emit has it
        """Append the lines; ``late`` ones came after their attempt's end and are marked so."""
        if late:
            blocks = mark_late(blocks)
        with self._lock:
            for block in blocks:
                if isinstance(block.lines, Lines) and 0 < len(block.lines.text) <= MAX_LINE_LENGTH:
                    self._append(block)
                    continue
                for lines in _pieces(block.lines):
                    self._append(block._replace(lines=lines))
            if self._total > self._head_end:
                self._cut()

    def page(self, start: int, count: int) -> list[Row]:
        """Return the kept lines among the ``count`` ones from number ``start``."""
        start, stop = max(start, 0), start + count
        rows: list[Row] = []
        with self._lock:
            for kept in self.kept:
                self._collect(rows, max(start, kept.start), min(stop, kept.stop))
        return rows

    def text(self) -> str:
        """Return all kept lines as text, with one line that says how many were cut and where."""
        with self._lock:
            rows: list[Row] = []
            texts: list[str] = []
            for kept in self.kept:
                if kept.start:
                    texts.append(f"[{len(self.cut):,} lines cut here: {self.cut.start + 1:,} to {self.cut.stop:,}]\n")
                rows.clear()
                self._collect(rows, kept.start, kept.stop)
                texts.extend(f"{row[4]}\n" for row in rows)
        return "".join(texts)

    def _append(self, block: Block) -> None:
        lines = block.lines
        room = self._head_end - self._total
        if 0 < room < len(lines):
            self._append(block._replace(lines=lines[:room]))
            self._append(block._replace(lines=lines[room:]))
            return
        size = getsizeof(lines.text) if isinstance(lines, Lines) else sum(map(getsizeof, lines))
        if room > 0 and size > self._head_room:
            self._head_end = self._tail_from = self._total
            room = 0
        self._starts.append(self._total)
        self._blocks.append(block)
        self._sizes.append(size)
        self._total += len(lines)
        if room > 0:
            self._head_room -= size
            self._head_blocks = self._tail_block = len(self._blocks)
        else:
            self._tail_bytes += size

    def _cut(self) -> None:
        """Let go of what the tail has no room for."""
        starts, i = self._starts, self._tail_block
        self._tail_from = max(self._tail_from, self._total - self._tail_lines)
        while i + 1 < len(starts) and (starts[i + 1] <= self._tail_from or self._tail_bytes > self._tail_room):
            self._tail_bytes -= self._sizes[i]
            i += 1
            self._tail_from = max(self._tail_from, starts[i])
        # Deleting from a list's middle moves its end: worth it once half of the blocks can go.
        head = self._head_blocks
        if (i - head) * 2 > len(starts) - head:
            del starts[head:i], self._blocks[head:i], self._sizes[head:i]
            i = head
        self._tail_block = i

    def _collect(self, rows: list[Row], start: int, stop: int) -> None:
        index = max(bisect_right(self._starts, start) - 1, 0)
        while start < stop:
            block, first = self._blocks[index], self._starts[index]
            stream, level, timestamp, lines = block
            end = min(stop, first + len(lines))
            rows.extend(
                (number, timestamp, stream, level, line)
                for number, line in enumerate(lines[start - first : end - first], start)
            )
            start = end
            index += 1


def _pieces(lines: Sequence[str]) -> Iterator[Sequence[str]]:
    """Cut lines into pieces, none empty, in which no line is longer than it may be."""
    if not isinstance(lines, Lines):
        for start in range(0, len(lines), _PIECE_LINES):
            yield [shorten(line) for line in lines[start : start + _PIECE_LINES]]
        return
    for piece in lines.pieces(_PIECE_LENGTH):
        yield [shorten(line) for line in piece] if piece.has_longer(MAX_LINE_LENGTH) else piece


def mark_late(blocks: list[Block]) -> list[Block]:
    """Return blocks whose lines say that they came after their attempt's end."""
    return [block._replace(lines=[LATE_PREFIX + line for line in block.lines]) for block in blocks]


def shorten(line: str) -> str:
    """Return a line that is no longer than it may be, with the cut named."""
    if len(line) <= MAX_LINE_LENGTH:
        return line
    return f"{line[:MAX_LINE_LENGTH]}… [{len(line) - MAX_LINE_LENGTH:,} more characters cut]"
