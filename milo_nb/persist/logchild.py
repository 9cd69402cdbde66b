"""Has logs searched by a child process, which can be ended whatever it does; see `logsearch` for what runs there.

Processes are started when they are first needed, more than one only for long logs. They end themselves when nobody has
asked for a minute, and with the kernel. They are no phase's: they are started in a context without a sink, in a session
of their own that no interrupt reaches, and their streams are pipes of ours.
"""

from __future__ import annotations

import atexit
import os
import queue
import subprocess
import sys
import threading
import time
from array import array
from collections import deque
from contextlib import suppress
from contextvars import Context
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from milo_nb.errors import SearchError
from milo_nb.persist import logsearch
from milo_nb.persist.logsearch import ENCLOSED, IDLE_S, PIECE, Searcher, pack_message, read_message
from milo_nb.store.shield import Shielded

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Mapping

BATCH_BYTES: Final = 4 << 20
FIRST_BYTES: Final = 1 << 18
"""The first batch is small: what is found there is shown at once."""
BATCH_PIECES: Final = 5_000
BATCH_S: Final = 5.0
"""A batch that takes longer is given up, and the process with it."""
SEARCH_S: Final = 30.0
"""A search that takes longer is given up."""
AHEAD: Final = 2
"""Batches that a process has at a time: so it never waits for the kernel."""
MOST_PROCESSES: Final = 4
FEW_BATCHES: Final = 3
"""So many are searched by one process: another one would be there too late."""
PATIENCE_S: Final = 0.2
"""Processes that have not finished the batches of an earlier search by then are ended."""
_LOOK_S: Final = 0.05
_HINT: Final = " A regular expression with repeats inside repeats, as (a+)+, can do that: write it more simply."


class Piece(NamedTuple):
    """Lines to search: the bytes of a file from `begin` to `end`, or `text`. Whole lines.

    Attributes:
        path: The file; None if the text is enclosed.
        begin: Where they begin in the file.
        end: Where they end.
        first: The number of the first line.
        stop: The number after that of the last one.
        text: The text, where there is no file.
    """

    path: Path | None
    begin: int
    end: int
    first: int
    stop: int
    text: bytes = b""


class Query(NamedTuple):
    """What is looked for: a text or a regular expression, in small and large letters or in these (`case`)."""

    text: str
    regex: bool
    case: bool


class Found(NamedTuple):
    """What a part of a search has found: numbers of lines, up to where (the number after the last line searched)."""

    numbers: array[int]
    stop: int
    is_damaged: bool


class _Ended(Exception):  # noqa: N818 - no error: a process may end itself at any time
    """The child process is gone."""


class _Child:
    """One process. Used by one thread at a time."""

    def __init__(self, idle_s: float) -> None:
        """Start it.

        Raises:
            OSError: If that is not possible.
        """
        command = [sys.executable or "python3", "-I", "-S", "-X", "utf8", str(Path(logsearch.__file__)), str(idle_s)]
        self._process = subprocess.Popen(  # noqa: S603 - our own program
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # an interrupt of the kernel goes to all of its group
        )
        self.owner = os.getpid()
        self._replies: queue.SimpleQueue[tuple[dict[str, Any], bytes] | None] = queue.SimpleQueue()
        self._last_sent = self._last_heard = 0
        reader = threading.Thread(target=self._read, name="milo-search-replies", daemon=True)
        Context().run(reader.start)

    @property
    def pid(self) -> int:
        """Number of the process."""
        return self._process.pid

    @property
    def waits(self) -> int:
        """How many messages it has not answered."""
        return self._last_sent - self._last_heard

    def send(self, head: Mapping[str, Any], data: bytes = b"") -> None:
        """Send a message, which gets the next number."""
        self._last_sent += 1
        try:
            if self._process.stdin is not None:
                self._process.stdin.write(pack_message({**head, "id": self._last_sent, "limit_s": BATCH_S + 1}, data))
                self._process.stdin.flush()
        except OSError as gone:
            raise _Ended from gone

    def receive(self, timeout_s: float) -> tuple[dict[str, Any], bytes] | None:
        """Return the next answer; None if there is none in time."""
        try:
            reply = self._replies.get(timeout=timeout_s)
        except queue.Empty:
            return None
        if reply is None:
            self._replies.put(None)  # it stays so
            raise _Ended
        self._last_heard = reply[0]["id"]
        return reply

    def end(self) -> None:
        """End it, whatever it does."""
        if self.owner != os.getpid():
            return  # a forked child has a copy of this, not the process
        self._process.kill()
        self._process.wait()
        if self._process.stdin is not None:
            with suppress(OSError):
                self._process.stdin.close()

    def _read(self) -> None:
        """Take answers until the process has ended, and take note of that."""
        replies = self._process.stdout
        with suppress(OSError, ValueError):
            while replies is not None and (message := read_message(replies)):
                self._replies.put(message)
        self._replies.put(None)
        self._process.wait()
        if replies is not None:
            replies.close()


