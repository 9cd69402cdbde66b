"""Observers: objects whose methods are called as a session goes on. One that fails is logged and harms nobody."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from milo_nb.errors import visible
from milo_nb.execute.result import MARKS
from milo_nb.state import actions as a

if TYPE_CHECKING:
    from collections.abc import Callable

    from milo_nb.declare.graph import PhaseGraph
    from milo_nb.execute.session import Session
    from milo_nb.state.actions import Action

LOG = logging.getLogger("milo_nb")


class ExecutionObserver:
    """What can be observed; override what you want to hear. All calls come from one thread, in order, soon after the fact."""

    def on_pipeline_start(self, session: Session) -> None:
        """The session has started, or goes on after a pause or an end."""

    def on_phase_start(self, session: Session, phase: str) -> None:
        """An attempt of a phase has started."""

    def on_phase_complete(self, session: Session, phase: str) -> None:
        """A phase was completed or skipped."""

    def on_phase_error(self, session: Session, phase: str, error: str) -> None:
        """An attempt of a phase has failed; it may be tried again."""

    def on_pipeline_complete(self, session: Session) -> None:
        """The session was completed."""

    def on_pipeline_error(self, session: Session, error: str) -> None:
        """The session ended failed or cancelled."""

    def on_progress_update(self, session: Session, progress: float) -> None:
        """The weighted progress has changed; from 0 to 1."""


class Notifier:
    """Turns the actions of a session into calls of an observer's methods."""

    def __init__(self, session: Session, observer: Any) -> None:
        """Make what a store can be subscribed with."""
        self._session = session
        self._observer = observer

    def __call__(self, action: Action) -> None:
        """Tell the observer what an action means."""
        payload = action.payload if isinstance(action.payload, dict) else {}
        name, session = str(payload.get("name", "")), self._session
        match action.type:
            case a.PIPELINE_START:
                self._tell("on_pipeline_start", session)
            case a.COMMAND if payload.get("goes_on") and not payload.get("refused"):
                self._tell("on_pipeline_start", session)
            case a.PHASE_START:
                self._tell("on_phase_start", session, name)
            case a.PHASE_COMPLETE | a.PHASE_SKIPPED:
                self._tell("on_phase_complete", session, name)
                self._tell("on_progress_update", session, session.state.progress)
            case a.PHASE_FAILED | a.PHASE_RETRY:
                self._tell("on_phase_error", session, name, str(payload.get("error", "")))
            case a.PIPELINE_COMPLETE:
                self._tell("on_pipeline_complete", session)
            case a.PIPELINE_FAILED | a.PIPELINE_CANCELLED:
                self._tell("on_pipeline_error", session, session.state.status)

    def _tell(self, method: str, *args: object) -> None:
        call: Callable[..., None] | None = getattr(self._observer, method, None)
        if call is None:
            return
        try:
            call(*args)
        except BaseException:  # SystemExit and the like too: the thread that tells must go on
            LOG.exception("the observer %r failed in %s", self._observer, method)


class LoggingObserver(ExecutionObserver):
    """Logs ``[2/4] {description}...`` at a phase's start and ``  [OK] {name} ({duration})`` at its end."""

    def __init__(self, logger: logging.Logger | None = None) -> None:
        """Log to `logger`, or to ``milo_nb.run``."""
        self._log = logger or logging.getLogger("milo_nb.run")

    def on_phase_start(self, session: Session, phase: str) -> None:
        """Log which phase starts and how many there are."""
        graph: PhaseGraph = session.graph
        i = graph.index[phase]
        what = graph.phases[i].description or phase
        self._log.info("[%d/%d] %s...", i + 1, len(graph), what)

    def on_phase_complete(self, session: Session, phase: str) -> None:
        """Log how long the phase took."""
        self._end(session, phase)

    def on_phase_error(self, session: Session, phase: str, error: str) -> None:
        """Log that the phase failed, and why."""
        self._end(session, phase, "FAIL")
        self._log.error("    %s", visible(error))

    def on_pipeline_complete(self, session: Session) -> None:
        """Log the end."""
        self._log.info("%s completed (%.1fs)", session.name, session.state.elapsed)

    def on_pipeline_error(self, session: Session, error: str) -> None:
        """Log the end."""
        self._log.error("%s %s (%.1fs)", session.name, error, session.state.elapsed)

    def _end(self, session: Session, phase: str, mark: str = "") -> None:
        status = session.state.phases[session.graph.index[phase]]
        elapsed = status.elapsed or (status.history[-1].elapsed if status.history else 0.0)
        self._log.info("  [%s] %-15s (%.1fs)", mark or MARKS[status.status], phase, elapsed)


class ProgressBarObserver(ExecutionObserver):
    """Shows a rich progress bar, for scripts in a terminal."""

    def __init__(self, console: Any = None) -> None:
        """Draw on `console`, or on rich's own."""
        self._console = console
        self._bar: Any = None
        self._task: Any = None

    def on_pipeline_start(self, session: Session) -> None:
        """Show the bar."""
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415 - 60 ms to import

        if self._bar is None:
            columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%"))
            self._bar = Progress(*columns, TimeElapsedColumn(), console=self._console)
            self._bar.start()
            self._task = self._bar.add_task(session.name, total=1.0)

    def on_phase_start(self, session: Session, phase: str) -> None:
        """Name the phase beside the bar."""
        if self._bar is not None:
            self._bar.update(self._task, description=f"{session.name}: {phase}")

    def on_progress_update(self, session: Session, progress: float) -> None:  # noqa: ARG002
        """Move the bar."""
        if self._bar is not None:
            self._bar.update(self._task, completed=progress)

    def on_pipeline_complete(self, session: Session) -> None:
        """Leave the full bar."""
        self._stop(session, session.name)

    def on_pipeline_error(self, session: Session, error: str) -> None:
        """Leave the bar as it is."""
        self._stop(session, f"{session.name}: {error}")

    def _stop(self, session: Session, description: str) -> None:
        if self._bar is not None:
            self._bar.update(self._task, description=description, completed=session.state.progress)
            self._bar.stop()
            self._bar = None
