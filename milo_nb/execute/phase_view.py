"""What an executor shows of one of its phases: ``executor["parse"]``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from milo_nb.errors import ResultNotAvailableError
from milo_nb.state.model import AttemptRecord, PhaseLog

if TYPE_CHECKING:
    from collections.abc import Mapping

    from milo_nb.capture.logbook import LogBook
    from milo_nb.capture.outputs import Output
    from milo_nb.errors import PhaseError
    from milo_nb.execute.session import Session
    from milo_nb.state.model import PhaseStatus


class PhaseView:
    """One phase of a session, as it is now."""

    def __init__(self, session: Session, name: str) -> None:
        """Look at the phase `name` of `session`."""
        self._session = session
        self.name = name

    @property
    def known(self) -> PhaseStatus:
        """All that the state holds of it."""
        return self._session.state.phases[self._session.graph.index[self.name]]

    @property
    def status(self) -> str:
        """One of ``pending running retrying completed failed skipped cancelled``."""
        return self.known.status

    @property
    def result(self) -> Any:
        """What the handler returned, or the value it was skipped with.

        Raises:
            ResultNotAvailableError: (a ``LookupError``) If it has none, saying why.
        """
        status = self.known.status
        if status not in ("completed", "skipped"):
            raise ResultNotAvailableError(f"Phase '{self.name}' has no result: it is {status}.")
        results = self._session.results
        if self.name not in results and status == "completed":
            raise ResultNotAvailableError(
                f"Phase '{self.name}' is completed, and its result is not there: {self._why()}."
            )
        return results.get(self.name)

    def _why(self) -> str:
        """Say why the result of a completed phase is not there."""
        from milo_nb.persist.retention import cleaned  # noqa: PLC0415 - only what is missing is asked for

        run_dir = getattr(self._session, "run_dir", None) or getattr(self._session.disk.keeper, "run_dir", None)
        reason = self.known.reason
        return (cleaned(run_dir) if run_dir is not None else "") or reason or "it was not saved"

    @property
    def error(self) -> PhaseError | None:
        """The error of its latest failed attempt, if the phase has not come good since."""
        return self._session.errors.get(self.name) if self.known.status not in ("completed", "pending") else None

    def logs(self) -> list[PhaseLog]:
        """Return all its lines that are kept, over all attempts."""
        book = self._session.books.get(self.name)
        if book is None:
            return list(self.known.logs)
        return _all_lines(book)

    @property
    def outputs(self) -> tuple[Output, ...]:
        """What it has displayed, over all attempts; the last ones."""
        return tuple(self._session.outputs.get(self.name, ()))

    @property
    def inputs(self) -> Mapping[str, Any]:
        """Results of the phases it depends on, those that are there."""
        graph, results = self._session.graph, self._session.results
        needed = [graph.names[d] for d in graph.depends_on[graph.index[self.name]]]
        return {n: results[n] for n in needed if n in results}

    @property
    def attempts(self) -> tuple[AttemptRecord, ...]:
        """Its attempts so far, the current one last."""
        now = self.known
        if now.status in ("pending", "retrying"):
            return now.history
        return (
            *now.history,
            AttemptRecord(now.attempt, now.status, now.started_at, now.elapsed, now.error, now.error_type),
        )

    def __repr__(self) -> str:
        """Say which phase and how it is."""
        return f"<phase {self.name}: {self.status}>"


class UnattributedView:
    """What a session's phases have printed that cannot be told from each other: ``executor.unattributed``."""

    def __init__(self, session: Session) -> None:
        """Look at `session`, which may be one that is only looked at."""
        self._session: Any = session

    def logs(self) -> list[PhaseLog]:
        """Return all lines that are kept."""
        book = self._session.book("")
        return [] if book is None else _all_lines(book)

    def __repr__(self) -> str:
        """Say how much there is."""
        return f"<unattributed: {len(self._session.book('') or ()):,} lines>"


def _all_lines(book: LogBook) -> list[PhaseLog]:
    return [PhaseLog(text, stream, t, level) for _, t, stream, level, text in book.page(0, len(book))]
