"""The recorder: the one thread of a session that writes to its directory.

Whoever holds the loop's baton hands it batches of actions, worker threads stage results; neither ever waits for the disk.
The thread takes all that has come and makes it last in this order: results synced, named, their names synced; then one
append to the journal, in which each completed phase is followed by its ``@@PHASE_SAVED``; then a sync; then it says so;
then the snapshot. What is written together is always a prefix of what happened.

If the disk refuses, it says why, once per reason, and keeps what it could not write; the session goes on in memory. It
tries again when something new comes, so a journal is never missing something in its middle without saying so.
"""

from __future__ import annotations

import atexit
import logging
import threading
from collections import deque
from errno import errorcode
from time import monotonic
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakSet

from milo_nb.persist.journal import DECLARED, GAP, JOURNALLED, Entry
from milo_nb.persist.snapshot import write_snapshot
from milo_nb.state import actions as a
from milo_nb.state.actions import Action, make_action

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from milo_nb.persist.journal import Journal
    from milo_nb.persist.results import ResultFiles, Staged
    from milo_nb.persist.rundir import RunDir

LOG: Final = logging.getLogger("milo_nb")
GAP_S: Final = 0.005
"""Between two appends, so that what comes close together is written together."""
SNAPSHOT_S: Final = 0.2
"""Between two snapshots, unless the session as a whole changed."""
SNAPSHOT_SHARE: Final = 20
"""A snapshot that took long is not made again before this many times as long."""
IDLE_S: Final = 5.0
"""With nothing to do for this long the thread ends; the next batch starts another."""
MOST_PENDING: Final = 200_000
"""Entries that are kept while the disk refuses them; with more, all are dropped and the journal says how many."""
MOST_UNKEPT_BYTES: Final = 64_000_000
"""Of results that are kept in memory while the disk refuses them."""
EXIT_S: Final = 10.0

_TURNS: Final = frozenset(
    {
        a.PIPELINE_START, a.PIPELINE_COMPLETE, a.PIPELINE_FAILED, a.PIPELINE_PAUSED, a.PIPELINE_RESUMED,
        a.PIPELINE_CANCELLED, a.PHASE_REVIEW,
    }
)  # fmt: skip
_UNSYNCED: Final = frozenset({a.PHASE_START, a.PHASE_RETRY})
"""What costs nothing if a power cut loses it."""
_FREQUENT: Final = frozenset({a.PHASE_START, a.PHASE_COMPLETE})
_WITH_RESULT: Final = frozenset({a.PHASE_COMPLETE, a.PHASE_SKIPPED})
_TAKEN: Final = JOURNALLED - {a.PHASE_SAVED}


