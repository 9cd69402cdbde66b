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
import os
import threading
from collections import deque
from time import monotonic
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakSet

from milo_nb.persist.journal import DECLARED, Entry
from milo_nb.persist.writer import TAKEN, Heard, Writer, let_go_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from milo_nb.persist.journal import Journal
    from milo_nb.persist.results import ResultFiles, Staged
    from milo_nb.persist.rundir import RunDir
    from milo_nb.state.actions import Action

LOG: Final = logging.getLogger("milo_nb")
GAP_S: Final = 0.005
"""Between two appends, so that what comes close together is written together."""
IDLE_S: Final = 5.0
"""With nothing to do for this long the thread ends; the next batch starts another."""
EXIT_S: Final = 10.0


class Recorder:
    """Writes what happens in one session.

    Attributes:
        journal: Where to.
        results: Where results go.
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
        heard = Heard(on_saved, on_trouble, on_recovery, snapshot, enrich)
        self._writer = Writer(journal, results, run_dir.snapshot, heard)
        self._queue, self.substitutes = self._writer.queue, self._writer.substitutes
        self._awake = False
        self._wanted = threading.Event()
        self._hurry = threading.Event()
        self._flushes: deque[threading.Event] = deque()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = False
        _OPEN.add(self)

    @property
    def missed(self) -> int:
        """How many actions are on no disk for good."""
        return self._writer.missed

    # ------------------------------------------------------------------ from outside

    def take(self, batch: list[Action]) -> None:
        """Take a batch of actions, to be written soon. Never waits, never raises. Under the loop's baton."""
        if len(batch) == 1 and batch[0].type not in TAKEN:
            return
        self._queue.append(batch)
        if not self._awake:
            self._wake()

    def stage(
        self,
        phase: str,
        attempt: int,
        value: Any,
        facts: Mapping[str, Any] | None = None,
        *,
        waiting: dict[tuple[str, int], Staged] | None = None,
    ) -> bool:
        """Write a result, on the thread that made it, to be kept when ``@@PHASE_COMPLETE`` of this attempt is taken.

        Args:
            phase: Name of the phase.
            attempt: The attempt that made it.
            value: The result.
            facts: What else ``@@PHASE_SAVED`` shall say.
            waiting: Where to put what is written instead: `substitutes`, or aside until that is certain.

        Returns: Whether it is written. If not, the disk refused; ``on_trouble`` has been told.

        Raises:
            NotSavableError: If it cannot be saved.
        """
        try:
            staged = self.results.stage(phase, attempt, value, facts)
        except OSError as e:
            self._writer.trouble(e, for_good=True)
            return False
        (self._writer.staged if waiting is None else waiting)[phase, attempt] = staged
        return True

    def staged(self, phase: str, attempt: int) -> Staged | None:
        """Return a result that is written and not kept yet, if there is one."""
        return self._writer.staged.get((phase, attempt))

    def unstage(self, phase: str, attempt: int, *, is_substitute: bool = False) -> None:
        """Let go of what is written and will not be kept: its attempt was given up, or its phase is not skipped after all."""
        let_go_of(self.results, self._writer.substitutes if is_substitute else self._writer.staged, (phase, attempt))

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
        return not self._writer.is_behind

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
            let_go_of(self.results, self._writer.staged, *self._writer.staged)
            let_go_of(self.results, self._writer.substitutes, *self._writer.substitutes)
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
                writer = self._writer
                wait = max(writer.next_snapshot - monotonic(), 0.0) if writer.is_due else IDLE_S
                if not self._wanted.wait(wait) and not writer.is_due and self._leave():
                    return
            self._awake = True
            self._wanted.clear()
            flushes = [self._flushes.popleft() for _ in range(len(self._flushes))]
            try:
                self._writer.round(is_last=bool(flushes) or self._closed)
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
            self._writer.round(is_last=True)
        for done in flushes:
            done.set()

    def _leave(self) -> bool:
        with self._lock:
            if self._wanted.is_set() or self._queue or self._flushes:
                return False
            self._thread = None
            return True


_OPEN: Final[WeakSet[Recorder]] = WeakSet()


if hasattr(os, "register_at_fork"):  # a child has no part in its parent's sessions
    os.register_at_fork(after_in_child=_OPEN.clear)


@atexit.register
def _flush_all() -> None:
    """Write what is left when the process ends without closing its sessions."""
    for recorder in tuple(_OPEN):
        recorder.flush(EXIT_S)
