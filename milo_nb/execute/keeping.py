"""What one session keeps on disk: its journal, its results, the code of its attempts. A session without one is in memory.

Called from worker threads (``stage``), under the baton (``take``), and from the recorder's thread, which tells back by
the callbacks that it was given.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import threading
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from milo_nb.errors import NotSavableError, SessionOwnedError, WorkDirError, name_of_type
from milo_nb.execute.books import last_logs, readers
from milo_nb.execute.displays import SeenDisplays
from milo_nb.execute.wording import text_of
from milo_nb.persist.cache import Cache
from milo_nb.persist.declared import Declarations, declared_to_json
from milo_nb.persist.displays import DisplayFiles
from milo_nb.persist.files import Files
from milo_nb.persist.journal import Journal, make_header
from milo_nb.persist.lock import SessionLock
from milo_nb.persist.mailbox import Mailbox
from milo_nb.persist.recorder import Recorder
from milo_nb.persist.replay import latest_declared, latest_fail_fast, latest_graph, replay
from milo_nb.persist.results import ResultFiles
from milo_nb.persist.retention import clean
from milo_nb.persist.rundir import RunDir, write_all
from milo_nb.persist.snapshot import to_snapshot
from milo_nb.state import actions as a
from milo_nb.values.trust import signing_key

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from milo_nb.declare.graph import PhaseGraph
    from milo_nb.errors import PhaseError
    from milo_nb.persist.files import FileRecord
    from milo_nb.persist.journal import Journalled
    from milo_nb.persist.results import Staged
    from milo_nb.state.actions import Action
    from milo_nb.state.model import PipelineState

LOG = logging.getLogger("milo_nb")
MOST_TRACEBACK = 20_000
"""Most characters of a traceback that the journal keeps."""


class Beginning(NamedTuple):
    """What a new session has to say of itself.

    Attributes:
        root: The work directory.
        pipeline: Name of the pipeline.
        session_id: UUID of the session.
        graph: Its phases.
        params: Its parameters.
        wall: When it started, in seconds since the epoch.
        clock: The same on the session's clock.
        fail_fast: Any failure forbids new starts.
    """

    root: str | Path
    pipeline: str
    session_id: str
    graph: PhaseGraph
    params: Mapping[str, Any]
    wall: float
    clock: float
    fail_fast: bool


class Listener(NamedTuple):
    """Whom a keeper asks and tells. ``saved`` and ``trouble`` are called on the recorder's thread.

    Attributes:
        state: Returns the state as it is.
        saved: Takes what PHASE_SAVED says of results that are on disk now.
        trouble: Takes why something could not be written; "" when that is over.
        error: Returns the error of a phase's latest failed attempt.
    """

    state: Callable[[], PipelineState]
    saved: Callable[[list[dict[str, Any]]], None]
    trouble: Callable[[str], None]
    error: Callable[[str], PhaseError | None]


class Keeper:
    """What one session keeps on disk, while this process owns the session.

    Attributes:
        run_dir: The session's directory.
        journalled: What the journal held when the session was taken up; None for a new one.
        files: The phases' own files.
        displays: What the phases displayed.
        results: The saved results.
    """

    def __init__(self, run_dir: RunDir, lock: SessionLock, journal: Journal, wall_offset: float) -> None:
        """Use :func:`begin` or :func:`take_up`."""
        self.run_dir = run_dir
        self.journalled: Journalled | None = journal.journalled
        self.files = Files(run_dir)
        self.displays = DisplayFiles(run_dir, signing_key)
        self.results = ResultFiles(run_dir, signing_key())
        self._source = f"{run_dir.source}{os.sep}"
        self._lock = lock
        self._journal = journal
        self._wall_offset = wall_offset
        self._recorder: Recorder | None = None
        self._listener: Listener | None = None
        self._declarations: Declarations | None = None

    # ------------------------------------------------------------------ taking up

    def told(self) -> Journalled:
        """Return what the journal held when the session was taken up."""
        if self.journalled is None:
            raise AssertionError("the session is new: its journal tells nothing")
        return self.journalled

    def declared(self, today: PhaseGraph) -> PhaseGraph:
        """Return what the pipeline declared when the session was last owned; that is `today` if it says the same."""
        self._declarations = Declarations(today)
        return latest_graph(self.told(), self._declarations)

    def replayed(self, graph: PhaseGraph) -> PipelineState:
        """Return the state that the journal and the logs tell of."""
        there = readers(self.run_dir.logs, graph.names)
        tails = {name: last_logs(r, graph.phases[graph.index[name]].max_logs) for name, r in there.items()}
        outputs = SeenDisplays(self.displays, graph.names).references()
        # By what was declared then: policies may be others today.
        return replay(self.told(), logs=tails, outputs=outputs, declarations=self._declarations)

    def own(self, clock: float, graph: PhaseGraph, *, fail_fast: bool) -> None:
        """Write that this process has the session now, what its pipeline declares, and whether it is to fail fast.

        Raises:
            WorkDirError: If that cannot be written.
        """
        wall = time.time()
        self._wall_offset = wall - clock
        try:
            self._journal.own(wall, clock, pid=os.getpid())
        except OSError as e:
            raise WorkDirError(f"The journal {self.run_dir.journal} cannot be written: {e.strerror or e}.") from e
        if self._recorder is None:
            return
        told, before = (self._declarations or Declarations(graph)).told, self.told()
        if latest_declared(before).get("phases") != told["phases"] or latest_fail_fast(before) != fail_fast:
            self._recorder.declare({**told, "fail_fast": fail_fast})

    # ------------------------------------------------------------------ while it runs

    def listen(self, listener: Listener) -> None:
        """Begin to write; tells `listener`."""
        self._listener = listener
        self._recorder = Recorder(
            self.run_dir,
            self._journal,
            self.results,
            on_saved=listener.saved,
            on_trouble=listener.trouble,
            on_recovery=lambda: listener.trouble(""),
            snapshot=self._snapshot,
            enrich=self._enrich,
        )

    @property
    def recorder(self) -> Recorder:
        """The one that writes, once there is a listener."""
        if self._recorder is None:
            raise AssertionError("nobody listens yet")
        return self._recorder

    def stage(
        self,
        phase: str,
        attempt: int,
        value: Any,
        facts: Mapping[str, Any],
        *,
        waiting: dict[tuple[str, int], Staged] | None = None,
    ) -> str:
        """Write a result, on the thread that made it, to `waiting`, if given; return why it cannot be saved, or "".

        A disk that refuses is told to the listener, once, and is no reason here.
        """
        try:
            self.recorder.stage(phase, attempt, value, facts, waiting=waiting)
        except NotSavableError as e:
            return f"{e.where} is a {e.type_name}{': ' if e.why else ''}{e.why}"
        except RecursionError:
            return "it is nested too deeply"
        except MemoryError:
            return "there is not enough memory to write it"
        return ""

    def keep_source(self, file: str, source: str) -> None:
        """Keep the code that attempts run, for people to look at."""
        with contextlib.suppress(OSError):  # a full disk is told where it costs something
            fd = os.open(
                f"{self._source}{file}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0), 0o600
            )
            try:
                write_all(fd, source.encode("utf-8", "backslashreplace"))
            finally:
                os.close(fd)

    def note_files(
        self, phase: str, attempt: int, record: Mapping[str, Any], files: list[FileRecord]
    ) -> dict[str, Any]:
        """Journal that the files of a saved phase are what they are now, as after a reviewer's edits."""
        payload = {**record, "name": phase, "attempt": attempt, "files": [list(f) for f in files]}
        self.recorder.note(a.Action(a.PHASE_SAVED, payload, self._now()))
        return payload

    def cache(self) -> Cache:
        """Return the cache of the pipeline."""
        return Cache(self.run_dir.path.parent.parent, signing_key())

    def keep_house(self) -> None:
        """Let go of what is too old or too much, on a thread of its own."""
        root, pipeline = self.run_dir.root, self.run_dir.path.parent.parent.name

        def tidy() -> None:
            with contextlib.suppress(OSError):
                clean(root, pipeline)

        threading.Thread(target=tidy, name="milo-retention", daemon=True).start()

    def declare(self, graph: PhaseGraph) -> None:
        """Journal that the pipeline declares something else from now on."""
        self.recorder.declare(declared_to_json(graph))

    def close(self) -> None:
        """Write what is left and let go of the session."""
        if self._recorder is not None:
            self._recorder.close()
        self._lock.release()

    def _told_by(self) -> Listener:
        if self._listener is None:
            raise AssertionError("nobody listens yet")
        return self._listener

    # ------------------------------------------------------------------ for the recorder, on its thread

    def _now(self) -> float:
        return time.time() - self._wall_offset

    def _snapshot(self) -> Mapping[str, Any]:
        return to_snapshot(self._told_by().state(), wall_offset=self._wall_offset, owner={"pid": os.getpid()})

    def _enrich(self, action: Action) -> Mapping[str, Any] | None:
        """Note the traceback beside a failure: the state has its message only."""
        if action.type != a.PHASE_FAILED or not isinstance(action.payload, dict):
            return None
        error = self._told_by().error(str(action.payload.get("name")))
        if error is None or error.attempt != action.payload.get("attempt"):
            return None
        cause = error if error.cause is None else error.cause  # its truth is asked of nobody
        return {"traceback": text_of(cause, MOST_TRACEBACK), "kind": name_of_type(cause)}


