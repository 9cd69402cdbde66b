"""``%milo report``: one HTML file about a session, of this notebook or on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from milo_nb.errors import UsageError
from milo_nb.execute.executor import PipelineExecutor
from milo_nb.persist.disk import say_size
from milo_nb.show.magic.asked import say
from milo_nb.show.magic.listing import session_at_hand
from milo_nb.show.magic.on_disk import flush

if TYPE_CHECKING:
    from milo_nb.show.magic.asked import Asked


def report(asked: Asked) -> None:
    """Write the report of a session and say where it is.

    Raises:
        UsageError: If it cannot be written there.
    """
    executor = session_at_hand(asked)
    flush(executor)
    try:
        file = executor.report(asked.options.to)
    except OSError as e:
        where = e.filename or asked.options.to or "the working directory"
        raise UsageError(f"The report cannot be written: {where}: {e.strerror or e}.") from e
    finally:
        if not isinstance(executor, PipelineExecutor):
            executor.close()
    size = f" ({say_size(file.stat().st_size)})" if asked.cells.is_seen() else ""
    say(f"Report of '{asked.name}': {asked.options.to or file.name}{size}")
