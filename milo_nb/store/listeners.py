"""Who is told that the state has changed: coalesced, in order, never under the baton, one failing harms nobody."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any

from milo_nb.store.shield import Shielded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from milo_nb.state.actions import Action

LOG = logging.getLogger("milo_nb")
GAP_S = 0.01
"""Changes that come closer together than this are told once, unless the one who made them waits for it."""
IDLE_S = 0.5
PATIENCE_S = 1.0
"""How long who wants listeners to know waits for one that is slow."""


class Listeners:
    """The listeners of a store.

    Who dispatches tells them himself, on his own thread. What workers change is told by a thread of its own, which
    starts with the first change and ends when there is nothing to tell.

    Attributes:
        is_dirty: There is a change to tell; further ones need not be noted.
        every: Those that see each action.
    """

    def __init__(self, get_state: Callable[[], Any]) -> None:
        """Begin with none; a state that is the one told last is not told again."""
        self._get_state = get_state
        self._told: Any = None
        self._teller = 0
        self._coalesced: tuple[Callable[[], Any], ...] = ()
        self.every: tuple[Callable[[Action], Any], ...] = ()
        self._actions: list[Action] = []
        self.is_dirty = False
        self._telling = threading.RLock()
        self._lock = threading.Lock()
        self._wanted = threading.Event()
        self._closed = threading.Event()
        self._hurry = threading.Event()
        self._quiet = threading.Event()
        self._quiet.set()
        self._thread: threading.Thread | None = None

    def add(self, listener: Callable[..., Any], *, every: bool) -> Callable[[], None]:
        """Add a listener and return what removes it."""
        entry: Callable[..., Any] = _Entry(listener)
        with self._lock:
            if every:
                self.every = (*self.every, entry)
            else:
                self._coalesced = (*self._coalesced, entry)

        def remove() -> None:
            with self._lock:
                self.every = tuple(e for e in self.every if e is not entry)
                self._coalesced = tuple(e for e in self._coalesced if e is not entry)

        return remove

    def changed(self, actions: Iterable[Action], state_changed: bool) -> None:  # noqa: FBT001 - once per batch
        """Note what there is to tell; called under the baton."""
        if self.every:
            self._actions.extend(actions)
        if state_changed and self._coalesced:
            self.is_dirty = True
        if (self.is_dirty or self._actions) and self._quiet.is_set():
            self._quiet.clear()

    def tell_soon(self) -> None:
        """Have the thread tell what there is to tell."""
        if (self.is_dirty or self._actions) and not self._wanted.is_set():
            self._wanted.set()
            if self._thread is None:
                with self._lock:
                    if self._thread is None and not self._closed.is_set():
                        thread = threading.Thread(target=self._serve, name="milo-listeners", daemon=True)
                        try:
                            thread.start()
                        except RuntimeError:  # no thread to be had now: the next change tries again
                            LOG.exception("the listeners' thread could not be started")
                            self._wanted.clear()
                        else:
                            self._thread = thread

    def tell_now(self) -> None:
        """Tell on this thread what there is to tell, unless another is at it."""
        with Shielded():
            if (self.is_dirty or self._actions) and self._telling.acquire(blocking=False):
                try:
                    self._tell()
                finally:
                    self._telling.release()
            if self.is_dirty or self._actions:
                self.tell_soon()

    def tell_all(self) -> None:
        """Return when listeners have been told what has happened so far; one that is slow is waited for a moment only."""
        if self._teller == threading.get_ident() or self._closed.is_set():
            return
        with Shielded():
            self.tell_soon()
            self._hurry.set()
        self._quiet.wait(PATIENCE_S)

    def close(self) -> None:
        """Tell what is left and end the thread."""
        self.tell_all()
        self._closed.set()
        self._wanted.set()
        self._hurry.set()

    def _tell(self) -> None:
        # A listener may dispatch; that is told in this loop and not from inside the listener, so the order is kept.
        if self._teller:
            return
        self._teller = threading.get_ident()
        try:
            while self.is_dirty or self._actions:
                actions, self._actions = self._actions, []
                dirty, self.is_dirty = self.is_dirty, False
                for action in actions:
                    for listener in self.every:
                        listener(action)
                if dirty and (state := self._get_state()) is not self._told:
                    self._told = state
                    for tell in self._coalesced:
                        tell()
            self._quiet.set()
            if self.is_dirty or self._actions:  # it came at this moment
                self._quiet.clear()
        finally:
            self._teller = 0

    def _serve(self) -> None:
        while True:
            if not self._wanted.wait(IDLE_S):
                with self._lock:
                    if not self._wanted.is_set():
                        self._thread = None
                        return
            if self._closed.is_set():
                return
            with self._telling:
                self._tell()
            # Until the gap is over the flag stays up, so that changes cost nobody a wake-up.
            self._hurry.wait(GAP_S)
            self._hurry.clear()
            if self._closed.is_set():
                return
            self._wanted.clear()
            if self.is_dirty or self._actions:
                self._wanted.set()


class _Entry:
    """A listener whose failures are logged and go no further."""

    __slots__ = ("_listener",)

    def __init__(self, listener: Callable[..., Any]) -> None:
        self._listener = listener

    def __call__(self, *args: Any) -> None:
        try:
            self._listener(*args)
        except BaseException:  # SystemExit and the like too: the thread that tells must go on
            LOG.exception("a listener failed: %r", self._listener)
