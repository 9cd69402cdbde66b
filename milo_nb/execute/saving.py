"""Saving results takes as long as it takes: what takes long is shown as such, and can be cancelled like the phase itself.

A result is saved on the thread that made it, after the cancel ladder has let go of that thread: so a person's object that
never ends being pickled is given up. Its phase counts as cancelled then, and keeps its slot until the thread comes back.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final

from milo_nb.state import actions as a
from milo_nb.state.actions import Action
from milo_nb.state.saga import AttemptStillRuns
from milo_nb.store import workers

if TYPE_CHECKING:
    from collections.abc import Callable

    from milo_nb.declare.phase import Phase
    from milo_nb.execute.backend import Handle, Outcome
    from milo_nb.execute.checkpoint import Checkpoint
    from milo_nb.execute.session import Session
    from milo_nb.state.saga import Reference
    from milo_nb.store.clock import Clock
    from milo_nb.store.task import Task

SHOWN_S: Final = 0.5
"""How long saving may take before it is shown."""
GIVEN_UP: Final = "saving its result did not end: it was given up, and is not saved"


class Savings:
    """The results of one session that are being saved now. Any thread."""

    def __init__(self, clock: Clock, put: Callable[[Action], object]) -> None:
        """Tell by `put` of those that take long."""
        self.clock = clock
        self._put = put
        self._lock = threading.Lock()
        self._began: dict[SavedCall, float] = {}
        self._looks = False

    def begin(self, call: SavedCall) -> None:
        """Take note that a result is being saved."""
        with self._lock:
            self._began[call] = self.clock.now()
            if self._looks:
                return
            self._looks = True
        self.clock.call_later(SHOWN_S, self._look)

    def end(self, call: SavedCall) -> None:
        """Take note that it is not any more."""
        with self._lock:
            self._began.pop(call, None)

    def _look(self) -> None:
        now = self.clock.now()
        with self._lock:
            self._looks = bool(self._began)
            slow = [call for call, began in self._began.items() if now - began >= SHOWN_S]
        if self._looks:
            self.clock.call_later(SHOWN_S, self._look)
        for call in slow:
            self._put(Action(a.PHASE_PROGRESS, {"name": call.phase.name, "attempt": call.attempt, "message": "saving"}))


class SavedCall:
    """A call whose result is saved before it counts; the handle that the session's saga waits for."""

    __slots__ = (
        "_checkpoint",
        "_is_cancelled",
        "_is_given_up",
        "_is_over",
        "_is_saving",
        "_lock",
        "_session",
        "_task",
        "attempt",
        "inner",
        "outcome",
        "phase",
    )

    def __init__(self, session: Session, task: Task, phase: Phase, attempt: int, checkpoint: Checkpoint) -> None:
        """Make the handle of a call that is about to be submitted."""
        self._session = session
        self._task = task
        self._checkpoint = checkpoint
        self.phase = phase
        self.attempt = attempt
        self.inner: Handle | None = None
        self.outcome: Outcome | None = None  # of the handler, saved or not
        self._lock = threading.Lock()
        self._is_cancelled = self._is_saving = self._is_given_up = self._is_over = False

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the handler has ended; tell whether it has."""
        return self.outcome is not None or (self.inner is not None and self.inner.wait(timeout))

    def cancel(self) -> None:
        """Ask the handler to stop; if it has ended and its result is being saved, give that up after a while."""
        if self.inner is not None:
            self.inner.cancel()
        with self._lock:
            self._is_cancelled = True
            is_saving = self._is_saving
        if is_saving:
            self._give_up_later()

    def save(self, value: Any) -> tuple[bool, Reference | None]:
        """Save the result, on the thread that made it; tell whether it still matters, and what is to be said of it."""
        savings = self._session.disk.savings
        savings.begin(self)
        with self._lock:
            self._is_saving, is_cancelled = True, self._is_cancelled
        if is_cancelled:
            self._give_up_later()
        note = self._checkpoint.completed(value)
        with self._lock:
            self._is_over, given_up = True, self._is_given_up
        savings.end(self)
        if given_up:
            self._checkpoint.drop()
            self._session.slot_freed(self.phase.name)
        return not given_up, note

    def _give_up_later(self) -> None:
        self._session.disk.savings.clock.call_later(workers.GIVE_UP_S, self._give_up)

    def _give_up(self) -> None:
        with self._lock:
            if self._is_over or self._is_given_up:
                return
            self._is_given_up = True
        self._session.logs.say(self.phase, self.attempt, f"not saved: {GIVEN_UP}. The phase counts as cancelled.")
        self._session.store.loop.post(self._task, self, None, AttemptStillRuns(GIVEN_UP))
