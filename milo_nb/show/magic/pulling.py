"""``%milo pull``: results of a session on disk, brought into the notebook: verified, and loaded when they are asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from milo_nb.errors import ResultNotAvailableError, ResultRefusedError, UnknownPhaseError, UsageError
from milo_nb.execute.attaching import attach
from milo_nb.execute.executor import PipelineExecutor
from milo_nb.persist.replay import of_pipeline
from milo_nb.persist.results import ResultFiles
from milo_nb.persist.retention import cleaned
from milo_nb.show.magic.asked import say
from milo_nb.show.magic.on_disk import SHORT, flush, name_of, root_of, session_of
from milo_nb.state.model import NOT_SAVED
from milo_nb.values.trust import signing_key

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from milo_nb.persist.rundir import RunDir
    from milo_nb.show.magic.asked import Asked

_MOST_NAMES = 12


class Pulled(Mapping[str, Any]):
    """The saved results of a session, by phase. Each is loaded, and its signature checked, when it is first asked for.

    Attributes:
        pipeline: Name of the pipeline.
        session_id: UUID of the session.
        path: Directory of the session, with the files that its phases wrote.
        missing: Why the other phases have no result here, by phase.
    """

    def __init__(self, run_dir: RunDir) -> None:
        """Look at a session on disk; loads nothing.

        Raises:
            MiloError: If it cannot be read.
        """
        looked_at = attach(run_dir.session_id, run_dir.root)
        looked_at.close()
        session = looked_at.session
        self.pipeline: str = session.name
        self.session_id = run_dir.session_id
        self.path: Path = run_dir.path
        self.missing: dict[str, str] = {}
        self._files = ResultFiles(run_dir, signing_key())
        self._records: dict[str, Mapping[str, Any]] = {}
        self._loaded: dict[str, Any] = {}
        gone = cleaned(run_dir)
        for phase in session.state.phases:
            record = session.results.record(phase.name)
            if record is not None and self._files.exists(record):
                self._records[phase.name] = record
            elif record is not None:
                self.missing[phase.name] = f"its saved result was {gone}" if gone else "its saved result is missing"
            elif phase.status == "completed":
                why = phase.reason.startswith(NOT_SAVED)
                self.missing[phase.name] = phase.reason if why else "its result was not saved"
            else:
                self.missing[phase.name] = "it has not run" if phase.status == "pending" else f"it is {phase.status}"

    def __getitem__(self, phase: str) -> Any:
        """Return the result of a phase.

        Raises:
            UnknownPhaseError: (a ``LookupError``) If there is no such phase.
            ResultNotAvailableError: (a ``LookupError``) If it has no saved result, saying why.
            ResultRefusedError: If the file is damaged, or was signed by somebody else.
        """
        __tracebackhide__ = True  # IPython leaves this frame out
        if phase in self._loaded:
            return self._loaded[phase]
        if phase in self.missing:
            raise ResultNotAvailableError(f"Phase '{phase}' has no result here: {self.missing[phase]}.")
        if phase not in self._records:
            raise UnknownPhaseError(phase, [*self._records, *self.missing])
        return self._loaded.setdefault(phase, self._files.load(self._records[phase]))

    def __iter__(self) -> Iterator[str]:
        """Iterate over the phases that have a saved result; loads nothing."""
        return iter(self._records)

    def __len__(self) -> int:
        """Return how many have one."""
        return len(self._records)

    def __contains__(self, phase: object) -> bool:
        """Tell whether a phase has one; loads nothing."""
        return phase in self._records

    def __repr__(self) -> str:
        """Say what it has."""
        return f"<results of {self.pipeline}: {_listed(self)}>"

    def _ipython_key_completions_(self) -> list[str]:
        return list(self)


def pull(asked: Asked) -> None:
    """Bring results into the notebook: as variables if phases are named, else as one mapping.

    Raises:
        MiloError: If a session, a phase or a result is not there, or a variable is in the way.
    """
    run_dir = _session(asked)
    _flush(asked, run_dir)
    pulled = Pulled(run_dir)
    into, phases = asked.options.into, asked.phases
    for phase in phases:
        if phase not in pulled and phase not in pulled.missing:
            raise UnknownPhaseError(phase, [*pulled, *pulled.missing])
    if into or not phases:
        _as_mapping(asked, pulled, into or f"{asked.name}_results")
    else:
        _as_names(asked, pulled)


def _session(asked: Asked) -> RunDir:
    root, name, session = root_of(asked, asked.name), name_of(asked, asked.name), asked.options.session
    if session is None and asked.cells.find(asked.name) is None and next(of_pipeline(root, name), None) is None:
        asked.held()  # says what there is
    return session_of(asked, asked.name, session)


def _flush(asked: Asked, run_dir: RunDir) -> None:
    """Have what this kernel has to write of the session on disk."""
    held = asked.cells.find(asked.name)
    if isinstance(held, PipelineExecutor) and str(held.session_id) == run_dir.session_id:
        flush(held, _FLUSH_S)


_FLUSH_S = 10.0


def _as_mapping(asked: Asked, pulled: Pulled, name: str) -> None:
    if not name.isidentifier():
        raise UsageError(f"'{name}' cannot be the name of a variable. Choose one: --into NAME.")
    if not isinstance(asked.variables.get(name, pulled), Pulled):
        raise _in_the_way(asked, name)
    asked.variables[name] = pulled
    head = f"`{name}` has {len(pulled)} of {len(pulled) + len(pulled.missing)} results of session {_short(pulled)}"
    say(f"{head}: {_listed(pulled)}. Each is verified and loaded when it is asked for.")
    _say_missing(pulled, pulled.missing)


def _as_names(asked: Asked, pulled: Pulled) -> None:
    """Bind each phase's result to its name; what is refused is said and stays away."""
    for phase in asked.phases:
        before = asked.variables.get(phase)
        if not phase.isidentifier() or (phase in asked.variables and asked.cells.pulled.get(phase) != id(before)):
            raise _in_the_way(asked, phase)
    brought, refused = [], {}
    for phase in asked.phases:
        try:
            value = pulled[phase]
        except ResultNotAvailableError:
            refused[phase] = pulled.missing[phase]
        except ResultRefusedError as e:
            refused[phase] = f"its saved result is refused: {e.reason}"
        else:
            asked.variables[phase] = value
            asked.cells.pulled[phase] = id(value)
            brought.append(f"{phase} ({type(value).__name__})")
    if brought:
        say(f"Brought from session {_short(pulled)}: {', '.join(brought)}.")
    _say_missing(pulled, refused)
    if not brought:
        raise ResultNotAvailableError(f"Nothing was brought from session {_short(pulled)}.")


def _say_missing(pulled: Pulled, missing: Mapping[str, str]) -> None:
    for phase, why in missing.items():
        say(f"  not here: {phase}: {why}")
    if not pulled:
        say(f"  Files of its phases: {pulled.path}")


def _in_the_way(asked: Asked, name: str) -> UsageError:
    kind = type(asked.variables.get(name)).__name__
    what = f"is a variable of the notebook ({kind})" if name in asked.variables else "cannot be a variable"
    also = "" if asked.options.into else f": %milo pull {' '.join(asked.names)} --into NAME"
    return UsageError(f"'{name}' {what}. Take the results as a mapping of another name{also}, or first: del {name}")


def _short(pulled: Pulled) -> str:
    return pulled.session_id[:SHORT]


def _listed(pulled: Pulled) -> str:
    names = list(pulled)
    return ", ".join(names[:_MOST_NAMES]) + (", ..." if len(names) > _MOST_NAMES else "") or "none"
