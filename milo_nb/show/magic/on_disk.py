"""Sessions on disk as the magics see them: which there are, how they stand, which one a line means. Reads only."""

from __future__ import annotations

import json
import os
import socket
import time
from collections import Counter
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from milo_nb.errors import MiloError, NothingToResumeError, UsageError, available
from milo_nb.execute.executor import PipelineExecutor
from milo_nb.persist.disk import say_age
from milo_nb.persist.lock import Owner, owner
from milo_nb.persist.replay import current_snapshot, of_pipeline, pipeline_of
from milo_nb.persist.rundir import RunDir, find, sessions
from milo_nb.persist.snapshot import to_snapshot
from milo_nb.show.magic.options import DEFAULT_WORK_DIR
from milo_nb.state.model import ENDED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from milo_nb.show.magic.asked import Asked
    from milo_nb.state.model import PipelineState

SHORT = 8
"""How many letters of a session's id are shown."""
NEAR = 50
"""How many sessions are looked at for one that fits."""
_RESUMABLE = frozenset({"interrupted", "paused", "failed", "cancelled"})


class Seen(NamedTuple):
    """How a session on disk stands.

    Attributes:
        run_dir: Its directory.
        pipeline: Name of its pipeline; "" if that cannot be read.
        status: A status, ``interrupted`` if its owner died while it ran, or ``unreadable``.
        phases: How many there are.
        done: How many are completed or skipped.
        saved: How many results are on disk.
        waiting_for: The phase that waits for approval.
        started: In seconds since the epoch.
        took_s: Seconds that it was active; of one that was interrupted, until its last sign of life.
        last: Its last sign of life, in seconds since the epoch.
        owner: Who has it now.
        why: Why it cannot be read.
    """

    run_dir: RunDir
    pipeline: str = ""
    status: str = "unreadable"
    phases: int = 0
    done: int = 0
    saved: int = 0
    waiting_for: str = ""
    started: float = 0.0
    took_s: float = 0.0
    last: float = 0.0
    owner: Owner | None = None
    why: str = ""

    @property
    def is_unfinished(self) -> bool:
        """Whether it could be taken up: it was not completed, and nobody has it."""
        return self.status in _RESUMABLE and self.owner is None

    @property
    def short(self) -> str:
        """The beginning of its id."""
        return self.run_dir.session_id[:SHORT]

    @property
    def kept(self) -> str:
        """What a resume would find, for people: "3 of 5 phases saved, 2 min ago"."""
        return f"{self.saved} of {self.phases} phases saved, {say_age(max(time.time() - self.last, 0.0))} ago"


def look(run_dir: RunDir, here: Mapping[str, PipelineState] = MappingProxyType({})) -> Seen:
    """Return how a session stands; costs the reading of one small file, or of its journal if it was killed.

    Args:
        run_dir: Its directory.
        here: The states of this kernel's sessions, by id: a file may be a moment behind.
    """
    try:
        who = owner(run_dir)
        state = here.get(run_dir.session_id)
        found = current_snapshot(run_dir) if state is None else to_snapshot(state)
        last = run_dir.journal.stat().st_mtime
    except (OSError, MiloError) as e:
        return Seen(run_dir, started=run_dir.started_wall, why=str(e))
    results = [r for r in found.get("results") or () if isinstance(r, dict)]
    status = str(found.get("status", ""))
    if who is None and (status == "running" or (status in ENDED and not found.get("stopped_at"))):
        status = "interrupted"
    started = run_dir.started_wall
    took = float(found.get("elapsed_s") or 0.0)
    if status in ("running", "interrupted"):
        # And since the last thing that was told of it, as long as its kernel lived.
        took += max((time.time() if who is not None else _last_beat(run_dir)) - last, 0.0)
    return Seen(
        run_dir,
        str(found.get("pipeline", "")),
        status,
        int(found.get("phases") or 0),
        sum(r.get("status") in ("completed", "skipped") for r in results),
        sum(bool(r.get("saved")) for r in results),
        str(found.get("waiting_for") or ""),
        started,
        took,
        last,
        who,
    )


def _last_beat(run_dir: RunDir) -> float:
    """Return when the kernel that ran a session gave its last sign of life, in seconds since the epoch; 0 if unknown."""
    try:
        return run_dir.snapshot.stat().st_mtime
    except OSError:
        return 0.0


def names_on_disk(root: str | Path) -> list[str]:
    """Return the names of the pipelines that have sessions in a work directory, by their newest session."""
    folders: dict[Path, RunDir] = {}
    for run_dir in sessions(root):
        folders.setdefault(run_dir.path.parent.parent, run_dir)
    return [name for name in dict.fromkeys(pipeline_of(run_dir) for run_dir in folders.values()) if name]


