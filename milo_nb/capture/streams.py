"""The standard streams: in a phase they write to its sink, elsewhere they are as they were.

In plain Python, pytest and the like `sys.stdout` and `sys.stderr` are replaced by a proxy. In a kernel the
live ``OutStream`` objects get another class instead, so that every old reference to them (a logging handler
made hours ago) is caught too.

Private ground stood on here, all of it ipykernel's ``OutStream`` (6.31 to 7.4):

* assigning its ``__class__``; where that fails, the stream gets the proxy;
* ``watch_fd_thread``, the thread in which text written straight to file descriptor 1 or 2 surfaces; without
  it such text is never asked for and stays where it was;
* IPython's ``_tee``, which sets ``stream.write`` for the time of a cell and puts back what it found. ``write``
  is a data descriptor here, so that a phase's text bypasses the tee, and the cell's own goes through it.

Writes come from any thread; install and uninstall are called under the router's lock.
"""

from __future__ import annotations

import io
import sys
import threading
from functools import partial
from operator import methodcaller
from typing import TYPE_CHECKING, Any, Final, TextIO

from milo_nb.capture.current import STDOUT_WRITE, below_stdout
from milo_nb.capture.owners import find_owner, has_last_words
from milo_nb.capture.shown import CURRENT_SINK
from milo_nb.capture.sink import Sink, new_source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from milo_nb.capture.current import Write

_LAST_WORDS_S: Final = 0.05


class _Buffer(io.BufferedIOBase):
    """The proxy's ``buffer``: bytes of a phase go to its sink as UTF-8."""

    def __init__(self, name: str, target: Any) -> None:
        self._name = name
        self._target = target

    def write(self, data: Any, /) -> int:
        sink = CURRENT_SINK.get()
        if sink is None:
            return int(self._target.write(data))
        piece = bytes(data)
        sink.write_bytes(self._name, piece)
        return len(piece)

    def flush(self) -> None:
        if CURRENT_SINK.get() is None:
            self._target.flush()

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return int(self._target.fileno())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._target, name)

    def __del__(self) -> None:
        """Leave the target open: `io.IOBase` would close it."""


class StreamProxy(io.TextIOBase):
    """Stands in for a standard stream: a phase's text goes to its sink, the rest to ``target``."""

    def __init__(self, name: str, target: TextIO | None) -> None:
        self.stream_name = name
        self.target = target
        self._outer: Write | None = None
        self._entered = threading.local()
        self._write = _make_write(name, self)
        self.capture()

    def capture(self) -> None:
        """Ask for the context's sink at each write."""
        self.__class__ = _StdoutProxy if self.stream_name == "stdout" else StreamProxy
        self._find_write = partial(_give, self._write)

    def pass_through(self) -> None:
        """Give all text to the target: somebody still holds this proxy after the hook has gone."""
        self.__class__ = StreamProxy
        self._find_write = partial(_give, self)

    def __call__(self, text: str, /) -> int:
        """Write outside of a phase: what a `_StdoutProxy` gives as its ``write``."""
        outer = self._outer
        if outer is not None and not getattr(self._entered, "is_in", False):
            self._entered.is_in = True
            try:
                return outer(text)
            finally:
                self._entered.is_in = False
        # Looked up each time: IPython's tee may sit on the target, for the time of the cell that installs us.
        return len(text) if self.target is None else self.target.write(text)

    def _wrap(self, write: Write) -> None:
        """Somebody wraps ``write`` (IPython's tee does, in a terminal too), or puts back what was there before."""
        if CURRENT_SINK.get() is None:
            self._outer = None if write in (self, self._write) else write

    write = property(methodcaller("_find_write"), _wrap)

    def writelines(self, lines: Iterable[str], /) -> None:  # type: ignore[override]
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        if CURRENT_SINK.get() is None and self.target is not None:
            self.target.flush()

    def isatty(self) -> bool:
        return CURRENT_SINK.get() is None and self.target is not None and self.target.isatty()

    def writable(self) -> bool:
        return True

    def close(self) -> None:
        """Close the target; a phase that closes its standard stream closes nothing."""
        if CURRENT_SINK.get() is None and self.target is not None:
            self.target.close()

    @property
    def closed(self) -> bool:
        return self.target is not None and self.target.closed

    def fileno(self) -> int:
        if self.target is None:
            raise io.UnsupportedOperation("fileno")
        return self.target.fileno()

    def detach(self) -> Any:
        """Refuse: the stream below is not this proxy's to give away."""
        raise io.UnsupportedOperation("detach")

    @property
    def buffer(self) -> _Buffer:
        """The binary layer, where the target has one."""
        return _Buffer(self.stream_name, self.__getattr__("buffer"))

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return getattr(self.target, "encoding", None) or "utf-8"

    @property
    def errors(self) -> str | None:  # type: ignore[override]
        return getattr(self.target, "errors", None)

    @property
    def newlines(self) -> Any:  # type: ignore[override]
        return getattr(self.target, "newlines", None)

    def __getattr__(self, name: str) -> Any:
        if name == "target":  # not set yet: copying and pickling ask before __init__
            raise AttributeError(name)
        return getattr(self.target, name)

    def __repr__(self) -> str:
        return f"<StreamProxy {self.stream_name} of {self.target!r}>"

    def __del__(self) -> None:
        """Leave the target open: `io.IOBase` would close it."""


