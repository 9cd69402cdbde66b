"""``%milo approve``: going on after a review, here, in another kernel, or in a session that was left waiting on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from milo_nb.errors import InvalidStateError
from milo_nb.execute.executor import PipelineExecutor
from milo_nb.persist.rundir import sessions
from milo_nb.show.magic.elsewhere import find_elsewhere
from milo_nb.show.magic.obeying import obey, say_obeyed
from milo_nb.show.magic.on_disk import NEAR, look, name_of, root_of
from milo_nb.show.magic.resuming import not_defined, put_up

if TYPE_CHECKING:
    from milo_nb.show.magic.asked import Asked
    from milo_nb.show.magic.on_disk import Seen


def approve(asked: Asked) -> None:
    """Approve what waits for it.

    Raises:
        InvalidStateError: If nothing does.
    """
    held, session = asked.cells.find(asked.name), asked.options.session
    if isinstance(held, PipelineExecutor) and not held.is_idle and session is None:
        obey(asked, held)
        return
    waits = _waiting_on_disk(asked, session)
    if waits is None:
        there = find_elsewhere(asked, asked.name, session)
        if there is None and held is None:
            raise not_defined(asked, asked.name)
        if there is None:
            raise InvalidStateError("Nothing waits for approval.")
        obey(asked, there)
    elif held is None:
        raise not_defined(asked, asked.name)
    else:
        asked.cells.check_idle(asked.name, starts_anew=True)
        executor = put_up(asked, held, asked.name, waits.run_dir.session_id)
        plan = executor.command("approve", *asked.phases, by="%milo")
        if asked.cells.is_seen():
            asked.cells.show(executor, wait=False)
        say_obeyed(asked, executor, plan)


def _waiting_on_disk(asked: Asked, session: str | None) -> Seen | None:
    """Return the newest session that waits and that nobody has."""
    name = name_of(asked, asked.name)
    for run_dir in sessions(root_of(asked, asked.name), name)[:NEAR]:
        if session is None or run_dir.session_id.startswith(session):
            seen = look(run_dir)
            if seen.waiting_for and seen.owner is None and seen.pipeline == name:
                return seen
    return None
