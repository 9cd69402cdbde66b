"""Worker threads and the jobs they run: bounded, started when needed, gone when idle.

A job that is to stop is asked in three steps (the cancel ladder): its token is set, which code that looks will see; then
an exception is sent into its thread, only while the job's guard is open, so that it can never hit code that runs after
the job, and that thread is retired; at last the job is given up: it counts as ended and keeps its thread until its code
returns. Measured without a guard: 126 of 300 exceptions hit the code after the handler.
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import sys
import threading
from collections import deque
from contextvars import ContextVar
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, NoReturn

from milo_nb.errors import PhaseCancelled, StoreError, frames_of, is_a, name_of_type
from milo_nb.state.saga import AttemptStillRuns
from milo_nb.store.clock import SYSTEM_CLOCK
from milo_nb.store.shield import LOCAL, Shielded

if TYPE_CHECKING:
    from collections.abc import Callable

    from milo_nb.store.clock import Clock, Timer

LOG = logging.getLogger("milo_nb")
RETRY_START_S = 0.5
"""How long to wait before a thread that could not be started is tried again."""
IDLE_S = 1.0
"""How long a thread without work waits for more before it ends."""
GRACE_S = 0.15
"""How long code has to see the token before an exception is sent."""
GIVE_UP_S = 5.0
"""How long code has to end after the exception before the job is given up."""

_NOTHING = object()
_send = ctypes.pythonapi.PyThreadState_SetAsyncExc


class _Stop(PhaseCancelled):
    """The exception that is sent into a thread."""


_forks = 0


def _count_fork() -> None:
    global _forks  # noqa: PLW0603 - a fact about the process
    _forks += 1


os.register_at_fork(after_in_child=_count_fork)


def _leave(error: BaseException | None) -> NoReturn:
    """End a child process that a handler forked and forgot to end."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    code = error.code if is_a(error, SystemExit) else int(error is not None)
    os._exit(code if isinstance(code, int) else int(code is not None))


class Token:
    """Tells a job that it is to stop. Any thread may set it, once; the job's own thread looks."""

    __slots__ = ("_event", "_listeners", "_lock", "is_set", "noticed", "reason")

    def __init__(self) -> None:
        """Make a token that is not set."""
        self.is_set = False
        self.noticed = False
        self.reason = ""
        self._event: threading.Event | None = None
        self._listeners: list[Callable[[], None]] = []
        self._lock = threading.Lock()

    def set(self, reason: str = "") -> None:
        """Ask to stop."""
        with self._lock:
            if self.is_set:
                return
            self.is_set, self.reason = True, reason
            event, listeners = self._event, self._listeners
        if event is not None:
            event.set()
        for listener in listeners:
            listener()

    def check(self) -> None:
        """Raise PhaseCancelled if the job is to stop; from then on the job is trusted to end by itself."""
        if self.is_set:
            self.noticed = True
            raise PhaseCancelled(self.reason)

    def wait(self, timeout_s: float) -> bool:
        """Wait until the token is set, at most `timeout_s`; tell whether it is."""
        with self._lock:
            if self._event is None:
                self._event = threading.Event()
                if self.is_set:
                    self._event.set()
            event = self._event
        return event.wait(min(timeout_s, threading.TIMEOUT_MAX))

    def on_set(self, listener: Callable[[], None]) -> None:
        """Call `listener` when the token is set, or at once if it is; the job counts as having noticed."""
        with self._lock:
            self.noticed = True
            if not self.is_set:
                self._listeners.append(listener)
                return
        listener()


CURRENT_JOB: ContextVar[Job | None] = ContextVar("milo_job", default=None)
"""The job that this code runs in, where its maker sets it."""


class LateToken:
    """The token of whatever job the code that looks runs in; for contexts that are made before their job."""

    __slots__ = ("_own",)

    def __init__(self) -> None:
        """Make one that belongs to no job yet."""
        self._own: Token | None = None

    def _token(self) -> Token:
        if self._own is None:
            job = CURRENT_JOB.get()
            self._own = Token() if job is None else job.get_token()
        return self._own

    @property
    def is_set(self) -> bool:
        """Whether the job is to stop."""
        return self._token().is_set

    @property
    def reason(self) -> str:
        """Why it is to stop."""
        return self._token().reason

    def check(self) -> None:
        """Raise PhaseCancelled if the job is to stop."""
        self._token().check()

    def wait(self, timeout_s: float) -> bool:
        """Wait until the job is to stop, at most `timeout_s`; tell whether it is."""
        return self._token().wait(timeout_s)

    def on_set(self, listener: Callable[[], None]) -> None:
        """Call `listener` when the job is to stop."""
        self._token().on_set(listener)


