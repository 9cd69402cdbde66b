"""All lines of one phase over its attempts, bounded: head and tail are kept, the cut is named."""

from __future__ import annotations

import threading
from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from milo_nb.capture.sink import Block

HEAD_LINES: Final = 10_000
TAIL_LINES: Final = 90_000
MAX_LINE_LENGTH: Final = 100_000
LATE_PREFIX: Final = "[late] "

Row = tuple[int, float, str, str, str]
"""Line number (from 0, over all attempts), timestamp, stream, level, text."""


class LogBook:
    """All lines of one phase over its attempts.

    One thread at a time extends it, any thread reads; a lock sees to both. Lines stay in the blocks they
    came in, so a line costs no object of its own.
    """

    __slots__ = ("_blocks", "_head_lines", "_lock", "_starts", "_tail_from", "_tail_lines", "_total")

    def __init__(self, head_lines: int = HEAD_LINES, tail_lines: int = TAIL_LINES) -> None:
        """Keep the first ``head_lines`` and the last ``tail_lines``."""
        self._head_lines = head_lines
        self._tail_lines = tail_lines
        self._lock = threading.Lock()
        # Blocks never lie across the head's end; those of the tail that are cut whole go now and then.
        self._blocks: list[Block] = []
        self._starts: list[int] = []
        self._total = 0
        self._tail_from = head_lines

    def __len__(self) -> int:
        """All lines there ever were, kept or cut."""
        return self._total

    @property
    def kept(self) -> tuple[range, ...]:
        """The numbers of the kept lines: one range, or head and tail."""
        total, tail_from = self._total, self._tail_from
        if tail_from == self._head_lines or total == 0:
            return (range(total),) if total else ()
        return tuple(kept for kept in (range(self._head_lines), range(tail_from, total)) if kept)

    @property
    def cut(self) -> range:
        """The numbers of the lines that were dropped; empty if none were."""
        return range(self._head_lines, self._tail_from)

    @property
    def first(self) -> int:
        """The number from which on every line is kept."""
        return self._tail_from if self.cut else 0

    def extend(self, blocks: list[Block], late: bool = False) -> None:  # noqa: FBT001, FBT002 - as emit has it
        """Append the lines; ``late`` ones came after their attempt's end and are marked so."""
        with self._lock:
            for block in blocks:
                if block.lines:
                    self._append(_fit(block, late=late))
            self._tail_from = max(self._tail_from, self._total - self._tail_lines)
            self._forget_cut_blocks()

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
        room = self._head_lines - self._total
        if 0 < room < len(block.lines):
            self._append(block._replace(lines=block.lines[:room]))
            block = block._replace(lines=block.lines[room:])
        self._starts.append(self._total)
        self._blocks.append(block)
        self._total += len(block.lines)

    def _forget_cut_blocks(self) -> None:
        head = bisect_left(self._starts, self._head_lines)
        tail = bisect_right(self._starts, self._tail_from) - 1
        # Deleting from a list's middle moves its end: worth it once half of the blocks can go.
        if (tail - head) * 2 > len(self._starts) - head:
            del self._starts[head:tail], self._blocks[head:tail]

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


def _fit(block: Block, *, late: bool) -> Block:
    lines = block.lines
    if late:
        lines = [LATE_PREFIX + line for line in lines]
    if max(map(len, lines)) > MAX_LINE_LENGTH:
        lines = [_shorten(line) for line in lines]
    return block if lines is block.lines else block._replace(lines=lines)


def _shorten(line: str) -> str:
    if len(line) <= MAX_LINE_LENGTH:
        return line
    return f"{line[:MAX_LINE_LENGTH]}… [{len(line) - MAX_LINE_LENGTH:,} more characters cut]"
