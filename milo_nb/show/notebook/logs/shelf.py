"""The logs of one session, each under its number: phases in their order, what belongs to none, all together."""

from __future__ import annotations

import math
import threading
import weakref
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from milo_nb.capture.logbook import LogBook
from milo_nb.show.notebook.asked import phase_of
from milo_nb.show.notebook.beside import is_attached
from milo_nb.show.notebook.logs.merged import SETTLE_S, MergedLog
from milo_nb.show.notebook.logs.source import Source

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from milo_nb.execute.executor import PipelineExecutor
    from milo_nb.show.notebook.logs.download import Download
    from milo_nb.show.notebook.logs.source import Log

OTHERS: Final = 2
"""Logs after those of the phases."""
_NOTHING: Final = LogBook()


class Shelf:
    """The logs of one session. Any thread.

    Attributes:
        download: The latest one that was begun, with the number of its log.
    """

    def __init__(self, session: Any) -> None:
        """Look at nothing yet."""
        self._session = weakref.ref(session)
        self.names: tuple[str, ...] = (*session.graph.names, "")
        self._sources: dict[int, Source] = {}
        self._merged: MergedLog | None = None
        self._lock = threading.RLock()
        self.download: tuple[int, Download] | None = None

    def __getitem__(self, i: int) -> Log:
        """Return a log; the one of all phases comes last."""
        with self._lock:
            if i < len(self.names):
                source = self._sources.get(i)
                if source is None:
                    name = self.names[i]
                    source = Source(name, i, partial(self._book, name), self._folder)
                    self._sources[i] = source
                return source
            if self._merged is None:
                sources = [self[i] for i in range(len(self.names))]
                self._merged = MergedLog(sources, self._settled)  # type: ignore[arg-type]  # all of them are sources
            return self._merged

    def _book(self, name: str) -> LogBook | None:
        session = self._session()
        if session is None or is_attached(session):
            return None  # what such a session has in memory is a look at its files
        book: LogBook | None = session.books.get(name) if name else session.logs.unattributed
        return _NOTHING if book is None else book

    def _folder(self) -> Path | None:
        session = self._session()
        if session is None:
            return None
        if is_attached(session):
            return session.run_dir.logs  # type: ignore[no-any-return]
        return None if session.logs.files is None else session.disk.logs_folder()

    def _settled(self) -> float:
        """Return the time up to which all lines have come in."""
        session = self._session()
        return session.now() - SETTLE_S if session is not None and session.is_running() else math.inf


_shelves: weakref.WeakKeyDictionary[Any, Shelf] = weakref.WeakKeyDictionary()
_making = threading.Lock()


def shelf_of(session: Any) -> Shelf:
    """Return the logs of a session: the same for all who ask, so that numbers mean the same."""
    with _making:
        shelf = _shelves.get(session)
        if shelf is None:
            shelf = _shelves[session] = Shelf(session)
        return shelf


def log_of(executor: PipelineExecutor, args: Mapping[str, Any]) -> tuple[Log, Shelf, int]:
    """Return the log that is asked about, as it is now; all logs; and which one it is."""
    session = executor.session
    i = phase_of(executor, args, OTHERS)
    shelf = shelf_of(session)
    log = shelf[i]
    log.refresh()
    return log, shelf, i
