"""Whether a session has capture installed: while it runs, and not longer."""

from __future__ import annotations

import threading

from milo_nb.capture import router as capture


class CaptureSwitch:
    """Counts a session among the users of capture, at most once.

    Never use it under the baton: the thread that drains captured lines waits for the baton with capture's locks in hand.
    """

    def __init__(self, *, wanted: bool) -> None:
        """Make a switch that is off, and stays off if capture is not `wanted`."""
        self._wanted = wanted
        self._is_on = False
        self._lock = threading.Lock()

    def on(self) -> None:
        """Have output captured."""
        with self._lock:
            if not self._wanted or self._is_on:
                return
            self._is_on = True
        capture.install()

    def off(self) -> None:
        """Have output captured no longer."""
        with self._lock:
            if not self._is_on:
                return
            self._is_on = False
        capture.uninstall()
