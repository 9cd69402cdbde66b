"""Displays that outlive the kernel: written as phases make them, read when somebody looks.

A display is changed in place often, as a plot that grows: so what is written is how a phase's displays are now, some
times a second. The thread "<session>-displays" does it; it ends when there is nothing to write.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
import weakref
from contextlib import suppress
from contextvars import Context
from typing import TYPE_CHECKING, Final

from milo_nb.capture.outputs import PLAIN, KeptOutput, Output, OutputBook
from milo_nb.errors import MiloError, ResultRefusedError
from milo_nb.persist.disk import say_size
from milo_nb.persist.displays import MAX_PHASE_BYTES, MAX_SESSION_BYTES, Display, DisplayFiles, Place
from milo_nb.store.shield import Shielded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

LOG = logging.getLogger("milo_nb")
GAP_S: Final = 0.25
"""Between two times that something is written."""
IDLE_S: Final = 1.0
PATIENCE_S: Final = 5.0


class KeptDisplays:
    """Writes what the phases of one session display."""

    def __init__(
        self,
        name: str,
        files: DisplayFiles,
        books: Mapping[str, OutputBook],
        on_failure: Callable[[str, int, str], None],
    ) -> None:
        """Keep what is in `books`, now and then.

        Args:
            name: Of the thread.
            files: Where to.
            books: The displays of each phase.
            on_failure: Takes ``(phase, attempt, text)`` when displays are not kept, once; on the thread that writes.
        """
        self._name = name
        self._files = files
        self._books = books
        self._on_failure = on_failure
        self._changed = threading.Condition()
        self._dirty: dict[str, None] = {}
        self._is_busy = self._is_closed = self._has_failed = self._hurries = False
        self._blocked: set[str] = set()
        self._thread: threading.Thread | None = None
        self._written: dict[str, dict[Place, tuple[int, int]]] = {}  # revision and size; -1: an earlier owner's
        for phase, there in files.list(books).items():
            self._written[phase] = {place: (-1, size) for place, (_, size) in there.items()}
        self._process = os.getpid()

    def changed(self, phase: str) -> None:
        """Have the displays of a phase written soon. Any thread; never waits for the disk."""
        with Shielded(), self._changed:
            if self._has_failed or self._is_closed:
                return
            self._dirty[phase] = None
            self._changed.notify_all()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=f"{self._name}-displays", daemon=True)
                Context().run(self._thread.start)
                _running.add(self)

    def flush(self, timeout_s: float = PATIENCE_S) -> bool:
        """Wait until all is written; tell whether it is."""
        if self._process != os.getpid():
            return True  # in a forked child: its parent has the thread
        with self._changed:
            self._hurries = True
            self._changed.notify_all()
            done = self._changed.wait_for(lambda: not self._dirty and not self._is_busy, timeout_s)
            self._hurries = False
            return done

    def close(self) -> None:
        """Write what is left, and no more."""
        self.flush()
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    # ------------------------------------------------------------------ the thread

    def _run(self) -> None:
        while True:
            with self._changed:
                has_more = self._changed.wait_for(lambda: self._dirty or self._is_closed, IDLE_S)
                if not has_more or self._is_closed:
                    self._thread = None
                    return
                dirty, self._dirty, self._is_busy = self._dirty, {}, True
            began = time.monotonic()
            try:
                for phase in dirty:
                    self._write(phase)
            finally:
                pause = max(GAP_S, 5 * (time.monotonic() - began))
                with self._changed:
                    self._is_busy = False
                    self._changed.notify_all()
                    self._changed.wait_for(lambda: self._hurries or self._is_closed, pause)

    def _write(self, phase: str) -> None:
        book, attempt = self._books[phase], 0
        try:
            written = self._written.setdefault(phase, {})
            wanted, left_out = _that_fit(book)
            earlier = book.earlier if isinstance(book, EarlierBook) else {}
            for place in [place for place in written if place not in wanted]:
                with suppress(IsADirectoryError):  # nothing of ours is there
                    self._files.remove(phase, place)
                del written[place]
            for place, entry in wanted.items():
                attempt = entry.attempt
                known = written.get(place, (-1, 0))[0]
                if (earlier.get(place, -1) if known < 0 else known) != entry.revision:
                    if self._total() + entry_size(entry) > MAX_SESSION_BYTES:
                        self._fail(phase, attempt, f"the session has displayed more than {say_size(MAX_SESSION_BYTES)}")
                        return
                    display = _to_display(entry, book.dropped + left_out)
                    written[place] = (entry.revision, self._write_one(phase, place, display))
        except OSError as e:
            self._fail(phase, attempt, e.strerror or str(e))
        except Exception:
            LOG.exception("the displays of phase '%s' could not be written", phase)

    def _write_one(self, phase: str, place: Place, display: Display) -> int:
        """Write a display; return its size, 0 if something else is in its place: the others are written all the same."""
        try:
            return self._files.write(phase, place, display)
        except IsADirectoryError as e:
            name = os.path.basename(e.filename)  # noqa: PTH119 - text, as people read it
            text = f"A display is not on disk: {e.strerror} ({name}). It is kept in memory only; others are saved."
            if phase not in self._blocked:
                self._blocked.add(phase)
                LOG.warning("Phase '%s': %s", phase, text)
                self._on_failure(phase, place.attempt, text)
            return 0

    def _total(self) -> int:
        return sum(size for written in tuple(self._written.values()) for _, size in written.values())

    def _fail(self, phase: str, attempt: int, reason: str) -> None:
        with self._changed:
            has_failed, self._has_failed = self._has_failed, True
        if not has_failed:
            text = f"Displays are not on disk ({reason}). They are kept in memory only."
            LOG.warning("Phase '%s': %s", phase, text)
            self._on_failure(phase, attempt, text)


def _that_fit(book: OutputBook) -> tuple[dict[Place, KeptOutput], int]:
    """Return the last displays that may be kept, in their order, and how many that leaves out."""
    entries, room = book.entries, MAX_PHASE_BYTES
    found: list[tuple[Place, KeptOutput]] = []
    for entry in reversed(entries):
        room -= entry_size(entry)
        if room < 0:
            break
        found.append((Place(entry.attempt, int(entry.reference.rpartition("/")[2])), entry))
    return dict(reversed(found)), len(entries) - len(found)


def entry_size(entry: KeptOutput) -> int:
    """Return about how many bytes a display takes."""
    return sum(map(len, entry.output.data.values())) + 500


def _to_display(entry: KeptOutput, dropped: int) -> Display:
    output = entry.output
    return Display(output.data, output.metadata, output.display_id, entry.late, entry.revision, dropped)


# ---------------------------------------------------------------------- reading


class EarlierBook(OutputBook):
    """A book that goes on where one on disk ends, which is read when somebody looks.

    Attributes:
        earlier: The revisions that were read from disk.
    """

    __slots__ = ("_count", "_files", "_phase", "_places", "earlier")

    def __init__(self, phase: str, files: DisplayFiles, places: Iterable[Place]) -> None:
        """Go on after these displays."""
        super().__init__(phase)
        self._phase = phase
        self._files = files
        self._places: tuple[Place, ...] | None = tuple(places)
        self._count = len(self._places)
        self.earlier: dict[Place, int] = {}
        self.revision = 1

    def __len__(self) -> int:
        """How many are kept."""
        return self._count if self._places is not None else len(self._entries)

    @property
    def entries(self) -> tuple[KeptOutput, ...]:
        """All that are kept, the oldest first."""
        with self._lock:
            self._read()
            return tuple(self._entries)

    def renew(self, places: Iterable[Place]) -> None:
        """Go by these displays, which another process has written since."""
        with self._lock:
            self._places, self._entries, self.earlier = tuple(places), [], {}
            self._count = len(self._places)
            self.revision += 1
        if self.on_change is not None:
            self.on_change()

    def references(self) -> tuple[str, ...]:
        """Return what those on disk are called."""
        return tuple(_reference(self._phase, place) for place in self._places or ())

    def _take(self, output: Output, attempt: int, *, late: bool) -> str | None:
        self._read()
        return super()._take(output, attempt, late=late)

    def _read(self) -> None:
        """Read what is on disk, with the lock."""
        if self._places is None:
            return
        places, self._places = self._places, None
        for place in places:
            try:
                kept = self._files.load(self._phase, place)
            except FileNotFoundError:
                continue  # cleared since it was listed
            except MiloError as refused:
                why = refused.reason if isinstance(refused, ResultRefusedError) else str(refused)
                kept = Display({PLAIN: f"[a display is not shown: {why}]"})
            self.earlier[place] = kept.revision
            output = Output(dict(kept.forms), dict(kept.metadata), kept.display_id)
            reference = _reference(self._phase, place)
            self._entries.append(KeptOutput(reference, place.attempt, output, kept.late, kept.revision))
            self.dropped = max(self.dropped, kept.dropped)
            self.revision = max(self.revision, kept.revision)
            self._numbers[place.attempt] = max(self._numbers.get(place.attempt, 0), place.number)


def _reference(phase: str, place: Place) -> str:
    return f"{phase}.{place.attempt}/{place.number}"


class SeenDisplays:
    """The displays of a session on disk, followed while its owner writes them.

    Attributes:
        books: Of the phases that have any, by name.
    """

    def __init__(self, files: DisplayFiles, phases: Iterable[str]) -> None:
        """List what is there; reads none of it."""
        self._files = files
        self._phases = tuple(phases)
        self._there = files.list(self._phases)
        self.books: dict[str, OutputBook] = {
            phase: EarlierBook(phase, files, places) for phase, places in self._there.items()
        }

    def references(self) -> dict[str, tuple[str, ...]]:
        """Return what those that nobody has looked at are called, by phase."""
        return {phase: book.references() for phase, book in self.books.items() if isinstance(book, EarlierBook)}

    def refresh(self) -> list[str]:
        """Look again; return the phases whose displays have changed."""
        there = self._files.list(self._phases)
        changed = [phase for phase in {**self._there, **there} if there.get(phase) != self._there.get(phase)]
        self._there = there
        for phase in changed:
            places = there.get(phase, {})
            book = self.books.get(phase)
            if isinstance(book, EarlierBook):
                book.renew(places)
            else:
                self.books[phase] = EarlierBook(phase, self._files, places)
        return changed


_running: weakref.WeakSet[KeptDisplays] = weakref.WeakSet()


@atexit.register
def _flush_all() -> None:
    """Have written what is left when the process ends."""
    for kept in list(_running):
        with suppress(RuntimeError):
            kept.flush()