def latest_to_go_on(root: str | Path, name: str) -> Seen | None:
    """Return the newest session of a pipeline that nobody has, if it is unfinished and something of it is saved."""
    for run_dir in sessions(root, name)[:NEAR]:
        seen = look(run_dir)
        if seen.owner is None and seen.pipeline == name:
            return seen if seen.is_unfinished and seen.saved else None
    return None


def live_elsewhere(root: str | Path, name: str) -> RunDir | None:
    """Return the newest session of a pipeline that another process has, if there is one."""
    for run_dir in sessions(root, name)[:NEAR]:
        try:
            who = owner(run_dir)
        except OSError:
            continue
        if who is not None and not is_me(who) and pipeline_of(run_dir) == name:
            return run_dir
    return None


def is_me(who: Owner) -> bool:
    """Tell whether an owner is this process."""
    return (who.pid, who.host) == (os.getpid(), socket.gethostname())


def say_where(who: Owner | None) -> str:
    """Return where a session is, for people; "" if nobody has it."""
    if who is None:
        return ""
    if is_me(who):
        return "here"
    return f"process {who.pid}" if who.host == socket.gethostname() else f"process {who.pid} on {who.host}"


def unique_short(shown: Iterable[RunDir], all_: Iterable[RunDir]) -> dict[RunDir, str]:
    """Return the beginnings of ids by which sessions are told from all others."""
    count = Counter(run_dir.session_id[:SHORT] for run_dir in all_)
    return {r: r.session_id[:SHORT] if count[r.session_id[:SHORT]] < 2 else r.session_id for r in shown}  # noqa: PLR2004 - once, or more often


def states_here(asked: Asked) -> dict[str, PipelineState]:
    """Return the states of the sessions of this notebook's executors, by id."""
    held = [asked.cells.find(name) for name in asked.cells.names()]
    return {str(e.session_id): e.session.state for e in held if isinstance(e, PipelineExecutor)}


# ---------------------------------------------------------------------- which one a line means


def root_of(asked: Asked, name: str = "") -> str | Path:
    """Return the work directory that a line means: its own, else that of the pipeline, else the usual one.

    Raises:
        UsageError: If the pipeline keeps nothing on disk.
    """
    given = getattr(asked.options, "work_dir", None)
    if given:
        return str(given)
    held, made = asked.cells.find(name), asked.cells.made.get(name)
    if isinstance(held, PipelineExecutor):
        root = held.session.disk.root
        if root is None:
            raise UsageError(f"'{name}' keeps nothing on disk: it was started with work_dir=None.")
        return root
    return DEFAULT_WORK_DIR if made is None else str(made.options["work_dir"])


def name_of(asked: Asked, name: str) -> str:
    """Return the name by which the pipeline in a variable is known on disk; the variable's, if there is none."""
    held = asked.cells.find(name)
    pipeline = held.pipeline if isinstance(held, PipelineExecutor) else held
    return name if pipeline is None else pipeline.name


def session_of(asked: Asked, name: str, session: str | None = None) -> RunDir:
    """Return the session that a line means: the one it names, else the newest of the pipeline.

    Raises:
        UnknownSessionError: If it names one that is not there.
        NothingToResumeError: If the pipeline has none.
        UsageError: If it is one of another pipeline.
    """
    root, known = root_of(asked, name), name_of(asked, name)
    if session:
        run_dir = find(root, session)
        other = pipeline_of(run_dir)
        if other not in (known, ""):
            raise UsageError(f"Session {run_dir.session_id[:SHORT]} is one of '{other}', not of '{known}'.")
        return run_dir
    found = next(of_pipeline(root, known), None)
    if found is None:
        there = available("pipelines", known, names_on_disk(root))
        raise NothingToResumeError(f"There is no session of '{known}' in {root}. {there}")
    return found


def flush(executor: Any, timeout_s: float = 1.0) -> None:
    """Have what this kernel has to write of a session on disk, as far as that goes in time."""
    disk = getattr(executor.session, "disk", None)
    recorder = None if disk is None else disk.recorder
    if recorder is not None:
        recorder.flush(timeout_s)


def saved_params(run_dir: RunDir) -> Mapping[str, Any]:
    """Return the parameters that a session was started with, those that could be kept as they are."""
    try:
        found = json.loads(run_dir.params.read_bytes())
    except (OSError, ValueError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {n: v for n, v in found.items() if not (isinstance(v, dict) and v.keys() == {"@type"})}
