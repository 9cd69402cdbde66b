"""What stands on a value that a phase was skipped with: it shows on everything built on it, and never enters the cache."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from milo_nb.declare.graph import PhaseGraph
    from milo_nb.state.model import PipelineState


class Substitutes:
    """Which phases stand on a substitute, and on whose."""

    __slots__ = ("_depends_on", "_index", "_names")

    def __init__(self, graph: PhaseGraph, state: PipelineState) -> None:
        """Find them in a state."""
        self._index = graph.index
        self._depends_on = graph.depends_on
        self._names: dict[int, str] = {}
        for i, phase in enumerate(state.phases):
            if phase.status == "skipped" and phase.origin == "substitute":
                self._names[i] = phase.name
            elif phase.status == "completed":
                self.completed(i)

    def add(self, names: Iterable[str]) -> None:
        """Take note that phases were skipped with a value."""
        for name in names:
            self._names[self._index[name]] = name

    def completed(self, i: int) -> None:
        """Take note that the phase at position `i` has a result of its own, or one built on a substitute."""
        if not self._names:
            return
        self._names.pop(i, None)
        if name := self.below(i):
            self._names[i] = name

    def below(self, i: int) -> str:
        """Return whose substitute the phase at position `i` is built on; "" for none."""
        if not self._names:
            return ""
        return next((self._names[d] for d in self._depends_on[i] if d in self._names), "")