class Recorder:
    """Writes what happens in one session.

    Attributes:
        journal: Where to.
        results: Where results go.
        missed: How many actions are on no disk for good.
    """

    def __init__(  # noqa: PLR0913 - what it writes to, and whom it tells
        self,
        run_dir: RunDir,
        journal: Journal,
        results: ResultFiles,
        *,
        on_saved: Callable[[list[dict[str, Any]]], None],
        on_trouble: Callable[[str], None],
        on_recovery: Callable[[], None] | None = None,
        snapshot: Callable[[], Mapping[str, Any]] | None = None,
        enrich: Callable[[Action], Mapping[str, Any] | None] | None = None,
    ) -> None:
        """Make a recorder; its thread starts with the first batch.

        Args:
            run_dir: The session's directory.
            journal: Its journal, open.
            results: Its results.
            on_saved: Told of results that are on disk and in the journal: payloads of ``@@PHASE_SAVED``.
            on_trouble: Told why something could not be written, once per reason.
            on_recovery: Told when writing works again, with nothing missing in the journal.
            snapshot: Makes a snapshot of the state; whatever it has seen must have been taken before it returns.
            enrich: Gives what is to be noted beside an action in the journal.

        All are called on the recorder's thread; `on_trouble` also on those that stage.
        """
        self.journal = journal
        self.results = results
        self.missed = 0
        self._path = run_dir.snapshot
        self._on_saved = on_saved
        self._on_trouble = on_trouble
        self._on_recovery = on_recovery
        self._snapshot = snapshot
        self._enrich = enrich
        self._queue: deque[list[Action] | Entry] = deque()
        self._staged: dict[tuple[str, int], Staged] = {}
        self._unwritten: list[Action | Entry] = []  # refused by the disk
        self._unkept: list[Staged] = []
        self._told: set[str] = set()
        self._told_for_good: set[str] = set()  # of results that are lost to the disk, whatever comes
        self._is_unsynced = False
        self._time = 0.0  # of the latest action
        self._is_due = snapshot is not None  # the snapshot is older than the journal, or an earlier owner left it so
        self._is_newer = False  # results were told of after the snapshot was made
        self._next_snapshot = 0.0
        self._awake = False
        self._wanted = threading.Event()
        self._hurry = threading.Event()
        self._flushes: deque[threading.Event] = deque()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = False
        _OPEN.add(self)

    # ------------------------------------------------------------------ from outside

    def take(self, batch: list[Action]) -> None:
        """Take a batch of actions, to be written soon. Never waits, never raises. Under the loop's baton."""
        if len(batch) == 1 and batch[0].type not in _TAKEN:
            return
        self._queue.append(batch)
        if not self._awake:
            self._wake()

    def stage(self, phase: str, attempt: int, value: Any, facts: Mapping[str, Any] | None = None) -> bool:
        """Write a result, on the thread that made it, to be kept when ``@@PHASE_COMPLETE`` of this attempt is taken.

        Args:
            phase: Name of the phase.
            attempt: The attempt that made it.
            value: The result.
            facts: What else ``@@PHASE_SAVED`` shall say.

        Returns:
            Whether it is written. If not, the disk refused, and ``on_trouble`` has been told.

        Raises:
            NotSavableError: If it cannot be saved.
        """
        try:
            staged = self.results.stage(phase, attempt, value, facts)
        except OSError as e:
            self._trouble(e, for_good=True)
            return False
        self._staged[phase, attempt] = staged
        return True

    def unstage(self, phase: str, attempt: int) -> None:
        """Let go of a staged result whose attempt came to another end after all."""
        staged = self._staged.pop((phase, attempt), None)
        if staged is not None:
            self.results.drop(staged)

    def note(self, action: Action) -> None:
        """Have an action journalled that the store is not to be told of here, or that :meth:`take` leaves out."""
        self._add(Entry(action.type, action))

    def declare(self, declared: Mapping[str, Any]) -> None:
        """Have it journalled that the pipeline declares something else from now on. Under the loop's baton."""
        self._add(Entry(DECLARED, None, {"declared": declared}))

    def flush(self, timeout: float | None = None) -> bool:
        """Return when all that was taken is written; tell whether it is on disk now."""
        if threading.current_thread() is self._thread:
            return False
        if not self._closed:
            done = threading.Event()
            self._flushes.append(done)
            self._hurry.set()
            self._wake()
            if not done.wait(timeout):
                return False
        return not (self._unwritten or self._unkept or self._queue)

    def close(self, timeout: float | None = EXIT_S) -> bool:
        """Write what is left, end the thread, close the files; tell whether all is on disk."""
        whole = self.flush(timeout)
        with self._lock:
            self._closed = True
            thread = self._thread
        self._hurry.set()
        self._wanted.set()
        _OPEN.discard(self)
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout)
        if thread is None or not thread.is_alive():
            for staged in self._staged.values():
                self.results.drop(staged)
            self._staged.clear()
            self.journal.close()
            self.results.close()
        return whole

    # ------------------------------------------------------------------ the thread

    def _add(self, entry: Entry) -> None:
        self._queue.append(entry)
        if not self._awake:
            self._wake()

    def _wake(self) -> None:
        self._awake = True
        if self._thread is None:
            with self._lock:
                if self._thread is None and not self._closed:
                    thread = threading.Thread(target=self._serve, name="milo-recorder", daemon=True)
                    try:
                        thread.start()
                    except RuntimeError:  # no thread is to be had, as while the interpreter ends
                        self._awake = False
                        self._round_here()
                        return
                    self._thread = thread
        self._wanted.set()

    def _serve(self) -> None:
        while True:
            self._awake = False
            if not self._queue and not self._flushes:
                wait = max(self._next_snapshot - monotonic(), 0.0) if self._is_due else IDLE_S
                if not self._wanted.wait(wait) and not self._is_due and self._leave():
                    return
            self._awake = True
            self._wanted.clear()
            flushes = [self._flushes.popleft() for _ in range(len(self._flushes))]
            try:
                self._round(is_last=bool(flushes) or self._closed)
            except Exception:
                LOG.exception("the recorder failed")  # it must go on: what follows may well be written
            for done in flushes:
                done.set()
            if self._closed and not self._queue:
                return
            if self._queue and not self._flushes:
                self._hurry.wait(GAP_S)
            self._hurry.clear()

    def _round_here(self) -> None:
        """Do the thread's work on this one, which has the lock."""
        flushes = [self._flushes.popleft() for _ in range(len(self._flushes))]
        if flushes:  # nobody waits for a batch, and the next may find a thread
            self._round(is_last=True)
        for done in flushes:
            done.set()

    def _leave(self) -> bool:
        with self._lock:
            if self._wanted.is_set() or self._queue or self._flushes:
                return False
            self._thread = None
            return True

    def _round(self, *, is_last: bool) -> None:
        """Write what has come; all that can be, if nobody will ask again."""
        entries = self._drain()
        if entries and self._snapshot is not None:
            self._is_due = True
        snapshot, began = None, monotonic()
        if self._is_due and (is_last or began >= self._next_snapshot or any(e.type in _TURNS for e in entries)):
            snapshot = self._make_snapshot()
            entries += self._drain()  # all that the snapshot has seen
        if (entries or is_last) and not self._commit(entries, is_last=is_last):
            self._is_due = False  # until something new comes, and with it the next try
        elif snapshot is not None:
            self._write_snapshot(snapshot, began)
        if self._is_newer:  # what was told just now is not in the snapshot yet
            self._is_newer, self._is_due = False, True
            if is_last:
                self._round(is_last=True)

    def _drain(self) -> list[Action | Entry]:
        queue, enrich = self._queue, self._enrich
        entries: list[Action | Entry] = []
        for _ in range(len(queue)):
            batch = queue.popleft()
            if isinstance(batch, Entry):
                entries.append(batch)
                continue
            self._time = batch[-1].timestamp if batch else self._time
            for action in batch:
                kind = action.type
                if kind in _TAKEN:
                    facts = enrich(action) if enrich is not None and kind not in _FREQUENT else None
                    entries.append(Entry(kind, action, {"extra": facts}) if facts else action)
        return entries

    def _commit(self, entries: list[Action | Entry], *, is_last: bool) -> bool:
        """Make entries last, with the results that belong to them; tell whether the journal misses nothing."""
        entries = self._unwritten + self._keep(entries)
        journal = self.journal
        mark = journal.mark
        try:
            journal.append_entries(entries)
            self._is_unsynced = self._is_unsynced or bool(entries)
            if self._is_unsynced and (is_last or any(entry.type not in _UNSYNCED for entry in entries)):
                journal.sync()
                self._is_unsynced = False
        except OSError as e:
            journal.rewind(mark)
            self._unwritten = self._bounded(entries)
            self._trouble(e)
            return False
        self._unwritten = []
        if saved := _saved_in(entries):
            self._tell(self._on_saved, saved)
            self._is_newer = self._snapshot is not None
        if self._told and not self._unkept:
            self._told.clear()
            if not self._told_for_good and self._on_recovery is not None:
                self._tell(self._on_recovery)
        return True

    def _keep(self, entries: list[Action | Entry]) -> list[Action | Entry]:
        """Keep the results of the phases that completed; return the entries with the records of them."""
        staged, waiting = self._staged, self._unkept
        if not staged and not waiting:
            return entries
        late = len(waiting)
        places: list[int] = []
        for place, entry in enumerate(entries):
            if entry.type in _WITH_RESULT and (one := staged.pop(_attempt_of(entry), None)) is not None:
                waiting.append(one)
                places.append(place)
        if not waiting:
            return entries
        self._unkept = []
        try:
            records: list[dict[str, Any] | None] = list(self.results.keep(waiting))
        except OSError:
            records = [self._keep_one(one) for one in waiting]
        for place, record in zip(places, records[late:], strict=True):
            if record is not None:
                entry = entries[place]
                action, facts = (entry, {}) if isinstance(entry, Action) else (entry.action, entry.facts)
                entries[place] = Entry(entry.type, action, {**facts, "saved": record})
        for one, record in zip(waiting[:late], records[:late], strict=True):
            if record is not None:
                payload = {"name": one.phase, "attempt": one.attempt, **record}
                entries.append(make_action(a.PHASE_SAVED, payload, self._time))
        return entries

    def _keep_one(self, one: Staged) -> dict[str, Any] | None:
        """Keep one result of several that could not be kept together."""
        try:
            return self.results.keep([one])[0]
        except FileNotFoundError as e:  # what was written is gone, and so is the result
            self._trouble(e, for_good=True)
        except OSError as e:
            self._trouble(e)
            self._unkept.append(one)
            self._bound_unkept()
        return None

    def _bound_unkept(self) -> None:
        size = sum(len(one.content) for one in self._unkept)
        while size > MOST_UNKEPT_BYTES:
            size -= len(self._unkept[0].content)
            self.results.drop(self._unkept.pop(0))

    def _bounded(self, entries: list[Action | Entry]) -> list[Action | Entry]:
        """Return what to try again: the entries, or that there were too many."""
        if len(entries) <= MOST_PENDING:
            return entries
        missed = sum(e.facts["missed"] if isinstance(e, Entry) and e.type == GAP else 1 for e in entries)
        self.missed = missed
        return [Entry(GAP, None, {"missed": missed})]

    # ------------------------------------------------------------------ the snapshot, and telling

    def _make_snapshot(self) -> Mapping[str, Any] | None:
        try:
            return self._snapshot() if self._snapshot is not None else None
        except Exception:
            LOG.exception("no snapshot could be made")
            return None

    def _write_snapshot(self, snapshot: Mapping[str, Any], began: float) -> None:
        try:
            write_snapshot(self._path, {**snapshot, "journal_bytes": self.journal.mark[0]})
        except OSError as e:
            self._trouble(e)
        self._is_due = False
        now = monotonic()
        self._next_snapshot = now + max(SNAPSHOT_S, SNAPSHOT_SHARE * (now - began))

    def _trouble(self, error: OSError, *, for_good: bool = False) -> None:
        """Say why something could not be written, unless that was said."""
        kind = errorcode.get(error.errno or 0, type(error).__name__)
        told = self._told_for_good if for_good else self._told
        is_new = kind not in self._told and kind not in self._told_for_good
        told.add(kind)
        if is_new:
            where = f" ({error.filename})" if error.filename else ""
            self._tell(self._on_trouble, f"{error.strerror or error}{where}")

    def _tell(self, listener: Callable[..., None], *facts: Any) -> None:
        try:
            listener(*facts)
        except Exception:
            LOG.exception("who was to be told of what is on disk failed")


def _attempt_of(entry: Action | Entry) -> tuple[Any, Any]:
    action = entry if isinstance(entry, Action) else entry.action
    payload = action.payload if action is not None else None
    return (payload.get("name"), payload.get("attempt")) if isinstance(payload, dict) else (payload, None)


def _saved_in(entries: list[Action | Entry]) -> list[dict[str, Any]]:
    """Return the payloads of ``@@PHASE_SAVED`` that entries stand for."""
    saved = []
    for entry in entries:
        if isinstance(entry, Action):
            if entry.type == a.PHASE_SAVED:
                saved.append(entry.payload)
        elif "saved" in entry.facts:
            name, attempt = _attempt_of(entry)
            saved.append({"name": name, "attempt": attempt, **entry.facts["saved"]})
    return saved


_OPEN: Final[WeakSet[Recorder]] = WeakSet()


@atexit.register
def _flush_all() -> None:
    """Write what is left when the process ends without closing its sessions."""
    for recorder in tuple(_OPEN):
        recorder.flush(EXIT_S)