class _StdoutProxy(StreamProxy):
    """The proxy of stdout while it captures."""

    # A lookup in C, see `current`: a property calls its getter with the proxy, which here is the default of
    # ContextVar.get. So in a phase ``write`` is the sink's, elsewhere the proxy, which can be called.
    write = property(STDOUT_WRITE.get, StreamProxy._wrap)  # noqa: SLF001 - the base class's


def _make_finder(name: str, write: Write) -> Callable[[], Write]:
    """Return what looks up the ``write`` of the calling context; ``write`` is the one outside of phases."""
    return partial(STDOUT_WRITE.get if name == "stdout" else _give, write)


def _make_write(name: str, below: Write) -> Write:
    """Return the ``write`` of a stream over ``below``; for all but stdout it looks for the sink itself."""
    if name == "stdout":
        return below
    current = CURRENT_SINK.get

    def write(text: str, /) -> int:
        sink = current()
        if sink is None:
            return below(text)
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        sink.write(name, text)
        return len(text)

    return write


def _give(write: Write) -> Write:
    return write


class _Routed:
    """Mixed into the class of a live ``OutStream``, whose own ``__dict__`` holds the two values."""

    __slots__ = ()  # the layout must stay that of the stream's own class

    _milo_route: _Route
    _milo_find: Callable[[], Write]

    def _milo_set(self, write: Write) -> None:
        self._milo_route.wrap(write)

    write = property(methodcaller("_milo_find"), _milo_set)

    def writelines(self, lines: Iterable[str], /) -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Flush; in a phase there is nothing to flush, and waiting for the kernel would cost 1 ms a call."""
        if CURRENT_SINK.get() is None:
            self._milo_route.base.flush(self)

    def close(self) -> None:
        """Close; in a phase nothing, as the stream is everybody's."""
        if CURRENT_SINK.get() is None:
            self._milo_route.base.close(self)


class _Route:
    """How one live ``OutStream`` is routed; outlives the hook for those who kept its ``write``."""

    def __init__(self, stream: Any, name: str) -> None:
        self.base: Any = type(stream)
        self.stream = stream
        self._name = name
        self._outer: Write | None = None
        self._is_leaving = False
        self._source = new_source()
        self._entered = threading.local()
        self._write = _make_write(name, self.below)

    def enter(self) -> bool:
        """Give the stream the routed class; False if it does not take one."""
        base = self.base
        names = {"__module__": base.__module__, "__qualname__": base.__qualname__}
        values = vars(self.stream)
        self._outer = values.pop("write", None)
        values.update(_milo_route=self, _milo_find=_make_finder(self._name, self._write))
        try:
            self.stream.__class__ = type(base.__name__, (_Routed, base), names)
        except TypeError:
            self._clean()
            return False
        return True

    def stay(self) -> None:
        """Take back `leave`, which has waited for a cell to end."""
        self._is_leaving = False
        self.stream._milo_find = _make_finder(self._name, self._write)  # noqa: SLF001 - ours, see _Routed

    def leave(self) -> None:
        """Give the stream its own class back, at once or when the running cell's tee lets go of it."""
        self._is_leaving = True
        self.stream._milo_find = partial(_give, self.below)  # noqa: SLF001 - as above
        if self._outer is None:
            self._clean()

    def wrap(self, write: Write) -> None:
        """Somebody wraps ``write`` (IPython's tee), or puts back what was there before."""
        if CURRENT_SINK.get() is not None:
            return  # a cell run inside a phase has no say over everybody's stream
        is_ours = write in (self.below, self._write) or getattr(write, "__func__", None) is self.base.write
        self._outer = None if is_ours else write
        if is_ours and self._is_leaving:
            self._clean()

    def below(self, text: str, /) -> int:
        """Write what no phase has written."""
        owner = self._find_owner()
        if owner is not None:
            owner.write_from(self._source, self._name, text)
            return len(text)
        outer = self._outer
        if outer is None or getattr(self._entered, "is_in", False):
            return int(self.base.write(self.stream, text) or 0)
        # The tee calls back what it found, which may be this method: then the text goes down.
        self._entered.is_in = True
        try:
            return int(outer(text) or 0)
        finally:
            self._entered.is_in = False

    def is_watched(self) -> bool:
        """Whether text comes up here that was written to a file descriptor."""
        thread = getattr(self.stream, "watch_fd_thread", None)
        return isinstance(thread, threading.Thread) and thread.is_alive()

    def _find_owner(self) -> Sink | None:
        """Return whose it is that comes up from the file descriptor; None for all other text."""
        if getattr(self.stream, "watch_fd_thread", None) is not threading.current_thread() or self._is_leaving:
            return None
        return find_owner()

    def _clean(self) -> None:
        stream, values = self.stream, vars(self.stream)
        if isinstance(stream, _Routed):
            stream.__class__ = self.base
        for name in ("_milo_route", "_milo_find"):
            values.pop(name, None)
        if self._outer is not None:
            values["write"] = self._outer


