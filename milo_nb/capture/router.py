"""Puts the capture hooks in and takes them out; the names that the other rooms use.

Any thread may `install` and `uninstall`; they count. The last uninstall restores every hook that is
still ours, ends the drain thread and waits for nobody. What is written outside of a phase
(`CURRENT_SINK` unset) goes where it would have gone without us, installed or not.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from milo_nb.capture import asking, children, display, figures, logs, streams, subprocesses, tqdm
from milo_nb.capture.drain import DRAINER
from milo_nb.capture.outputs import Output, OutputBook
from milo_nb.capture.owners import (
    add_unattributed,
    disown,
    find_owner,
    forget_latest,
    forget_sinks,
    remove_unattributed,
)
from milo_nb.capture.shown import CURRENT_SINK
from milo_nb.capture.sink import Block, Sink

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "CURRENT_SINK",
    "Block",
    "Output",
    "OutputBook",
    "Sink",
    "add_unattributed",
    "disown",
    "drain_now",
    "find_owner",
    "install",
    "installed",
    "is_installed",
    "remove_unattributed",
    "uninstall",
]

_lock = threading.RLock()
_count = 0


def install() -> None:
    """Hook the process's streams, logs, threads, subprocesses, displays, figures, bars and questions, or count one more user."""
    global _count  # noqa: PLW0603 - the hooks are the process's, and so is their count
    with _lock:
        _count += 1
        if _count == 1:
            DRAINER.open()
            for hook in _HOOKS:
                hook.install()
        else:
            for hook in streams.HOOKS:
                hook.renew()


def uninstall() -> None:
    """Count one user less; the last one takes the hooks out again."""
    global _count  # noqa: PLW0603 - as above
    with _lock:
        if _count == 0:
            message = "capture.uninstall() was called more often than capture.install()"
            raise RuntimeError(message)
        _count -= 1
        if _count == 0:
            streams.await_last_words()
            forget_latest()
            for hook in reversed(_HOOKS):
                hook.uninstall()
            DRAINER.close()


@contextmanager
def installed() -> Iterator[None]:
    """Capture while the block runs."""
    install()
    try:
        yield
    finally:
        uninstall()


def is_installed() -> bool:
    """Whether anybody uses capture now."""
    return _count > 0


def drain_now() -> None:
    """Emit all complete lines now, in the calling thread, without waiting for the drain thread."""
    DRAINER.drain_now()


def _forget() -> None:
    """Start over in a forked child: only the forking thread is left, and no drain thread."""
    global _lock  # noqa: PLW0603 - another thread may have held it when the process forked
    _lock = threading.RLock()
    DRAINER.forget()
    forget_sinks()


subprocesses.FORK_HOOK.forget = _forget
_HOOKS = (
    *streams.HOOKS,
    *logs.HOOKS,
    children.ThreadInitHook(),
    children.ThreadHook(install, uninstall),
    children.PoolHook(),
    *subprocesses.HOOKS,
    *display.HOOKS,
    *figures.HOOKS,
    *tqdm.HOOKS,
    *asking.HOOKS,
)
