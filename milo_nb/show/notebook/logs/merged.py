"""The lines of all phases together, in the order of time.

A line that has a number keeps it: somebody may look at it, or have a link to it. So what is new at each look is put in
order of time and goes to the end. A line that comes to light late, after a look that showed younger ones, stands behind
them, with its own time. That is rare: lines are stamped when they are collected, and what is younger than `SETTLE_S` waits
for the next look as long as the session runs.

A run of lines of one phase takes 24 bytes here, whatever the lines hold.
"""

from __future__ import annotations

import threading
from array import array
from bisect import bisect_right
from heapq import merge
from itertools import takewhile
from typing import TYPE_CHECKING, Final

from milo_nb.show.notebook.logs.source import Cursor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from milo_nb.persist.logchild import Piece
    from milo_nb.show.notebook.logs.source import Shown, Source, Wants

SETTLE_S: Final = 0.3


class MergedLog:
    """The lines of several sources in one order. Any thread.

    Attributes:
        name: Of no phase.
    """

    name = ""

    def __init__(self, sources: Sequence[Source], settled: Callable[[], float]) -> None:
        """Merge nothing yet.

        Args:
            sources: Whose lines.
            settled: Returns the time, by the session's clock, up to which all lines have come in.
        """
        self._sources = sources
        self._settled = settled
        self._lock = threading.Lock()
        self._seen = [0] * len(sources)
        # Of each run of lines that stand together in one phase and here: its number here, its phase, its number there.
        self._starts = array("Q")
        self._phases = array("I")
        self._firsts = array("Q")
        self._total = 0

    @property
    def total(self) -> int:
        """All lines that have a number."""
        return self._total

    @property
    def kept(self) -> tuple[range, ...]:
        """The numbers of the lines: of those that are not kept there are no rows."""
        return (range(self._total),) if self._total else ()

    @property
    def lost(self) -> str:
        """Why lines are missing that should be there."""
        return next((source.lost for source in self._sources if source.lost), "")

    def refresh(self) -> None:
        """Give numbers to what is new."""
        with self._lock:
            until = self._settled()
            news = []
            for phase, source in enumerate(self._sources):
                if source.has_more(self._seen[phase]):
                    source.refresh()
                    if source.total > self._seen[phase]:
                        news.append(_in_order(phase, source.times(self._seen[phase]), until))
            for _, phase, first, count in merge(*news):
                self._append(phase, first, count)

    def _append(self, phase: int, first: int, count: int) -> None:
        goes_on = self._phases and self._phases[-1] == phase and self._seen[phase] == first
        if not goes_on:
            self._starts.append(self._total)
            self._phases.append(phase)
            self._firsts.append(first)
        self._seen[phase] = first + count
        self._total += count

    def _runs(self, start: int, stop: int) -> Iterator[tuple[int, int, int, int]]:
        """Yield the phase, the number there, how many, the number here."""
        k = max(bisect_right(self._starts, start) - 1, 0)
        while start < stop and k < len(self._starts):
            begin = self._starts[k]
            end = self._starts[k + 1] if k + 1 < len(self._starts) else self._total
            last = min(end, stop)
            if start < last:
                yield self._phases[k], self._firsts[k] + start - begin, last - start, start
            start = end
            k += 1

    def rows(self, start: int, count: int) -> list[Shown]:
        """Return the kept lines among the ``count`` ones from number ``start``."""
        runs = list(self._runs(max(start, 0), min(start + count, self._total)))
        reach: dict[
            int, tuple[int, int]
        ] = {}  # lines of a phase are in its own order, so those of a page are neighbours
        for phase, first, size, _ in runs:
            reach[phase] = (reach.get(phase, (first, 0))[0], first + size)
        there = {
            phase: {row.number: row for row in self._sources[phase].rows(first, stop - first)}
            for phase, (first, stop) in reach.items()
        }
        return [
            there[phase][first + i]._replace(number=number + i)
            for phase, first, size, number in runs
            for i in range(size)
            if first + i in there[phase]
        ]

    def pieces(self, start: int, wants: Wants | None) -> Iterator[Piece]:
        """Yield the text of the kept lines from about number ``start`` on that are wanted, in order."""
        cursors: dict[int, Cursor] = {}
        for phase, first, size, number in self._runs(start, self._total):
            cursor = cursors.get(phase)
            if cursor is None:
                cursor = cursors[phase] = Cursor(self._sources[phase], first, wants)
            for piece in cursor.take(first, first + size):
                yield piece._replace(first=piece.first - first + number, stop=piece.stop - first + number)


def _in_order(
    phase: int, runs: Iterator[tuple[float, int, int]], until: float
) -> Iterator[tuple[float, int, int, int]]:
    """Yield runs of one phase so that time never goes back in them, up to a time."""
    latest = 0.0
    for at, first, count in takewhile(lambda run: run[0] <= until, runs):
        latest = max(latest, at)
        yield latest, phase, first, count
