"""Taking up a session that another process began, or this one before its kernel was restarted.

The journal gives the state; what ran when its owner died is marked so; then the session hears commands like any other.
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from milo_nb.errors import MiloError, NothingToResumeError, PhaseError, RecordedError, WorkDirError
from milo_nb.execute.books import ContinuedBook, readers
from milo_nb.execute.displays import SeenDisplays
from milo_nb.execute.keeping import Keeper
from milo_nb.execute.keeping import take_up as own
from milo_nb.persist.lock import owner
from milo_nb.persist.replay import current_snapshot
from milo_nb.persist.rundir import find, sessions
from milo_nb.state import actions as a
from milo_nb.state.actions import Action
from milo_nb.state.model import DONE, ENDED, NOT_SAVED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from milo_nb.declare.graph import PhaseGraph
    from milo_nb.execute.session import Session
    from milo_nb.persist.journal import Journalled
    from milo_nb.persist.lock import Owner
    from milo_nb.persist.rundir import RunDir
    from milo_nb.state.model import PipelineState
    from milo_nb.store.clock import Clock, Timer

INTERRUPTED = "interrupted: its kernel ended"
"""The reason of a phase that ran when its session's owner died."""
NEWEST = 50
"""How many sessions are looked at for one that is unfinished."""


class ContinuedClock:
    """A clock that goes on where another one stopped."""

    def __init__(self, base: Clock, start: float) -> None:
        """Make a clock on top of `base` that stands at `start` now."""
        self._base = base
        self._ahead = start - base.now()

    def now(self) -> float:
        """Return seconds; never backwards."""
        return self._base.now() + self._ahead

    def call_later(self, delay_s: float, fn: Callable[[], None]) -> Timer:
        """Call `fn` after `delay_s` seconds."""
        return self._base.call_later(delay_s, fn)


class Story(NamedTuple):
    """What a session was before it is taken up.

    Attributes:
        session_id: Its UUID.
        keeper: What it has on disk, owned by this process.
        state: How it stood.
    """

    session_id: UUID
    keeper: Keeper
    state: PipelineState

    def clock(self, base: Clock) -> ContinuedClock:
        """Return the session's clock: what passed since its owner died counts."""
        return ContinuedClock(base, time_now(self.keeper.told()))

    def remember(self, session: Session) -> None:
        """Have what an earlier owner left at hand: results, errors, lines."""
        told = self.keeper.told()
        for record in saved_records(told, self.state):
            session.results.saved(record)
        session.errors.update(recorded_errors(told, self.state))
        for name, reader in readers(self.keeper.run_dir.logs, (*session.graph.names, "")).items():
            session.logs.go_on(name, ContinuedBook(reader))
        session.outputs.update(SeenDisplays(self.keeper.displays, session.graph.names).books)

    def settled(self, state: PipelineState) -> Iterator[Action]:
        """Yield what is to be said of a session whose owner died before it could say so itself.

        That it could not write is no longer so: this process would find out for itself.
        """
        at = last_sign(self.keeper.told(), self.keeper.run_dir, self.state)
        yield from settled(state, at)
        if state.notice.lower().startswith(NOT_SAVED):
            yield Action(a.CHECKPOINT_FAILED, {"reason": ""}, at)


def saved_records(journalled: Journalled, state: PipelineState) -> Iterator[dict[str, Any]]:
    """Yield what a journal says of the saved results of the attempts that count."""
    latest = {p.name: p.attempt for p in state.phases if p.status in DONE}
    found: dict[str, dict[str, Any]] = {}
    for action in journalled.actions:
        if action.type == a.PHASE_SAVED and isinstance(action.payload, dict):
            record = action.payload
            if latest.get(record.get("name", "")) == record.get("attempt"):
                found[record["name"]] = record
        elif action.type == a.PHASE_SKIPPED and isinstance(action.payload, dict) and action.payload.get("replace"):
            found.pop(action.payload.get("name", ""), None)  # what it had does not count; what it has follows, if saved
    yield from found.values()


def recorded_errors(journalled: Journalled, state: PipelineState) -> dict[str, PhaseError]:
    """Return what the failed phases of a session raised, as its journal tells."""
    now = {p.name: p for p in state.phases if p.error}
    found: dict[str, PhaseError] = {}
    for position, action in enumerate(journalled.actions):
        if action.type != a.PHASE_FAILED or not isinstance(action.payload, dict):
            continue
        phase = now.get(action.payload.get("name", ""))
        if phase is not None and action.payload.get("attempt", 1) <= phase.attempt:
            extra = journalled.extras.get(position, {})
            cause = RecordedError(
                str(extra.get("kind", "error")), str(action.payload.get("error", "")), str(extra.get("traceback", ""))
            )
            found[phase.name] = PhaseError(phase.name, int(action.payload.get("attempt", 1)), cause)
    return found


def time_now(journalled: Journalled) -> float:
    """Return what time it is on the clock of a session: what passed since its owner died counts, backwards it never goes."""
    last = journalled.last_clock
    return last + max(time.time() - (journalled.wall_offset + last), 0.0)


def last_sign(journalled: Journalled, run_dir: RunDir, state: PipelineState) -> float:
    """Return when the owner of a session was last seen alive, on the session's clock.

    That is the time of what it journalled last, of the last line of a phase, or of its snapshot, which a living owner
    touches now and then.
    """
    told = [p.logs[-1].timestamp for p in state.phases if p.logs]
    with contextlib.suppress(OSError):
        told.append(run_dir.snapshot.stat().st_mtime - journalled.wall_offset)
    now = time_now(journalled)
    return max(journalled.last_clock, *(t for t in told if t <= now), 0.0)


