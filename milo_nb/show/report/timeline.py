"""The timeline of a session: a bar per attempt, and what lay between: waiting, delays, reviews. Pure.

Stretches in which nothing ran are shortened, and marked as such: a pipeline that was resumed the next day is still to be
read. Times are seconds on the session's clock, places are percent of the picture's width.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from milo_nb.state.model import ENDED, WAITING, AttemptRecord

if TYPE_CHECKING:
    from collections.abc import Sequence

    from milo_nb.declare.graph import PhaseGraph
    from milo_nb.state.model import PhaseStatus, PipelineState

LONG_GAP = 0.3
"""A stretch without work is shortened if it takes more than this part of the work, and no less than `LEAST_GAP_S`."""
LEAST_GAP_S = 5.0
SHORT_GAP = 0.04
LEAST_WAIT = 0.01
"""A wait is shown if it took more than this part of the whole."""
TICKS = 6
LEAST_S = 0.001


@dataclass(frozen=True, slots=True)
class Bar:
    """One stretch of a phase.

    Attributes:
        kind: ``work``, ``wait`` (for its turn), ``delay`` (before a retry) or ``review``.
        start: When it began.
        end: When it ended.
        attempt: The try, for ``work``.
        status: How that ended.
    """

    kind: str
    start: float
    end: float
    attempt: int = 0
    status: str = ""


@dataclass(frozen=True, slots=True)
class Timeline:
    """What a session did when.

    Attributes:
        rows: The bars of each phase, in the order of time.
        critical: Positions of the phases that bounded the finish time.
        scale: Where times are.
    """

    rows: tuple[tuple[Bar, ...], ...]
    critical: frozenset[int]
    scale: Scale


class Scale:
    """Where times are in the picture.

    Attributes:
        start: When it begins.
        end: When it ends.
        gaps: The shortened stretches, each with its beginning and end.
    """

    def __init__(self, spans: Sequence[tuple[float, float]]) -> None:
        """Make room for `spans`, in which something ran."""
        busy = _merge(spans)
        self.start = busy[0][0] if busy else 0.0
        self.end = max(busy[-1][1] if busy else 0.0, self.start + LEAST_S)
        work = max(sum(b - a for a, b in busy), LEAST_S)
        self.gaps = [(a[1], b[0]) for a, b in pairwise(busy) if b[0] - a[1] > max(LONG_GAP * work, LEAST_GAP_S)]
        gap = SHORT_GAP * work
        marks = sorted({self.start, self.end, *(t for gap in self.gaps for t in gap)})
        self._marks = [(self.start, 0.0)]
        short = set(self.gaps)
        for a, b in pairwise(marks):
            room = gap if (a, b) in short else b - a
            self._marks.append((b, self._marks[-1][1] + room))

    def at(self, t: float) -> float:
        """Return where a time is."""
        i = min(max(bisect_left(self._marks, (t, 0.0)), 1), len(self._marks) - 1)
        (t0, x0), (t1, x1) = self._marks[i - 1 : i + 1]
        place = x0 + (x1 - x0) * (t - t0) / (t1 - t0)
        return min(max(100 * place / self._marks[-1][1], 0.0), 100.0)

    def ticks(self) -> list[tuple[float, float]]:
        """Return where to write which second since the start; none lies in a shortened stretch."""
        step = _nice(self._marks[-1][1] / TICKS)
        found: list[tuple[float, float]] = []
        for a, b in self._pieces():
            first = -((self.start - a) // step)
            many = int((b - self.start) // step - first) + 1
            found += [(self.at(self.start + k * step), k * step) for k in (first + i for i in range(max(many, 0)))]
        return found

    def _pieces(self) -> list[tuple[float, float]]:
        edges = [self.start, *(t for gap in self.gaps for t in gap), self.end]
        return list(zip(edges[::2], edges[1::2], strict=True))


def make_timeline(state: PipelineState, graph: PhaseGraph, now: float) -> Timeline:
    """Return what a session did when.

    Args:
        state: What is known of it.
        graph: What depends on what.
        now: The session's clock, for what still runs.
    """
    phases = list(state.phases)
    tries = [attempts_of(phase, now) for phase in phases]
    ends = [work[-1].end if work else 0.0 for work in tries]
    spans = [(bar.start, bar.end) for work in tries for bar in work]
    starts = sorted(start for start, _ in spans)
    scale = Scale(spans)
    rows = []
    for i, work in enumerate(tries):
        row = list(work)
        if work:
            ready = max((ends[d] for d in graph.depends_on[i]), default=scale.start)
            if work[0].start - ready > LEAST_WAIT * (scale.end - scale.start):
                row.insert(0, Bar("wait", ready, work[0].start))
        row += [Bar("delay", a.end, b.start) for a, b in pairwise(work) if b.start > a.end]
        if phases[i].status == "retrying" and work and now > work[-1].end:
            row.append(Bar("delay", work[-1].end, now))
        if graph.phases[i].review and phases[i].status == "completed" and work:
            until = now if state.waiting_for == phases[i].name else next((t for t in starts if t >= ends[i]), 0.0)
            if until > ends[i]:
                row.append(Bar("review", ends[i], until))
        rows.append(tuple(sorted(row, key=lambda bar: bar.start)))
    critical = frozenset(_critical(graph, ends) if state.stopped_at and state.status in ENDED else ())
    return Timeline(tuple(rows), critical, scale)


def attempts_of(phase: PhaseStatus, now: float) -> list[Bar]:
    """Return a bar for each attempt of a phase that has started."""
    last = AttemptRecord(phase.attempt, phase.status, phase.started_at, phase.elapsed)
    tries = [*phase.history, *(() if phase.status in WAITING or not phase.started_at else (last,))]
    bars = []
    for one in tries:
        if one.status in ("running", "failed", "completed", "cancelled", "skipped") and one.started_at:
            took = max(now - one.started_at, 0.0) if one.status == "running" else one.elapsed
            bars.append(Bar("work", one.started_at, one.started_at + took, one.attempt, one.status))
    return bars


def _critical(graph: PhaseGraph, ends: Sequence[float]) -> list[int]:
    """Return the phases that bounded the end: the last one, what it waited for the longest, and so on."""
    last = max(range(len(ends)), key=ends.__getitem__, default=None)
    found = []
    while last is not None and ends[last]:
        found.append(last)
        last = max(graph.depends_on[last], key=ends.__getitem__, default=None)
    return found if len(found) > 1 else []


def _merge(spans: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    merged: list[tuple[float, float]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


_STEPS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800)
_LONG = (3600, 7200, 14400, 21600, 43200, 86400)


def _nice(least: float) -> float:
    """Return the shortest step that is round in hours, minutes or seconds and no shorter than `least`."""
    for step in (*_STEPS, *_LONG):
        if step >= least:
            return step
    days = least // _LONG[-1] + 1
    return days * _LONG[-1]
