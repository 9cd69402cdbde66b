"""What a phase's subprocesses and forked children print becomes lines of that phase.

Hooks `subprocess.Popen.__init__`, ``wait`` and ``poll``, and `os.system`; registers fork handlers with `os`. A child whose
stdout or stderr would be inherited, or is one of our streams, gets a pipe instead; a daemon thread per child
("milo-nb-pump") reads it until every holder of the other end has closed it. Who waits for the child first takes
over what stands in the pipe, and so does the sink when it closes: a child's lines come before what the phase
prints next, and before the outcome.

A forked child (`os.fork`, ``multiprocessing`` with fork) has a copy of the sink that nobody drains: there
`ForkedSink` takes its place, which sends what is written through a pipe to the parent's sink. Children started
by spawn or forkserver write to the inherited descriptors: see ``watch_fd_thread`` in `streams`.
"""

from __future__ import annotations

import os
import select
import struct
import subprocess
import threading
from contextlib import suppress
from contextvars import Context
from typing import TYPE_CHECKING, Any, Final

from milo_nb.capture.patch import Patch
from milo_nb.capture.shown import CURRENT_SINK
from milo_nb.capture.sink import LEVELS, Sink, make_decoder, new_source
from milo_nb.capture.streams import standard_name

if TYPE_CHECKING:
    from collections.abc import Callable

_READ_BYTES: Final = 65536
_MAX_READS: Final = 32
"""Per drain: twice what a pipe can hold, so that a child that never stops writing cannot hold its reader."""


class Pump:
    """Reads pipes into a sink: one thread until they end, and whoever calls `drain` in between."""

    def __init__(self, sink: Sink, readers: dict[int, Callable[[bytes], None]]) -> None:
        """Own the descriptors in ``readers``, each with what takes its bytes."""
        self._readers = readers
        self._ended: list[int] = []
        self._lock = threading.Lock()
        for reader in readers:
            os.set_blocking(reader, False)
        sink.add_feeder(self.drain)

    def start(self) -> None:
        """Read until the pipes end."""
        # In an empty context: a thread inherits the sink of the phase that starts it, this one must not.
        Context().run(threading.Thread(target=self._run, name="milo-nb-pump", daemon=True).start)

    def drain(self) -> None:
        """Take what stands in the pipes now, without waiting for more. Any thread."""
        with self._lock:
            for reader in list(self._readers):
                self._read(reader)

    def _run(self) -> None:
        while self._readers:
            poll = select.poll()
            with self._lock:
                for reader in self._readers:
                    poll.register(reader, select.POLLIN)
            poll.poll()
            self.drain()
        # Closed here only: a number closed by another thread could be another file's before poll() sees it.
        for reader in self._ended:
            os.close(reader)

    def _read(self, reader: int) -> None:
        take = self._readers[reader]
        with suppress(BlockingIOError):
            for _ in range(_MAX_READS):
                data = os.read(reader, _READ_BYTES)
                take(data)
                if not data:
                    del self._readers[reader]
                    self._ended.append(reader)
                    return


def _text_taker(sink: Sink, stream: str) -> Callable[[bytes], None]:
    decoder, source = make_decoder(), new_source()

    def take(data: bytes) -> None:
        text = decoder.decode(data, final=not data)
        if text:
            sink.write_from(source, stream, text)

    return take


class _Pipes:
    """The pipes that one child writes to in place of the standard streams."""

    def __init__(self) -> None:
        self._ends: dict[str, tuple[int, int]] = {}

    def replace(self, value: Any, default: str) -> Any:
        """Return a pipe's end if ``value`` means one of the standard streams, else ``value``."""
        name = default if value is None else _DESCRIPTORS.get(value) if isinstance(value, int) else standard_name(value)
        if name is None:
            return value
        if name not in self._ends:
            self._ends[name] = os.pipe()
        return self._ends[name][1]

    def close_writers(self) -> None:
        for _, writer in self._ends.values():
            os.close(writer)

    def close_readers(self) -> None:
        for reader, _ in self._ends.values():
            os.close(reader)

    def pump_into(self, sink: Sink) -> Pump | None:
        """Start to read, if there is anything to."""
        if not self._ends:
            return None
        pump = Pump(sink, {reader: _text_taker(sink, name) for name, (reader, _) in self._ends.items()})
        pump.start()
        return pump


_DESCRIPTORS: Final = {1: "stdout", 2: "stderr"}


def _wrap_init(original: Callable[..., None]) -> Callable[..., None]:
    def __init__(  # noqa: N807, PLR0913, PLR0917 - Popen's own
        self: subprocess.Popen[Any],
        args: Any,
        bufsize: int = -1,
        executable: Any = None,
        stdin: Any = None,
        stdout: Any = None,
        stderr: Any = None,
        *rest: Any,
        **options: Any,
    ) -> None:
        sink = CURRENT_SINK.get()
        if sink is None:
            original(self, args, bufsize, executable, stdin, stdout, stderr, *rest, **options)
            return
        pipes = _Pipes()
        stdout, stderr = pipes.replace(stdout, "stdout"), pipes.replace(stderr, "stderr")
        try:
            original(self, args, bufsize, executable, stdin, stdout, stderr, *rest, **options)
        except BaseException:
            pipes.close_readers()
            raise
        finally:
            pipes.close_writers()
        vars(self)["_milo_pump"] = pipes.pump_into(sink)

    return __init__


