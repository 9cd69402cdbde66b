"""How long phases usually take, and when a session will have ended: what remains, played through by the frontier's rules.

The range is from every phase at its shortest to every phase at its longest, of what history says. So it needs a history:
of a phase that never completed before nothing is known, unless it tells its own progress.
"""

from __future__ import annotations

import logging
import time
from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, ref

from milo_nb.persist.history import Range, durations
from milo_nb.show.notebook.turns import Errands
from milo_nb.state.frontier import Frontier
from milo_nb.state.model import ENDED
from milo_nb.store.store import default_workers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from milo_nb.declare.graph import PhaseGraph
    from milo_nb.execute.session import Session
    from milo_nb.state.model import PhaseStatus, PipelineState

LOG = logging.getLogger("milo_nb")
UNKNOWN = (0.0, 0.0)
TELLS_ENOUGH = 0.05
"""From this fraction on a phase's own progress says more than its history."""
SPREAD = 0.25
"""How far a phase's own progress may be off."""
SHARE = 0.025
"""At most this share of a thread's time goes into playing it through."""
LEAST_S = 0.5

HISTORY = Errands("milo-history")
_outlooks: WeakKeyDictionary[Any, Outlook] = WeakKeyDictionary()


class Outlook:
    """What earlier sessions say of one session; for all that show it. Used by the thread that tells views.

    Attributes:
        usual: Seconds that phases usually take, by name; another mapping once more is known.
    """

    def __init__(
        self, session: Session, errands: Errands = HISTORY, timer: Callable[[], float] = time.perf_counter
    ) -> None:
        """Have the history of `session` read, on another thread."""
        self._session = ref(session)  # which is the key of what holds this
        self._name = session.name
        self._timer = timer
        self._ranges: Mapping[str, Range] = {}
        self.usual: Mapping[str, float] = {}
        self._state: PipelineState | None = None
        self._ends: tuple[float, float] | None = None
        self._again_at = 0.0
        root = root_of(session)
        if root is not None:
            errands.add(lambda: self._read(root))

    @classmethod
    def of(cls, session: Session) -> Outlook:
        """Return the one outlook of a session."""
        found = _outlooks.get(session)
        if found is None:
            found = _outlooks[session] = cls(session)
        return found

    def _read(self, root: Any) -> None:
        try:
            ranges = durations(root, self._name)
        except OSError as e:
            LOG.debug("no history", exc_info=e)
            return
        self._ranges, self._state = ranges, None
        self.usual = {name: round(one.typical, 3) for name, one in ranges.items()}

    def eta(self) -> tuple[float, float]:
        """Return in how many seconds it will have ended, at least and at most; `UNKNOWN` if nobody knows, or it has."""
        session: Any = self._session()
        if session is None:
            return UNKNOWN
        state: PipelineState = session.state
        if not self._ranges or (state.status in ENDED and state.stopped_at):
            return UNKNOWN
        now, began = session.now(), self._timer()
        if state is not self._state and began >= self._again_at:
            left = remaining(session.graph, state, self._ranges, now, slots_of(session))
            self._state, self._ends = state, left and (now + left[0], now + left[1])
            ended = self._timer()
            self._again_at = ended + max(LEAST_S, (ended - began) / SHARE)
        if self._ends is None:
            return UNKNOWN
        low, high = self._ends
        return round(max(low - now, 0.0), 1), round(max(high - now, 0.1), 1)


def root_of(session: Any) -> Any:
    """Return the work directory of a session, also of one that is only looked at; None for no disk."""
    run_dir = getattr(session, "run_dir", None)
    return session.disk.root if run_dir is None else run_dir.root


def slots_of(session: Any) -> int:
    """Return how many phases run at once at most; of another kernel's session, what would be usual."""
    return getattr(session, "slots", 0) or default_workers()


def remaining(
    graph: PhaseGraph, state: PipelineState, usual: Mapping[str, Range], now: float, slots: int
) -> tuple[float, float] | None:
    """Return how many seconds all that can still run takes, at least and at most; None if that is not known.

    Args:
        graph: The session's graph.
        state: Its state.
        usual: How long phases take.
        now: Seconds on the session's clock.
        slots: Most phases that run at once.
    """
    known: dict[int, tuple[float, float]] = {}

    def left(i: int, which: int) -> float:
        if i not in known:
            found = time_left(state.phases[i], usual.get(graph.names[i]), now)
            if found is None:
                raise _UnknownError
            known[i] = found
        return known[i][which]

    try:
        low, high = (play(_begin(graph, state), slots, lambda i, w=which: left(i, w)) for which in (0, 1))  # type: ignore[misc]
    except _UnknownError:
        return None
    return low, high


def time_left(phase: PhaseStatus, usual: Range | None, now: float) -> tuple[float, float] | None:
    """Return how many seconds a phase still takes, at least and at most; None if that is not known."""
    taken = max(now - phase.started_at, 0.0) if phase.status == "running" else 0.0
    if phase.status == "running" and phase.fraction >= TELLS_ENOUGH:
        expected = taken * (1 - min(phase.fraction, 1.0)) / phase.fraction
        return expected * (1 - SPREAD), expected * (1 + SPREAD)
    if usual is None:
        return None
    # What takes longer than ever before is not over at once: how much longer, nobody knows.
    return max(usual.low - taken, 0.0), max(usual.high - taken, taken * SPREAD)


def play(frontier: Frontier, slots: int, left: Callable[[int], float]) -> float:
    """Return how long it takes until nothing more can start and nothing runs, if each phase takes what `left` says."""
    at = 0.0
    ends = [(left(i), i) for i in frontier.running]
    heapify(ends)
    while True:
        while (i := frontier.take(slots)) is not None:
            heappush(ends, (at + left(i), i))
        if not ends:
            return at
        at, i = heappop(ends)
        frontier.done(i)


def _begin(graph: PhaseGraph, state: PipelineState) -> Frontier:
    """Return where a session stands, with what waits for its next try taken as ready."""
    frontier = Frontier.from_state(graph, state)
    for i in tuple(frontier.waiting):
        frontier.due(i)
    return frontier


class _UnknownError(Exception):
    """Of some phase that will run nobody knows how long it takes."""
