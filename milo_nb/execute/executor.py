"""The executor: the face of a run. Puts session, backend and observers together; headless.

How an executor is displayed is registered from above with :func:`register_display`.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID, uuid4

from milo_nb.errors import DeclarationError, InvalidStateError, NotAvailableError, UnknownPhaseError
from milo_nb.execute.observers import Notifier
from milo_nb.execute.phase_view import PhaseView
from milo_nb.execute.result import (
    ExecutionResult,
    ExecutionState,
    FailedPhase,
    Metrics,
    count_statuses,
    root_cause,
    tries,
)
from milo_nb.execute.session import Session
from milo_nb.state.commands import Command
from milo_nb.store import active

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Mapping
    from pathlib import Path

    from milo_nb.declare.graph import PhaseGraph
    from milo_nb.declare.phase import Phase
    from milo_nb.errors import PhaseError
    from milo_nb.state.plan import Plan
    from milo_nb.store.store import Store

_display: Callable[[PipelineExecutor], Any] | None = None
STALE = ("ask", "rerun", "reuse")
_POLL_S = 0.05


class Runnable(Protocol):
    """What an executor needs of a pipeline."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def graph(self) -> PhaseGraph:
        """Its phases in execution order."""

    @property
    def fail_fast(self) -> bool:
        """Whether a failure also cancels what runs."""

    @property
    def backend(self) -> str:
        """Where its handlers run."""

    @property
    def error_types(self) -> Mapping[str, type[PhaseError]]:
        """What the errors of its phases are wrapped in."""


