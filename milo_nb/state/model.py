"""What is known of a pipeline's run. Frozen: only a reducer makes the next state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from milo_nb.errors import in_one_line
from milo_nb.state.record import constructor

if TYPE_CHECKING:
    from collections.abc import Sequence

PhaseWord = Literal["pending", "running", "retrying", "completed", "failed", "skipped", "cancelled"]
PipelineWord = Literal["pending", "running", "paused", "completed", "failed", "cancelled"]

DONE = frozenset({"completed", "skipped"})
OUTCOMES = frozenset({"completed", "failed", "skipped", "cancelled"})
ENDED = frozenset({"completed", "failed", "cancelled"})
WAITING = frozenset({"pending", "retrying"})
UNFINISHED = frozenset({"failed", "cancelled"})
AWAITS_APPROVAL = "waits for approval"
"""The reason of a completed phase that a person has still to look at."""
NOT_SAVED = "not saved: "
"""How the reason of a completed phase begins whose result is not on disk."""


@dataclass(frozen=True, slots=True)
class PhaseLog:
    """One line that a phase printed or logged.

    Attributes:
        line: Its text without the newline; ANSI colour codes are kept.
        stream: ``stdout``, ``stderr``, ``log`` or ``warning``.
        timestamp: Seconds on the session's clock.
        level: Name of the logging level, for log records.
    """

    line: str
    stream: str = "stdout"
    timestamp: float = 0.0
    level: str = ""


@dataclass(frozen=True, slots=True)
class AttemptRecord:
    """An earlier try of a phase."""

    attempt: int
    status: str
    started_at: float = 0.0
    elapsed: float = 0.0
    error: str = ""
    error_type: str = ""

    @property
    def failure(self) -> str:
        """What it failed with, with the type of the error."""
        return in_one_line(self.error_type, self.error) if self.error else ""


@dataclass(frozen=True, slots=True)
class PhaseStatus:
    """What is known of one phase.

    Attributes:
        name: Name of the phase.
        status: One of ``pending running retrying completed failed skipped cancelled``.
        started_at: When the attempt started, in seconds on the session's clock; 0 before.
        elapsed: Seconds that the attempt took, once it has ended.
        error: Message of the latest failure.
        attempt: The try it is at, from 1.
        logs: Its last lines, at most its ``max_logs``, over all attempts.
        log_count: How many lines there have been in all.
        fraction: Its own progress from 0 to 1, where it tells it.
        message: What it says about its progress.
        origin: How it came to its result: ``ran``, ``cache``, ``checkpoint``, ``substitute``.
        reason: Why it is where it is, as "blocked by load".
        outputs: References of what it displayed.
        saved: Its result is on disk.
        edited: Its handler was replaced since the attempt.
        first_attempt: The attempt that the latest command began with; back-off counts from it.
        history: Its earlier attempts.
        error_type: Name of that failure's type, where it is known.
    """

    name: str
    status: str = "pending"
    started_at: float = 0.0
    elapsed: float = 0.0
    error: str = ""
    attempt: int = 1
    logs: Sequence[PhaseLog] = ()
    log_count: int = 0
    fraction: float = 0.0
    message: str = ""
    origin: str = ""
    reason: str = ""
    outputs: tuple[Any, ...] = ()
    saved: bool = False
    edited: bool = False
    first_attempt: int = 1
    history: tuple[AttemptRecord, ...] = ()
    error_type: str = ""

    @property
    def failure(self) -> str:
        """Its latest failure, with the type of the error, as ``KeyError: 'x'``; "" for none."""
        return in_one_line(self.error_type, self.error) if self.error else ""


@dataclass(frozen=True, slots=True)
class PipelineState:
    """What is known of a session.

    Attributes:
        name: Name of the pipeline.
        phases: A :class:`PhaseStatus` per phase, in execution order.
        current_phase: The latest started phase that still runs, else "".
        started_at: When it started, in seconds on the session's clock.
        elapsed: Seconds that it has been active; pauses and the time after an end do not count.
        progress: Weight of completed and skipped phases over the total, 0 to 1.
        status: One of ``pending running paused completed failed cancelled``.
        requested: What a command asked for and has not come true yet: ``pausing``, ``cancelling`` or "".
        waiting_for: The phase whose review the session waits for.
        session_id: UUID of the session.
        stopped_at: When it ended or paused; 0 while it is active.
        idle: Seconds in which it was not active since it started.
        halted: A failure forbids new starts.
        done_weight: Weight of completed and skipped phases.
        running: Names of the running phases in the order they started.
        notice: What people should know about the session as a whole, as a checkpoint that failed.
        commands: Ids of the latest commands, so that a repeated one changes nothing.
    """

    name: str = ""
    phases: Sequence[PhaseStatus] = ()
    current_phase: str = ""
    started_at: float = 0.0
    elapsed: float = 0.0
    progress: float = 0.0
    status: str = "pending"
    requested: str = ""
    waiting_for: str = ""
    session_id: str = ""
    stopped_at: float = 0.0
    idle: float = 0.0
    halted: bool = False
    done_weight: float = 0
    running: tuple[str, ...] = ()
    notice: str = ""
    commands: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PipelineViewState:
    """What one reader looks at.

    Attributes:
        pipeline: The state looked at.
        selected_phase: Position of the selected phase.
        expanded: Its log is open.
        log_scroll: First line shown of the log.
        auto_follow: The log scrolls to new lines.
        log_height: Lines of the log that are shown at once.
    """

    pipeline: PipelineState
    selected_phase: int = 0
    expanded: bool = False
    log_scroll: int = 0
    auto_follow: bool = True
    log_height: int = 10


make_phase_status = constructor(PhaseStatus)
make_pipeline_state = constructor(PipelineState)
