"""tqdm's bars in a phase are text, one line of log each, and the outermost one drives the phase's progress.

Hooks the constructors of ``tqdm.std.tqdm`` and ``tqdm.notebook.tqdm_notebook``, and the lock of all bars, which a
phase that is cancelled must not leave locked. A bar that is made in a phase gets a
class of its own, derived from the one that was asked for, which draws into the phase's sink instead of on a terminal
or a widget; it stays such a bar until it is closed, in whatever context. Bars made elsewhere are as before, and do not
make room for ours (their positions on the screen are counted apart). Where tqdm is not as expected its bars are drawn
as it draws them: text, in more lines than one if they are nested, and widgets that a phase's outputs cannot show.
"""

from __future__ import annotations

import threading
import weakref
from typing import TYPE_CHECKING, Any, Final

from milo_nb.capture.importing import Awaited
from milo_nb.capture.patch import Patch
from milo_nb.capture.shown import CURRENT_SINK
from milo_nb.capture.streams import standard_name
from milo_nb.store.shield import LOCAL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from milo_nb.capture.sink import Sink
    from milo_nb.store.shield import Guarded

_FAR: Final = 10**9
"""A position on the screen that no other bar makes room for."""
_FILE_INDEX: Final = 4
"""Where ``file`` stands among the positional arguments after ``self``."""


class _Line:
    """The file that a bar writes to: one line, which becomes a line of log when the bar is closed."""

    encoding = "utf-8"

    def __init__(self, sink: Sink, stream: str) -> None:
        self.sink = sink
        self.text = ""
        self._stream = stream

    def write(self, text: str) -> int:
        """End the line at a newline; all else has been drawn by then."""
        if text == "\n":
            self.end()
        return len(text)

    def flush(self) -> None:
        """Do nothing: a line is written when it ends."""

    def end(self) -> None:
        """Give what the bar has shown last."""
        text, self.text = self.text, ""
        if text:
            self.sink.record("", text, self._stream)


class _Bars:
    """The bars of one attempt."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._outer: weakref.ref[Any] | None = None
        self._lines: weakref.WeakSet[_Line] = weakref.WeakSet()

    def add(self, line: _Line) -> None:
        """Have the line written at the end of the attempt, if its bar is not closed before."""
        self._lines.add(line)

    def is_outer(self, bar: Any) -> bool:
        """Whether this bar was drawn first of those that are open."""
        outer = None if self._outer is None else self._outer()
        if outer is not bar and (outer is None or outer.disable):
            self._outer = weakref.ref(bar)
            return True
        return outer is bar

    def end(self) -> None:
        """Write the lines of bars that are still open."""
        for line in list(self._lines):
            line.end()


def _tell(bar: Any, sink: Sink) -> None:
    total = bar.total
    done = _to_text(bar, bar.n)
    if total:
        sink.progress(min(bar.n / total, 1.0), f"{done}/{_to_text(bar, total)}")
    else:
        sink.progress(0.0, done)


def _to_text(bar: Any, number: Any) -> str:
    if not bar.unit_scale:
        return f"{number:g}" if isinstance(number, float) else str(number)
    scale = 1 if bar.unit_scale is True else bar.unit_scale
    return str(bar.format_sizeof(number * scale, bar.unit if bar.unit != "it" else "", bar.unit_divisor))


def _display(bar: Any, msg: str | None = None, pos: int | None = None, *_: Any, **__: Any) -> bool:  # noqa: ARG001 - tqdm's
    """Draw a bar of a phase; an empty message takes it away."""
    line = bar.milo_line
    bars = line.sink.own(_Bars)
    line.text = str(bar) if msg is None else msg
    if bars.is_outer(bar):
        _tell(bar, line.sink)
    return True


def _do_nothing(*_: Any, **__: Any) -> None:
    """Stand for what only a screen or a widget needs."""


_text_kinds: weakref.WeakValueDictionary[type, type] = weakref.WeakValueDictionary()


def _text_kind(kind: type, std: Any) -> type:
    """Return the class of a phase's bar; what a person's subclass overrides stays theirs."""
    made = _text_kinds.get(kind)
    if made is None:
        own = {
            "display": _display,
            "clear": _do_nothing,
            "disp": _do_nothing,
            "reset": std.reset,
            "status_printer": staticmethod(std.status_printer),
        }
        overridden = {name for base in kind.__mro__ if not _is_tqdms(base) for name in vars(base)}
        names = {name: value for name, value in own.items() if name not in overridden}
        names |= {"__module__": kind.__module__, "__qualname__": kind.__qualname__, "__doc__": kind.__doc__}
        made = _text_kinds[kind] = type(kind)(kind.__name__, (kind,), names)
    return made


def _is_tqdms(kind: type) -> bool:
    return kind is object or kind.__module__.partition(".")[0] == "tqdm"


class _Held(threading.local):
    """The jobs for which this thread holds tqdm's lock."""

    def __init__(self) -> None:
        self.jobs: list[Guarded] = []


