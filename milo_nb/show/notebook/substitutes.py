"""What a phase can be skipped with: None, its result of an earlier session, or a variable of the notebook."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, Sized
from datetime import UTC, datetime
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

from milo_nb.declare.phase import Phase
from milo_nb.errors import InvalidStateError, MiloError, name_of_type
from milo_nb.execute.commands import Commands
from milo_nb.show.notebook import asked
from milo_nb.show.notebook.beside import SHORT, is_attached
from milo_nb.show.notebook.eta import root_of
from milo_nb.state.wire import clip
from milo_nb.state.wire_browser import SUBSTITUTES, VARIABLE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from milo_nb.execute.executor import PipelineExecutor
    from milo_nb.execute.session import Session
    from milo_nb.persist.rundir import RunDir
    from milo_nb.show.notebook.asked import Tell

LOG = logging.getLogger("milo_nb")
NONE, EARLIER = SUBSTITUTES
MOST_VARIABLES = 500
MOST_SESSIONS = 20
_CONTAINERS = (str, bytes, list, tuple, set, frozenset, dict)
_NO_VALUES = (ModuleType, FunctionType, BuiltinFunctionType, type, Commands, Phase)
_SYSTEMS_OWN = frozenset({"In", "Out", "exit", "quit", "get_ipython", "open"})


class Earlier(NamedTuple):
    """A result that a phase had in another session, on disk."""

    run_dir: RunDir
    record: Mapping[str, Any]

    def load(self) -> Any:
        """Return it.

        Raises:
            ResultRefusedError: If the file is damaged, or was signed by somebody else.
        """
        from milo_nb.persist.results import ResultFiles  # noqa: PLC0415 - costs an import that few need
        from milo_nb.values.trust import signing_key  # noqa: PLC0415

        return ResultFiles(self.run_dir, signing_key()).load(self.record)

    def __str__(self) -> str:
        """Say where it is from, and how large it is."""
        made = datetime.fromtimestamp(self.run_dir.started_wall, UTC).astimezone()
        size = self.record.get("size", 0)
        return f"of session {self.run_dir.session_id[:SHORT]}, {made:%Y-%m-%d %H:%M}, {size:,} bytes"


def answer_values(executor: PipelineExecutor, args: Mapping[str, Any], tell: Tell) -> None:
    """List what a phase can be skipped with."""
    session, i = executor.session, asked.phase_of(executor, args)
    if is_attached(session):  # its kernel cannot be sent one
        tell({"earlier": "", "variables": []})
        return
    found = earlier(session, session.graph.names[i])
    variables = [[name, kind_of(value)] for name, value in _variables()]
    tell({"earlier": "" if found is None else clip(str(found)), "variables": variables[:MOST_VARIABLES]})


def value_of(session: Session, name: str, option: str) -> Any:
    """Return the value that a browser chose for a phase.

    Args:
        session: The phase's session.
        name: The phase.
        option: ``none``, ``earlier`` or ``variable:NAME``.

    Raises:
        MiloError: If it is not to be had; says why.
    """
    if option in ("", NONE):
        return None
    if is_attached(session):
        raise InvalidStateError("A value cannot be sent to another kernel. Skip without one, or where it is.")
    if option == EARLIER:
        found = earlier(session, name)
        if found is None:
            raise InvalidStateError(f"No earlier session has a saved result of '{name}'.")
        return found.load()
    variable = option.removeprefix(VARIABLE)
    names = _namespace()
    if variable not in names:
        raise InvalidStateError(f"The notebook has no variable '{clip(variable, 80)}' any more.")
    return names[variable]


def earlier(session: Session, name: str) -> Earlier | None:
    """Return the newest saved result that a phase made in another session of this pipeline, if there is one."""
    root = root_of(session)
    if root is None:
        return None
    from milo_nb.execute.taking_up import saved_records  # noqa: PLC0415 - costs an import that few need
    from milo_nb.persist.journal import read  # noqa: PLC0415
    from milo_nb.persist.replay import current_snapshot, replay  # noqa: PLC0415
    from milo_nb.persist.results import ResultFiles  # noqa: PLC0415
    from milo_nb.persist.rundir import sessions  # noqa: PLC0415
    from milo_nb.values.trust import signing_key  # noqa: PLC0415

    for run_dir in sessions(root, session.name)[:MOST_SESSIONS]:
        try:
            if run_dir.session_id == str(session.id) or not _has_made(current_snapshot(run_dir), name):
                continue
            journalled = read(run_dir.journal)
            for record in saved_records(journalled, replay(journalled)):
                if record["name"] == name and ResultFiles(run_dir, signing_key()).exists(record):
                    return Earlier(run_dir, record)
        except (MiloError, OSError) as e:
            LOG.debug("session %s cannot be read", run_dir.session_id, exc_info=e)
    return None


def kind_of(value: object) -> str:
    """Return what a variable is, in few words; calls nothing of the person's classes but a ``shape`` they may have."""
    name = name_of_type(value)
    if isinstance(value, (bool, int, float)) and len(text := repr(value)) < 20:  # noqa: PLR2004 - what fits a menu
        return f"{name} {text}"
    if type(value) in _CONTAINERS and isinstance(value, Sized):
        return f"{name} of {len(value):,}"
    try:
        shape = getattr(value, "shape", None)
    except Exception:  # noqa: BLE001 - a person's property may raise anything
        shape = None
    if isinstance(shape, tuple) and all(isinstance(n, int) for n in shape):
        return f"{name} {' x '.join(map(str, shape))}".rstrip()
    return clip(name, 80)


def _has_made(snapshot: Mapping[str, Any], name: str) -> bool:
    results = snapshot.get("results")
    return isinstance(results, list) and any(
        isinstance(one, dict) and one.get("phase") == name and one.get("success") is True for one in results
    )


def _namespace() -> Mapping[str, Any]:
    """Return the notebook's variables; those of the program where there is no notebook."""
    if "IPython" in sys.modules:
        from IPython.core.getipython import get_ipython  # noqa: PLC0415 - only where IPython is there anyhow

        shell = get_ipython()
        if shell is not None:
            hidden = shell.user_ns_hidden
            return {n: v for n, v in shell.user_ns.copy().items() if n not in hidden or hidden[n] is not v}
    return dict(vars(sys.modules["__main__"]))


def _variables() -> Iterator[tuple[str, Any]]:
    for name, value in sorted(_namespace().items(), key=lambda item: item[0].casefold()):
        if not name.startswith("_") and name not in _SYSTEMS_OWN and not isinstance(value, _NO_VALUES):
            yield name, value
