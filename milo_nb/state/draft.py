"""A PipelineState being changed: collects what a batch of actions changes and makes one new state of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from milo_nb.state.model import (
    NOT_SAVED,
    AttemptRecord,
    PhaseStatus,
    PipelineState,
    make_pipeline_state,
)
from milo_nb.state.table import LEAF_BITS, MASK, Table

if TYPE_CHECKING:
    from collections.abc import Iterator


class Draft:
    """What will be the next state. Lives for one batch in one thread; the state it began with is never touched.

    Attributes:
        state: All that changes seldom, as it is now.
        running: Names of the running phases as keys, in the order they started.
        done_weight: Weight of what is completed or skipped.
        progress: That as a share of the total.
        time: Time of the latest action that changed something; 0 before.
    """

    __slots__ = ("_changed", "_leaves", "_table", "done_weight", "progress", "running", "state", "time")

    def __init__(self, state: PipelineState) -> None:
        """Begin with `state`."""
        self._changed = False
        self.time = 0.0
        self._load(state)

    def _load(self, state: PipelineState) -> None:
        self.state = state
        phases = state.phases
        # A state that somebody built by hand may hold a tuple.
        self._table: Table[PhaseStatus] = phases if type(phases) is Table else Table(phases)
        self._leaves: dict[int, list[PhaseStatus]] = {}
        self.running: dict[str, None] = dict.fromkeys(state.running)
        self.done_weight = state.done_weight
        self.progress = state.progress

    def restart(self, initial: PipelineState) -> None:
        """Begin anew with `initial`; remembers the commands, so that a repeated one still changes nothing."""
        self._load(replace(initial, commands=self.state.commands))
        self._changed = True
        self.time = 0.0

    # ------------------------------------------------------------------ phases

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

    def change(self, i: int, **fields: Any) -> None:
        """Set some fields of the phase at position `i`."""
        self.put(i, replace(self.phase(i), **fields))

    def record(self, old: PhaseStatus, t: float) -> tuple[AttemptRecord, ...]:
        """Return the history of a phase with the attempt it is at added, which ends now if it has not."""
        if old.status == "pending":
            return old.history
        status = "failed" if old.status in ("running", "retrying") else old.status
        elapsed = t - old.started_at if old.status == "running" else old.elapsed
        last = AttemptRecord(old.attempt, status, old.started_at, elapsed, old.error, old.error_type)
        return (*old.history, last)

    def stop_running(self, name: str) -> None:
        """Take a phase out of those that run."""
        self.running.pop(name, None)

    def add_done(self, weight: float, total: float) -> None:
        """Count a weight as done."""
        self.done_weight += weight
        self.progress = self.done_weight / total if total else 1.0

    # ------------------------------------------------------------------ the whole

    def set(self, t: float, **fields: Any) -> None:
        """Set some fields of the whole state, at time `t`."""
        self.touch(t)
        self.state = replace(self.state, **fields)
        self._changed = True

    def touch(self, t: float) -> None:
        """Bring ``elapsed`` up to time `t`, while the session is active."""
        self.time = t

    def end(self, status: str, t: float) -> None:
        """End or pause the session."""
        self.settle(t)
        waiting_for = self.state.waiting_for if status == "paused" else ""
        stopped_at = self.state.stopped_at or t
        self.set(t, status=status, requested="", waiting_for=waiting_for, stopped_at=stopped_at)

    def activate(self, t: float) -> None:
        """Let a session that ended or paused go on; the time in between does not count, nor why it was cancelled."""
        old = self.state
        if old.status == "cancelled" and not old.notice.lower().startswith(NOT_SAVED):
            self.set(t, notice="")
        idle = self.state.idle + (t - self.state.stopped_at if self.state.stopped_at else 0.0)
        self.set(t, status="running", halted=False, stopped_at=0.0, idle=idle)

    def settle(self, t: float) -> None:
        """Fix ``elapsed`` as it is at time `t`."""
        self.state = replace(self.state, elapsed=self._elapsed(t))

    def _elapsed(self, t: float) -> float:
        state = self.state
        if state.stopped_at or state.status == "pending" or not t:
            return state.elapsed
        return max(t - state.started_at - state.idle, state.elapsed)

    def finish(self) -> PipelineState:
        """Return the new state, or the old one if nothing changed."""
        leaves, old, running = self._leaves, self.state, tuple(self.running)
        if not leaves and not self._changed and not self.time:
            return old
        return make_pipeline_state(
            old.name, self._table.replace_leaves(leaves) if leaves else self._table, running[-1] if running else "",
            old.started_at, self._elapsed(self.time), self.progress, old.status, old.requested, old.waiting_for,
            old.session_id, old.stopped_at, old.idle, old.halted, self.done_weight, running, old.notice, old.commands,
        )  # fmt: skip
