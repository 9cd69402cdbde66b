"""The executor: the face of a run. Puts session, backend and observers together; headless.

How an executor is displayed is registered from above with :func:`register_display`.
"""

from __future__ import annotations

import sys
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from milo_nb.errors import DeclarationError, InvalidStateError, NothingToResumeError, StaleCodeError, UnknownPhaseError
from milo_nb.execute.commands import Commands
from milo_nb.execute.edits import changed
from milo_nb.execute.evidence import gather
from milo_nb.execute.observers import Notifier
from milo_nb.execute.options import check_options, check_stale
from milo_nb.execute.phase_view import PhaseView, UnattributedView
from milo_nb.execute.result import (
    ExecutionResult,
    ExecutionState,
    outcome_of,
)
from milo_nb.execute.session import Session
from milo_nb.execute.waiting import uninterrupted, until_end, wait_for_end
from milo_nb.state.commands import COMMANDS, Command
from milo_nb.store import active

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Mapping
    from pathlib import Path

    from milo_nb.execute.options import Runnable
    from milo_nb.execute.taking_up import Story
    from milo_nb.persist.cache import Cache
    from milo_nb.state.plan import Plan
    from milo_nb.store.store import Store

_attended: Callable[[], bool] | None = None
_display: Callable[[PipelineExecutor], Any] | None = None