def _wrap_waiting(original: Callable[..., int | None]) -> Callable[..., int | None]:
    def wait(self: subprocess.Popen[Any], *args: Any, **options: Any) -> int | None:
        code = original(self, *args, **options)
        pump = vars(self).get("_milo_pump")
        if code is not None and pump is not None:
            pump.drain()
        return code

    return wait


def _wrap_system(original: Callable[..., int]) -> Callable[..., int]:
    def system(command: Any) -> int:
        if CURRENT_SINK.get() is None:
            return original(command)
        code = subprocess.call(command, shell=True)  # noqa: S602 - what os.system does, too
        return code << 8 if code >= 0 else -code  # as a wait status, which is what os.system returns

    return system


_KINDS: Final = (
    ("stdout", ""),
    ("stderr", ""),
    *((stream, level) for stream in ("log", "warning") for level in LEVELS),
)
_HEADER: Final = struct.Struct("!B?H")  # index into _KINDS, whether the record goes on, length in bytes
_FRAME_BYTES: Final = 4000  # with the header below PIPE_BUF, so that frames of several writers do not mix


class ForkedSink(Sink):
    """In a forked child: sends what is written to the parent's sink."""

    __slots__ = ("_writer",)
    closed = False

    def __init__(self, writer: int) -> None:
        self._writer = writer
        self._parts = None  # this process's own: the parent's end with the attempt
        self._on_output = self._on_progress = None

    def stdout_writer(self) -> Callable[[str], int]:
        return self.write_stdout

    def write_stdout(self, text: str, /) -> int:
        self._send(("stdout", ""), text)
        return len(text)

    def write(self, stream: str, text: str) -> None:
        self._send((stream, ""), text)

    def write_from(self, source: int, stream: str, text: str) -> None:  # noqa: ARG002 - one child, one source
        self._send((stream, ""), text)

    def write_bytes(self, stream: str, data: bytes) -> None:
        self._send((stream, ""), data.decode(errors="replace"))

    def record(self, level: str, text: str, stream: str = "log") -> None:
        self._send((stream, level), text if level else text + "\n")

    def for_child(self) -> Sink:
        return self

    def add_feeder(self, feed: Callable[[], None]) -> None:
        """Ignore it: this sink is never closed, its process ends."""

    def close(self) -> None:
        """Do nothing: the attempt belongs to the parent."""

    def _send(self, kind: tuple[str, str], text: str) -> None:
        data = text.encode(errors="replace")
        with suppress(OSError):  # the parent is gone, and with it who would read this
            for start in range(0, max(len(data), 1), _FRAME_BYTES):
                piece = data[start : start + _FRAME_BYTES]
                goes_on = start + _FRAME_BYTES < len(data)
                os.write(self._writer, _HEADER.pack(_KINDS.index(kind), goes_on, len(piece)) + piece)


def _frame_taker(sink: Sink) -> Callable[[bytes], None]:
    """Return what unpacks a forked child's frames into ``sink``."""
    source = new_source()
    waiting = bytearray()
    parts: dict[int, bytes] = {}

    def take(data: bytes) -> None:
        waiting.extend(data)
        while len(waiting) >= _HEADER.size:
            kind, goes_on, length = _HEADER.unpack_from(waiting)
            end = _HEADER.size + length
            if len(waiting) < end:
                return
            piece = parts.pop(kind, b"") + bytes(waiting[_HEADER.size : end])
            del waiting[:end]
            if goes_on:
                parts[kind] = piece
                continue
            stream, level = _KINDS[kind]
            if level:
                sink.record(level, piece.decode(errors="replace"), stream)
            else:
                sink.write_from(source, stream, piece.decode(errors="replace"))

    return take


class ForkHook:
    """Gives each forked child of a phase a pipe to that phase's sink."""

    def __init__(self) -> None:
        self._is_installed = False
        self._is_registered = False
        self._forking = threading.local()
        self.forget: Callable[[], None] = lambda: None
        """Called in a forked child: what stands for threads of the parent must go."""

    def install(self) -> None:
        """Register with `os` once (that cannot be undone) and act from now on."""
        self._is_installed = True
        if not self._is_registered and hasattr(os, "register_at_fork"):
            self._is_registered = True
            os.register_at_fork(before=self._before, after_in_parent=self._in_parent, after_in_child=self._in_child)

    def uninstall(self) -> None:
        """Act no more."""
        self._is_installed = False

    def _before(self) -> None:
        sink = CURRENT_SINK.get()
        self._forking.sink = None
        if self._is_installed and sink is not None and not isinstance(sink, ForkedSink):
            self._forking.ends = os.pipe()
            self._forking.sink = sink.for_child()

    def _in_parent(self) -> None:
        sink = self._forking.sink
        if sink is not None:
            reader, writer = self._forking.ends
            os.close(writer)
            Pump(sink, {reader: _frame_taker(sink)}).start()

    def _in_child(self) -> None:
        sink = self._forking.sink
        if self._is_installed:
            self.forget()
        if sink is not None:
            reader, writer = self._forking.ends
            os.close(reader)
            CURRENT_SINK.set(ForkedSink(writer))


FORK_HOOK: Final = ForkHook()
HOOKS: Final = (
    (
        Patch(subprocess.Popen, "__init__", _wrap_init),
        Patch(subprocess.Popen, "wait", _wrap_waiting),
        Patch(subprocess.Popen, "poll", _wrap_waiting),
        Patch(os, "system", _wrap_system),
        FORK_HOOK,
    )
    if hasattr(select, "poll")  # POSIX
    else ()
)
