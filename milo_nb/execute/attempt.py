"""One attempt of a phase, as its backend tells of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from milo_nb.capture.outputs import OutputBook
from milo_nb.errors import PhaseCancelled, PhaseError, PhaseLostError, PhaseTimeoutError, is_a
from milo_nb.execute.backend import Cancelled, Failed, Handle, Lost, Ok, Outcome
from milo_nb.execute.invoke import wrap
from milo_nb.execute.threads import LocalRef
from milo_nb.state import actions as a
from milo_nb.state.actions import Action
from milo_nb.state.saga import AttemptStillRuns

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from milo_nb.declare.phase import Phase
    from milo_nb.execute.checkpoint import Checkpoint
    from milo_nb.execute.keeping import Keeper
    from milo_nb.execute.saving import SavedCall
    from milo_nb.execute.session import Session
    from milo_nb.store.clock import Clock
    from milo_nb.store.task import Task


class Attempt:
    """One attempt, as its backend tells of it; puts what it hears into the store."""

    __slots__ = ("_attempt", "_checkpoint", "_i", "_phase", "_saved", "_session", "_task", "_timed_out", "_timer")

    def __init__(self, session: Session, task: Task, i: int, phase: Phase, attempt: int) -> None:
        """Make the listener of an attempt that is about to be submitted."""
        self._session = session
        self._task = task
        self._i = i
        self._attempt = attempt
        self._phase = phase
        self._timed_out = 0.0
        self._timer: Any = None
        self._checkpoint: Checkpoint | None = None
        self._saved: SavedCall | None = None

    def keep_with(self, keeper: Keeper) -> tuple[Phase, SavedCall]:
        """Have the attempt saved; return the phase as it is to be called, with the cache before it, and its handle."""
        from milo_nb.execute.checkpoint import Checkpoint  # noqa: PLC0415 - a session in memory needs none
        from milo_nb.execute.saving import SavedCall  # noqa: PLC0415 - as above

        checkpoint = Checkpoint(self._session, keeper, self._i, self._phase, self._attempt)
        self._checkpoint = checkpoint
        self._saved = SavedCall(self._session, self._task, self._phase, self._attempt, checkpoint)
        return checkpoint.cached(), self._saved

    def bind(self, make_ctx: Callable[[], Any]) -> tuple[tuple[Any, ...], Mapping[str, Any]]:
        """Return the handler's arguments. On the thread that calls it."""
        session = self._session
        if self._checkpoint is not None:
            self._checkpoint.prepare()
            make_ctx = self._checkpoint.with_work_dir(make_ctx)
        return session.binder.arguments(self._i, session.results, make_ctx)

    def lines(self, blocks: list[Any], late: bool) -> None:  # noqa: FBT001 - as capture emits them
        """Keep the lines, and put the last of them into the state."""
        self._session.logs.take(self._phase, self._attempt, blocks, late=late)

    def output(self, output: Any, late: bool) -> None:  # noqa: FBT001 - as capture emits it
        """Keep the display, and put its reference into the state; an update or a clear has none, but is told."""
        name = self._phase.name
        reference = self._session.outputs.setdefault(name, OutputBook(name)).add(output, self._attempt, late)
        if (displays := self._session.disk.displays) is not None:
            displays.changed(name)
        if not late:
            payload = {"name": name, "attempt": self._attempt}
            if reference is not None:
                payload["output"] = reference
            self._session.store.loop.dispatch(Action(a.PHASE_OUTPUT, payload))

    def progress(self, fraction: float, message: str) -> None:
        """Put the progress into the state."""
        payload = {"name": self._phase.name, "attempt": self._attempt, "fraction": fraction, "message": message}
        self._session.store.loop.dispatch(Action(a.PHASE_PROGRESS, payload))

    def limit(self, handle: Handle, timeout_s: float, clock: Clock) -> None:
        """Cancel the call when its time is over."""

        def stop() -> None:
            self._timed_out = timeout_s
            handle.cancel()

        self._timer = clock.call_later(timeout_s, stop)

    def settled(self, handle: Handle, outcome: Outcome) -> None:
        """Answer the saga."""
        loop = self._session.store.loop
        if self._saved is not None:
            self._saved.outcome = outcome
            self._saved.inner = None  # else both would wait for the garbage collector
        if self._timer is not None:
            self._timer.cancel()
        if type(outcome) is Ok:
            ref = outcome.ref
            value = ref.native if type(ref) is LocalRef else ref.load()
            if self._saved is None:
                loop.post_and_take(self._task, handle, value, None)
                return
            matters, note = self._saved.save(value)
            if note is not None and matters:
                self._session.notes[self._i] = note
            if matters:
                loop.post_and_take(self._task, self._saved, value, None)
            return
        if self._checkpoint is not None:
            self._checkpoint.abandoned()
        error = self._error(outcome)
        token = handle if self._saved is None else self._saved
        if isinstance(outcome, Cancelled):  # it may have been settled on a thread that takes no further job
            loop.post(self._task, token, None, error)
        else:
            loop.post_and_take(self._task, token, None, error)

    def _error(self, outcome: Outcome) -> BaseException:
        session, phase = self._session, self._phase
        error: BaseException
        match outcome:
            case Cancelled(still_runs) if self._timed_out:
                cause = TimeoutError(f"ran longer than {self._timed_out:g} s")
                error = PhaseTimeoutError(phase.name, self._attempt, cause)
                error.still_runs = still_runs  # type: ignore[attr-defined]  # read by the saga
            case Cancelled(still_runs):
                error = AttemptStillRuns("abandoned, still running") if still_runs else PhaseCancelled()
            case Lost(reason):
                error = PhaseLostError(phase.name, self._attempt, RuntimeError(reason))
            case Failed(raised):
                _put_in_words(raised)
                error = wrap(phase, self._attempt, raised, session.error_types)
            case Ok():
                raise AssertionError
        if is_a(error, PhaseError):
            session.errors[phase.name] = error
        return error

    def freed(self) -> None:
        """Tell the saga that a slot is free again."""
        self._session.slot_freed(self._phase.name)


def _put_in_words(raised: BaseException) -> None:
    """Ask an exception for its words here, where nobody waits for this thread, if its backend has not."""
    from milo_nb.execute.wording import put_in_words  # noqa: PLC0415 - what never fails need not load it

    put_in_words(raised)