_held: Final = _Held()


def _wrap_acquire(original: Callable[..., Any]) -> Callable[..., Any]:
    def acquire(lock: Any, *args: Any, **options: Any) -> Any:
        job = LOCAL.job
        if job is None:
            return original(lock, *args, **options)
        job.shield(1)
        try:
            got = original(lock, *args, **options)
        except BaseException:
            job.shield(-1)
            raise
        _held.jobs.append(job)
        return got

    return acquire


def _wrap_release(original: Callable[..., Any]) -> Callable[..., Any]:
    def release(lock: Any) -> None:
        try:
            original(lock)
        finally:
            if _held.jobs:
                _held.jobs.pop().shield(-1)

    return release


def _make_lock_patches(module: Any) -> Iterator[Patch]:
    """All bars of the process share one lock, made of two: cancelled in between, a phase would leave it locked."""
    lock = getattr(module, "TqdmDefaultWriteLock", None)
    if lock is not None and {"acquire", "release"} <= vars(lock).keys():
        yield Patch(lock, "acquire", _wrap_acquire)
        yield Patch(lock, "release", _wrap_release)


def _make_std_patches(module: Any) -> Iterator[Patch]:
    std = module.tqdm
    if not {"__init__", "display", "clear", "close", "reset", "status_printer"} <= vars(std).keys():
        return

    def wrap(original: Any) -> Callable[..., None]:
        # No function but a `functools.partialmethod` since 4.66: hence the __get__.
        def __init__(bar: Any, *args: Any, **options: Any) -> None:  # noqa: N807 - tqdm's own
            sink = CURRENT_SINK.get()
            file = args[_FILE_INDEX] if len(args) > _FILE_INDEX else options.get("file")
            stream = "stderr" if file is None else standard_name(file)
            if sink is None or stream is None or options.get("gui"):
                original.__get__(bar)(*args, **options)
                return
            line = _Line(sink, stream)
            args = (*args[:_FILE_INDEX], *((line,) if len(args) > _FILE_INDEX else ()), *args[_FILE_INDEX + 1 :])
            if len(args) <= _FILE_INDEX:
                options["file"] = line
            sink.own(_Bars).add(line)
            bar.milo_line = line
            bar.__class__ = _text_kind(type(bar), std)
            original.__get__(bar)(*args, **options)
            bar.pos = -_FAR
            if bar.leave is None:
                bar.leave = not bar.disable and sink.own(_Bars).is_outer(bar)

        return __init__

    yield Patch(std, "__init__", wrap)


def _make_notebook_patches(module: Any) -> Iterator[Patch]:
    notebook = module.tqdm_notebook

    def wrap(original: Any) -> Callable[..., None]:
        def __init__(bar: Any, *args: Any, **options: Any) -> None:  # noqa: N807 - tqdm's own
            if CURRENT_SINK.get() is None:
                original.__get__(bar)(*args, **options)
                return
            for name in ("display", "colour", "file", "gui"):  # a widget's, or of no use to one
                options.pop(name, None)
            if len(args) > _FILE_INDEX:
                args = (*args[:_FILE_INDEX], None, *args[_FILE_INDEX + 1 :])
            if not isinstance(options.get("ncols"), (int, type(None))):
                del options["ncols"]  # as "100%", the width of a widget
            options["disable"] = bool(options.get("disable", False))
            super(notebook, bar).__init__(*args, **options)

        return __init__

    if "__init__" in vars(notebook):
        yield Patch(notebook, "__init__", wrap)


HOOKS: Final = (
    Awaited("tqdm.std", _make_lock_patches),
    Awaited("tqdm.std", _make_std_patches),
    Awaited("tqdm.notebook", _make_notebook_patches),
)
