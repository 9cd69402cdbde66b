"""Whether a session has capture installed: while it runs, and not longer."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from milo_nb.capture import router as capture
from milo_nb.store.shield import Shielded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class CaptureSwitch:
    """Counts a session among the users of capture, at most once.

    Never use it under the baton: the thread that drains captured lines waits for the baton with capture's locks in hand.
    """

    def __init__(self, make_pane: Callable[[], capture.Sink], is_busy: Callable[[], bool], *, wanted: bool) -> None:
        """Make a switch that is off, and stays off if capture is not `wanted`.

        Args:
            make_pane: Makes the sink of what no phase can claim.
            is_busy: Tells whether phases of the session run.
            wanted: Whether to capture at all.
        """
        self._make_pane = make_pane
        self._is_busy = is_busy
        self._wanted = wanted
        self._is_on = False
        self._pane: capture.Sink | None = None
        self._kept = 0
        self._lock = threading.Lock()

    def on(self) -> None:
        """Have output captured."""
        # Shielded: a pipeline that runs inside a phase is cancelled with it, and the hooks must be whole.
        with Shielded(), self._lock:
            if self._wanted and not self._is_on:
                capture.install()
                self._is_on = True
                self._pane = self._make_pane()
                capture.add_unattributed(self._pane, self._is_busy)

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Have output captured, and let nobody end that meanwhile."""
        with self._lock:
            self._kept += 1
        try:
            self.on()
            yield
        finally:
            with self._lock:
                self._kept -= 1

    def off(self, is_wanted_off: Callable[[], bool]) -> None:
        """Have output captured no longer, if `is_wanted_off` still says so when nobody else is at the switch."""
        with Shielded(), self._lock:
            if self._is_on and not self._kept and is_wanted_off():
                self._is_on = False
                pane, self._pane = self._pane, None
                if pane is not None:
                    capture.remove_unattributed(pane)
                    pane.close()
                capture.uninstall()
