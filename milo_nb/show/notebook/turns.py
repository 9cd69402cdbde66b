"""Work that is done in order, on a thread that lives while there is some."""

from __future__ import annotations

import logging
import threading
from collections import deque
from contextvars import Context
from typing import TYPE_CHECKING

from milo_nb.store.shield import Shielded

if TYPE_CHECKING:
    from collections.abc import Callable

LOG = logging.getLogger("milo_nb")
MOST_WAITING = 500
"""Most jobs that wait in one queue; no person asks for so much, and what is asked for now would come too late."""


class Errands:
    """A queue with a thread that lives while there is something in it. `add` may be called from any thread."""

    def __init__(self, name: str) -> None:
        """Begin with nothing to do."""
        self._name = name
        self._jobs: deque[Callable[[], None]] = deque()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def add(self, job: Callable[[], None]) -> bool:
        """Have `job` done after those before it; tell whether it will be: not if too many wait."""
        with self._lock:
            if len(self._jobs) >= MOST_WAITING:
                return False
            self._jobs.append(job)
            if self._thread is None:
                thread = threading.Thread(target=self._serve, name=self._name, daemon=True)
                with Shielded():
                    Context().run(thread.start)  # a phase may be the one who calls: its output is not ours
                self._thread = thread
            return True

    def _serve(self) -> None:
        while True:
            with self._lock:
                if not self._jobs:
                    self._thread = None
                    return
                job = self._jobs.popleft()
            try:
                job()
            except BaseException:  # what a person's objects raise when looked at: the others want their answers
                LOG.exception("a request of a view could not be carried out")
