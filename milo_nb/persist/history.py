"""How long phases have taken in earlier sessions, for estimates."""

from __future__ import annotations

from math import isfinite
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

from milo_nb.errors import MiloError
from milo_nb.persist.replay import current_snapshot
from milo_nb.persist.rundir import sessions

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

_RAN = frozenset({"", "ran"})
_MANY = 10


class Range(NamedTuple):
    """How long something takes, in seconds.

    Attributes:
        low: It rarely takes less.
        typical: Half of the time it takes less.
        high: It rarely takes more.
    """

    low: float
    typical: float
    high: float


def durations(root: str | Path, pipeline: str, limit: int = 20) -> dict[str, Range]:
    """Return how long each phase has taken where it ran and completed; phases that never did are left out.

    Args:
        root: The work directory; need not exist.
        pipeline: Name of the pipeline.
        limit: How many sessions to look at, from the newest on. Each costs the reading of one small file.
    """
    taken: dict[str, list[float]] = {}
    for snapshot in _snapshots(root, pipeline, limit):
        for result in snapshot.get("results", ()):
            for phase, seconds in _duration(result):
                taken.setdefault(phase, []).append(seconds)
    return {phase: range_of(seconds) for phase, seconds in taken.items()}


def range_of(seconds: Sequence[float]) -> Range:
    """Return the range of what was measured; at least one value."""
    ordered = sorted(seconds)
    cut = len(ordered) // _MANY  # a tenth at either end, where there are enough
    return Range(ordered[cut], median(ordered), ordered[-1 - cut])


def _snapshots(root: str | Path, pipeline: str, limit: int) -> Iterator[dict[str, Any]]:
    for run_dir in sessions(root, pipeline)[:limit]:
        try:
            found = current_snapshot(run_dir)
        except (MiloError, OSError):
            continue  # a session that cannot be read says nothing about time
        if found.get("pipeline") == pipeline and isinstance(found.get("results", ()), list):
            yield found


def _duration(result: object) -> Iterator[tuple[str, float]]:
    """Yield phase and seconds of a result record, if it tells how long the phase's code ran."""
    if not isinstance(result, dict):
        return
    record: Mapping[str, Any] = result
    phase, seconds = record.get("phase"), record.get("duration_s")
    if not isinstance(phase, str) or record.get("success") is not True or record.get("origin", "") not in _RAN:
        return
    if isinstance(seconds, (int, float)) and not isinstance(seconds, bool) and isfinite(seconds) and seconds >= 0:
        yield phase, float(seconds)