class LogSearch:
    """Searches with the help of a few child processes: of one, if there is little to search."""

    def __init__(self, idle_s: float = IDLE_S, processes: int | None = None) -> None:
        """Start nothing yet.

        Args:
            idle_s: How long a process waits for a question until it ends itself.
            processes: How many there may be; by default as many as there are processors, up to `MOST_PROCESSES`.
        """
        self._idle_s = idle_s
        self._most = processes or min(os.cpu_count() or 1, MOST_PROCESSES)
        self._children: list[_Child] = []
        self._lock = threading.Lock()

    @property
    def pids(self) -> tuple[int, ...]:
        """Numbers of the processes."""
        return tuple(child.pid for child in self._children)

    def search(self, query: Query, pieces: Iterable[Piece], is_wanted: Callable[[], bool]) -> Generator[Found]:
        """Search, and yield after each part what was found there, in order. Any thread; one search after the other.

        Raises:
            SearchError: If the regular expression is wrong or takes too long, or no process can be had.
        """
        with self._lock:
            if any(child.owner != os.getpid() for child in self._children):
                self._children.clear()  # of the process that this one was forked from
            try:
                self._begin(query, is_wanted)
            except OSError as error:
                yield from _search_here(query, pieces, is_wanted, error)
                return
            try:
                yield from self._search(query, pieces, is_wanted)
            except _Ended:
                raise SearchError("The process that searches has ended unexpectedly. Search again.") from None
            finally:
                self._settle()

    def close(self) -> None:
        """End the processes; a search that goes on fails."""
        children, self._children = self._children, []
        for child in children:
            child.end()

    def _begin(self, query: Query, is_wanted: Callable[[], bool]) -> None:
        """Have the first process take the query.

        Raises:
            OSError: If no process can be had.
            SearchError: If it is no regular expression.
        """
        for _ in range(2):  # those there are may end themselves just now
            try:
                reply = self._receive(self._child(0, query), query, time.monotonic() + SEARCH_S, is_wanted)
            except _Ended:
                self.close()
                continue
            if reply is not None and reply[0]["error"]:
                raise _refused(reply[0])
            return
        raise OSError("it ends at once")

    def _child(self, i: int, query: Query) -> _Child:
        """Return a process that has been told what to look for."""
        if i == len(self._children):
            with Shielded():
                self._children.append(_Child(self._idle_s))
        self._children[i].send(query._asdict())
        return self._children[i]

    def _settle(self) -> None:
        """Wait for what a search that was dropped has left behind, or end the processes if that takes long."""
        deadline = time.monotonic() + PATIENCE_S
        try:
            for child in self._children:
                while child.waits and child.receive(max(deadline - time.monotonic(), 0.0)):
                    pass
        except _Ended:
            self.close()
        if any(child.waits for child in self._children):
            self.close()

    def _receive(
        self, child: _Child, query: Query, deadline: float, is_wanted: Callable[[], bool]
    ) -> tuple[dict[str, Any], bytes] | None:
        """Return the next answer; None if nobody wants it any more."""
        until = min(time.monotonic() + BATCH_S, deadline)
        while is_wanted():
            reply = child.receive(_LOOK_S)
            if reply is not None:
                return reply
            if time.monotonic() > until:
                self.close()
                raise SearchError("This search takes too long and was stopped." + _HINT * query.regex)
        return None

    def _search(self, query: Query, pieces: Iterable[Piece], is_wanted: Callable[[], bool]) -> Iterator[Found]:
        deadline = time.monotonic() + SEARCH_S
        batches = enumerate(_batches(pieces))
        children = [self._children[0]]
        waiting: deque[tuple[_Child, int]] = deque()
        is_last = False
        while is_wanted():
            while not is_last and len(waiting) < AHEAD * len(children):
                turn, batch = next(batches, (0, None))
                if batch is None:
                    is_last = True
                    break
                if len(children) < self._most and turn >= FEW_BATCHES:
                    self._add(children, query)
                child = children[turn % len(children)]
                child.send(batch.head, batch.data)
                waiting.append((child, batch.stop))
            if not waiting:
                return
            reply = self._receive(waiting[0][0], query, deadline, is_wanted)
            if reply is not None and "damaged" in reply[0]:  # else it has taken the query
                yield Found(_numbers(reply[1]), waiting.popleft()[1], reply[0]["damaged"])

    def _add(self, children: list[_Child], query: Query) -> None:
        """Have one process more, if that is possible."""
        try:
            children.append(self._child(len(children), query))
        except (OSError, _Ended):
            del self._children[len(children) :]  # it does not matter: there is one


