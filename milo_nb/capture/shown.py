"""What an attempt tells beside lines: displays, progress, and what hooks keep for it. The base of `sink.Sink`."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from milo_nb.capture.current import CurrentSink
from milo_nb.capture.drain import DRAINER
from milo_nb.capture.outputs import PLAIN
from milo_nb.store.shield import Shielded

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from milo_nb.capture.outputs import Output
    from milo_nb.capture.sink import Sink

PROGRESS_GAP_S: Final = 0.1
CURRENT_SINK: Final[CurrentSink[Sink]] = CurrentSink()
"""The sink of the phase that this context runs, or None: then nothing is captured."""
_log = logging.getLogger(__name__)
_making = threading.RLock()


class Part(Protocol):
    """What a hook keeps for one attempt: `Shown.own` makes it."""

    def __init__(self, shown: Any, /) -> None:
        """Begin for the attempt of this sink."""

    def end(self) -> None:
        """Give what is still held: the attempt ends. Its own thread."""


PartT = TypeVar("PartT", bound=Part)


class Shown:
    """Takes displays and progress of one attempt, from any thread."""

    __slots__ = ("_on_output", "_on_progress", "_parts")

    _on_output: Callable[[Output, bool], None] | None
    _on_progress: Callable[[float, str], None] | None
    _parts: dict[type[Any], Any] | None

    def output(self, output: Output) -> None:
        """Take a display; where nobody takes displays, its text becomes lines."""
        if self._on_output is not None:
            # Shielded: what takes it has locks, and a cancelled phase must leave them and the display whole.
            with Shielded(), self.alone():
                self.deliver("A display", self._on_output, output, self.closed)
        elif text := output.data.get(PLAIN):
            self.record("", str(text), "stdout")

    def progress(self, fraction: float, message: str) -> None:
        """Take how far the attempt is; told on by the drain thread, at most ten times a second."""
        if self._on_progress is not None and not self.closed:
            self.own(Meter).tell(fraction, message)

    def own(self, kind: type[PartT]) -> PartT:
        """Return the one object of this kind that belongs to the attempt, made when first asked for."""
        part = None if self._parts is None else self._parts.get(kind)
        if part is None:
            with Shielded(), _making:
                if self._parts is None:
                    self._parts = {}
                part = self._parts.get(kind)
                if part is None:
                    part = self._parts[kind] = kind(self)
        return part

    def deliver(self, what: str, take: Callable[..., None], *values: Any) -> None:
        """Call what takes output, outside of the phase; log it if that fails, which harms nobody else."""
        # Inside, threads that it starts would inherit the sink, and the record would come back here.
        token = CURRENT_SINK.set(None)
        try:
            take(*values)
        except Exception:  # noqa: BLE001 - logged
            _log.exception("%s could not be delivered.", what)
        finally:
            CURRENT_SINK.reset(token)

    def _end_parts(self) -> None:
        for part in list((self._parts or {}).values()):
            part.end()

    # ------------------------------------------------------------------ what a sink adds

    @property
    def closed(self) -> bool:
        """Whether the attempt has ended."""
        raise NotImplementedError

    def now(self) -> float:
        """Return the time of the attempt's clock."""
        raise NotImplementedError

    def alone(self) -> AbstractContextManager[object]:
        """Return what holds off all other deliveries of this sink."""
        raise NotImplementedError

    def record(self, level: str, text: str, stream: str = "log") -> None:
        """Take a whole record."""
        raise NotImplementedError


class Meter:
    """Tells the progress of one attempt, not too often, and never loses the last word.

    Whoever draws a bar may hold locks of its library: so `tell` only notes, and the drain thread does the telling.
    """

    def __init__(self, shown: Shown) -> None:
        """Begin with nothing to tell."""
        self._shown = shown
        self._told_at = float("-inf")
        self._waiting: tuple[float, str] | None = None

    def tell(self, fraction: float, message: str) -> None:
        """Have this told next. Any thread."""
        self._waiting = (fraction, message)
        if DRAINER.is_running:
            DRAINER.watch(self)

    def drain(self) -> None:
        """Tell what waits, if it is time."""
        if self._waiting is not None and self._shown.now() - self._told_at >= PROGRESS_GAP_S:
            self.end()

    def is_abandoned(self) -> bool:
        """Whether there is nothing to tell."""
        return self._waiting is None

    def end(self) -> None:
        """Tell what waits."""
        take = self._shown._on_progress  # noqa: SLF001 - a part of it
        with self._shown.alone():
            waiting, self._waiting = self._waiting, None
            if waiting is not None and take is not None and not self._shown.closed:
                self._told_at = self._shown.now()
                self._shown.deliver("Progress", take, *waiting)
