"""All that the phases of one session have printed: the live books in memory, and the full text on disk behind them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from milo_nb.capture.logbook import HEAD_LINES, TAIL_LINES, LogBook
from milo_nb.capture.router import Block, Sink
from milo_nb.execute.lines import last_lines
from milo_nb.execute.logfiles import LogFiles
from milo_nb.state import actions as a
from milo_nb.state.actions import Action

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from milo_nb.declare.phase import Phase

FLUSH_S: Final = 5.0
"""How long who waits for a session's end also waits for the disk."""


class SessionLogs:
    """What all phases of a session have printed, and what belongs to none.

    Attributes:
        books: All lines of the phases that have any, by name.
        unattributed: What came up from the file descriptors while several phases ran.
        files: What writes to disk; None for no disk.
    """

    def __init__(
        self,
        name: str,
        folder: Callable[[], Path | None] | None,
        put: Callable[[Action], object],
        now: Callable[[], float],
    ) -> None:
        """Make empty books.

        Args:
            name: Of the session's threads.
            folder: Returns the folder of the full logs, made when first asked for; None: no disk.
            put: Has an action reduced.
            now: The session's clock.
        """
        self.books: dict[str, LogBook] = {}
        self.unattributed = LogBook()
        self.files = None if folder is None else LogFiles(name, folder, self._warn)
        self._put = put
        self._now = now
        self._lock = threading.Lock()

    def book(self, name: str) -> LogBook:
        """Return all lines of a phase; the empty name is what belongs to none."""
        if not name:
            return self.unattributed
        book = self.books.get(name)
        if book is None:
            with self._lock:
                book = self.books.setdefault(name, LogBook())
        return book

    def go_on(self, name: str, book: LogBook) -> None:
        """Go on with a book that has the lines of an earlier owner; the empty name is what belongs to no phase."""
        if name:
            self.books[name] = book
        else:
            self.unattributed = book

    def take(self, phase: Phase, attempt: int, blocks: list[Block], *, late: bool) -> None:
        """Keep lines of an attempt, and put the last of them into the state. Not under the baton."""
        name = phase.name
        self.book(name).extend(blocks, late)
        if self.files is not None:
            self.files.put(name, blocks, attempt, late=late)
        if not late:
            payload = {"name": name, "attempt": attempt, **last_lines(blocks, phase.max_logs)}
            self._put(Action(a.PHASE_LOGS, payload))

    def say(self, phase: Phase, attempt: int, text: str) -> None:
        """Put a line of our own, a warning, into a phase's log."""
        self.take(phase, attempt, [Block("milo", "WARNING", self._now(), [text])], late=False)

    def make_pane(self) -> Sink:
        """Return the sink of what belongs to no phase."""
        return Sink(lambda blocks, late: self.take_unattributed(blocks), self._now)  # noqa: ARG005 - no attempt, no end

    def flush(self, timeout_s: float = FLUSH_S) -> bool:
        """Wait until all lines are on their way to the disk; tell whether they are."""
        return self.files is None or self.files.flush(timeout_s)

    def take_unattributed(self, blocks: list[Block]) -> None:
        """Keep lines that belong to no phase. Not under the baton."""
        self.unattributed.extend(blocks)
        if self.files is not None:
            self.files.put("", blocks, 0, late=False)

    def _warn(self, name: str, attempt: int, reason: str) -> None:
        """Say in a phase's log that it is in memory only."""
        line = (
            f"The full log is not on disk ({reason}). This session goes on in memory, "
            f"which keeps the first {HEAD_LINES:,} and the last {TAIL_LINES:,} lines of a phase."
        )
        blocks = [Block("milo", "WARNING", self._now(), [line])]
        self.book(name).extend(blocks)
        if name:
            self._put(Action(a.PHASE_LOGS, {"name": name, "attempt": attempt, **last_lines(blocks, 1)}))
