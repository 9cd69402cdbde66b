"""Answers `search`: the numbers of the lines that match, in order and in parts, the first ones at once."""

from __future__ import annotations

import sys
import time
from array import array
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final

from milo_nb.errors import SearchError
from milo_nb.persist.logchild import SEARCH, Found, Query
from milo_nb.show.notebook.asked import MAX_PIECE_BYTES, count_of, flag_of, text_of, words_of
from milo_nb.show.notebook.logs.shelf import log_of
from milo_nb.state.wire import LEVELS, STREAMS

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Mapping

    from milo_nb.execute.executor import PipelineExecutor
    from milo_nb.persist.logchild import Piece
    from milo_nb.show.notebook.asked import Tell
    from milo_nb.show.notebook.logs.source import Wants

MOST_KEPT: Final = 50_000
TELL_S: Final = 0.1
"""How often it is told how far the search is."""
_NUMBERS: Final = MAX_PIECE_BYTES // 4
_PART_LINES: Final = 100_000


def answer_search(executor: PipelineExecutor, args: Mapping[str, Any], tell: Tell) -> None:
    """Search a log from a line on, or all phases; without a text, tell the lines of some streams and levels."""
    query = Query(text_of(args, "text"), flag_of(args, "regex"), flag_of(args, "case"))
    streams = words_of(args, "streams", tuple(sorted(STREAMS)))
    levels = words_of(args, "levels", tuple(sorted(LEVELS)))
    start = count_of(args, "start")
    log, _, _ = log_of(executor, args)
    lost, total = log.lost, log.total
    pieces = log.pieces(start, _to_wants(streams, levels))
    found = SEARCH.search(query, pieces, tell.is_wanted) if query.text else _all_of(pieces, tell.is_wanted)
    told = _Told(tell, start, total)
    with closing(found):
        for part in found:
            told.add(part)
            if part.is_damaged:
                lost = log.lost or "The log was cut, removed or replaced while it was searched. Search again."
    if lost:
        told.finish()
        raise SearchError(f"{lost} Found in what is there: {told.count:,}.")
    told.finish(done=True)


def _to_wants(streams: Iterable[str], levels: Iterable[str]) -> Wants | None:
    if not streams and not levels:
        return None
    wanted_streams, wanted_levels = frozenset(streams) or STREAMS, frozenset(levels) or LEVELS
    return lambda stream, level: stream in wanted_streams and level in wanted_levels


def _all_of(pieces: Iterable[Piece], is_wanted: Callable[[], bool]) -> Generator[Found]:
    """Find all lines."""
    numbers = array("I")
    stop = 0
    for piece in pieces:
        numbers.extend(range(piece.first, piece.stop))
        stop = piece.stop
        if len(numbers) >= _PART_LINES:
            if not is_wanted():
                return
            yield Found(numbers, stop, is_damaged=False)
            numbers = array("I")
    yield Found(numbers, stop, is_damaged=False)


class _Told:
    """What has been told of one search.

    Attributes:
        count: How many lines match so far.
    """

    def __init__(self, tell: Tell, start: int, total: int) -> None:
        self.count = 0
        self._tell = tell
        self._start = start
        self._searched = start
        self._total = total
        self._waiting = array("I")
        self._kept = 0
        self._told_at = 0.0

    def add(self, found: Found) -> None:
        """Take what a part of the search has found; tell it if it is time."""
        numbers = found.numbers
        if numbers and (numbers[0] < self._start or numbers[-1] >= self._total):  # a run of lines is searched whole
            numbers = array("I", [n for n in numbers if self._start <= n < self._total])
        self.count += len(numbers)
        self._waiting += numbers[: MOST_KEPT - self._kept - len(self._waiting)]
        self._searched = min(max(self._searched, found.stop), self._total)
        now = time.monotonic()
        is_first = self._waiting and not self._kept
        if is_first or now - self._told_at >= TELL_S:
            self._told_at = now
            self.finish()

    def finish(self, *, done: bool = False) -> None:
        """Tell what waits."""
        while True:
            part, self._waiting = self._waiting[:_NUMBERS], self._waiting[_NUMBERS:]
            self._kept += len(part)
            is_last = not self._waiting
            if done and is_last:
                self._searched = self._total
            body = {"searched": self._searched, "total": self._total, "count": self.count, "kept": self._kept}
            if sys.byteorder == "big":
                part.byteswap()
            self._tell(body, part.tobytes() or None, done=done and is_last)
            if is_last:
                return