def await_last_words() -> None:
    """Give a kernel's streams a moment to bring up what an attempt that has just ended wrote to a file descriptor.

    Nothing tells when all of it has come: it has left the pipe before the thread that reads it gets to say so.
    """
    if has_last_words() and any(hook.is_watched() for hook in HOOKS):
        threading.Event().wait(_LAST_WORDS_S)


def _is_kernel_stream(stream: object) -> bool:
    """Whether this is an ipykernel stream, without importing ipykernel."""
    module = sys.modules.get("ipykernel.iostream")
    return module is not None and isinstance(stream, module.OutStream)


def standard_name(stream: object) -> str | None:
    """Return ``"stdout"`` or ``"stderr"`` if text written to this object reaches that stream, else None."""
    if isinstance(stream, StreamProxy):
        return stream.stream_name
    if _is_kernel_stream(stream):
        return str(getattr(stream, "name", "stdout"))
    for hook in HOOKS:
        if stream is not None and any(stream is other for other in hook.known()):
            return hook.name
    return None


class StreamHook:
    """Routes one standard stream while installed."""

    def __init__(self, name: str) -> None:
        self.name: Final = name
        self._route: _Route | None = None
        self._proxy: StreamProxy | None = None
        self._earlier: list[StreamProxy] = []

    def known(self) -> tuple[object, ...]:
        """Return the objects that stand for this stream now."""
        below = None if self._proxy is None else self._proxy.target
        return (getattr(sys, self.name), getattr(sys, f"__{self.name}__"), below)

    def is_watched(self) -> bool:
        """Whether text comes up here that was written to a file descriptor."""
        return self._route is not None and self._route.is_watched()

    def install(self) -> None:
        """Route what is the standard stream now."""
        stream = getattr(sys, self.name)
        if _is_kernel_stream(stream) and self._enter(stream):
            below = self._route.below if self._route is not None else stream.write
        else:
            if isinstance(stream, StreamProxy):  # put back by somebody who had replaced it while we were there
                stream.capture()
                self._proxy = stream
            else:
                self._proxy = StreamProxy(self.name, stream)
                setattr(sys, self.name, self._proxy)
            below = self._proxy
        if self.name == "stdout":
            below_stdout[:] = [below]

    def renew(self) -> None:
        """Route what is the standard stream now, if somebody has put another one in place of ours since."""
        stream = getattr(sys, self.name)
        if self._proxy is not None and stream is not self._proxy and stream is not None:
            self._earlier.append(self._proxy)
            self.install()

    def _enter(self, stream: Any) -> bool:
        if isinstance(stream, _Routed):  # a running cell has held it since the last uninstall
            self._route = stream._milo_route  # noqa: SLF001 - ours
            self._route.stay()
            return True
        route = _Route(stream, self.name)
        self._route = route if route.enter() else None
        return self._route is not None

    def uninstall(self) -> None:
        """Restore the stream, unless a person has put another one in its place."""
        if self._route is not None:
            self._route.leave()
            if getattr(sys, self.name) is None:  # IPython runs no cell without one
                setattr(sys, self.name, self._route.stream)
            self._route = None
        for proxy in self._earlier:
            proxy.pass_through()
        self._earlier.clear()
        if self._proxy is not None:
            self._proxy.pass_through()
            if getattr(sys, self.name) in (self._proxy, None):
                setattr(sys, self.name, self._proxy.target)
            self._proxy = None
        if self.name == "stdout":
            below_stdout.clear()


HOOKS: Final = tuple(StreamHook(name) for name in ("stdout", "stderr"))
