"""Which phases are done, running and ready. Derived from State alone; kept up incrementally while a saga runs.

Law: after any history, the frontier kept up step by step equals ``Frontier.from_state`` of the state it led to.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TYPE_CHECKING

from milo_nb.state.model import DONE

if TYPE_CHECKING:
    from milo_nb.declare.graph import PhaseGraph
    from milo_nb.state.model import PipelineState


class Frontier:
    """The edge between what is done and what is to come. Phases are positions in execution order.

    Attributes:
        running: Phases that hold a slot.
        waiting: Phases between two tries.
        held: Slots held by code that would not stop.
    """

    __slots__ = ("_graph", "_left", "_missing", "_open", "_ready", "held", "running", "waiting")

    def __init__(self, graph: PhaseGraph) -> None:
        """Begin with nothing done."""
        self._graph = graph
        self._missing = list(map(len, graph.depends_on))
        self._left = len(graph)
        self._open = bytearray(b"\x01") * len(graph)
        self._ready = [i for i, count in enumerate(self._missing) if not count]
        self.running: set[int] = set()
        self.waiting: set[int] = set()
        self.held = 0

    @classmethod
    def from_state(
        cls, graph: PhaseGraph, state: PipelineState, *, held: int = 0, only: tuple[str, ...] = ()
    ) -> Frontier:
        """Return the frontier that `state` stands at; nothing but `only` may start, if any are named."""
        frontier = cls(graph)
        frontier.held = held
        missing, is_open, dependants = frontier._missing, frontier._open, graph.dependants
        for i, phase in enumerate(state.phases):
            status = phase.status
            if status != "pending":
                is_open[i] = 0
                if status in DONE:
                    frontier._left -= 1
                    for k in dependants[i]:
                        missing[k] -= 1
                elif status == "running":
                    frontier.running.add(i)
                elif status == "retrying":
                    frontier.waiting.add(i)
        if only:
            wanted = {graph.index[name] for name in only}
            for i in range(len(graph)):
                is_open[i] &= i in wanted
        frontier._ready = [i for i, count in enumerate(missing) if not count and is_open[i]]
        return frontier

    def take(self, slots: int) -> int | None:
        """Return the next phase to start and count it as running, or None if none may start now.

        Ready phases are taken in execution order. One that is not parallel runs alone: at the head of the ready ones it
        holds back all later starts until what runs has ended, so it cannot starve.

        Args:
            slots: Most phases that may run at once.
        """
        ready, running = self._ready, self.running
        while ready and not self._open[ready[0]]:
            heappop(ready)
        if not ready or len(running) + self.held >= slots:
            return None
        head = ready[0]
        if running:
            parallel = self._graph.parallel
            if not parallel[head]:
                return None
            if not parallel[next(iter(running))]:  # what must be alone is the only one that runs
                return None
        heappop(ready)
        self._open[head] = 0
        running.add(head)
        return head

    def done(self, i: int) -> None:
        """Phase `i` was completed or skipped: what waited only for it is ready now."""
        self.running.discard(i)
        self.waiting.discard(i)
        self._open[i] = 0
        self._left -= 1
        missing, is_open = self._missing, self._open
        for k in self._graph.dependants[i]:
            missing[k] -= 1
            if not missing[k] and is_open[k]:
                heappush(self._ready, k)

    def stopped(self, i: int) -> None:
        """Phase `i` failed or was cancelled: what waits for it goes on waiting."""
        self.running.discard(i)
        self.waiting.discard(i)
        self._open[i] = 0

    def delayed(self, i: int) -> None:
        """Phase `i` gives its slot back until it is tried again."""
        self.running.discard(i)
        self.waiting.add(i)

    def due(self, i: int) -> None:
        """The delay of phase `i` is over: it takes its place among the ready ones."""
        self.waiting.discard(i)
        self._open[i] = 1
        heappush(self._ready, i)

    def resumed(self, i: int) -> None:
        """Phase `i` is tried again at once, without giving its place to another."""
        self.waiting.discard(i)
        self.running.add(i)

    def ready(self) -> list[int]:
        """Return the ready phases in execution order."""
        return sorted({i for i in self._ready if self._open[i]})

    def is_open(self, i: int) -> bool:
        """Tell whether phase `i` has not started."""
        return bool(self._open[i])

    def all_done(self) -> bool:
        """Tell whether every phase was completed or skipped."""
        return not self._left

    def has_ready(self) -> bool:
        """Tell whether a phase is ready."""
        ready = self._ready
        while ready and not self._open[ready[0]]:
            heappop(ready)
        return bool(ready)

    def __eq__(self, other: object) -> bool:
        """Compare what is ready, running, waiting and still to come."""
        if not isinstance(other, Frontier):
            return NotImplemented
        return self._key() == other._key()

    __hash__ = None  # type: ignore[assignment]  # it changes

    def _key(self) -> tuple[object, ...]:
        return (self.ready(), self.running, self.waiting, self.held, self._left, self._missing, bytes(self._open))
