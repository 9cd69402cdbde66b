"""What the notebook defines, for sessions on disk that go on with it: a click on Retry in the view of a past session."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING, Any

from milo_nb.errors import PipelineError
from milo_nb.execute.executor import PipelineExecutor
from milo_nb.execute.taking_up import other_phases
from milo_nb.show.magic.asked import Asked
from milo_nb.show.magic.on_disk import SHORT
from milo_nb.show.magic.resuming import put_up

if TYPE_CHECKING:
    from milo_nb.execute.looked_at import AttachedSession
    from milo_nb.pipeline import Pipeline
    from milo_nb.show.magic.cell import Cells


class Defined:
    """The pipelines of a notebook. Any thread."""

    def __init__(self, cells: Cells, variables: dict[str, Any]) -> None:
        """Know what the variables of a notebook hold."""
        self._cells = cells
        self._variables = variables

    def why_not(self, session: AttachedSession) -> str:
        """Return why a session that nobody has cannot go on here, with the way out; "" if it can."""
        short, (name, held) = str(session.id)[:SHORT], self._find(session.name)
        if held is None:
            how = f", as with %%milo {name} --define in the first line of its cell" if name.isidentifier() else ""
            return (
                f"Session {short} has no kernel any more: it can be looked at, not steered. Define '{name}' here{how}; "
                f"then its buttons work, and: %milo resume {name} {short}"
            )
        if isinstance(held, PipelineExecutor) and held.session.is_running():
            other = str(held.session_id)[:SHORT]
            return f"'{name}' has another session in this kernel, {other}: cancel it, or wait for its end."
        pipeline = held.pipeline if isinstance(held, PipelineExecutor) else held
        try:
            graph = pipeline.graph
        except PipelineError as incomplete:
            return str(incomplete)
        if (graph.names, graph.depends_on) != (session.graph.names, session.graph.depends_on):
            return other_phases(short, name, session.graph, graph)
        return ""

    def take_up(self, session: AttachedSession) -> PipelineExecutor:
        """Return an executor that stands in the session, which the variable holds from now on; nothing of it runs yet.

        Raises:
            MiloError: If it cannot go on after all.
        """
        name, held = self._find(session.name)
        if held is None:
            raise PipelineError(self.why_not(session))
        options = Namespace(work_dir=str(session.run_dir.root), params=())
        asked = Asked("resume", (name,), options, self._cells, self._variables)
        return put_up(asked, held, name, str(session.id))

    def _find(self, pipeline: str) -> tuple[str, PipelineExecutor | Pipeline | None]:
        """Return the variable that holds a pipeline of that name, best the one that is called so, and what it holds."""
        for name in (pipeline, *self._cells.names()):
            held = self._cells.find(name)
            known = held.pipeline if isinstance(held, PipelineExecutor) else held
            if known is not None and known.name == pipeline:
                return name, held
        return pipeline, None
