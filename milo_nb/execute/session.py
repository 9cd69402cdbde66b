"""One session: its store, its saga, its results and logs, on one backend. Headless; an executor holds it."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from contextvars import copy_context
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from milo_nb.capture import router as capture
from milo_nb.capture.logbook import LogBook
from milo_nb.errors import InvalidStateError, PhaseCancelled, PhaseLostError, PhaseTimeoutError
from milo_nb.execute.backend import Backend, Cancelled, Failed, Handle, Lost, Ok, Outcome, RunInfo, make_phase_call
from milo_nb.execute.invoke import Binder, wrap
from milo_nb.execute.lines import last_lines
from milo_nb.execute.threads import LocalRef, ThreadsBackend
from milo_nb.persist.workdir import make_run_dir
from milo_nb.state import actions as a
from milo_nb.state.actions import Action
from milo_nb.state.commands import Command, Commanded, SlotFreed
from milo_nb.state.effects import make_call
from milo_nb.state.model import ENDED, PipelineState
from milo_nb.state.plan import Evidence, Plan, plan
from milo_nb.state.reducer import PipelineReducer
from milo_nb.state.saga import AttemptStillRuns, Script, session_saga
from milo_nb.store.clock import SYSTEM_CLOCK, Clock
from milo_nb.store.store import Store, default_workers

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from milo_nb.declare.graph import PhaseGraph
    from milo_nb.declare.phase import Phase
    from milo_nb.errors import PhaseError
    from milo_nb.state.effects import Call
    from milo_nb.store.task import Task


_TURNS = frozenset({a.PIPELINE_START, a.PIPELINE_COMPLETE, a.PIPELINE_FAILED, a.PIPELINE_CANCELLED, a.PIPELINE_RESUMED, a.COMMAND})
"""Actions that may end a session, or let an ended one go on."""
_NO_KEYWORDS: Mapping[str, Any] = {}


class Session:
    """One execution of a pipeline.

    Attributes:
        id: Its UUID.
        store: Its state is a :class:`PipelineState`.
        results: Phase name to value.
        errors: Phase name to the error of its latest failed attempt.
        ended: Set while the session has ended.
        books: All lines of the phases that have any, by name.
    """

    def __init__(  # noqa: PLR0913 - what a session is made of
        self,
        name: str,
        graph: PhaseGraph,
        params: Mapping[str, Any],
        *,
        max_workers: int | None = None,
        work_dir: str | Path | None = None,
        capture_output: bool = True,
        fail_fast: bool = False,
        error_types: Mapping[str, type[PhaseError]] | None = None,
        backend: Backend | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        """Make a session that has not started.

        Raises:
            ParameterError: If the parameters do not fit what the phases ask for.
        """
        self.id = uuid4()
        self.name = name
        self.graph = graph
        self.params = dict(params)
        self.results: dict[str, Any] = {}
        self.errors: dict[str, PhaseError] = {}
        self.books: dict[str, LogBook] = {}
        self.ended = threading.Event()
        self.started_wall = 0.0
        self._clock = clock
        self._capture = capture_output
        self._captures = False
        self._error_types = dict(error_types or {})
        self._binder = Binder(graph, self.params)
        self._work_root = work_dir
        self._work_dir: Path | None = None
        self._lock = threading.Lock()
        self._run_info = RunInfo(self.params, self.work_dir, copy_context(), clock.now, capture_output)
        self._task: Task | None = None
        slots = default_workers() if max_workers is None else max_workers
        self._reducer = PipelineReducer(name, graph, fail_fast=fail_fast)
        self.store = Store(
            self._reducer, max_workers=slots, clock=clock, on_batch=self._on_batch, name=f"milo-{name}"
        )
        self._backend: Backend = backend or ThreadsBackend(self.store.workers, clock)
        self.store.loop.caller = self._call
        self._script = Script(
            graph,
            self._make_call,
            self._keep,
            self._reference,
            slots,
            fail_fast=fail_fast,
            commands=True,
            start={"session_id": str(self.id)},
        )

    # ------------------------------------------------------------------ from outside

    @property
    def state(self) -> PipelineState:
        """The state as it is now."""
        return self.store.state  # type: ignore[no-any-return]

    def is_running(self) -> bool:
        """Tell whether it has started and not ended."""
        return self._task is not None and not self.ended.is_set()

    def start(self) -> None:
        """Start; once."""
        with self._lock:
            if self._task is not None:
                raise InvalidStateError(f"The session has been started already: it is {self.state.status}.")
            self.started_wall = time.time()
            self._begin()
            self._backend.open()
            self._task = self.store.run_saga(session_saga(self._script))

    def close(self) -> None:
        """Cancel what runs and let go of threads and listeners."""
        if self.is_running() and not self.plan(Command("cancel")).refused:
            self.command(Command("cancel", by="close"))
        self._finish()
        self._backend.close()
        self.store.shutdown()

    def plan(self, command: Command) -> Plan:
        """Return what a command would do now."""
        return plan(command, self.graph, self.state, self.evidence())

    def evidence(self) -> Evidence:
        """Return what is known of the world."""
        needy = frozenset(n for i, n in enumerate(self.graph.names) if self.graph.depends_on[i])
        return Evidence(self._clock.now(), unsaved=needy if self._backend_shares() else frozenset())

    def command(self, command: Command) -> Plan:
        """Carry out a command.

        Raises:
            InvalidStateError: If it does not fit the state; nothing has happened.
        """
        with self.store.loop.hold():
            made = self.plan(command)
            if made.refused:
                raise InvalidStateError(made.refused)
            if self._task is None:
                self._before_start(command)
            else:
                if made.goes_on:
                    self._begin()
                self.store.loop.deliver(self._task, Commanded(command, made))
        return made

    def replace_graph(self, graph: PhaseGraph, edited: tuple[str, ...]) -> None:
        """Go on with other phases of the same names and dependencies; attempts that run keep the code they began with."""
        with self.store.loop.hold():
            self._binder = Binder(graph, self.params)
            self.graph = graph
            object.__setattr__(self._script, "graph", graph)
            self._reducer.adopt(graph)
            for name in edited:
                self.store.loop.put(Action(a.PHASE_EDITED, {"name": name}))

    def book(self, name: str) -> LogBook:
        """Return all lines of a phase."""
        book = self.books.get(name)
        if book is None:
            with self._lock:
                book = self.books.setdefault(name, LogBook())
        return book

    def work_dir(self) -> Path | None:
        """Return the directory for the phases' own files, made when first asked for."""
        if self._work_root is None:
            return None
        with self._lock:
            if self._work_dir is None:
                self._work_dir = make_run_dir(self._work_root, self.name, str(self.id), self.started_wall)
        return self._work_dir

    # ------------------------------------------------------------------ for the saga, under the baton

    def _make_call(self, i: int, attempt: int) -> Call:
        phase = self.graph.phases[i]
        return make_call(phase.handler, (), _NO_KEYWORDS, phase.name, attempt, phase.timeout)

    def _keep(self, i: int, value: Any) -> None:  # noqa: ANN401 - a reference, or a skip's value
        if type(value) is not LocalRef and hasattr(value, "native") and hasattr(value, "load"):
            value = value.load()
        self.results[self.graph.names[i]] = value.native if type(value) is LocalRef else value

    def _reference(self, i: int, attempt: int, value: Any) -> str:  # noqa: ANN401, ARG002
        return f"{self.graph.names[i]}.{attempt}"

    def _call(self, task: Task, effect: Call) -> Handle:
        i = self.graph.index[effect.phase]
        phase = self.graph.phases[i]
        attempt = Attempt(self, task, i, phase, effect.attempt)
        bind = None if self._binder.takes_nothing(i) else attempt.bind
        call = make_phase_call(phase, effect.attempt, bind, self._run_info)
        handle = self._backend.submit(call, attempt)
        if phase.timeout is not None:
            attempt.limit(handle, phase.timeout, self._clock)
        return handle

    def _on_batch(self, batch: list[Action]) -> None:
        for action in batch:
            if action.type in _TURNS:
                state = self.state
                ended = bool(state.stopped_at) and state.status in ENDED
                if ended != self.ended.is_set():
                    if ended:
                        self._finish()
                        self.ended.set()
                    else:
                        self.ended.clear()
                return

    def _before_start(self, command: Command) -> None:
        """Carry out a command on a session that has not started: there is no saga to do it."""
        if command.word != "skip":
            raise InvalidStateError("The session has not been started. Possible: start, skip.")
        for name in command.phases:
            self._keep(self.graph.index[name], command.value)
            reason = f"skipped by {command.by}"
            self.store.loop.put(Action(a.PHASE_SKIPPED, {"name": name, "reason": reason, "origin": "substitute"}))

    # ------------------------------------------------------------------ capture

    def _begin(self) -> None:
        if self._capture and not self._captures:
            self._captures = True
            capture.install()

    def _finish(self) -> None:
        if self._captures:
            self._captures = False
            capture.uninstall()

    def _backend_shares(self) -> bool:
        return "shares_objects" in self._backend.abilities


