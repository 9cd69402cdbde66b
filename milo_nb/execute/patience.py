"""Calls into a person's classes (``__str__``, ``__repr__``, ``__len__``): they may take for ever, print, and raise anything.

Each call has a thread of its own and a time. Who takes longer is told to stop, and if that does not help, left alone; with
several left alone, nothing more is called. What is printed meanwhile is put with the phase that it is about.
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
import threading
from contextvars import Context
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from milo_nb.capture import router as capture
from milo_nb.store.shield import Shielded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LOG = logging.getLogger("milo_nb")
_send: Final = ctypes.pythonapi.PyThreadState_SetAsyncExc


class TooLongError(BaseException):
    """Sent into a thread that takes too long."""


class Called(NamedTuple):
    """What a call came to.

    Attributes:
        has_ended: It was not given up.
        raised: What it raised, if it has ended.
    """

    has_ended: bool
    raised: BaseException | None = None


class Patience:
    """Calls what may take for ever. Any thread."""

    def __init__(self, thread_name: str) -> None:
        """Leave no thread alone so far."""
        self._thread_name = thread_name
        self._left_alone: list[threading.Thread] = []
        self._lock = threading.Lock()

    def left_alone(self) -> int:
        """Return how many calls were given up and still go on."""
        with self._lock:
            self._left_alone = [thread for thread in self._left_alone if thread.is_alive()]
            return len(self._left_alone)

    def call(self, act: Callable[[], object], limit_s: float, context: Context | None = None) -> Called:
        """Do `act` on a thread of its own, in `context`, for `limit_s` at most.

        Raises:
            RuntimeError: If no thread is to be had.
        """
        ended = threading.Event()
        raised: list[BaseException] = []
        guard, state = threading.Lock(), {"open": True}

        def work() -> None:
            try:
                try:
                    act()
                except BaseException as error:  # noqa: BLE001 - a person's classes may raise anything
                    raised.append(error)
                with guard:
                    state["open"] = False
                ended.set()
            except TooLongError:  # it hit on the way out
                return

        made = Context() if context is None else context.copy()  # one that was given up is still in it
        thread = threading.Thread(target=made.run, args=(work,), name=self._thread_name, daemon=True)
        with Shielded():
            Context().run(thread.start)  # else a hook would have it inherit ours
        if ended.wait(limit_s):
            return Called(True, raised[0] if raised else None)
        with guard:
            if state["open"]:
                _send(ctypes.c_ulong(thread.ident or 0), ctypes.py_object(TooLongError))
        with self._lock:
            self._left_alone.append(thread)
        return Called(False)


@contextlib.contextmanager
def heard(session: Any, name: str = "") -> Iterator[Context]:
    """Give a context for looking at what a phase made: what is printed in it is late output of that phase, or of none.

    Capture is installed meanwhile, as no phase may run: else it would end in whatever cell ran last.

    Args:
        session: Whose phase; of one that is only looked at, nothing can be kept.
        name: The phase; "" for none.
    """
    sink = capture.Sink(_taker(session, name), session.now)
    capture.disown(sink)
    context = Context()
    context.run(capture.CURRENT_SINK.set, sink)
    with capture.installed():
        try:
            yield context
        finally:
            sink.close()


def _taker(session: Any, name: str) -> Callable[[list[capture.Block], bool], None]:
    logs = getattr(session, "logs", None)
    if logs is None:
        return lambda blocks, late: LOG.debug("printed by a result of %s: %s", name, blocks)  # noqa: ARG005 - as capture emits

    def take(blocks: list[capture.Block], late: bool) -> None:  # noqa: ARG001, FBT001 - as capture emits: it is late anyhow
        i = session.graph.index.get(name)
        if i is None:
            logs.take_unattributed(blocks)
        else:
            logs.take(session.graph.phases[i], session.state.phases[i].attempt, blocks, late=True)

    return take