class PipelineExecutor:
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
            state_manager: Comes with a later version.
            observers: Objects with the methods of :class:`ExecutionObserver`.
            params: Parameters that handlers can name.
            backend: Where handlers run; ``threads``.
            max_workers: Most phases that run at once.
            work_dir: Where the phases' own files go; None for no disk.
            resume: A session to take up; from disk that comes with a later version.
            stale: What to do on resume about changed code.
            fresh: Never go on in an earlier session.
            cache: Use results of earlier sessions; comes with a later version.
            refresh: Only write the cache; comes with a later version.
            capture: Catch what handlers print and log.
            pause: Stop at reviews; comes with a later version.
            fail_fast: A failure also cancels what runs; the pipeline's own setting, if None.

        Raises:
            ParameterError: If the parameters do not fit what the phases ask for.
            ValueError: If an option is wrong, or there is nothing to resume.
            NotAvailableError: For options that this version does not carry out.
        """
        self.pipeline = pipeline
        self._check(state_manager, backend or pipeline.backend, max_workers, resume, stale, refresh=refresh)
        self._cache, self._fresh, self._pause = cache, fresh, pause
        self._params = dict(params or {})
        self._observers: list[Any] = list(observers or ())
        self._options: dict[str, Any] = {
            "max_workers": max_workers,
            "work_dir": work_dir,
            "capture_output": capture,
            "fail_fast": pipeline.fail_fast if fail_fast is None else fail_fast,
            "error_types": pipeline.error_types,
            "backend": backend if backend is not None and not isinstance(backend, str) else None,
        }
        self._fail_fast = fail_fast
        self._starting = False
        self.sessions: list[Callable[[], None]] = []  # told when Run again makes a new session
        self._session = self._new_session()

    @staticmethod
    def _check(  # noqa: PLR0913 - the options that are checked here
        state_manager: Any,
        backend: Any,
        max_workers: int | None,
        resume: Any,
        stale: str,
        *,
        refresh: bool,
    ) -> None:
        if state_manager is not None:
            raise NotAvailableError("state_manager= comes with a later version; sessions are not saved to disk yet.")
        if isinstance(backend, str) and backend != "threads":
            raise NotAvailableError(f"backend={backend!r} comes with a later version. Available: 'threads'.")
        if max_workers is not None and (not isinstance(max_workers, int) or max_workers < 1):
            raise DeclarationError(f"max_workers must be a whole number, 1 or more; got {max_workers!r}")
        if resume is not None:
            raise DeclarationError(f"There is no session {resume} to resume: sessions are not saved to disk yet.")
        if stale not in STALE:
            raise DeclarationError(f"stale must be one of {', '.join(STALE)}; got {stale!r}")
        if refresh:
            raise NotAvailableError("refresh= comes with a later version, together with the cache.")

    def _new_session(self) -> Session:
        session = Session(self.pipeline.name, self.pipeline.graph, self._params, **self._options)
        for observer in self._observers:
            session.store.subscribe(Notifier(session, observer), every=True)
        active.follow(session.store, write=self._options["work_dir"] is not None)
        return session

    # ------------------------------------------------------------------ running

    def start(self) -> PipelineExecutor:
        """Start, and return at once.

        Raises:
            InvalidStateError: If it has been started already.
        """
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

        The first Ctrl-C cancels the session and goes on waiting, the second one is raised.

        Args:
            timeout: Most seconds to wait.

        Raises:
            InvalidStateError: If it has not been started.
            TimeoutError: If it has not ended in time; it goes on.
        """
        session = self._started()
        until = None if timeout is None else time.monotonic() + timeout
        asked = False
        while True:
            try:
                # Short waits: a main thread in one long wait would not hear of Ctrl-C on every platform.
                left = 0.1 if until is None else min(0.1, max(until - time.monotonic(), 0.0))
                if session.ended.wait(left):
                    session.finish()
                    session.store.tell_listeners()
                    return self.result()
            except KeyboardInterrupt:
                if asked or session.plan(Command("cancel")).refused:
                    raise
                asked = True
                session.command(Command("cancel", by="ctrl-c"))
            if until is not None and time.monotonic() >= until:
                raise TimeoutError(f"'{self.pipeline.name}' has not ended within {timeout:g} s; it goes on.")

    def __await__(self) -> Generator[Any, None, ExecutionResult]:
        """Wait for the end without blocking the event loop."""
        return self._until_end().__await__()

    async def _until_end(self) -> ExecutionResult:
        session = self._started()
        while not session.ended.is_set():  # noqa: ASYNC110 - set by threads, for any number of event loops
            await asyncio.sleep(_POLL_S)
        session.finish()
        session.store.tell_listeners()
        return self.result()

    def _started(self) -> Session:
        if self.state is ExecutionState.IDLE:
            raise InvalidStateError(f"'{self.pipeline.name}' has not been started. Possible: start, execute.")
        return self._session

    def close(self) -> None:
        """Cancel what runs and let go of threads; the results stay."""
        self._session.close()

    # ------------------------------------------------------------------ commands

    def command(self, word: Any, *phases: str, **options: Any) -> Plan:
        """Carry out a command and return its plan; the methods below are short for this.

        Raises:
            InvalidStateError: If it does not fit the state; says what is possible.
            UnknownPhaseError: If it names a phase that is not there.
        """
        return self._session.command(self._made(word, phases, options))

    def _made(self, word: Any, phases: Iterable[str], options: Mapping[str, Any]) -> Command:
        names = tuple(dict.fromkeys(phases))
        for name in names:
            if name not in self._session.graph.index:
                raise UnknownPhaseError(name, self._session.graph.names)
        return replace(Command(word, names), **{"id": str(uuid4()), **options})

    def pause(self) -> PipelineExecutor:
        """Start nothing new; what runs goes on to its end."""
        self.command("pause")
        return self

    def resume(
        self, session_id: UUID | str | None = None, only: Iterable[str] = (), stale: str | None = None
    ) -> PipelineExecutor:
        """Go on after a pause, or take up this session after it failed or was cancelled.

        Raises:
            InvalidStateError: If there is nothing to resume.
            ValueError: If another session is named: they are not on disk yet.
        """
        if session_id is not None and str(session_id) != str(self.session_id):
            raise DeclarationError(f"There is no session {session_id} to resume: sessions are not saved to disk yet.")
        if tuple(only) or stale is not None:
            raise NotAvailableError("resume(only=, stale=) comes with a later version.")
        self.command("resume")
        return self

    def cancel(self, *names: str) -> PipelineExecutor:
        """Cancel the session, or just the phases named; it is "cancelling" until their code has stopped."""
        self.command("cancel", *names)
        return self

    def retry(self, *names: str, downstream: bool = True) -> PipelineExecutor:
        """Run failed, cancelled or skipped phases again, with their code as it is now; all of them, if none is named."""
        self.command("retry" if names else "retry-failed", *names, downstream=downstream)
        return self

    def rerun(self, *names: str, downstream: bool = True) -> PipelineExecutor:
        """Run phases again that have ended, and what was built on them unless `downstream` is false."""
        if not names:
            raise InvalidStateError("rerun needs the name of a phase. Run again makes a new session: run_again().")
        self.command("rerun", *names, downstream=downstream)
        return self

    def skip(self, name: str, value: Any = None, replace: bool = False) -> PipelineExecutor:  # noqa: FBT001, FBT002
        """Mark a phase as skipped; what depends on it gets `value`. A result that is there needs ``replace=True``."""
        self.command("skip", name, value=value, replace=replace)
        return self

    def approve(self, name: str) -> PipelineExecutor:
        """Go on after a review."""
        self.command("approve", name)
        return self

    def run_again(self) -> PipelineExecutor:
        """Start a new session of the same pipeline, when this one has ended."""
        if self._session.is_running():
            raise InvalidStateError("The session has not ended. Possible: cancel, wait.")
        old, self._session = self._session, self._new_session()
        old.close()
        for tell in tuple(self.sessions):
            tell()
        return self.start()

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
        """Results by phase name, of the phases that have one."""
        return dict(self._session.results)

    def __getitem__(self, name: str) -> PhaseView:
        """Return what is known of a phase.

        Raises:
            UnknownPhaseError: (a ``LookupError``) If there is no such phase.
        """
        if name not in self._session.graph.index:
            raise UnknownPhaseError(name, self._session.graph.names)
        return PhaseView(self._session, name)

    def result(self) -> ExecutionResult:
        """Return what the session has come to, as it is now."""
        session, state = self._session, self._session.state
        graph, results = session.graph, dict(session.results)
        sinks = [n for i, n in enumerate(graph.names) if not graph.dependants[i] and n in results]
        failed = []
        for phase in state.phases:
            if phase.status == "failed":
                error = session.errors.get(phase.name)
                failed.append(FailedPhase(phase.name, error, root_cause(error), phase.attempt))
        ended = bool(state.stopped_at) and state.status != "paused"
        started = datetime.fromtimestamp(session.started_wall, UTC) if session.started_wall else None
        after = state.stopped_at - state.started_at
        return ExecutionResult(
            success=state.status == "completed",
            status=state.status,
            session_id=session.id,
            data={n: results[n] for n in sinks},
            results=results,
            metrics=Metrics(
                state.elapsed,
                {p.name: p.elapsed for p in state.phases if p.started_at},
                {p.name: tries(p) for p in state.phases},
                count_statuses(state.phases),
            ),
            started=started,
            ended=datetime.fromtimestamp(session.started_wall + after, UTC) if ended and started else None,
            degraded=tuple(p.name for p in state.phases if p.status == "skipped"),
            failed=tuple(failed),
            blocked=tuple(p.name for p in state.phases if p.status == "pending" and p.reason.startswith("blocked by ")),
            pipeline=self.pipeline.name,
        )

    def __repr__(self) -> str:
        """Say what it runs and where it is; without ids and times, so that two runs read the same."""
        return f"<PipelineExecutor {self.pipeline.name}: {self.state.value}>"

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        if _display is None:
            return {"text/plain": repr(self)}
        shown = _display(self)
        return shown if isinstance(shown, dict) else {"text/plain": repr(self)}