def begin(new: Beginning) -> Keeper:
    """Make the directory of a session, own it, and write the first line of its journal.

    Raises:
        WorkDirError: If the work directory cannot be used.
    """
    signing_key()  # without it nothing could be saved: find out before anything is made
    run_dir = RunDir.make(new.root, new.pipeline, new.session_id, new.wall)
    lock = SessionLock(run_dir)
    lock.acquire()
    try:
        _write_params(run_dir.params, new.params)
        header = make_header(
            new.pipeline,
            new.session_id,
            declared_to_json(new.graph),
            wall=new.wall,
            clock=new.clock,
            fail_fast=new.fail_fast,
            pid=os.getpid(),
        )
        journal = Journal.create(run_dir.journal, header)
    except OSError as e:
        lock.release()
        raise WorkDirError(f"The work directory {run_dir.path} cannot be used: {e.strerror or e}.") from e
    return Keeper(run_dir, lock, journal, new.wall - new.clock)


def take_up(run_dir: RunDir) -> Keeper:
    """Own a session that another process began, or this one earlier.

    Raises:
        SessionOwnedError: If a living process owns it.
        WorkDirError: If the directory or its journal cannot be used.
        SchemaError: If a newer version wrote it.
    """
    lock = SessionLock(run_dir)
    lock.acquire()
    try:
        journal = Journal.open(run_dir.journal)
    except OSError as e:
        lock.release()
        if isinstance(e, (WorkDirError, SessionOwnedError)):
            raise
        raise WorkDirError(f"The journal {run_dir.journal} cannot be used: {e.strerror or e}.") from e
    except BaseException:
        lock.release()
        raise
    keeper = Keeper(run_dir, lock, journal, 0.0)
    keeper.results.sweep()
    keeper.displays.sweep()
    Mailbox(run_dir).refuse_waiting("The kernel that ran the session has ended; ask again.")
    return keeper


def _write_params(path: Path, params: Mapping[str, Any]) -> None:
    """Write the parameters of a run: as JSON what JSON can hold, of the rest what it is."""
    told: dict[str, Any] = {}
    for name, value in params.items():
        try:
            json.dumps(value, allow_nan=False)
            told[name] = value
        except (TypeError, ValueError, RecursionError):
            told[name] = {"@type": f"{type(value).__module__}.{type(value).__qualname__}"}
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0), 0o600)
    with os.fdopen(fd, "w", encoding="utf-8") as file:
        json.dump(told, file, indent=1)
