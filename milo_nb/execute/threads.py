"""The threads backend: handlers run on worker threads of this process and share its objects."""

from __future__ import annotations

import pickle
import threading
from contextvars import Context
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from milo_nb.capture.router import CURRENT_SINK, Sink
from milo_nb.errors import PhaseCancelled, is_a
from milo_nb.execute.backend import Cancelled, Failed, Outcome, make_ok
from milo_nb.execute.invoke import PhaseContext, call_handler, finish_call
from milo_nb.state.record import constructor
from milo_nb.state.saga import AttemptStillRuns
from milo_nb.store.workers import Job, Workers

if TYPE_CHECKING:
    from pathlib import Path

    from milo_nb.execute.backend import Emit, PhaseCall
    from milo_nb.store.clock import Clock


@dataclass(slots=True)
class LocalRef:
    """A result in this process."""

    native: Any

    def load(self) -> Any:
        """Return the value itself."""
        return self.native

    def persist(self, path: Path) -> int:
        """Pickle the value to `path` and return the file's size."""
        with path.open("wb") as file:
            pickle.dump(self.native, file, protocol=5)
            return file.tell()


make_local_ref = constructor(LocalRef)


class ThreadHandle(Job):
    """A call on a worker thread."""

    __slots__ = ("_clock", "_done", "_workers", "call", "emit", "outcome", "sink", "task")

    def __init__(self, call: PhaseCall, emit: Emit, workers: Workers, clock: Clock) -> None:
        """Make the handle of a call that is about to be queued."""
        super().__init__(_run, _settled)  # type: ignore[arg-type]  # it is only ever given this job
        self.call = call
        self.emit = emit
        self.outcome: Outcome | None = None
        self.sink: Sink | None = None
        self._clock = clock
        self._workers = workers
        self._done: threading.Event | None = None

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until there is an outcome."""
        if self.outcome is None:
            if self._done is None:
                self._done = threading.Event()
            if self.outcome is None:
                return self._done.wait(timeout)
        return True

    def cancel(self) -> None:
        """Ask the call to stop; one that has not begun ends at once."""
        if self._workers.withdraw(self):
            _settled(self, None, PhaseCancelled())
        else:
            self.stop("", self._clock)


class ThreadsBackend:
    """Runs calls on the worker threads that it is given."""

    name = "threads"
    abilities = frozenset({"shares_objects"})

    def __init__(self, workers: Workers, clock: Clock) -> None:
        """Make a backend on `workers`, which whoever made them closes."""
        self._workers = workers
        self._clock = clock

    def open(self) -> None:
        """Nothing to make ready: threads start when needed."""

    def close(self) -> None:
        """Nothing to let go: threads end when idle."""

    def submit(self, call: PhaseCall, emit: Emit) -> ThreadHandle:
        """Queue a call; the loop that called this wakes a worker."""
        handle = ThreadHandle(call, emit, self._workers, self._clock)
        self._workers.submit(handle)
        return handle


def _run(job: ThreadHandle) -> Any:
    return job.call.run.context.copy().run(_in_context, job)


def _in_context(job: ThreadHandle) -> Any:
    call = job.call
    if call.run.capture:
        sink = job.sink = Sink(job.emit.lines, call.run.now, job.emit.output, job.emit.progress)
        CURRENT_SINK.enter(sink)
    if call.bind is None:
        phase = call.phase
        value = phase.handler()
        if phase.validate is None and (value is None or not hasattr(value, "__await__")):
            return value
        return finish_call(phase, call.attempt, value, job.get_token)
    args, kwargs = call.bind(partial(_make_ctx, job))
    return call_handler(call.phase, call.attempt, args, kwargs, job.get_token)


def _make_ctx(job: ThreadHandle) -> PhaseContext:
    call = job.call
    return PhaseContext(
        call.phase.name,
        call.attempt,
        call.run.params,
        token=job.get_token(),
        progress=job.emit.progress,
        work_dir=call.run.work_dir,
        now=call.run.now,
        later=call.run.later,
    )


def _put_in_words(job: ThreadHandle, error: BaseException) -> None:
    """Ask a person's exception for its words, as long as what it prints is the attempt's."""
    from milo_nb.execute.wording import put_in_words  # noqa: PLC0415 - what never fails need not load it

    context = None
    if job.sink is not None:
        context = Context()
        context.run(CURRENT_SINK.set, job.sink)
    put_in_words(error, context)


def _settled(job: ThreadHandle, value: Any, error: BaseException | None) -> None:
    if error is not None and not is_a(error, AttemptStillRuns, PhaseCancelled):
        _put_in_words(job, error)
    if job.sink is not None:
        job.sink.close()
    outcome: Outcome
    if error is None:
        outcome = make_ok(make_local_ref(value))
    elif is_a(error, AttemptStillRuns):
        outcome = Cancelled(still_runs=True)
        job.freed = lambda _: job.emit.freed()
    elif is_a(error, PhaseCancelled):
        outcome = Cancelled()
    else:
        outcome = Failed(error)
    job.outcome = outcome
    if job._done is not None:  # noqa: SLF001 - the handle's own
        job._done.set()  # noqa: SLF001
    job.emit.settled(job, outcome)
