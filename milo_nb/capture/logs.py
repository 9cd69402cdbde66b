"""Log records and warnings of a phase, each as one record with its level.

Hooks `logging.Logger.callHandlers` and `warnings.showwarning`, both documented. Which records get that
far (levels, filters, propagation, warning filters) stays Python's business. The record's text is what
the handlers would have shown: those that write to a standard stream are asked to format instead of to
emit, all others (files, queues, pytest's) run as always. Runs in the thread that logs.
"""

from __future__ import annotations

import linecache
import logging
import warnings
from typing import TYPE_CHECKING, Any, Final, TextIO

from milo_nb.capture.display import cell_of
from milo_nb.capture.patch import Patch
from milo_nb.capture.shown import CURRENT_SINK
from milo_nb.capture.sink import Sink
from milo_nb.capture.streams import standard_name
from milo_nb.store.shield import Shielded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from milo_nb.capture.outputs import Output
    from milo_nb.capture.shown import PartT

_DEFAULT_FORMATTER: Final = logging.Formatter("%(message)s")


class _Collector(Sink):
    """Stands in for the phase's sink while a handler runs: what it shows is the record's text."""

    __slots__ = ("_sink", "texts")

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self.texts: list[str] = []

    def stdout_writer(self) -> Callable[[str], int]:
        return self.write_stdout

    def write_stdout(self, text: str, /) -> int:
        self.texts.append(text)
        return len(text)

    def write(self, stream: str, text: str) -> None:  # noqa: ARG002 - a log record has no stream
        self.texts.append(text)

    def record(self, level: str, text: str, stream: str = "log") -> None:
        # A record made by a handler while it handles one.
        self._sink.record(level, text, stream)

    def write_bytes(self, stream: str, data: bytes) -> None:
        self.write(stream, data.decode(errors="replace"))

    def output(self, output: Output) -> None:
        self._sink.output(output)

    def progress(self, fraction: float, message: str) -> None:
        self._sink.progress(fraction, message)

    def own(self, kind: type[PartT]) -> PartT:
        return self._sink.own(kind)

    def for_child(self) -> Sink:
        return self._sink.for_child()

    def add_feeder(self, feed: Callable[[], None]) -> None:
        self._sink.add_feeder(feed)


def _wrap_call_handlers(original: Callable[..., None]) -> Callable[..., None]:
    def callHandlers(self: logging.Logger, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        sink = CURRENT_SINK.get()
        if sink is None:
            original(self, record)
            return
        with Shielded():  # handlers take locks by hand: none may stay taken when the phase is cancelled
            text = _handle(self, record, sink)
        if text is not None:
            sink.record(to_level(record.levelno), text.rstrip("\n"))

    return callHandlers


def _handle(logger: logging.Logger, record: logging.LogRecord, sink: Sink) -> str | None:
    """Run the handlers that are not ours to replace; return what the record shows, None if nothing."""
    shown: str | None = None
    is_handled = False
    for handler in _accepting(logger, record):
        if isinstance(handler, logging.NullHandler):
            continue
        is_accepted, text = _show(handler, record, sink)
        if is_accepted:
            is_handled = True
            shown = text if shown is None else shown
    if shown is None and (is_handled or record.name.startswith("milo_nb.phase.")):
        # Shown by handlers for files and the like only, whose formats are not meant for people; or said by `ctx.logger`,
        # which is there to be read in the log of the phase, however logging is set up.
        return _format(_DEFAULT_FORMATTER, record)
    return shown


def _accepting(logger: logging.Logger, record: logging.LogRecord) -> Iterator[logging.Handler]:
    """Walk the handlers as `logging.Logger.callHandlers` does."""
    has_handlers = False
    current: logging.Logger | None = logger
    while current is not None:
        for handler in current.handlers:
            has_handlers = True
            if record.levelno >= handler.level:
                yield handler
        current = current.parent if current.propagate else None
    last = logging.lastResort
    if not has_handlers and last is not None and record.levelno >= last.level:
        yield last


def _show(handler: logging.Handler, record: logging.LogRecord, sink: Sink) -> tuple[bool, str | None]:
    """Return whether the handler takes the record, and what it puts, or would put, on a standard stream."""
    if isinstance(handler, logging.StreamHandler) and standard_name(handler.stream) is not None:
        # A filter says yes or no or, from Python 3.12 on, gives another record.
        passed: Any = handler.filter(record)
        if not passed:
            return False, None
        return True, _format(handler, passed if isinstance(passed, logging.LogRecord) else record)
    collector = _Collector(sink)
    token = CURRENT_SINK.set(collector)
    try:
        is_accepted = bool(handler.handle(record))
    finally:
        CURRENT_SINK.reset(token)
    return is_accepted, "".join(collector.texts) or None


def _format(formatter: logging.Formatter | logging.Handler, record: logging.LogRecord) -> str:
    try:
        return formatter.format(record)
    except Exception:  # noqa: BLE001 - wrong arguments or a person's formatter: logging's rule is to report it
        logging.Handler.handleError(_REPORTER, record)
        return str(record.msg)


_REPORTER: Final = logging.Handler()


def to_level(number: int) -> str:
    """Return the standard level at or below a numeric one."""
    for level in (logging.CRITICAL, logging.ERROR, logging.WARNING, logging.INFO):
        if number >= level:
            return logging.getLevelName(level)
    return "DEBUG"


def _wrap_showwarning(original: Callable[..., None]) -> Callable[..., None]:
    def showwarning(  # noqa: PLR0913, PLR0917 - the signature that warnings documents
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        sink = CURRENT_SINK.get()
        if sink is None or file is not None:
            original(message, category, filename, lineno, file, line)
        else:
            cell = cell_of(filename)
            if cell is not None:
                line = linecache.getline(filename, lineno) if line is None else line
                filename = cell
            text = warnings.formatwarning(message, category, filename, lineno, line)
            sink.record("WARNING", text.rstrip("\n"), "warning")

    return showwarning


HOOKS: Final = (
    Patch(logging.Logger, "callHandlers", _wrap_call_handlers),
    Patch(warnings, "showwarning", _wrap_showwarning),
)
