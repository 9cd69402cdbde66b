"""The face of a session on disk that is looked at, in any kernel; it runs nothing.

Once a command has the session go on with what is defined in this kernel, it is the face of that.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from milo_nb.errors import (
    DeclarationError,
    InvalidStateError,
    NothingToResumeError,
    StaleCodeError,
    UnknownPhaseError,
    WorkDirError,
)
from milo_nb.execute import executor as faces
from milo_nb.execute.attaching import definitions
from milo_nb.execute.commands import Commands
from milo_nb.execute.earlier import EARLIER_RESULT, value_of_earlier
from milo_nb.execute.looked_at import AttachedSession, no_owner
from milo_nb.execute.phase_view import PhaseView, UnattributedView
from milo_nb.execute.result import ExecutionResult, ExecutionState, outcome_of
from milo_nb.execute.waiting import uninterrupted
from milo_nb.persist.replay import of_pipeline
from milo_nb.persist.rundir import find, sessions
from milo_nb.state.commands import COMMANDS, Command

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path
    from uuid import UUID

    from milo_nb.execute.executor import PipelineExecutor
    from milo_nb.persist.rundir import RunDir
    from milo_nb.state.plan import Plan
    from milo_nb.store.store import Store


class _Declared:
    """The pipeline of a session that is looked at: its name and phases, without code."""

    def __init__(self, session: AttachedSession) -> None:
        self.name = session.name
        self.graph = session.graph
        self.phases = session.graph.phases


class AttachedExecutor(Commands):
    """The face of a session that is only looked at; shown, asked and steered like an executor, and runs nothing."""

    is_attached = True

    def __init__(self, session: AttachedSession) -> None:
        """Show `session`."""
        self.session: Any = session
        self.pipeline: Any = _Declared(session)
        self.sessions: list[Callable[[], None]] = []
        self._looked_at = session
        self._live: PipelineExecutor | None = None
        self._changing = threading.RLock()

    @property
    def run_dir(self) -> RunDir:
        """Where the session is that was looked at first."""
        return self._looked_at.run_dir

    @property
    def state(self) -> ExecutionState:
        """Where the execution is."""
        return ExecutionState.of(self.session.state)

    @property
    def session_id(self) -> UUID:
        """UUID of the session."""
        return self.session.id  # type: ignore[no-any-return]

    @property
    def store(self) -> Store:
        """The store of what was read."""
        return self.session.store  # type: ignore[no-any-return]

    @property
    def results(self) -> Mapping[str, Any]:
        """Results by phase name; each is loaded and verified when it is asked for."""
        return self.session.results  # type: ignore[no-any-return]

    @property
    def is_idle(self) -> bool:
        """Whether the session has not started."""
        return False

    def command(self, word: Any, *phases: str, **options: Any) -> Plan:
        """Have a command carried out: by the owner, or if there is none, here, with what this kernel defines.

        Raises:
            InvalidStateError: If it is refused, or there is nobody to carry it out; says the way out.
            UnknownPhaseError: If it names a phase that is not there.
            StaleCodeError: If a person has to choose what changed code means.
        """
        made = self._made(word, phases, options)
        if self._live is None and self.session.is_owned:
            return self.session.command(made)  # type: ignore[no-any-return]
        refused = "" if self._live is not None else self.plan(made).refused
        if refused:
            raise InvalidStateError(refused)
        asks = options.get("stale", "ask" if self._live is None else "rerun") == "ask"
        live = self._go_on_here()
        if options.get("value") is EARLIER_RESULT:
            options = {**options, "value": value_of_earlier(live.session, phases[0])}
        if word == "resume" and asks:
            try:
                options = {**options, "stale": live._choose(None)}  # noqa: SLF001 - as its own resume() does
            except StaleCodeError as error:
                if options.get("by") != "view":
                    raise
                raise InvalidStateError(_ask_again(error, self.pipeline.name)) from error
        return live.command(word, *phases, **options)

    @uninterrupted()
    def _go_on_here(self) -> PipelineExecutor:
        """Return the executor that has the session now; whoever looks at this one looks at that from now on.

        Raises:
            InvalidStateError: If nothing here can go on with it.
        """
        with self._changing:
            if self._live is None:
                defined = definitions()
                refused = no_owner(self.session) if defined is None else defined.why_not(self.session)
                if defined is None or refused:
                    raise InvalidStateError(refused)
                self._live = live = defined.take_up(self.session)
                live.sessions.append(self._follow)
                self._looked_at.close()
                self._follow()
            return self._live

    def _follow(self) -> None:
        if self._live is not None:
            self.session, self.pipeline = self._live.session, self._live.pipeline
            for tell in tuple(self.sessions):
                tell()

    def plan(self, command: Command | str, *phases: str, **options: Any) -> Plan:
        """Return what a command would do, as far as can be told from here."""
        made = command if isinstance(command, Command) else self._made(command, phases, options)
        return self.session.plan(made)  # type: ignore[no-any-return]

    def _made(self, word: Any, phases: Iterable[str], options: Mapping[str, Any]) -> Command:
        if word not in COMMANDS:
            raise DeclarationError(f"There is no command {word!r}. Commands: {', '.join(COMMANDS)}.")
        names = tuple(dict.fromkeys(phases))
        for name in names:
            if name not in self.session.graph.index:
                raise UnknownPhaseError(name, self.session.graph.names)
        return Command(word, names, **{"id": str(uuid4()), **options})

    def run_again(self, params: Mapping[str, Any] | None = None, **options: Any) -> AttachedExecutor:
        """Start a new session of what this kernel defines.

        Raises:
            InvalidStateError: If it defines nothing of that name.
        """
        if self._live is None and self.session.is_owned:
            raise InvalidStateError(f"'{self.pipeline.name}' is only looked at here. Run it again where it is run.")
        self._go_on_here().run_again(params, **options)
        return self

    def wait(self, timeout: float | None = None) -> ExecutionResult:
        """Wait until the session has ended, or its owner is gone.

        Raises:
            TimeoutError: If neither happened in time.
        """
        if self._live is not None:
            return self._live.wait(timeout)
        if not self.session.ended.wait(timeout):
            raise TimeoutError(f"'{self.pipeline.name}' has not ended within {timeout:g} s.")
        return self.result()

    def result(self) -> ExecutionResult:
        """Return what the session has come to, as far as it was read."""
        return outcome_of(self.session)

    def close(self) -> None:
        """Look no longer; what goes on here goes on."""
        self._looked_at.close()
        if self._live is not None and self._follow in self._live.sessions:
            self._live.sessions.remove(self._follow)

    def __getitem__(self, name: str) -> PhaseView:
        """Return what is known of a phase.

        Raises:
            UnknownPhaseError: (a ``LookupError``) If there is no such phase.
        """
        if name not in self.session.graph.index:
            raise UnknownPhaseError(name, self.session.graph.names)
        return PhaseView(self.session, name)

    @property
    def unattributed(self) -> UnattributedView:
        """What belongs to no phase."""
        return UnattributedView(self.session)

    def __repr__(self) -> str:
        """Say what it looks at and where that is."""
        return f"<attached {self.pipeline.name}: {self.state.value}>"

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return faces.displayed(self, repr(self))

    def _take_up(self, session_id: UUID | str | None) -> None:
        if self._live is None:
            raise InvalidStateError(no_owner(self.session))
        self._live._take_up(session_id)  # noqa: SLF001 - in its place

    def _waits_for_approval(self) -> bool:
        return bool(self.session.state.waiting_for)

    def _choose(self, stale: str | None) -> str:
        return stale or ("rerun" if self._live is None and self.session.is_owned else "ask")


def _ask_again(error: StaleCodeError, name: str) -> str:
    what = "; ".join(f"'{phase}': {how}" for phase, how in error.changed.items())
    return (
        f"Saved phases are not what they would be today: {what}. Resume once more to run them again, and what follows; "
        f"%milo resume {name} --stale reuse keeps their results."
    )


def attach(session: str | UUID | None = None, work_dir: str | Path = ".milo") -> AttachedExecutor:
    """Do what :func:`milo_nb.attach` says."""
    if session is None:
        there = sessions(work_dir)
        if not there:
            raise NothingToResumeError(f"There is no session in {work_dir}.")
        run_dir = next((found for found in there if found.journal.exists()), there[0])
    else:
        run_dir = next(of_pipeline(work_dir, str(session)), None) or find(work_dir, str(session))
    try:
        return AttachedExecutor(AttachedSession(run_dir))
    except WorkDirError:
        raise
    except OSError as e:
        raise WorkDirError(f"The journal {run_dir.journal} cannot be read: {e.strerror or e}.") from e