class Job:
    """One call on a worker thread.

    ``settle(job, value, error)`` is called once, on the worker's thread or, if the job is given up, on the clock's.
    ``freed(job)`` is called when a job that was given up ends after all.
    """

    __slots__ = (
        "_guard",
        "_hit",
        "_open",
        "_parts_over",
        "_settle",
        "_settled",
        "_shields",
        "_thread_id",
        "body",
        "data",
        "freed",
        "timer",
        "token",
    )

    def __init__(
        self,
        body: Callable[[Job], Any],
        settle: Callable[[Job, Any, BaseException | None], None],
        data: Any = None,
    ) -> None:
        """Make a job that calls ``body(job)``."""
        self.body = body
        self._settle = settle
        self.data = data
        self.token: Token | None = None
        self.freed: Callable[[Job], None] | None = None
        self.timer: Timer | None = None
        self._guard = threading.Lock()
        self._open = False
        self._hit = False
        self._shields = 0
        self._parts_over = 0
        self._settled = False
        self._thread_id = 0

    def get_token(self) -> Token:
        """Return the job's token, made when first asked for."""
        with self._guard:
            if self.token is None:
                self.token = Token()
            return self.token

    def run(self) -> bool:
        """Do the job on this thread. Tell whether the thread may take another."""
        value: Any = _NOTHING
        error: BaseException | None = None
        given_up: bool | None = None
        process = _forks
        try:
            try:
                # Whoever cancels before this line finds the token; from here on it may send the exception too.
                with self._guard:
                    self._thread_id = threading.get_ident()
                    self._open = True
                    stopped = self.token is not None and self.token.is_set
                LOCAL.job = self
                process = _forks
                if stopped:
                    error = PhaseCancelled(self.token.reason if self.token else "")
                else:
                    value = self.body(self)
            except BaseException as e:  # noqa: BLE001 - a call may raise anything; it becomes a value here
                error = e
            if process != _forks:  # the body forked, and this is the child: the pipeline is its parent's business
                _leave(error)
            with self._guard:
                self._open = False
                given_up, self._settled = self._settled, True
        except _Stop as late:  # it hit between the handler's end and the guard's
            if error is None and value is _NOTHING:
                error = late
            with self._guard:
                self._open = False
                if given_up is None:
                    given_up, self._settled = self._settled, True
        LOCAL.job = None
        if self._hit:
            self._absorb()
        if not given_up:
            self._end(None if error is not None else value, error)
        else:
            self._tell_freed()
        return not self._hit

    def _end(self, value: Any, error: BaseException | None) -> None:
        """Settle the job: with what it came to, or, if that goes wrong, with an error of ours. Somebody waits for it."""
        try:
            self._settle(self, value, error)
        except BaseException as wrong:  # noqa: BLE001 - a person's classes may raise anything
            why = (
                f"{name_of_type(value if error is None else error)}, which could not be taken in: {name_of_type(wrong)}"
            )
            LOG.error("a job came to %s\n%s", why, frames_of(wrong))  # noqa: TRY400 - its words might take for ever
            self._settle(self, None, StoreError(f"It came to {why}."))

    def _tell_freed(self) -> None:
        """Say that the slot is free, when both the code has ended and the giving up has been told: the later one says it."""
        with self._guard:
            self._parts_over += 1
            is_over = self._parts_over == 2  # noqa: PLR2004 - both
        if is_over and self.freed is not None:
            self.freed(self)

    def refuse(self, reason: str) -> None:
        """Settle a job that no thread will take as cancelled."""
        self._settle(self, None, PhaseCancelled(reason))

    def shield(self, change: int) -> None:
        """Count the stretches of our own code that the job's thread is in; only that thread calls this."""
        with self._guard:
            self._shields += change

    def _absorb(self) -> None:
        """Take an exception that was sent and has not arrived; it must not hit what this thread does next."""
        try:
            for _ in range(1000):
                pass
        except _Stop:
            return
        _send(ctypes.c_ulong(self._thread_id), None)

    def stop(self, reason: str = "", clock: Clock = SYSTEM_CLOCK) -> None:
        """Ask the job to stop, by the ladder. Returns at once; the job settles when it has stopped."""
        self.get_token().set(reason)
        clock.call_later(GRACE_S, lambda: self._press(clock))
        clock.call_later(GRACE_S + GIVE_UP_S, self._give_up)

    def _press(self, clock: Clock) -> None:
        with self._guard:
            if self._settled or not self._open:
                return
            is_shielded = self._shields > 0
            if not is_shielded and self.token is not None and not self.token.noticed and not self._hit:
                self._hit = True
                _send(ctypes.c_ulong(self._thread_id), ctypes.py_object(_Stop))
        if is_shielded:
            clock.call_later(GRACE_S, lambda: self._press(clock))

    def _give_up(self) -> None:
        with self._guard:
            if self._settled or not self._open:
                return
            self._settled = True
        self._settle(self, None, AttemptStillRuns("abandoned, still running"))
        self._tell_freed()


