"""The baton: whoever has it acts for all. It is a lock that a thread never waits for when it only has something to post."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections import deque
from threading import get_ident
from typing import TYPE_CHECKING, Any

from milo_nb.store.shield import Shielded

if TYPE_CHECKING:
    from types import TracebackType


class Baton(ABC):
    """An inbox that is emptied by whichever thread has the baton."""

    def __init__(self) -> None:
        """Begin with an empty inbox and the baton free."""
        self._inbox: deque[Any] = deque()
        self._lock = threading.Lock()
        self._owner = 0

    @abstractmethod
    def drain(self) -> None:
        """Take in all that was posted, and all that this leads to at once; called with the baton."""

    @abstractmethod
    def let_go(self) -> None:
        """See to what the drain left to be done without the baton."""

    def pump(self) -> None:
        """See that what has been posted is taken in, by this thread or by the one that has the baton."""
        if self._owner != get_ident():  # else it will be seen before the baton is let go
            with Shielded():
                self.empty_inbox()
                self.let_go()

    def empty_inbox(self) -> None:
        """Take in what has been posted, unless another thread is at it."""
        inbox, lock = self._inbox, self._lock
        # Who posts while we let go finds the baton taken: look again after each release.
        while inbox and lock.acquire(False):  # by position: half the cost of a keyword
            self._owner = get_ident()
            try:
                self.drain()
            finally:
                self._owner = 0
                lock.release()

    def hold(self) -> Hold:
        """Return a context in which this thread has the baton, with nothing left to be done before it."""
        return Hold(self)

    def take(self) -> bool:
        """Take the baton, waiting for it; False if this thread has it already."""
        if self._owner == get_ident():
            return False
        self._lock.acquire()
        self._owner = get_ident()
        return True

    def drop(self) -> None:
        """Let the baton go and see to what has come meanwhile."""
        self._owner = 0
        self._lock.release()
        self.pump()


class Hold:
    """A stretch of code that has the baton."""

    __slots__ = ("_baton", "_shielded", "_took")

    def __init__(self, baton: Baton) -> None:
        """Make the context; the baton is taken when it is entered."""
        self._baton = baton
        self._shielded = Shielded()
        self._took = False

    def __enter__(self) -> None:
        """Take the baton and what was posted."""
        self._shielded.__enter__()
        self._took = self._baton.take()
        if self._took:
            try:
                self._baton.drain()
            except BaseException:
                self._baton.drop()
                self._shielded.__exit__()
                raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Take in what this stretch led to, and let go."""
        try:
            if self._took:
                try:
                    self._baton.drain()
                finally:
                    self._baton.drop()
        finally:
            self._shielded.__exit__()
