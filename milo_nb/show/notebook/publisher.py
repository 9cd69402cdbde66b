"""The one thread of a kernel that speaks to browsers. It lives while there is something to tell or a view to tell it to.

Which thread calls what: any thread may add, remove and wake; the publisher's own thread calls `Feed.tick` and with it
every send and every set of a trait.
"""

from __future__ import annotations

import logging
import threading
import time
from contextvars import Context
from typing import TYPE_CHECKING, Protocol
from weakref import WeakSet

from milo_nb.store.shield import Shielded

if TYPE_CHECKING:
    from collections.abc import Callable

LOG = logging.getLogger("milo_nb")
LINGER_S = 1.0
"""The thread waits this long for more to do before it ends: starting one for each change would cost more."""
TURNS_PER_S = 60
"""What all feeds together may tell in a second; with the traits and heartbeats of 20 feeds that is 85 messages."""
BUSY_S = 2.0
"""A feed is busy if it had something to tell within this time."""
AGAIN_S = 2.0
"""A feed whose call failed is called again after this long: what it had to tell is still to be told."""


class Ticking(Protocol):
    """What a publisher publishes."""

    def tick(self, now: float) -> float | None:
        """Send what is due; return when the next call is due, or None."""


class Publisher:
    """Calls the feeds that are due, one after the other, on a thread of its own."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        """Begin with no feeds and no thread."""
        self._now = now
        self._failed: WeakSet[Ticking] = WeakSet()
        self._told_at: dict[Ticking, float] = {}
        self._changed = threading.Condition()
        self._due: dict[Ticking, float | None] = {}
        self._thread: threading.Thread | None = None

    @property
    def is_alive(self) -> bool:
        """Whether there is a thread."""
        return self._thread is not None

    def add(self, feed: Ticking) -> None:
        """Publish a feed from now on."""
        with self._changed:
            self._due[feed] = None
        self.wake(feed)

    def remove(self, feed: Ticking) -> None:
        """Publish a feed no more."""
        with self._changed:
            self._due.pop(feed, None)
            self._told_at.pop(feed, None)
            self._changed.notify()

    def share(self, feed: Ticking, now: float) -> float:
        """Note that a feed tells something now; return how long it is to wait until it tells more. Its own thread."""
        with self._changed:
            if feed in self._due:
                self._told_at[feed] = now
            lasting = max(BUSY_S, 2 * len(self._told_at) / TURNS_PER_S)
            self._told_at = {one: at for one, at in self._told_at.items() if now - at < lasting}
            return len(self._told_at) / TURNS_PER_S

    def wake(self, feed: Ticking, after_s: float = 0.0) -> None:
        """Have a feed called soon, or after a moment: something has happened."""
        with self._changed:
            if feed not in self._due:
                return
            due, soon = self._due[feed], self._now() + after_s
            if due is not None and due <= soon:
                return
            self._due[feed] = soon
            if self._thread is None:
                thread = threading.Thread(target=self._serve, name="milo-publisher", daemon=True)
                with Shielded():
                    Context().run(thread.start)  # a phase may be the one who calls: its output is not ours
                self._thread = thread
            else:
                self._changed.notify()

    def _serve(self) -> None:
        idle_since: float | None = None
        while True:
            with self._changed:
                now = self._now()
                ready = [feed for feed, due in self._due.items() if due is not None and due <= now]
                for feed in ready:
                    self._due[feed] = None
                if not ready:
                    coming = [due for due in self._due.values() if due is not None]
                    if coming:
                        idle_since = None
                    elif idle_since is None:
                        idle_since = now
                    if idle_since is not None and (not self._due or now - idle_since >= LINGER_S):
                        self._thread = None
                        return
                    self._changed.wait(min(coming) - now if coming else LINGER_S)
                    continue
            idle_since = None
            for feed in ready:
                self._tick(feed)

    def _tick(self, feed: Ticking) -> None:
        try:
            due = feed.tick(self._now())
        except Exception:
            # One view that cannot be told, as after its comm was closed, must not silence the others, nor itself.
            level = logging.DEBUG if feed in self._failed else logging.WARNING
            LOG.log(level, "a view could not be told; it is tried again in %g s", AGAIN_S, exc_info=True)
            self._failed.add(feed)
            due = self._now() + AGAIN_S
        with self._changed:
            if due is not None and feed in self._due:
                woken = self._due[feed]
                self._due[feed] = due if woken is None else min(due, woken)


PUBLISHER = Publisher()
