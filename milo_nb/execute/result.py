"""What an execution came to."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import cached_property
from typing import TYPE_CHECKING, Any

from milo_nb.errors import PhaseError, cause_of, describe, is_a, name_of_type, visible
from milo_nb.state.model import ENDED, WAITING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from uuid import UUID

    from milo_nb.execute.session import Session
    from milo_nb.state.model import PhaseStatus, PipelineState

MARKS = {
    "completed": "OK",
    "failed": "FAIL",
    "skipped": "SKIP",
    "cancelled": "STOP",
    "pending": "WAIT",
    "running": "RUN",
    "retrying": "RETRY",
}


class ExecutionState(str, Enum):  # noqa: UP042 - promised as (str, Enum); StrEnum prints otherwise
    """Where an executor is: ``IDLE -> INITIALIZING -> EXECUTING -> [PAUSED <-> EXECUTING] -> COMPLETED | FAILED | CANCELLED``."""

    IDLE = "idle"
    INITIALIZING = "initializing"
    EXECUTING = "executing"
    PAUSED = "paused"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @classmethod
    def of(cls, state: PipelineState) -> ExecutionState:
        """Return where a session in `state` is; one that has failed and still runs is executing."""
        if state.status == "pending":
            return cls.IDLE
        if state.status == "paused" or (state.status in ENDED and state.stopped_at):
            return cls(state.status)
        return cls.EXECUTING


_LONGEST = 300


@dataclass(frozen=True, slots=True)
class FailedPhase:
    """A phase that failed: its error, and the error at the root of it."""

    name: str
    error: PhaseError | None
    root_cause: BaseException | None
    attempt: int

    def __repr__(self) -> str:
        """Say which phase failed, and with what."""
        return visible(f"<{self.name} failed in attempt {self.attempt}: {_in_words(self.root_cause)}>")


class Metrics:
    """Figures of a session; counted when asked for.

    Attributes:
        duration_s: Seconds that the session was active.
    """

    def __init__(self, duration_s: float, phases: Sequence[PhaseStatus]) -> None:
        """Make the figures of a session whose phases ended as `phases` says."""
        self.duration_s = duration_s
        self._phases = phases

    @cached_property
    def phase_duration_s(self) -> Mapping[str, float]:
        """Seconds that each phase's last attempt took, of those that had one."""
        return {p.name: p.elapsed for p in self._phases if p.started_at}

    @cached_property
    def attempts(self) -> Mapping[str, int]:
        """How many tries each phase had."""
        return {p.name: len(p.history) + (p.status not in WAITING) for p in self._phases}

    @cached_property
    def counts(self) -> Mapping[str, int]:
        """How many phases are in each status, those that have any, in the order of a phase's life."""
        return count_statuses(self._phases)

    def __repr__(self) -> str:
        """Say how the phases ended; without times, so that two runs read the same."""
        return f"<Metrics {_count_in_words(self.counts)}>"


@dataclass(frozen=True, slots=True)
class ExecutionResult:
    """What an execution came to.

    Attributes:
        success: Every phase was completed or skipped.
        status: ``completed``, ``failed``, ``cancelled``, or where the session is if it has not ended.
        session_id: UUID of the session.
        data: Results of the phases that no other depends on, by name.
        results: Results of all phases that have one, by name.
        metrics: Durations, attempts and counts.
        started: When it started.
        ended: When it ended; None if it has not.
        degraded: Phases that failed and were skipped by their policy, or got a substitute.
        failed: Phases that failed, with their root causes; those that only waited are not among them.
        blocked: Phases that never ran because one before them failed.
    """

    success: bool
    status: str
    session_id: UUID
    data: Mapping[str, Any] = field(repr=False)
    results: Mapping[str, Any] = field(repr=False)
    metrics: Metrics
    started: datetime | None
    ended: datetime | None
    degraded: tuple[str, ...]
    failed: tuple[FailedPhase, ...]
    blocked: tuple[str, ...]
    pipeline: str = ""

    @property
    def summary(self) -> str:
        """A few lines for people, without times, so that two runs of the same thing read the same."""
        lines = [self._head]
        lines += [f"  [FAIL] {f.name}: {_in_words(f.root_cause)}" for f in self.failed]
        lines += [f"  [SKIP] {name}" for name in self.degraded]
        if self.blocked:
            lines.append(f"  [WAIT] {', '.join(self.blocked)}")
        return visible("\n".join(lines))

    @property
    def _head(self) -> str:
        return visible(f"{self.pipeline}: {self.status} ({_count_in_words(self.metrics.counts)})")

    def __str__(self) -> str:
        """Return the summary."""
        return self.summary

    def __repr__(self) -> str:
        """Return the summary's first line; without ids and times, so that two runs read the same."""
        return f"<ExecutionResult {self._head}>"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:  # noqa: FBT001 - as IPython calls it
        """Show the summary as what a cell returned."""
        head, *lines = [repr(self)] if cycle else self.summary.splitlines()
        printer.text(head)
        for line in lines:
            printer.break_()
            printer.text(line)


def _count_in_words(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{n} {word}" for word, n in counts.items()) or "no phases"


def _in_words(error: BaseException | None) -> str:
    """Return an error in one line that is not too long to read."""
    if error is None:
        return "no reason given"
    name, said = name_of_type(error), describe(error).strip()
    line = said.partition("\n")[0].rstrip()
    cut = " ..." if len(said) > len(line) or len(line) > _LONGEST else ""
    return name if said == name else f"{name}: {line[:_LONGEST]}{cut}"


def root_cause(error: BaseException | None) -> BaseException | None:
    """Return the error at the beginning of the chain of causes."""
    seen = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        # Only our own: a person's exception may raise when asked for an attribute.
        inner = error.cause if is_a(error, PhaseError) else None
        inner = cause_of(error) if inner is None else inner
        if not is_a(inner, BaseException):
            break
        error = inner
    return error


_LIFE = ("completed", "skipped", "failed", "cancelled", "running", "retrying", "pending")


def count_statuses(phases: Any) -> dict[str, int]:
    """Return how many phases are in each status, those that have any, in the order of a phase's life."""
    counts = Counter([phase.status for phase in phases])
    return {word: counts[word] for word in _LIFE if word in counts}


def outcome_of(session: Session) -> ExecutionResult:
    """Return what a session has come to, as it is now."""
    state, graph, results = session.state, session.graph, session.results.copied()
    phases = tuple(state.phases)
    after = graph.dependants
    failed, degraded, blocked = [], [], []
    for phase in phases:
        if phase.status == "completed":
            continue
        if phase.status == "failed":
            error = session.errors.get(phase.name)
            failed.append(FailedPhase(phase.name, error, root_cause(error), phase.attempt))
        elif phase.status == "skipped":
            degraded.append(phase.name)
        elif phase.status == "pending" and phase.reason.startswith("blocked by "):
            blocked.append(phase.name)
    started = ended = None
    if session.started_wall:
        started = datetime.fromtimestamp(session.started_wall, UTC)
        if state.stopped_at and state.status in ENDED:
            ended = started + timedelta(seconds=state.stopped_at - state.started_at)
    return ExecutionResult(
        success=state.status == "completed",
        status=state.status,
        session_id=session.id,
        data=results.copied(n for n, behind in zip(graph.names, after, strict=True) if not behind),
        results=results,
        metrics=Metrics(state.elapsed, phases),
        started=started,
        ended=ended,
        degraded=tuple(degraded),
        failed=tuple(failed),
        blocked=tuple(blocked),
        pipeline=session.name,
    )
