"""The thread that writes what phases print to disk, as far behind as the disk is slow, and never in anybody's way.

Whoever drains a phase's lines puts them here; one daemon thread per session, "<session>-logs", writes them and ends
when it has been idle. What cannot be written is told once, and the session goes on in memory.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
import weakref
from collections import deque
from typing import TYPE_CHECKING, Final

from milo_nb.capture.lines import length_of
from milo_nb.capture.logbook import mark_late
from milo_nb.persist.logfile import MAX_BYTES, LogFile
from milo_nb.store.shield import Shielded

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from milo_nb.capture.router import Block

LOG = logging.getLogger("milo_nb")
IDLE_S: Final = 1.0
"""How long the thread waits for more before it ends."""
MOST_WAITING: Final = 64_000_000
"""Most characters that may wait for the disk; then whoever has more waits, too."""
PATIENCE_S: Final = 10.0
"""How long somebody waits for a disk that takes nothing, before lines are left out."""
MOST_OPEN: Final = 32
"""Most logs that are open at a time."""


class LogFiles:
    """The full logs of one session's phases."""

    def __init__(
        self,
        name: str,
        folder: Callable[[], Path | None],
        on_failure: Callable[[str, int, str], None],
        max_bytes: int = MAX_BYTES,
    ) -> None:
        """Make a writer that has written nothing.

        Args:
            name: Of the thread.
            folder: Returns where the logs go, made when first asked for; None: nowhere. May raise OSError.
            on_failure: Takes ``(phase, attempt, message)`` when lines could not be written, once a session; called by
                the writing thread or by who puts lines.
            max_bytes: Most bytes of one log.
        """
        self._name = name
        self._folder = folder
        self._on_failure = on_failure
        self._max_bytes = max_bytes
        self._changed = threading.Condition()  # re-entrant: a garbage collection in here may print
        self._queue: deque[tuple[str, int, list[Block], int]] = deque()
        self._waiting = 0
        self._is_busy = False
        self._thread: threading.Thread | None = None
        self._files: dict[str, LogFile | None] = {}
        self._open: dict[str, None] = {}
        self._has_failed = False
        self._process = os.getpid()

    def put(self, phase: str, blocks: list[Block], attempt: int, *, late: bool) -> None:
        """Have lines written. Waits only if the disk is far behind. Any thread, not under the baton."""
        if late:
            blocks = mark_late(blocks)
        size = sum(length_of(block.lines) for block in blocks)
        with Shielded():
            with self._changed:
                is_stuck = self._waiting + size > MOST_WAITING and not self._changed.wait_for(
                    lambda: not self._waiting or self._waiting + size <= MOST_WAITING, PATIENCE_S
                )
                if not is_stuck:
                    self._queue.append((phase, attempt, blocks, size))
                    self._waiting += size
                    self._changed.notify_all()
                    if self._thread is None:
                        self._start()
            if is_stuck:
                self._files[phase] = None
                self._fail(phase, attempt, "the disk has taken nothing for too long")

    def flush(self, timeout_s: float) -> bool:
        """Wait until all that was put is on its way to the disk; tell whether it is."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._queue and not self._is_busy, timeout_s)

    def flush_if_here(self, timeout_s: float) -> None:
        """Do as `flush`, but not in a forked child: its parent has the thread."""
        if self._process == os.getpid():
            self.flush(timeout_s)

    def _start(self) -> None:
        self._thread = threading.Thread(target=self._run, name=f"{self._name}-logs", daemon=True)
        self._thread.start()
        _running.add(self)

    def _run(self) -> None:
        while True:
            with self._changed:
                if not self._changed.wait_for(lambda: self._queue, IDLE_S):
                    self._close_all()
                    self._thread = None
                    return
                self._is_busy = True
                phase, attempt, blocks, size = self._queue.popleft()
            try:
                self._write(phase, attempt, blocks)
            except Exception:
                LOG.exception("the log of phase '%s' could not be written", phase)
            finally:
                with self._changed:
                    self._waiting -= size
                    self._is_busy = False
                    self._changed.notify_all()

    def _write(self, phase: str, attempt: int, blocks: list[Block]) -> None:
        try:
            file = self._file(phase)
            if file is not None:
                file.append(blocks, attempt)
        except OSError as error:
            self._files[phase] = None  # what comes later would stand where this is missing
            self._fail(phase, attempt, f"{error.strerror or error}: {error.filename or 'the work directory'}")

    def _file(self, phase: str) -> LogFile | None:
        if phase not in self._files:
            folder = self._folder()
            self._files[phase] = None if folder is None else LogFile(folder, phase, self._max_bytes)
        file = self._files[phase]
        if file is not None:
            self._open.pop(phase, None)
            self._open[phase] = None
            if len(self._open) > MOST_OPEN:
                oldest = next(iter(self._open))
                del self._open[oldest]
                if (other := self._files.get(oldest)) is not None:
                    other.close()
        return file

    def _close_all(self) -> None:
        for phase in self._open:
            if (file := self._files.get(phase)) is not None:
                file.close()
        self._open.clear()

    def _fail(self, phase: str, attempt: int, reason: str) -> None:
        with self._changed:
            has_failed, self._has_failed = self._has_failed, True
        if not has_failed:
            LOG.warning("The full log of phase '%s' is not on disk (%s); lines are kept in memory only.", phase, reason)
            self._on_failure(phase, attempt, reason)


_running: weakref.WeakSet[LogFiles] = weakref.WeakSet()


@atexit.register
def _flush_all() -> None:
    """Have written what is still on its way when the process ends."""
    for files in list(_running):
        files.flush_if_here(PATIENCE_S)
