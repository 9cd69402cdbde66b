"""A PipelineState being changed: collects what a batch of actions changes and makes one new state of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from milo_nb.state.model import (
    AttemptRecord,
    PhaseStatus,
    PipelineState,
    make_pipeline_state,
)
from milo_nb.state.table import LEAF_BITS, MASK, Table

if TYPE_CHECKING:
    from collections.abc import Iterator


class Draft:
    """What will be the next state. Lives for one batch in one thread; the state it began with is never touched."""

    __slots__ = (
        "_leaves",
        "_old",
        "_table",
        "changed",
        "commands",
        "done_weight",
        "elapsed",
        "halted",
        "idle",
        "notice",
        "progress",
        "requested",
        "running",
        "session_id",
        "started_at",
        "status",
        "stopped_at",
        "waiting_for",
    )

    def __init__(self, state: PipelineState) -> None:
        """Begin with `state`."""
        self._load(state)
        self.changed = False

    def _load(self, state: PipelineState) -> None:
        self._old = state
        phases = state.phases
        # A state that somebody built by hand may hold a tuple.
        self._table: Table[PhaseStatus] = phases if type(phases) is Table else Table(phases)
        self._leaves: dict[int, list[PhaseStatus]] = {}
        self.started_at = state.started_at
        self.elapsed = state.elapsed
        self.progress = state.progress
        self.status = state.status
        self.requested = state.requested
        self.waiting_for = state.waiting_for
        self.session_id = state.session_id
        self.stopped_at = state.stopped_at
        self.idle = state.idle
        self.halted = state.halted
        self.done_weight = state.done_weight
        self.running = state.running
        self.notice = state.notice
        self.commands = state.commands

    def restart(self, initial: PipelineState) -> None:
        """Begin anew with `initial`; remembers the commands, so that a repeated one still changes nothing."""
        commands = self.commands
        self._load(initial)
        self.commands = commands
        self.changed = True

    def phase(self, i: int) -> PhaseStatus:
        """Return the status of the phase at position `i` as it is now."""
        leaf = self._leaves.get(i >> LEAF_BITS)
        return self._table.leaves[i >> LEAF_BITS][i & MASK] if leaf is None else leaf[i & MASK]

    def phases(self) -> Iterator[PhaseStatus]:
        """Iterate over all phases as they are now."""
        return (self.phase(i) for i in range(len(self._table)))

    def put(self, i: int, status: PhaseStatus) -> None:
        """Set the status of the phase at position `i`."""
        k = i >> LEAF_BITS
        leaf = self._leaves.get(k)
        if leaf is None:
            leaf = self._leaves[k] = list(self._table.leaves[k])
        leaf[i & MASK] = status
        self.changed = True

    def change(self, i: int, **fields: Any) -> None:  # noqa: ANN401 - fields of PhaseStatus
        """Set some fields of the phase at position `i`."""
        self.put(i, replace(self.phase(i), **fields))

    def record(self, old: PhaseStatus, t: float, *, error: str | None = None) -> tuple[AttemptRecord, ...]:
        """Return the history of a phase with the attempt it is at added, which ends now if it has not."""
        if old.status == "pending":
            return old.history
        went_on = old.status == "running"
        status = "failed" if old.status in ("running", "retrying") else old.status
        elapsed = t - old.started_at if went_on else old.elapsed
        said = old.error if error is None else error
        return (*old.history, AttemptRecord(old.attempt, status, old.started_at, elapsed, said))

    def stop_running(self, name: str) -> None:
        """Take a phase out of those that run."""
        running = self.running
        if name in running:
            self.running = () if len(running) == 1 else tuple([n for n in running if n != name])

    def add_done(self, weight: float, total: float) -> None:
        """Count a weight as done."""
        self.done_weight += weight
        self.progress = self.done_weight / total if total else 1.0

    def touch(self, t: float) -> None:
        """Bring ``elapsed`` up to time `t`, while the session is active."""
        self.changed = True
        if not self.stopped_at and self.status != "pending":
            self.elapsed = max(t - self.started_at - self.idle, self.elapsed)

    def end(self, status: str, t: float) -> None:
        """End or pause the session."""
        self.touch(t)
        self.status = status
        self.requested = ""
        self.waiting_for = "" if status != "paused" else self.waiting_for
        self.stopped_at = self.stopped_at or t

    def activate(self, t: float) -> None:
        """Let a session that ended or paused go on; the time in between does not count."""
        if self.stopped_at:
            self.idle += t - self.stopped_at
            self.stopped_at = 0.0
        self.status = "running"
        self.halted = False
        self.touch(t)

    def finish(self) -> PipelineState:
        """Return the new state, or the old one if nothing changed."""
        old = self._old
        if not self.changed:
            return old
        phases = self._table.replace_leaves(self._leaves) if self._leaves else self._table
        running = self.running
        return make_pipeline_state(
            old.name, phases, running[-1] if running else "", self.started_at, self.elapsed, self.progress, self.status,
            self.requested, self.waiting_for, self.session_id, self.stopped_at, self.idle, self.halted,
            self.done_weight, running, self.notice, self.commands,
        )  # fmt: skip