def settled(state: PipelineState, at: float) -> Iterator[Action]:
    """Yield what is to be said of a session whose owner died at a time before it could say so itself."""
    for phase in state.phases:
        if phase.status in ("running", "retrying"):
            payload = {"name": phase.name, "attempt": phase.attempt, "reason": INTERRUPTED}
            yield Action(a.PHASE_CANCELLED, payload, at)
    if state.status in ENDED and state.stopped_at:
        return
    if state.status == "pending":  # its owner died before it could start anything: it goes on like any other
        yield Action(a.PIPELINE_START, {"session_id": state.session_id}, at)
    if any(p.status == "failed" for p in state.phases):
        yield Action(a.PIPELINE_FAILED, None, at)
    elif state.status in ("pending", "running"):
        yield Action(a.PIPELINE_CANCELLED, {"reason": f"The session was {INTERRUPTED}."}, at)


def take_up(root: str | Path, session: str, name: str, graph: PhaseGraph) -> Story:
    """Own a session and return its story.

    Args:
        root: The work directory.
        session: Its id, or the beginning of it.
        name: The pipeline that is to go on in it.
        graph: Its phases as they are today.

    Raises:
        UnknownSessionError: (a ``ValueError``) If there is no such session.
        NothingToResumeError: (a ``ValueError``) If it is a session of another pipeline, or of other phases.
        SessionOwnedError: If a living process owns it.
        WorkDirError: If it cannot be read or written.
        SchemaError: If a newer version wrote it.
    """
    run_dir = find(root, session)
    session_id = session_uuid(run_dir)
    keeper = own(run_dir)
    try:
        _check(keeper, root, name, graph)
        return Story(session_id, keeper, keeper.replayed(graph))
    except BaseException:
        keeper.close()
        raise


def session_uuid(run_dir: RunDir) -> UUID:
    """Return the id of a session as its directory is called.

    Raises:
        WorkDirError: If it is called otherwise.
    """
    try:
        return UUID(run_dir.session_id)
    except ValueError:
        raise WorkDirError(f"{run_dir.path} is no directory of a session: its name ends in no session's id.") from None


def _check(keeper: Keeper, root: str | Path, name: str, graph: PhaseGraph) -> None:
    header, run_dir = keeper.told().header, keeper.run_dir
    if header["pipeline"] != name:
        raise NothingToResumeError(
            f"Session {run_dir.session_id} is one of '{header['pipeline']}', not of '{name}'. "
            f"Sessions of '{name}': {_ids(root, name)}."
        )
    then = keeper.declared(graph)
    if (then.names, then.depends_on) != (graph.names, graph.depends_on):
        raise NothingToResumeError(other_phases(run_dir.session_id, name, then, graph))


def latest_unfinished(root: str | Path, name: str) -> RunDir | None:
    """Return the newest session of a pipeline that is not completed and that no living process owns, if there is one."""
    return next((run_dir for run_dir, other in _unfinished(root, name) if other is None), None)


def _unfinished(root: str | Path, name: str) -> Iterator[tuple[RunDir, Owner | None]]:
    """Yield the newest sessions of a pipeline that are not completed, and who runs them."""
    for run_dir in sessions(root, name)[:NEWEST]:
        try:
            session_uuid(run_dir)
            snapshot = current_snapshot(run_dir)
            if snapshot["pipeline"] == name and snapshot["status"] != "completed":
                found = owner(run_dir)
            else:
                continue
        except (OSError, MiloError, KeyError):
            continue
        yield run_dir, found


def latest(root: str | Path | None, name: str) -> str:
    """Return the id of the newest unfinished session of a pipeline.

    Raises:
        NothingToResumeError: (a ``ValueError``) If there is none.
    """
    found = None if root is None else latest_unfinished(root, name)
    if found is None:
        raise nothing_to_resume(root, name)
    return found.session_id


def nothing_to_resume(root: str | Path | None, name: str) -> NothingToResumeError:
    """Return the error that says that a pipeline has no unfinished session."""
    if root is None:
        return NothingToResumeError(f"There is nothing to resume: '{name}' keeps nothing on disk (work_dir=None).")
    for run_dir, other in _unfinished(root, name):
        if other is not None:
            by = f"{run_dir.session_id}, which process {other.pid} on {other.host} runs since {other.since}"
            error = NothingToResumeError(f"There is nothing to resume: '{name}' has no unfinished session but {by}.")
            error.is_owned = True
            return error
    return NothingToResumeError(f"There is nothing to resume: '{name}' has no unfinished session in {root}.")


def _ids(root: str | Path, name: str) -> str:
    return ", ".join(r.session_id for r in sessions(root, name)[:5]) or "none"


def other_phases(session: str, name: str, then: PhaseGraph, now: PhaseGraph) -> str:
    """Say why a session cannot go on with other phases than it began with."""
    gone = [n for n in then.names if n not in now.index]
    new = [n for n in now.names if n not in then.index]
    said = [f"{', '.join(new)} came in" if new else "", f"{', '.join(gone)} went" if gone else ""]
    what = " and ".join(filter(None, said)) or "phases are connected otherwise"
    return (
        f"Session {session} of '{name}' cannot go on: since it began, {what}. "
        "Start anew; phases with cache=True get their results from the cache."
    )
