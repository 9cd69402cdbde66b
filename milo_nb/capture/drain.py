"""The drain thread: every 50 ms it has each sink that is written to give its lines on.

One daemon thread, "milo-nb-drain", per process. The first sink with output starts it while capture is
installed; it waits on an event while there is none, and ends when capture is taken out. Writes cannot wake
it, because they run no Python code (see `sink`): hence the tick.
"""

from __future__ import annotations

import threading
from contextvars import Context
from typing import Final, Protocol

from milo_nb.store.shield import Shielded

DRAIN_INTERVAL_S: Final = 0.05


class Drainable(Protocol):
    """A sink, as the drain thread sees it."""

    def drain(self) -> None:
        """Give on what is complete."""

    def is_abandoned(self) -> bool:
        """Whether nothing can come any more."""


class Drainer:
    """Owns the drain thread and the list of what it looks at."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Start over, as in a forked child, where there is neither the thread nor a reader of any sink."""
        self._lock = threading.RLock()
        self._watched: dict[Drainable, None] = {}
        self._wanted = threading.Event()
        self._ended: threading.Event | None = None
        self.is_running = False
        """Whether capture is installed, so that what is watched is drained."""

    def open(self) -> None:
        """Allow the thread; the first output starts it."""
        with self._lock:
            self.is_running = True
            # What a session before has left is the old thread's; a sink still written to needs a new one.
            if not all(sink.is_abandoned() for sink in tuple(self._watched)):
                self._start()

    def close(self) -> None:
        """End the thread, which drains once more first. Does not wait for it: it may be the caller."""
        with self._lock:
            self.is_running = False
            if self._ended is not None:
                self._ended.set()
                self._wanted.set()
                self._ended = None

    def watch(self, sink: Drainable) -> None:
        """Drain ``sink`` from now on until it is abandoned."""
        with self._lock:
            self._watched[sink] = None
            if not self._wanted.is_set():
                self._wanted.set()
            if self.is_running and self._ended is None:
                self._start()

    def let_go(self, sink: Drainable) -> None:
        """Drain ``sink`` once more, and no longer if nothing can come any more."""
        # Let go first, drained then; a late writer writes first, has it watched then: nothing falls between.
        if sink.is_abandoned():
            with self._lock:
                self._watched.pop(sink, None)
        sink.drain()

    def drain_now(self) -> None:
        """Drain all that is watched, in the calling thread."""
        for sink in list(self._watched):
            self.let_go(sink)

    def _start(self) -> None:
        self._ended = threading.Event()
        thread = threading.Thread(target=self._run, args=(self._ended, self._wanted), name="milo-nb-drain", daemon=True)
        # In an empty context: a thread inherits the sink of the phase that starts it, this one must not.
        with Shielded():
            Context().run(thread.start)

    def _run(self, ended: threading.Event, wanted: threading.Event) -> None:
        while not ended.is_set():
            wanted.wait()
            ended.wait(DRAIN_INTERVAL_S)
            self.drain_now()
            with self._lock:
                if not self._watched and not ended.is_set():
                    wanted.clear()
        self.drain_now()  # twice in all: the second time flushes the unfinished lines of ended attempts


DRAINER: Final = Drainer()
"""The process's drainer."""
