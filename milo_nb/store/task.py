"""A saga that is being run, as its starter holds it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from milo_nb.errors import PhaseCancelled, is_a

if TYPE_CHECKING:
    from collections.abc import Callable

    from milo_nb.state.effects import Saga


class Task:
    """A saga that is being run.

    Attributes:
        done: It has ended.
        value: What it returned.
        error: What it raised, if it did.
        tag: What its Fork said it was for.
    """

    __slots__ = (
        "_cancel", "_event", "children", "done", "error", "joiners", "mail", "parent", "saga", "tag", "token", "value",
    )  # fmt: skip

    def __init__(self, saga: Saga | None, parent: Task | None, cancel: Callable[[Task], None], tag: Any = None) -> None:
        """Hold `saga`, or None for a single call; only a loop steps it."""
        self.saga = saga
        self.parent = parent
        self.tag = tag
        self.done = False
        self.value: Any = None
        self.error: BaseException | None = None
        self.token: Any = None  # what it waits for; an answer to anything else is late
        self.mail: list[Any] | None = None
        self.children: set[Task] | None = None
        self.joiners: list[Task] | None = None
        self._cancel = cancel
        self._event: threading.Event | None = None

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the saga has ended, at most `timeout` seconds; tell whether it has."""
        if self.done:
            return True
        event = self._event
        if event is None:
            event = self._event = threading.Event()
            if self.done:  # it ended meanwhile and may not have seen the event
                return True  # type: ignore[unreachable]  # another thread sets it
        return event.wait(timeout)

    def result(self, timeout: float | None = None) -> Any:
        """Wait for the saga and return what it returned.

        Raises:
            TimeoutError: If it has not ended within `timeout` seconds.
            BaseException: What the saga raised.
        """
        if not self.wait(timeout):
            raise TimeoutError(f"the saga has not ended within {timeout:g} s" if timeout is not None else "")
        if self.error is not None:
            raise self.error
        return self.value

    def cancel(self) -> None:
        """Ask the saga to stop: :class:`PhaseCancelled` is raised where it waits."""
        self._cancel(self)

    @property
    def cancelled(self) -> bool:
        """Whether it ended by being cancelled."""
        return is_a(self.error, PhaseCancelled)

    def end(self, value: Any, error: BaseException | None) -> None:
        """Mark as ended; only the loop calls this."""
        self.value, self.error = value, error
        self.done = True
        if self._event is not None:
            self._event.set()
