"""Who computes what is not in the cache yet: one kernel at a time for one key, so that the others find it there."""

from __future__ import annotations

import contextlib
import os
import threading
from typing import TYPE_CHECKING, Self

from milo_nb.persist.disk import make_private

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType

_LOOK_S = 0.05
_FLAGS = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)


class Hold:
    """The right to compute what belongs to one key.

    ``with hold:`` waits until it is ours. The right ends with the process, however that ends. It may be released on
    another thread than took it.

    Attributes:
        held: It is ours. If it is not although the wait is over, there can be no locks here, or the wait was cancelled.
        waited: Somebody else had it first, so that looking into the cache again pays.
    """

    def __init__(self, path: Path, cancelled: Callable[[], bool] | None = None) -> None:
        """Make the right of a lock file; takes nothing yet.

        Args:
            path: The lock file; made when it is taken, removed when it is released.
            cancelled: Asked while waiting, some 20 times a second; true ends the wait. May raise instead.
        """
        self._path = path
        self._cancelled = cancelled or (lambda: False)
        self._fd = -1
        self._pid = 0
        self.held = False
        self.waited = False

    def take(self, *, wait: bool = True) -> bool:
        """Take it; tell whether it is ours.

        Args:
            wait: Wait while somebody else has it.
        """
        pause = threading.Event()
        while True:
            found = self._try()
            if found is not None:
                return found
            self.waited = True
            if not wait or self._cancelled():
                return False
            pause.wait(_LOOK_S)

    def release(self) -> None:
        """Let somebody else have it."""
        if self._fd < 0 or self._pid != os.getpid():  # a fork has no part in it
            return
        if self.held:  # removed while it is locked: who waits for this very file finds its name leads elsewhere
            with contextlib.suppress(OSError):
                self._path.unlink()
        self._close()

    def _close(self) -> None:
        fd, self._fd, self.held = self._fd, -1, False
        _TAKEN.discard(fd)
        os.close(fd)

    def __enter__(self) -> Self:
        """Wait until it is ours, or there is no sense in waiting."""
        self.take()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """Release it."""
        self.release()

    def _try(self) -> bool | None:
        """Return True if it is ours now, False if there can be no lock here, None if somebody else has it."""
        while True:
            try:
                make_private(self._path.parent)
                # Known before it is locked: cancelling may raise between any two steps, and release() must find it.
                self._pid = os.getpid()
                self._fd = os.open(self._path, _FLAGS, 0o600)
            except OSError:
                return False  # read-only, or no space: nothing will be put either
            _TAKEN.add(self._fd)
            try:
                _lock(self._fd)
                self.held = os.path.samestat(os.fstat(self._fd), self._path.lstat())
            except BlockingIOError:
                self._close()
                return None
            except FileNotFoundError:
                pass
            except (ImportError, OSError):  # Windows, or a file system without locks: all compute for themselves
                self._close()
                return False
            if self.held:
                return True
            self._close()  # its last holder has removed it meanwhile


def _lock(fd: int) -> None:
    import fcntl  # noqa: PLC0415 - not there on every system

    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)


_TAKEN: set[int] = set()


def _let_go_in_child() -> None:
    """Close the locks that a fork copied: a child that outlives us must not let others wait for what nobody computes."""
    for fd in _TAKEN:
        with contextlib.suppress(OSError):
            os.close(fd)
    _TAKEN.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go_in_child)