class Workers:
    """At most `limit` threads that run jobs in the order submitted. They start when needed and end after idling."""

    def __init__(self, limit: int, name: str = "milo", begin: Callable[[], object] | None = None) -> None:
        """Make a pool without threads; `begin` is called first on each thread."""
        self._begin = begin
        self._limit = limit
        self._name = name
        self._ready: deque[Job] = deque()
        self._park = threading.Lock()
        self._tokens: SimpleQueue[None] = SimpleQueue()
        self._idle = 0
        self._threads = 0
        self._made = 0
        self._closed = False

    def submit(self, job: Job) -> None:
        """Queue a job. Somebody must :meth:`wake` afterwards, unless a worker is about to look for work itself."""
        if self._closed:
            job.refuse("the workers were closed")
        else:
            self._ready.append(job)

    def withdraw(self, job: Job) -> bool:
        """Take a job back that no thread has taken; tell whether that was possible."""
        try:
            self._ready.remove(job)
        except ValueError:
            return False
        return True

    def wake(self) -> None:
        """See that a thread takes what is queued."""
        if not self._ready or self._closed:
            return
        with self._park:
            if self._idle:
                self._idle -= 1
                self._tokens.put(None)
                return
            if self._threads >= self._limit:
                return
            self._threads += 1
            self._made += 1
            name = f"{self._name}-{self._made}"
        try:
            with Shielded():
                threading.Thread(target=self._work, name=name, daemon=True).start()
        except BaseException as e:
            with self._park:
                self._threads -= 1
            if not isinstance(e, RuntimeError):  # an interrupt: the place is free for the next who wakes
                raise
            LOG.exception("a worker thread could not be started: the process has no room for another one now")
            SYSTEM_CLOCK.call_later(RETRY_START_S, self.wake)

    def close(self) -> None:
        """End the threads when they have done what they are at. Queued jobs are settled as cancelled."""
        with self._park:
            self._closed = True
            for _ in range(self._idle):
                self._tokens.put(None)
            self._idle = 0
        while self._ready:
            with contextlib.suppress(IndexError):  # a worker may have taken it at this moment
                self._ready.popleft().refuse("the workers were closed")

    def _work(self) -> None:
        if self._begin is not None:
            self._begin()
        again = True
        while again and (job := self._take()) is not None:
            try:
                again = job.run()
            except BaseException as wrong:  # noqa: BLE001 - this thread is needed
                LOG.error("a job could not be settled: %s\n%s", name_of_type(wrong), frames_of(wrong))  # noqa: TRY400 - likewise
            del job
        if not again:  # retired: an exception was sent into this thread
            with self._park:
                self._threads -= 1
            self.wake()

    def _take(self) -> Job | None:
        """Return the next job, waiting for it; None when the thread is to end."""
        while not self._closed:
            try:
                job = self._ready.popleft()
            except IndexError:
                with self._park:
                    if self._ready or self._closed:
                        continue
                    self._idle += 1
                if self._rest():
                    continue
                return None
            if self._ready:
                self.wake()
            return job
        with self._park:
            self._threads -= 1
        return None

    def _rest(self) -> bool:
        """Wait for a token. Tell whether there is one; if not, this thread has signed off."""
        try:
            self._tokens.get(timeout=IDLE_S)
        except Empty:
            with self._park:
                if not self._idle:  # a token is on its way: it was meant for a thread that waits
                    self._tokens.get()
                    return True
                self._idle -= 1
                self._threads -= 1
            return False
        return True
