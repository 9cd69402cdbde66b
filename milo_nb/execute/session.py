"""One session: its store, its saga, its results and logs, on one backend. Headless; an executor holds it."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from contextvars import copy_context
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from milo_nb.errors import InvalidStateError, in_words
from milo_nb.execute.attempt import Attempt
from milo_nb.execute.backend import Backend, Handle, RunInfo, make_phase_call
from milo_nb.execute.capturing import CaptureSwitch
from milo_nb.execute.code import Code
from milo_nb.execute.disk import Disk
from milo_nb.execute.evidence import gather
from milo_nb.execute.invoke import Binder
from milo_nb.execute.logs import SessionLogs
from milo_nb.execute.obeying import obey
from milo_nb.execute.results import Results
from milo_nb.execute.substitutes import Substitutes
from milo_nb.execute.threads import ThreadsBackend
from milo_nb.state import actions as a
from milo_nb.state.actions import Action
from milo_nb.state.commands import Command, SlotFreed
from milo_nb.state.effects import Put, Select, make_call
from milo_nb.state.model import ENDED, PipelineState
from milo_nb.state.plan import Plan, plan
from milo_nb.state.reducer import PipelineReducer
from milo_nb.state.saga import Reference, Script, session_saga
from milo_nb.store.clock import SYSTEM_CLOCK, Clock
from milo_nb.store.store import Store, default_workers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from milo_nb.capture.logbook import LogBook
    from milo_nb.capture.outputs import OutputBook
    from milo_nb.declare.graph import PhaseGraph
    from milo_nb.errors import PhaseError
    from milo_nb.execute.taking_up import Story
    from milo_nb.state.effects import Call, Saga
    from milo_nb.store.task import Task


_TURNS = frozenset(
    {a.PIPELINE_START, a.PIPELINE_COMPLETE, a.PIPELINE_FAILED, a.PIPELINE_CANCELLED, a.PIPELINE_RESUMED, a.COMMAND}
)
"""Actions that may end a session, or let an ended one go on."""
LOG = logging.getLogger("milo_nb")
_NO_KEYWORDS: Mapping[str, Any] = {}


def _nobody() -> bool:
    return False


class Reviews:
    """The phases after which a person has to approve, as long as there is one."""

    def __init__(self, graph: PhaseGraph, is_attended: Callable[[], bool]) -> None:
        """Look the phases up in `graph`."""
        self._is_attended = is_attended
        self.adopt(graph)

    def adopt(self, graph: PhaseGraph) -> None:
        """Go by another graph of the same names."""
        self._positions = frozenset(i for i, phase in enumerate(graph.phases) if phase.review)

    def __contains__(self, i: object) -> bool:
        """Tell whether the session pauses after the phase at position `i`."""
        return i in self._positions and self._is_attended()


def guarded(name: str, saga: Saga) -> Saga:
    """Run the saga of a session; should it die of a mistake of ours, the session ends failed: nobody waits for ever."""
    try:
        yield from saga
    except GeneratorExit:
        raise
    except BaseException as died:
        LOG.exception("the session of '%s' died of an error in milo_nb", name)
        state: PipelineState = yield Select()
        for phase in state.running:
            yield Put(Action(a.PHASE_FAILED, {"name": phase, "error": f"milo_nb failed: {in_words(died)}"}))
        yield Put(Action(a.PIPELINE_FAILED))
        raise


class Session:
    """One execution of a pipeline.

    Attributes:
        id: Its UUID.
        store: Its state is a :class:`PipelineState`.
        results: Phase name to value.
        errors: Phase name to the error of its latest failed attempt.
        ended: Set while the session has ended.
        logs: What the phases have printed.
        outputs: What the phases have displayed that have displayed anything, by name.
        disk: What of it outlives the kernel.
        code: What its phases are made of.
        substitutes: What stands on the value that a phase was skipped with.
        history: Seconds that phases usually take, once somebody asked.
        slots: Most phases that run at once.
        task: Runs its saga; None before the start.
        is_closed: It takes no more commands.
        was_taken_up: It was begun by another process, or earlier in this one.
        continued: How many phases were kept when it was gone on with later; None if it was not.
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
        is_attended: Callable[[], bool] = _nobody,
        cache: bool = True,
        refresh: bool = False,
        story: Story | None = None,
    ) -> None:
        """Make a session that has not started.

        Raises:
            ParameterError: If the parameters do not fit what the phases ask for.
        """
        self.id = uuid4() if story is None else story.session_id
        self.name = name
        self.graph = graph
        self.params = dict(params)
        self.results = Results()
        self.errors: dict[str, PhaseError] = {}
        self.outputs: dict[str, OutputBook] = {}
        self.ended = threading.Event()
        self.started_wall = 0.0
        clock = clock if story is None else story.clock(clock)
        self._clock = clock
        self.disk = Disk(self, work_dir, story, cache=cache, refresh=refresh)
        self.code = Code(self)
        self.history: Mapping[str, float] | None = None
        self.was_taken_up = story is not None
        self.continued: int | None = None
        self._story = story
        self._fail_fast = fail_fast
        self.notes: dict[int, Reference] = {}  # what is to be said of completions that are about to be told
        self.error_types = dict(error_types or {})
        self.binder = Binder(graph, self.params)
        self._lock = threading.Lock()
        self.is_closed = False
        self._run_info = RunInfo(
            self.params, self.work_dir, copy_context(), clock.now, clock.call_later, capture_output
        )
        self.task: Task | None = None
        self.slots = slots = default_workers() if max_workers is None else max_workers
        self._reducer = PipelineReducer(name, graph, fail_fast=fail_fast)
        self.store = Store(
            self._reducer,
            None if story is None else story.state,
            max_workers=slots,
            clock=clock,
            on_batch=self._on_batch,
            name=f"milo-{name}",
        )
        self.substitutes = Substitutes(graph, self.state)
        logs_dir = None if work_dir is None else self.disk.logs_folder
        self.logs = SessionLogs(f"milo-{name}", logs_dir, self.store.loop.dispatch, clock.now)
        if story is not None:
            story.remember(self)
        self._capture = CaptureSwitch(self.logs.make_pane, lambda: bool(self.state.running), wanted=capture_output)
        self._backend: Backend = backend or ThreadsBackend(self.store.workers, clock)
        self.store.loop.caller = self._call
        self._reviews = Reviews(graph, is_attended)
        self._script = Script(
            graph,
            self._make_call,
            self._keep,
            self._reference,
            slots,
            fail_fast=fail_fast,
            commands=True,
            start={"session_id": str(self.id)},
            reviews=self._reviews,
        )

    # ------------------------------------------------------------------ from outside

    @property
    def state(self) -> PipelineState:
        """The state as it is now."""
        return self.store.state  # type: ignore[no-any-return]

    def is_running(self) -> bool:
        """Tell whether it has started and not ended."""
        return self.task is not None and not self.ended.is_set()

    def start(self) -> None:
        """Start; once."""
        with self._lock:
            if self.is_closed:
                raise InvalidStateError("The session was closed; it cannot be started. Run again makes a new one.")
            if self.task is not None:
                raise InvalidStateError(f"The session has been started already: it is {self.state.status}.")
            self.started_wall = time.time()
            refused = self.disk.begin(fail_fast=self._fail_fast)
            self._capture.on()
            self._backend.open()
            with self.store.loop.hold():  # a command finds a session that has not started, or one whose saga hears it
                for action in () if self._story is None else self._story.settled(self.state):
                    self.store.loop.intake.recall(action)
                saga = session_saga(self._script, started=self._story is not None)
                self.task = self.store.run_saga(guarded(self.name, saga))
            if self._story is not None:
                _note_end(self, self._clock)  # it may have ended when its last owner had it, and nothing more is told
            if refused:
                self.disk.trouble(refused)

    def close(self) -> None:
        """Cancel what runs and let go of threads and listeners."""
        with self._lock:  # not while it starts
            if self.is_running():
                with contextlib.suppress(InvalidStateError):  # it may end by itself at this moment
                    self.command(Command("cancel", by="close"))
            with self.store.loop.hold():
                self.is_closed = True
        self._backend.close()
        self.store.shutdown()
        if not self.is_running():  # else when it has ended: what happens until then is kept, too
            self.disk.end()

    def plan(self, command: Command) -> Plan:
        """Return what a command would do now."""
        return plan(command, self.graph, self.state, gather(self, command))

    def now(self) -> float:
        """Return seconds on the session's clock."""
        return self._clock.now()

    def command(self, command: Command) -> Plan:
        """Carry out a command.

        Raises:
            InvalidStateError: If it does not fit the state; nothing has happened.
        """
        if self.task is None:
            return obey(self, command)
        try:
            with self._capture.kept():  # the command may make a session go on that has ended
                return obey(self, command)
        finally:
            self.finish()

    def finish(self) -> None:
        """Let go of what only a running session needs, if this one has ended."""
        self._capture.off(self.ended.is_set)
        if self.is_closed and self.ended.is_set():
            self.disk.end_soon()

    def replace_graph(
        self, graph: PhaseGraph, edited: tuple[str, ...], error_types: Mapping[str, type[PhaseError]]
    ) -> None:
        """Go on with other phases of the same names and dependencies; attempts that run keep the code they began with."""
        with self.store.loop.hold():
            self.code.remember(edited)
            self.binder = Binder(graph, self.params)
            self.graph = graph
            self.error_types = dict(error_types)
            object.__setattr__(self._script, "graph", graph)
            if self.disk.keeper is not None:
                self.disk.keeper.declare(graph)
            self._reviews.adopt(graph)
            self._reducer.adopt(graph)
            for name in edited:
                self.store.loop.intake.put(Action(a.PHASE_EDITED, {"name": name}))

    @property
    def books(self) -> dict[str, LogBook]:
        """All lines of the phases that have any, by name."""
        return self.logs.books

    def book(self, name: str) -> LogBook:
        """Return all lines of a phase; the empty name is what belongs to no phase."""
        return self.logs.book(name)

    def work_dir(self) -> Path | None:
        """Return the directory for the phases' own files; None without a work directory."""
        return self.disk.folder()

    # ------------------------------------------------------------------ for the saga, under the baton

    def _make_call(self, i: int, attempt: int) -> Call:
        phase = self.graph.phases[i]
        return make_call(phase.handler, (), _NO_KEYWORDS, phase.name, attempt, phase.timeout)

    def _keep(self, i: int, value: Any) -> None:
        self.results[self.graph.names[i]] = value

    def _reference(self, i: int, attempt: int, value: Any) -> str | Reference:  # noqa: ARG002
        self.substitutes.completed(i)
        if self.notes and (note := self.notes.pop(i, None)) is not None:
            return note
        ref = f"{self.graph.names[i]}.{attempt}"
        built = self.substitutes.below(i)  # without a disk nobody else says so
        return Reference(ref, "ran", f"built on the substitute for {built}") if built else ref

    def _call(self, task: Task, effect: Call) -> Handle:
        saved = None
        i = task.tag  # what the session's saga forks a call with
        phase = self.graph.phases[i]
        attempt = Attempt(self, task, i, phase, effect.attempt)
        bind: Any = attempt.bind
        if self.disk.keeper is not None:
            phase, saved = attempt.keep_with(self.disk.keeper)
        elif self.binder.takes_nothing(i):
            bind = None
        call = make_phase_call(phase, effect.attempt, bind, self._run_info)
        handle = self._backend.submit(call, attempt)
        if saved is not None:
            if saved.outcome is None:
                saved.inner = handle
            handle = saved
        if phase.timeout is not None:
            attempt.limit(handle, phase.timeout, self._clock)
        return handle

    def _on_batch(self, batch: list[Action]) -> None:
        if self.disk.recorder is not None:
            self.disk.recorder.take(batch)
        elif self.task is None:
            self.disk.early.append(batch)
        if len(batch) == 2 and batch[0].type == a.PHASE_COMPLETE and batch[1].type == a.PHASE_START:  # noqa: PLR2004
            return  # what nearly all batches are: a phase has ended and the next one starts
        for action in batch:
            if action.type in _TURNS:
                _note_end(self, self._clock)
                return

    def slot_freed(self, phase: str) -> None:
        """Tell the saga that code which would not stop has ended."""
        if self.task is not None:
            self.store.loop.deliver(self.task, SlotFreed(phase))

    def shares_objects(self) -> bool:
        """Tell whether phases get the very objects that others made."""
        return "shares_objects" in self._backend.abilities


def _note_end(session: Session, clock: Clock) -> None:
    """Have everybody know whether the session has ended, and what only a running one needs let go."""
    state = session.state
    ended = bool(state.stopped_at) and state.status in ENDED
    if ended != session.ended.is_set():
        if ended:
            session.ended.set()
            clock.call_later(0, session.finish)
        else:
            session.ended.clear()