class PipelineExecutor(Commands):
    """Runs a pipeline and takes commands meanwhile. All methods may be called from any thread."""

    def __init__(  # noqa: PLR0913 - one keyword per option of a run
        self,
        pipeline: Runnable,
        state_manager: Any = None,
        observers: Iterable[Any] | None = None,
        *,
        params: Mapping[str, Any] | None = None,
        backend: Any = None,
        max_workers: int | None = None,
        work_dir: str | Path | None = ".milo",
        resume: Any = None,
        stale: str = "ask",
        fresh: bool = False,
        cache: bool = True,
        refresh: bool = False,
        capture: bool = True,
        pause: bool = True,
        fail_fast: bool | None = None,
    ) -> None:
        """Make an executor that has not started.

        Args:
            pipeline: What to run.
            state_manager: A :class:`StateManager`, whose work directory is used.
            observers: Objects with the methods of :class:`ExecutionObserver`.
            params: Parameters that handlers can name.
            backend: Where handlers run; ``threads``.
            max_workers: Most phases that run at once.
            work_dir: Where sessions are kept, and the phases' own files; None for no disk.
            resume: A session to take up when this is started: its id, ``latest`` for the latest unfinished one, or True
                for that one if there is one, and else a new one.
            stale: What to do on resume about saved phases whose code or parameters changed: ``ask`` a person, if there
                is one, else as ``rerun``; ``rerun`` them and what follows; ``reuse`` their results.
            fresh: Never go on in an earlier session.
            cache: Read and write the cache, for the phases that say ``cache=``.
            refresh: Only write the cache.
            capture: Catch what handlers print and log.
            pause: Stop at reviews, if a person is there.
            fail_fast: A failure also cancels what runs; the pipeline's own setting, if None.

        Raises:
            ParameterError: If the parameters do not fit what the phases ask for.
            ValueError: If an option is wrong, or there is nothing to resume.
            NotAvailableError: For options that this version does not carry out.
        """
        self.pipeline = pipeline
        check_options(state_manager, backend or pipeline.backend, max_workers, stale)
        if state_manager is not None:
            work_dir = state_manager.work_dir
        self._resume = None if fresh or resume is False else resume
        self._stale = stale
        self._params = dict(params or {})
        self._observers: list[Any] = list(observers or ())
        self._options: dict[str, Any] = {
            "max_workers": max_workers,
            "work_dir": work_dir,
            "capture_output": capture,
            "fail_fast": pipeline.fail_fast if fail_fast is None else fail_fast,
            "error_types": pipeline.error_types,
            "backend": backend if backend is not None and not isinstance(backend, str) else None,
            "cache": cache,
            "refresh": refresh,
            "is_attended": is_attended if pause else _nobody,
        }
        self._fail_fast = fail_fast
        self._starting = False
        self._renewing = threading.RLock()
        self.sessions: list[Callable[[], None]] = []  # told when Run again makes a new session
        self._session = self._new_session()

    def _new_session(self, story: Story | None = None) -> Session:
        session = Session(self.pipeline.name, self.pipeline.graph, self._params, story=story, **self._options)
        for observer in self._observers:
            session.store.subscribe(Notifier(session, observer), every=True)
        active.follow(session.store, write=self._options["work_dir"] is not None)
        return session

    # ------------------------------------------------------------------ running

    @uninterrupted()
    def start(self) -> PipelineExecutor:
        """Start, and return at once.

        Raises:
            InvalidStateError: If it has been started already.
        """
        session, self._resume = self._resume, None
        if session is not None:
            try:
                return self.resume(None if session in (True, "latest") else session)
            except NothingToResumeError as e:
                if session is not True or e.is_owned:
                    raise
        self._starting = True
        try:
            self._session.start()
        finally:
            self._starting = False
        return self

    def execute(self) -> ExecutionResult:
        """Start, wait for the end and return what it came to."""
        return self.start().wait()

    def wait(self, timeout: float | None = None) -> ExecutionResult:
        """Wait for the end and return what it came to.

        The first Ctrl-C cancels the session and goes on waiting, the second one is raised. At a terminal, Enter
        approves what is to be reviewed.

        Args:
            timeout: Most seconds to wait.

        Raises:
            InvalidStateError: If it has not been started.
            TimeoutError: If it has not ended in time; it goes on.
        """
        wait_for_end(self._started(), timeout)
        return self.result()

    def __await__(self) -> Generator[Any, None, ExecutionResult]:
        """Wait for the end without blocking the event loop."""
        return self._until_end().__await__()

    async def _until_end(self) -> ExecutionResult:
        await until_end(self._started())
        return self.result()

    def _started(self) -> Session:
        if self.state is ExecutionState.IDLE:
            raise InvalidStateError(f"'{self.pipeline.name}' has not been started. Possible: start, execute.")
        return self._session

    @uninterrupted()
    def close(self) -> None:
        """Cancel what runs and let go of threads; the results stay."""
        self._session.close()

    # ------------------------------------------------------------------ commands

    @uninterrupted()
    def command(self, word: Any, *phases: str, **options: Any) -> Plan:
        """Carry out a command and return its plan; the methods below are short for this.

        Raises:
            InvalidStateError: If it does not fit the state; says what is possible.
            UnknownPhaseError: If it names a phase that is not there.
        """
        return self._session.command(self._made(word, phases, options))

    def _made(self, word: Any, phases: Iterable[str], options: Mapping[str, Any]) -> Command:
        if word not in COMMANDS:
            raise DeclarationError(f"There is no command {word!r}. Commands: {', '.join(COMMANDS)}.")
        names = tuple(dict.fromkeys(phases))
        for name in names:
            if name not in self._session.graph.index:
                raise UnknownPhaseError(name, self._session.graph.names)
        if word == "retry" and not names:  # as the method and the magic mean it
            word = "retry-failed"
        return replace(Command(word, names), **{"id": str(uuid4()), **options})

    def run_again(self, params: Mapping[str, Any] | None = None, **options: Any) -> PipelineExecutor:
        """Start a new session, when this one has ended; what `params` and `options` do not name stays as it was."""
        with uninterrupted(), self._renewing:
            if self._session.is_running():
                raise InvalidStateError("The session has not ended. Possible: cancel, wait.")
            before = self._params, self._options
            self._params, self._options = before[0] | dict(params or {}), before[1] | options
            try:
                self._change_session(None)
            except BaseException:
                self._params, self._options = before
                raise
            return self.start()

    def _change_session(self, story: Story | None) -> None:
        old, self._session = self._session, self._new_session(story)
        old.close()
        for tell in tuple(self.sessions):
            tell()

    def _take_up(self, session_id: UUID | str | None) -> None:
        """Go on in a session on disk, in place of the one that this executor has.

        Raises:
            ValueError: If there is none.
        """
        from milo_nb.execute.taking_up import latest, take_up  # noqa: PLC0415 - it costs an import of much that few need

        root, name = self._options["work_dir"], self.pipeline.name
        with uninterrupted(), self._renewing:
            if self._session.is_running():
                raise InvalidStateError("The session has not ended. Possible: cancel, wait.")
            found = latest(root, name) if session_id is None or root is None else str(session_id)
            self._change_session(take_up(root, found, name, self.pipeline.graph))
            self._session.start()

    @property
    def is_idle(self) -> bool:
        """Whether the session has not started."""
        return self.state is ExecutionState.IDLE

    def _waits_for_approval(self) -> bool:
        return bool(self._session.state.waiting_for)

    def _choose(self, stale: str | None) -> str:
        chosen = self._stale if stale is None else stale
        check_stale(chosen)
        if chosen != "ask":
            return chosen
        if self._session.was_taken_up and self._options["is_attended"]():
            changed = gather(self._session, Command("resume")).changed
            if changed:
                raise StaleCodeError(changed)
        return "rerun"

    def plan(self, command: Command | str, *phases: str, **options: Any) -> Plan:
        """Return what a command would do now; nothing is done."""
        made = command if isinstance(command, Command) else self._made(command, phases, options)
        return self._session.plan(made)

    def rebind(self, pipeline: Runnable) -> PipelineExecutor:
        """Go on with changed phases: later attempts use the new code.

        In a session that has not ended names and dependencies must stay; later sessions run the pipeline as it is.

        Raises:
            InvalidStateError: If phases were added, removed or connected otherwise in an unfinished session.
        """
        old, new = self._session.graph, pipeline.graph
        same = (old.names, old.depends_on, old.parallel) == (new.names, new.depends_on, new.parallel)
        if not same and self._session.is_running():
            raise InvalidStateError(
                "Phases were added, removed or connected otherwise while the session runs. Cancel it first."
            )
        if same:
            edited = [n for n, was, is_ in zip(old.names, old.phases, new.phases, strict=True) if changed(was, is_)]
            self._session.replace_graph(new, tuple(edited), pipeline.error_types)
        self.pipeline = pipeline
        self._options["error_types"] = pipeline.error_types
        if self._fail_fast is None:
            self._options["fail_fast"] = pipeline.fail_fast
        return self

    def add_observer(self, observer: Any) -> PipelineExecutor:
        """Have an observer told from now on."""
        self._observers.append(observer)
        self._session.store.subscribe(Notifier(self._session, observer), every=True)
        return self

    # ------------------------------------------------------------------ what is known

    @property
    def state(self) -> ExecutionState:
        """Where the execution is."""
        return ExecutionState.INITIALIZING if self._starting else ExecutionState.of(self._session.state)

    @property
    def session(self) -> Session:
        """The current session."""
        return self._session

    @property
    def session_id(self) -> UUID:
        """UUID of the current session."""
        return self._session.id

    @property
    def store(self) -> Store:
        """The store of the current session."""
        return self._session.store

    @property
    def results(self) -> Mapping[str, Any]:
        """Results by phase name, of the phases that have one; what is only on disk is loaded when it is asked for."""
        return self._session.results.copied()

    @property
    def cache(self) -> Cache | None:
        """The cache of the pipeline, as for ``executor.cache.invalidate("parse")``; None without a work directory."""
        return self._session.disk.cache

    def __getitem__(self, name: str) -> PhaseView:
        """Return what is known of a phase.

        Raises:
            UnknownPhaseError: (a ``LookupError``) If there is no such phase.
        """
        if name not in self._session.graph.index:
            raise UnknownPhaseError(name, self._session.graph.names)
        return PhaseView(self._session, name)

    @property
    def unattributed(self) -> UnattributedView:
        """What came up from file descriptors while several phases ran, so that it belongs to none."""
        return UnattributedView(self._session)

    def result(self) -> ExecutionResult:
        """Return what the session has come to, as it is now."""
        return outcome_of(self._session)

    def __repr__(self) -> str:
        """Say what it runs and where it is; without ids and times, so that two runs read the same."""
        return f"<PipelineExecutor {self.pipeline.name}: {self.state.value}>"

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return displayed(self, repr(self))


def displayed(executor: Any, text: str) -> dict[str, Any]:
    """Return the mimebundle of an executor, by whoever was registered to display them."""
    shown = None if _display is None else _display(executor)
    return shown if isinstance(shown, dict) else {"text/plain": text}


def is_attended() -> bool:
    """Tell whether a person is there, who can approve and be asked: at a front end, or at a terminal."""
    if _attended is not None:
        return _attended()
    return sys.stdin is not None and not sys.stdin.closed and sys.stdin.isatty()


def _nobody() -> bool:
    return False


def register_attendance(tell: Callable[[], bool] | None) -> None:
    """Have `tell` asked whether a person is there; without one, it is who sits at a terminal."""
    global _attended  # noqa: PLW0603 - one front end per process
    _attended = tell


def register_display(show: Callable[[PipelineExecutor], Any] | None) -> None:
    """Have executors displayed by `show`, which returns a mimebundle, or shows them itself and returns None."""
    global _display  # noqa: PLW0603 - one way to show executors per process
    _display = show