class _Batch(NamedTuple):
    """One message."""

    head: dict[str, Any]
    data: bytes
    stop: int


def _batches(pieces: Iterable[Piece]) -> Iterator[_Batch]:
    """Join pieces to messages, and cut long ones."""
    paths: dict[str, int] = {}
    packed: list[bytes] = []
    texts: list[bytes] = []
    size, most, stop = 0, FIRST_BYTES, 0
    for piece in pieces:
        if packed and (size + piece.end - piece.begin > most or len(packed) >= BATCH_PIECES):
            yield _Batch({"paths": list(paths), "pieces": len(packed)}, b"".join(packed + texts), stop)
            paths, packed, texts, size, most = {}, [], [], 0, BATCH_BYTES
        if piece.path is None:
            packed.append(PIECE.pack(ENCLOSED, 0, len(piece.text), piece.first))
            texts.append(piece.text)
        else:
            which = paths.setdefault(str(piece.path), len(paths))
            packed.append(PIECE.pack(which, piece.begin, piece.end, piece.first))
        size += piece.end - piece.begin
        stop = piece.stop
    if packed:
        yield _Batch({"paths": list(paths), "pieces": len(packed)}, b"".join(packed + texts), stop)


def _numbers(packed: bytes) -> array[int]:
    numbers = array("I")
    numbers.frombytes(packed)
    return numbers


def _refused(head: Mapping[str, Any]) -> SearchError:
    where = f" at character {head['position'] + 1}" if head["position"] >= 0 else ""
    return SearchError(f"This is no regular expression: {head['error']}{where}.")


def _search_here(query: Query, pieces: Iterable[Piece], is_wanted: Callable[[], bool], why: OSError) -> Iterator[Found]:
    """Search for plain text in this process, where no other can be had."""
    if query.regex:
        raise SearchError(f"Regular expressions need a process of their own, and none can be started: {why}.")
    searcher = Searcher()
    searcher.answer({"text": query.text, "regex": False, "case": query.case}, b"")
    for batch in _batches(pieces):
        if not is_wanted():
            return
        told, data = searcher.answer(batch.head, batch.data)
        yield Found(_numbers(data), batch.stop, told["damaged"])


SEARCH: Final = LogSearch()
"""The kernel's."""
atexit.register(SEARCH.close)