class Attempt:
    """One attempt, as its backend tells of it; puts what it hears into the store."""

    __slots__ = ("_attempt", "_i", "_phase", "_session", "_task", "_timer", "_timed_out")

    def __init__(self, session: Session, task: Task, i: int, phase: Phase, attempt: int) -> None:
        """Make the listener of an attempt that is about to be submitted."""
        self._session = session
        self._task = task
        self._i = i
        self._attempt = attempt
        self._phase = phase
        self._timed_out = 0.0
        self._timer: Any = None

    def bind(self, make_ctx: Callable[[], Any]) -> tuple[tuple[Any, ...], Mapping[str, Any]]:
        """Return the handler's arguments."""
        session = self._session
        return session._binder.arguments(self._i, session.results, make_ctx)  # noqa: SLF001 - one class in two halves

    def lines(self, blocks: list[Any], late: bool) -> None:  # noqa: FBT001 - as capture emits them
        """Keep the lines, and put the last of them into the state."""
        name = self._phase.name
        self._session.book(name).extend(blocks, late)
        if not late:
            payload = {"name": name, "attempt": self._attempt, **last_lines(blocks, self._phase.max_logs)}
            self._session.store.loop.dispatch(Action(a.PHASE_LOGS, payload))

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
        session, phase = self._session, self._phase
        loop = session.store.loop
        if self._timer is not None:
            self._timer.cancel()
        if type(outcome) is Ok:
            loop.post_and_take(self._task, handle, outcome.ref, None)
            return
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
                error = wrap(phase, self._attempt, raised, session._error_types)  # noqa: SLF001
            case Ok():
                raise AssertionError
        if not isinstance(error, PhaseCancelled):
            session.errors[phase.name] = error  # type: ignore[assignment]
        if isinstance(outcome, Cancelled):  # it may have been settled on a thread that takes no further job
            loop.post(self._task, handle, None, error)
        else:
            loop.post_and_take(self._task, handle, None, error)

    def freed(self) -> None:
        """Tell the saga that a slot is free again."""
        session = self._session
        if session._task is not None:  # noqa: SLF001
            session.store.loop.deliver(session._task, SlotFreed(self._phase.name))  # noqa: SLF001