def register_display(show: Callable[[PipelineExecutor], Any] | None) -> None:
    """Have executors displayed by `show`, which returns a mimebundle, or shows them itself and returns None."""
    global _display  # noqa: PLW0603 - one way to show executors per process
    _display = show


def changed(before: Phase, after: Phase) -> bool:
    """Tell whether a phase's code or policy differs."""
    if before is after:
        return False
    plain = (before.policy, before.timeout, before.weight) == (after.policy, after.timeout, after.weight)
    return not (plain and same_code(before.handler, after.handler) and same_code(before.validate, after.validate))


def same_code(before: Any, after: Any) -> bool:
    """Tell whether two functions do the same, as far as their own code, constants and defaults show."""
    if before is after:
        return True
    one, other = getattr(before, "__code__", None), getattr(after, "__code__", None)
    if one is None or other is None:
        return False
    return (
        _code_key(one) == _code_key(other)
        and all(
            _same(getattr(before, part, None), getattr(after, part, None))
            for part in ("__defaults__", "__kwdefaults__")
        )
        and _same(_closed_over(before), _closed_over(after))
    )


def _closed_over(function: Any) -> list[Any]:
    return [cell.cell_contents for cell in getattr(function, "__closure__", None) or ()]


def _same(before: Any, after: Any) -> bool:
    try:
        return before is after or bool(before == after)
    except Exception:  # noqa: BLE001 - arrays and the like have no plain answer
        return False


def _code_key(code: Any) -> tuple[Any, ...]:
    constants = tuple(_code_key(c) if hasattr(c, "co_code") else (type(c), c) for c in code.co_consts)
    return (code.co_code, constants, code.co_names, code.co_varnames)
