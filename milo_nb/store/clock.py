"""Time: what it is, and being called later. One thread serves all timers of the process."""

from __future__ import annotations

import logging
import threading
import time
from heapq import heapify, heappop, heappush
from itertools import count
from typing import TYPE_CHECKING, Protocol

from milo_nb.store.shield import Shielded

if TYPE_CHECKING:
    from collections.abc import Callable


LOG = logging.getLogger("milo_nb")
LONGEST_WAIT_S = 3600.0
"""A wait for longer overflows on some platforms; the clock just looks again."""


class Timer(Protocol):
    """A call to come."""

    def cancel(self) -> None:
        """Make it not happen, if it has not yet."""


class Clock(Protocol):
    """Tells the time and calls later."""

    def now(self) -> float:
        """Return seconds; never backwards."""

    def call_later(self, delay_s: float, fn: Callable[[], None]) -> Timer:
        """Call `fn` after `delay_s` seconds, on a thread of the clock's; `fn` must be quick and not raise."""


class _Timer:
    __slots__ = ("_clock", "fn")

    def __init__(self, fn: Callable[[], None], clock: SystemClock) -> None:
        self.fn: Callable[[], None] | None = fn
        self._clock = clock

    def cancel(self) -> None:
        """Make the call not happen."""
        if self.fn is not None:
            self.fn = None
            self._clock.forget()


class SystemClock:
    """The machine's monotonic clock. Its thread starts with the first timer and ends when none is left."""

    def __init__(self) -> None:
        """Make a clock with no timers."""
        self._due: list[tuple[float, int, _Timer]] = []
        self._cancelled = 0
        self._order = count()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    now = staticmethod(time.monotonic)  # asked twice a phase: the C function itself, without a frame of ours

    def call_later(self, delay_s: float, fn: Callable[[], None]) -> Timer:
        """Call `fn` after `delay_s` seconds on the clock's thread."""
        timer = _Timer(fn, self)
        with Shielded(), self._changed:
            heappush(self._due, (time.monotonic() + max(delay_s, 0.0), next(self._order), timer))
            if self._thread is None:
                thread = threading.Thread(target=self._serve, name="milo-clock", daemon=True)
                try:
                    thread.start()
                except RuntimeError:  # no thread to be had now: the next timer tries again
                    LOG.exception("the clock's thread could not be started")
                else:
                    self._thread = thread
            else:
                self._changed.notify()
        return timer

    def forget(self) -> None:
        """Drop timers that were cancelled: at once if they are next, in bulk if they pile up."""
        with Shielded(), self._changed:
            self._cancelled += 1
            if self._cancelled * 2 > len(self._due):
                self._due = [entry for entry in self._due if entry[2].fn is not None]
                heapify(self._due)
                self._cancelled = 0
                self._changed.notify()

    def _serve(self) -> None:
        while True:
            with self._changed:
                while self._due and self._due[0][2].fn is None:
                    heappop(self._due)
                if not self._due:
                    self._thread = None
                    return
                left = self._due[0][0] - time.monotonic()
                if left > 0:
                    self._changed.wait(min(left, LONGEST_WAIT_S))
                    continue
                timer = heappop(self._due)[2]
                fn, timer.fn = timer.fn, None
            try:
                if fn is not None:
                    fn()
            except Exception:
                LOG.exception("a timer failed")  # the others of the process must still be served


SYSTEM_CLOCK = SystemClock()
