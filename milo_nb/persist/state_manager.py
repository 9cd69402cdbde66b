"""Checkpoints of pipelines as a script uses them: what is completed, what ran last, what went wrong; plain JSON on disk.

A :class:`StateManager` needs no executor. Before a phase its name is saved, after it what became of it, and who takes the
session up again skips what is completed. On the directories of sessions that an executor ran it tells how they stand.
"""

from __future__ import annotations

import os
import socket
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID, uuid4

from milo_nb.errors import (
    DeclarationError,
    MiloError,
    ResultRefusedError,
    SessionOwnedError,
    UnknownSessionError,
    WorkDirError,
)
from milo_nb.persist import retention
from milo_nb.persist.disk import to_json
from milo_nb.persist.journal import read
from milo_nb.persist.lock import SessionLock, owner
from milo_nb.persist.replay import current_snapshot, replay
from milo_nb.persist.rundir import RunDir, find, replace_file, sessions
from milo_nb.persist.snapshot import SCHEMA, read_snapshot, to_iso, to_snapshot
from milo_nb.state.model import ENDED, PipelineState

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import TracebackType
    from typing import Self

    from milo_nb.persist.disk import Removed

_ACTIVE = frozenset({"running", "paused"})


class PhaseResult(NamedTuple):
    """What became of a phase.

    Attributes:
        phase: Its name.
        success: It completed.
        duration_s: Seconds that it took.
        error: What went wrong, or None.
    """

    phase: str
    success: bool
    duration_s: float = 0.0
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How a session stands. Each method returns the next one; nothing is on disk before it is saved.

    Attributes:
        pipeline: Name of the pipeline.
        session_id: Of the session; a new one, if not given.
        status: ``pending running paused completed failed cancelled``.
        completed_phases: Names, in the order they were completed.
        current_phase: The phase that runs, or ran when it was last saved.
        results: What became of each phase, the latest of each.
        started_at: ISO time; now, if not given.
    """

    pipeline: str
    session_id: UUID = field(default_factory=uuid4)
    status: str = "pending"
    completed_phases: tuple[str, ...] = ()
    current_phase: str = ""
    results: tuple[PhaseResult, ...] = ()
    started_at: str = field(default_factory=lambda: to_iso(time.time()))

    def __post_init__(self) -> None:
        """Check what it is known by."""
        if not isinstance(self.pipeline, str) or not self.pipeline:
            raise DeclarationError(f"A checkpoint needs the name of its pipeline; got {self.pipeline!r}")
        object.__setattr__(self, "session_id", _uuid(self.session_id))

    def start(self, phase: str) -> Checkpoint:
        """Return it with `phase` as the one that runs."""
        return replace(self, status="running", current_phase=phase)

    def complete(self, phase: str, duration_s: float = 0.0) -> Checkpoint:
        """Return it with `phase` completed."""
        done = (*(name for name in self.completed_phases if name != phase), phase)
        current = "" if self.current_phase == phase else self.current_phase
        results = self._with(PhaseResult(phase, success=True, duration_s=duration_s))
        return replace(self, status="running", completed_phases=done, current_phase=current, results=results)

    def fail(self, phase: str, error: BaseException | str, duration_s: float = 0.0) -> Checkpoint:
        """Return it failed at `phase`."""
        said = error if isinstance(error, str) else str(error) or type(error).__name__
        results = self._with(PhaseResult(phase, success=False, duration_s=duration_s, error=said))
        done = tuple(name for name in self.completed_phases if name != phase)
        return replace(self, status="failed", completed_phases=done, current_phase=phase, results=results)

    def finish(self) -> Checkpoint:
        """Return it as ended: completed, or failed if a phase failed and was not completed since."""
        status = "completed" if all(result.success for result in self.results) else "failed"
        return replace(self, status=status, current_phase="")

    def remaining(self, phases: Iterable[str]) -> list[str]:
        """Return those of `phases` that are not completed, in their order."""
        return [name for name in phases if name not in self.completed_phases]

    def _with(self, result: PhaseResult) -> tuple[PhaseResult, ...]:
        return (*(known for known in self.results if known.phase != result.phase), result)


class CheckpointInfo(NamedTuple):
    """A session on disk.

    Attributes:
        session_id: Its id.
        pipeline: Name of its pipeline.
        status: How it stands; ``interrupted`` if it was running and nobody runs it any more.
        completed: How many phases are completed.
        started_at: ISO time, or None if it never started.
        path: Its directory.
        can_resume: It is not completed, and nobody runs it.
    """

    session_id: UUID | str
    pipeline: str
    status: str
    completed: int
    started_at: str | None
    path: Path
    can_resume: bool


class StateManager:
    """Saves and finds checkpoints in a work directory. One thread at a time saves."""

    def __init__(self, work_dir: str | os.PathLike[str] = ".milo") -> None:
        """Use a work directory; nothing is made before something is saved."""
        self.work_dir = Path(work_dir).absolute()
        self._held: dict[str, tuple[RunDir, SessionLock]] = {}

    def save_checkpoint(self, checkpoint: Checkpoint | PipelineState | Mapping[str, Any]) -> Path:
        """Save how a session stands; return the file. When this returns, a power failure does not undo it.

        The session is this process's own from the first save to the one that ends it, or to :meth:`close`.

        Args:
            checkpoint: A checkpoint; or the state of a store; or a dict with the fields of a checkpoint.

        Raises:
            SessionOwnedError: If another process runs the session.
            WorkDirError: If it cannot be written.
            DeclarationError: If it is no checkpoint.
        """
        snapshot = _to_snapshot(checkpoint)
        session, pipeline = str(snapshot["session_id"]), str(snapshot["pipeline"])
        run_dir = self._own(session, pipeline, _wall(snapshot["started_at"]))
        try:
            replace_file(run_dir.snapshot, to_json(snapshot))
        except OSError as error:
            raise WorkDirError(f"The checkpoint {run_dir.snapshot} cannot be written: {error.strerror}.") from error
        if snapshot["status"] in ENDED:
            self._let_go(session)
        return run_dir.snapshot

    def load_checkpoint(self, session_id: UUID | str) -> Checkpoint | None:
        """Return how a session stands, or None if there is no such session. Changes nothing.

        Raises:
            SchemaError: If a newer version wrote it.
            ResultRefusedError: If it cannot be read, or is no checkpoint.
        """
        run_dir = self._find(session_id)
        return None if run_dir is None else _from_snapshot(run_dir, _latest(run_dir))

    def can_resume(self, session_id: UUID | str) -> bool:
        """Tell whether a session is there that is not completed, and that no other process runs."""
        run_dir = self._find(session_id)
        if run_dir is None:
            return False
        try:
            return _latest(run_dir).get("status") != "completed" and not self._is_run_elsewhere(run_dir)
        except (MiloError, OSError):
            return False

    def list_checkpoints(self) -> list[CheckpointInfo]:
        """Return the sessions of all pipelines, newest first; those that cannot be read are left out."""
        found = []
        for run_dir in sessions(self.work_dir):
            try:
                snapshot = current_snapshot(run_dir)
                is_free = snapshot.get("status") == "completed" or not self._is_run_elsewhere(run_dir)
                found.append(_info(run_dir, snapshot, is_free=is_free))
            except (MiloError, OSError, LookupError, TypeError):
                continue
        return found

    def cleanup_checkpoints(
        self,
        session_id: UUID | str | None = None,
        *,
        keep: int = retention.KEEP,
        max_bytes: float = retention.MAX_BYTES,
        dry_run: bool = False,
    ) -> list[Removed]:
        """Remove one session, or what is old and too much of each pipeline; return what went.

        Args:
            session_id: The one to remove, whatever its age.
            keep: Otherwise, how many sessions of each pipeline stay.
            max_bytes: And how much each pipeline may take.
            dry_run: Only tell what would go.

        Raises:
            UnknownSessionError: If no session has this id.
            SessionOwnedError: If it is running.
            WorkDirError: If it may not be removed.
        """
        if session_id is None:
            return retention.clean(self.work_dir, keep=keep, max_bytes=max_bytes, dry_run=dry_run)
        run_dir = find(self.work_dir, str(session_id))
        self._let_go(run_dir.session_id)
        return [retention.remove_session(run_dir, dry_run=dry_run)]

    def close(self) -> None:
        """Let go of all sessions, so that others may take them up."""
        for session in list(self._held):
            self._let_go(session)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """Let go of all sessions."""
        self.close()

    # ------------------------------------------------------------------ private

    def _own(self, session: str, pipeline: str, started_wall: float) -> RunDir:
        held = self._held.get(session)
        if held is not None and held[0].path.is_dir():
            return held[0]
        self._let_go(session)
        run_dir = self._find(session) or RunDir.make(self.work_dir, pipeline, session, started_wall)
        lock = SessionLock(run_dir)
        try:
            lock.acquire()
        except SessionOwnedError as owned:
            if not _is_us(owned):  # an executor of this very process writes beside us, and from the same story
                raise
            return run_dir
        self._held[session] = run_dir, lock
        return run_dir

    def _let_go(self, session: str) -> None:
        held = self._held.pop(session, None)
        if held is not None:
            held[1].release()

    def _find(self, session_id: UUID | str) -> RunDir | None:
        try:
            return find(self.work_dir, str(_uuid(session_id)))
        except (UnknownSessionError, DeclarationError):
            return None

    def _is_run_elsewhere(self, run_dir: RunDir) -> bool:
        return run_dir.session_id not in self._held and owner(run_dir) is not None


def _latest(run_dir: RunDir) -> dict[str, Any]:
    """Return how a session stands: by its journal, if it has one, as its snapshot may lag behind."""
    if not run_dir.journal.exists():
        found = read_snapshot(run_dir.snapshot)
        if found is None:
            raise ResultRefusedError(run_dir.snapshot, "damaged or missing, and there is no journal to make it anew")
        return found
    journalled = read(run_dir.journal)
    return to_snapshot(replay(journalled), wall_offset=journalled.wall_offset)


def _info(run_dir: RunDir, snapshot: Mapping[str, Any], *, is_free: bool) -> CheckpointInfo:
    status = str(snapshot["status"])
    return CheckpointInfo(
        _id(str(snapshot["session_id"])),
        str(snapshot["pipeline"]),
        "interrupted" if is_free and status in _ACTIVE else status,
        len(snapshot["completed_phases"]),
        snapshot["started_at"],
        run_dir.path,
        is_free and status != "completed",
    )


def _from_snapshot(run_dir: RunDir, snapshot: Mapping[str, Any]) -> Checkpoint:
    try:
        return Checkpoint(
            snapshot["pipeline"],
            snapshot["session_id"],
            str(snapshot["status"]),
            tuple(str(name) for name in snapshot["completed_phases"]),
            str(snapshot["current_phase"]),
            tuple(_result(record) for record in snapshot["results"] if record.get("status", "failed") in _TOLD),
            str(snapshot["started_at"] or to_iso(run_dir.started_wall)),
        )
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        raise ResultRefusedError(run_dir.snapshot, f"damaged: it is no checkpoint ({error})") from None


_TOLD = frozenset({"completed", "failed", "skipped", "cancelled"})


def _result(record: Mapping[str, Any]) -> PhaseResult:
    error = record.get("error")
    return PhaseResult(
        str(record["phase"]),
        success=bool(record["success"]),
        duration_s=float(record.get("duration_s", 0.0)),
        error=None if error is None else str(error),
    )


def _to_snapshot(given: Checkpoint | PipelineState | Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(given, PipelineState):
        wall_offset = time.time() - time.monotonic()  # the clock that a store goes by
        snapshot = to_snapshot(given, wall_offset=wall_offset)
        if not given.session_id or not given.name:
            raise DeclarationError("This state is of no session: it has no session_id, or no name.")
        return snapshot
    if not isinstance(given, Checkpoint):
        try:
            told = dict(given)
            results = tuple(r if isinstance(r, PhaseResult) else _result(r) for r in told.pop("results", ()))
            given = Checkpoint(**told, results=results)
        except (TypeError, AttributeError, KeyError) as error:
            raise DeclarationError(f"This is no checkpoint: {error}") from None
    return {
        "schema": SCHEMA,
        "pipeline": given.pipeline,
        "session_id": str(given.session_id),
        "status": given.status,
        "completed_phases": list(given.completed_phases),
        "current_phase": given.current_phase,
        "running": [given.current_phase] if given.status == "running" and given.current_phase else [],
        "results": [record._asdict() for record in given.results],
        "started_at": given.started_at,
    }


def _uuid(given: object) -> UUID:
    if isinstance(given, UUID):
        return given
    try:
        return UUID(str(given))
    except ValueError:
        raise DeclarationError(f"session_id must be a UUID; got {given!r}") from None


def _id(text: str) -> UUID | str:
    try:
        return UUID(text)
    except ValueError:
        return text


def _wall(iso: str | None) -> float:
    """Return seconds since the epoch; now, if there is no time yet."""
    if iso is None:
        return time.time()
    try:
        found = datetime.fromisoformat(iso)
    except ValueError:
        raise DeclarationError(f"started_at must be a time in ISO form; got {iso!r}") from None
    return found.replace(tzinfo=found.tzinfo or UTC).timestamp()


def _is_us(owned: SessionOwnedError) -> bool:
    return owned.pid == os.getpid() and owned.host == socket.gethostname()
