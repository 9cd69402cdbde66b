"""Sessions that are not this notebook's: looked at, and steered by the mailbox of the kernel that has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from milo_nb.errors import UsageError
from milo_nb.execute.attaching import attach
from milo_nb.execute.commands import Commands
from milo_nb.execute.executor import PipelineExecutor
from milo_nb.persist.lock import owner
from milo_nb.persist.replay import of_pipeline
from milo_nb.show.magic.asked import say
from milo_nb.show.magic.on_disk import (
    SHORT,
    live_elsewhere,
    look,
    name_of,
    names_on_disk,
    root_of,
    say_where,
    session_of,
)

if TYPE_CHECKING:
    from milo_nb.execute.attached import AttachedExecutor
    from milo_nb.persist.rundir import RunDir
    from milo_nb.show.magic.asked import Asked

MOST_NAMED = 8


def is_attached(held: object) -> bool:
    """Tell whether something is a session that is only looked at."""
    return isinstance(held, Commands) and not isinstance(held, PipelineExecutor)


def find_elsewhere(asked: Asked, name: str, session: str | None = None) -> AttachedExecutor | None:
    """Return the session that a line names, or the newest one of the pipeline that another process has; None if there is none.

    Raises:
        UnknownSessionError: If there is no session of that id.
    """
    root = root_of(asked, name)
    if session:
        return attach(session_of(asked, name, session).session_id, root)
    run_dir = live_elsewhere(root, name_of(asked, name))
    return None if run_dir is None else attach(run_dir.session_id, root)


def whom(asked: Asked) -> PipelineExecutor | AttachedExecutor:
    """Return whom a command is for: the executor of this notebook, or a session that another process has.

    Raises:
        MiloError: If there is none.
    """
    held, session = asked.cells.find(asked.name), asked.options.session
    if isinstance(held, PipelineExecutor) and (session is None or str(held.session_id).startswith(session)):
        return held
    there = find_elsewhere(asked, asked.name, session)
    return asked.executor() if there is None else there


def where(executor: AttachedExecutor) -> str:
    """Return which session that is, and who has it."""
    run_dir = executor.run_dir
    return f"session {run_dir.session_id[:SHORT]}, {say_where(owner(run_dir)) or 'on disk'}"


def status_of(executor: PipelineExecutor | AttachedExecutor) -> str:
    """Return the status of a session in a word; ``interrupted`` if its owner died."""
    session: Any = executor.session
    return str(session.state.status) if isinstance(executor, PipelineExecutor) else look(executor.run_dir).status


def attach_word(asked: Asked) -> None:
    """Show a session on disk, past or running, and bind the name of its pipeline if it is free.

    Raises:
        UsageError: If nobody would see it and there is no name to bind.
    """
    session = asked.names[0] if asked.names else None
    executor = _attach(asked, session)
    own = _of_this_notebook(asked, str(executor.session_id))
    if own is not None:
        executor.close()
        say(f"{own.pipeline.name}: {own.session.state.status}, here.")
        asked.cells.show(own, wait=False)
        return
    name = executor.pipeline.name
    before: Any = asked.variables.get(name)
    bound = name.isidentifier() and (before is None or is_attached(before))
    if bound:
        if is_attached(before):
            before.close()
        asked.variables[name] = executor
    took = f" `{name}` looks at it." if bound else ""
    say(f"{name}: {status_of(executor)}, {where(executor)}.{took}")
    asked.cells.show_attached(executor)


def _of_this_notebook(asked: Asked, session: str) -> PipelineExecutor | None:
    """Return the notebook's own executor that has this session."""
    held = (asked.cells.find(name) for name in asked.cells.names())
    return next((e for e in held if isinstance(e, PipelineExecutor) and str(e.session_id) == session), None)


def _attach(asked: Asked, session: str | None) -> AttachedExecutor:
    root = root_of(asked)
    if session is None:
        session = _only_one(asked)
    if session is None or not (asked.cells.find(session) or _is_pipeline(asked, session)):
        return attach(session, root)
    return attach(session_of(asked, session).session_id, root_of(asked, session))


def _only_one(asked: Asked) -> str | None:
    """Return the pipeline whose newest session is meant by no name: the only one here, or on disk; None for no session.

    Raises:
        UsageError: If there are several; says which.
    """
    here = [name for name in asked.cells.names() if _newest(asked, name) is not None]
    if len(here) == 1:
        return here[0]
    names = here or names_on_disk(root_of(asked))
    if len(names) <= 1:
        return names[0] if names else None
    newest = [(name, found) for name in names[:MOST_NAMED] if (found := _newest(asked, name)) is not None]
    said = ", ".join(f"{name} ({_status(asked, run_dir)}, {run_dir.session_id[:SHORT]})" for name, run_dir in newest)
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    raise UsageError(
        f"Which session? There are several pipelines, their newest ones: {said}{more}. "
        "Usage: %milo attach NAME, or the beginning of a session's id; %milo runs lists them."
    )


def _status(asked: Asked, run_dir: RunDir) -> str:
    """Return the status of a session; of one that this notebook has from there, as what is on disk comes a little later."""
    own = _of_this_notebook(asked, run_dir.session_id)
    return look(run_dir).status if own is None else str(own.session.state.status)


def _newest(asked: Asked, name: str) -> RunDir | None:
    """Return the newest session on disk of a pipeline; None if there is none, or it keeps nothing there."""
    try:
        return next(of_pipeline(root_of(asked, name), name_of(asked, name)), None)
    except UsageError:
        return None


def _is_pipeline(asked: Asked, name: str) -> bool:
    if not name:
        raise UsageError("Which session? %milo runs lists them.")
    return next(of_pipeline(root_of(asked), name), None) is not None
