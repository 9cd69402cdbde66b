"""The values that phases are skipped with: written before it is certain that they are skipped, and kept when they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from milo_nb.errors import name_of_type

if TYPE_CHECKING:
    from collections.abc import Mapping

    from milo_nb.execute.keeping import Keeper
    from milo_nb.execute.session import Session
    from milo_nb.persist.results import Staged
    from milo_nb.state.commands import Command
    from milo_nb.state.model import PhaseStatus

    Waiting = dict[tuple[str, int], Staged]


class SkippedValues:
    """What the phases of one session are skipped with, on disk."""

    def __init__(self, session: Session) -> None:
        """Begin with none."""
        self._session = session
        self._given: dict[tuple[str, int], str] = {}  # the signature of what an attempt was skipped with; "" for none

    def write(self, keeper: Keeper, name: str, attempt: int, value: Any, waiting: Waiting) -> None:
        """Write a value to `waiting`, None like any other: that is what a person decided on."""
        graph, facts = self._session.graph, {"type": name_of_type(value)}
        if refused := keeper.stage(name, attempt, value, facts, waiting=waiting):
            self._session.logs.say(graph.phases[graph.index[name]], attempt, f"not saved: {refused}")

    def stage(self, command: Command) -> Waiting:
        """Write the value that a command gives; return what was written, for :meth:`accept` or :meth:`drop`."""
        staged: Waiting = {}
        keeper = self._session.disk.keeper
        if command.word == "skip" and keeper is not None:
            graph, phases = self._session.graph, self._session.state.phases
            for name in command.phases:
                self.write(keeper, name, phases[graph.index[name]].attempt, command.value, staged)
        return staged

    def accept(self, command: Command, staged: Waiting) -> bool:
        """Have what was written kept when phases are skipped, in place of what earlier skips gave. Under the baton.

        Returns: Whether it was written for the attempts that phases are at; if not, nothing has happened.
        """
        recorder = self._session.disk.recorder
        if command.word != "skip" or recorder is None:
            return True
        graph, phases = self._session.graph, self._session.state.phases
        if any(phases[graph.index[name]].attempt != attempt for name, attempt in staged):
            return False
        for name in command.phases:
            attempt = phases[graph.index[name]].attempt
            recorder.unstage(name, attempt, is_substitute=True)  # of a skip that came too late
            one = staged.get((name, attempt))
            self._given[name, attempt] = "" if one is None else one.seal.mac
        recorder.substitutes.update(staged)
        return True

    def drop(self, staged: Waiting) -> None:
        """Let go of what was written for a command that was refused."""
        keeper = self._session.disk.keeper
        if keeper is not None:
            for one in staged.values():
                keeper.results.drop(one)

    def is_replaced(self, phase: PhaseStatus, record: Mapping[str, Any]) -> bool:
        """Tell whether a saved result is what a phase had before it was skipped."""
        wanted = self._given.get((phase.name, phase.attempt)) if phase.status == "skipped" else None
        return wanted is not None and wanted != record["mac"]
