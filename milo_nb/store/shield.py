"""Keeps the cancel ladder's exception away from code that must not be cut in two."""

from __future__ import annotations

import threading
from typing import Protocol


class Guarded(Protocol):
    """What runs on a thread and may have an exception sent into it."""

    def shield(self, change: int) -> None:
        """Count the stretches in which no exception may be sent."""


class _Local(threading.local):
    job: Guarded | None = None


LOCAL = _Local()
"""What this thread runs; the worker sets it."""


class Shielded:
    """A stretch of our own code on a handler's thread, in which the cancel ladder sends no exception.

    Handlers call into us: they dispatch, give commands, log, start threads. An exception sent meanwhile would leave our
    locks locked, or the standard library's; the ladder waits until the stretch is over. Nests; costs next to nothing on
    threads that run no job.
    """

    __slots__ = ("_job",)

    def __init__(self) -> None:
        """Make the context, on the thread that will enter it."""
        self._job = LOCAL.job

    def __enter__(self) -> None:
        """Close the guard of the job that this thread runs."""
        if self._job is not None:
            self._job.shield(1)

    def __exit__(self, *_: object) -> None:
        """Open it again."""
        if self._job is not None:
            self._job.shield(-1)
