"""Where the output of one attempt of one phase collects.

print() calls write() twice a line, so a write must cost nothing: in a phase, ``sys.stdout.write`` *is* the
``write`` of the sink's `io.StringIO`, found through a context variable without a line of Python. That also
makes a print() whole: no other thread gets in between text and newline. Joining, splitting and stamping are
done once per drain. All other streams are rarer and take a lock, which keeps the order of all.

Which thread calls what: any thread may write and record; the attempt's own thread calls `Sink.close`; the
drain thread (see `drain`) calls `Sink.drain`. Where capture is not installed there is none, and a write
drains itself. A sink's ``emit`` runs under that sink's lock, so never twice at once.
"""

from __future__ import annotations

import codecs
import io
import sys
import threading
from itertools import count
from operator import call
from threading import get_ident
from typing import TYPE_CHECKING, Final, NamedTuple

from milo_nb.capture.current import STDOUT_WRITE
from milo_nb.capture.drain import DRAINER
from milo_nb.capture.lines import LineSplitter, fold, join, whole_lines
from milo_nb.capture.owners import leave, open_sinks
from milo_nb.capture.shown import Shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from milo_nb.capture.outputs import Output

LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_HAS_GIL: Final[bool] = sys.implementation.name == "cpython" and getattr(sys, "_is_gil_enabled", lambda: True)()


class Block(NamedTuple):
    """A run of complete lines of one stream, as drained."""

    stream: str
    """``"stdout"``, ``"stderr"``, ``"log"`` or ``"warning"``."""
    level: str
    """``""`` for streams, ``"DEBUG"`` to ``"CRITICAL"`` for logs and warnings."""
    timestamp: float
    """Read from the sink's clock when drained, so exact to 50 ms."""
    lines: Sequence[str]
    r"""Without newlines, ANSI kept, ``\r`` folded."""


_Chunk = tuple[int, str, str] | Block
"""Text as (thread or source, stream, text), or a whole record."""
_STDOUT: Final = (0, "stdout")

_sources = count(-1, -1)
_creating = threading.Lock()


class Sink(Shown):
    """Where the output of one attempt of one phase goes.

    A sink that nobody writes to costs about a microsecond: locks and buffer are made at its first write.
    """

    __slots__ = (
        "_assembler",
        "_buffer",
        "_chunks",
        "_closed",
        "_decoders",
        "_draining",
        "_emit",
        "_feeders",
        "_lock",
        "_now",
        "_watched",
    )

    def __init__(
        self,
        emit: Callable[[list[Block], bool], None],
        now: Callable[[], float],
        on_output: Callable[[Output, bool], None] | None = None,
        on_progress: Callable[[float, str], None] | None = None,
    ) -> None:
        """Make an open sink.

        Args:
            emit: Takes ``(blocks, late)``; called by the drain thread or by `close`, never with an
                empty list and never twice at once. ``late`` is true for what came after `close`.
            now: The clock that stamps blocks.
            on_output: Takes ``(output, late)``, in the thread that displays; None: displays become lines.
            on_progress: Takes ``(fraction, message)``, at most ten times a second; None: nobody asks.
        """
        self._on_output = on_output
        self._on_progress = on_progress
        self._parts = None
        self._emit = emit
        self._now = now
        self._closed = False
        self._buffer: io.StringIO | None = None
        self._feeders: list[Callable[[], None]] | None = None
        self._watched = False
        open_sinks.add(self)

    @property
    def closed(self) -> bool:
        """Whether the attempt has ended: what is written now is late."""
        return self._closed

    def write_stdout(self, text: str, /) -> int:
        """Take text of stdout; from then on this context writes straight into the buffer."""
        if not _HAS_GIL:
            self.write("stdout", text)
            return len(text)
        write = self._ensure_buffer().write
        STDOUT_WRITE.set(write)
        length = write(text)
        self._announce()
        return length

    def write(self, stream: str, text: str) -> None:
        """Take text of ``"stdout"`` or ``"stderr"`` as it was written, cut anywhere. Any thread."""
        if stream == "stdout" and _HAS_GIL:
            self._ensure_buffer().write(text)
            self._announce()
        else:
            self._put((get_ident(), stream, text))

    def write_from(self, source: int, stream: str, text: str) -> None:
        """Take text that no thread of ours wrote; ``source``, from `new_source`, keeps its lines whole."""
        self._put((source, stream, text))

    def write_bytes(self, stream: str, data: bytes) -> None:
        """Take UTF-8 as it was written, cut anywhere; invalid bytes become U+FFFD. Any thread."""
        self._ensure_buffer()
        decoder = self._decoders.get((get_ident(), stream))
        if decoder is None:
            decoder = self._decoders[get_ident(), stream] = make_decoder()
        self.write(stream, decoder.decode(data))

    def record(self, level: str, text: str, stream: str = "log") -> None:
        """Take a whole record, which never joins an unfinished line. Any thread."""
        self._put(Block(stream, level, 0.0, [fold(line) for line in text.split("\n")]))

    def stdout_writer(self) -> Callable[[str], int]:
        """Return what ``sys.stdout.write`` is in a context of this sink: the buffer's, once there is one."""
        # What was displayed has made the buffer, too; the first write by `write_stdout` has it drained.
        if _HAS_GIL and self._buffer is not None and (self._watched or not DRAINER.is_running):
            write = self._buffer.write
            if not self._closed:  # asked while ``write`` is held already, so that is_abandoned() counts it
                return write
        return self.write_stdout

    def for_child(self) -> Sink:
        """Return the sink that a thread started here writes to.

        From here on several threads print, and a print() is whole only if it starts in the buffer.
        """
        self._ensure_buffer()
        self._announce()
        return self

    def add_feeder(self, feed: Callable[[], None]) -> None:
        """Have ``feed`` called first by `close`: it writes what waits in a pipe for this sink."""
        with _creating:
            self._feeders = [*(self._feeders or ()), feed]

    def close(self) -> None:
        """Emit everything, the last partial lines too; what is written later is emitted as late."""
        leave(self)
        for feed in self._feeders or ():
            feed()
        self._feeders = None
        if self._parts is not None and not self._closed:
            self._end_parts()
        if self._buffer is None:
            self._closed = True
            return
        with self._draining:
            if not self._closed:
                self._drain_locked(flush=True)
                self._closed = True
        # Written from here on it is late, and no more in one go: so the drainer can let go of this sink at once.
        if getattr(STDOUT_WRITE.get(None), "__self__", None) is self._buffer:
            STDOUT_WRITE.set(self.write_stdout)
        if self._watched:
            DRAINER.let_go(self)

    def alone(self) -> AbstractContextManager[object]:
        """Return what holds off all other deliveries of this sink; deliveries are never two at once."""
        self._ensure_buffer()
        return self._draining

    def now(self) -> float:
        """Return the time of the clock that stamps blocks."""
        return self._now()

    def drain(self) -> None:
        """Emit the lines that are complete. The drain thread, or a writer where there is none."""
        buffer = self._buffer
        if buffer is None or not (self._chunks or buffer.tell() or (self._closed and self._assembler)):
            return
        with self._draining:
            # No close() flushes late text: an unfinished line goes when nothing more came since.
            self._drain_locked(flush=self._closed and not (self._chunks or buffer.tell()))
            if self._closed and self._assembler and DRAINER.is_running:
                DRAINER.watch(self)

    def is_abandoned(self) -> bool:
        """Whether the attempt has ended and no context is left that could write to the buffer."""
        # Of CPython's counts one is this object's and one the call's; a context's write would be a third.
        return self._closed and sys.getrefcount(self._buffer) <= 2 and not self._assembler  # noqa: PLR2004

    def _ensure_buffer(self) -> io.StringIO:
        """Return the buffer; the first one who asks makes it, and what else a sink with output needs."""
        buffer = self._buffer
        if buffer is None:
            with _creating:
                buffer = self._buffer
                if buffer is None:
                    # Re-entrant, because a garbage collection in here may print.
                    self._lock = threading.RLock()
                    self._draining = threading.RLock()
                    self._chunks: list[_Chunk] = []
                    self._assembler = _Assembler()
                    self._decoders: dict[tuple[int, str], codecs.IncrementalDecoder] = {}
                    buffer = self._buffer = io.StringIO()
        return buffer

    def _put(self, chunk: _Chunk) -> None:
        self._ensure_buffer()
        with self._lock:
            self._take_stdout()
            self._chunks.append(chunk)
        self._announce()

    def _announce(self) -> None:
        """See to it that what was just written is drained."""
        if not DRAINER.is_running:
            self.drain()
        elif not self._watched or self._closed:
            # A closed sink may have been let go; it is written to first and watched then (see Drainer.drain_now).
            self._watched = True
            DRAINER.watch(self)

    def _take_stdout(self) -> None:
        """Move the buffer's text to the chunks, so that it keeps its place among them. Under the lock."""
        buffer = self._buffer
        if buffer is not None and buffer.tell():
            # Read and emptied by C code in one go: with the GIL no write can fall in between.
            text, _ = map(call, (buffer.getvalue, buffer.__init__))  # type: ignore[misc]
            self._chunks.append((*_STDOUT, text))

    def _drain_locked(self, *, flush: bool) -> None:
        with self._lock:
            self._take_stdout()
            chunks, self._chunks = self._chunks, []
        assembler = self._assembler
        if len(chunks) == 1 and not assembler and (lines := whole_lines(chunks[0][2])) and chunks[0][:2] == _STDOUT:
            # What nearly every phase has: nothing but stdout, in whole lines.
            self.deliver("Output", self._emit, [Block("stdout", "", self._now(), lines)], self._closed)
            return
        blocks = assembler.take(chunks)
        if flush:
            blocks += assembler.flush()
        if not blocks:
            return
        now = self._now()
        merged = [Block(stream, level, now, lines) for stream, level, _, lines in _merge(blocks)]
        self.deliver(f"{len(merged)} blocks of output", self._emit, merged, self._closed)


class _Assembler:
    """Puts texts together to lines, those of each stream and each source apart."""

    __slots__ = ("_splitters",)

    def __init__(self) -> None:
        self._splitters: dict[tuple[int, str], LineSplitter] = {}

    def __bool__(self) -> bool:
        """Whether an unfinished line is held."""
        return bool(self._splitters)

    def flush(self) -> list[Block]:
        """Return the unfinished lines as lines."""
        blocks = [Block(stream, "", 0.0, splitter.flush()) for (_, stream), splitter in self._splitters.items()]
        self._splitters.clear()
        return blocks

    def take(self, chunks: list[_Chunk]) -> list[Block]:
        """Return the lines that are complete, and the records, in order."""
        blocks: list[Block] = []
        run: list[str] = []
        run_key = _STDOUT
        for chunk in chunks:
            if isinstance(chunk, Block):
                blocks += self._split(run_key, run)
                blocks.append(chunk)
                continue
            key = chunk[:2]
            if key != run_key:
                blocks += self._split(run_key, run)
                run_key = key
            run.append(chunk[2])
        return blocks + self._split(run_key, run)

    def _split(self, key: tuple[int, str], texts: list[str]) -> list[Block]:
        """Turn neighbouring texts of one stream into lines, and forget them."""
        if not texts:
            return []
        splitter = self._splitters.get(key)
        if splitter is None:
            splitter = self._splitters[key] = LineSplitter()
        lines = splitter.feed("".join(texts))
        texts.clear()
        if not splitter:
            del self._splitters[key]
        return [Block(key[1], "", 0.0, lines)] if lines else []


def new_source() -> int:
    """Return a number that is no thread's, for a pipe's text."""
    return next(_sources)


def make_decoder() -> codecs.IncrementalDecoder:
    """Return a UTF-8 decoder that shows invalid bytes as U+FFFD."""
    return codecs.getincrementaldecoder("utf-8")("replace")


def _merge(blocks: list[Block]) -> Iterator[Block]:
    """Join neighbours of one stream and level."""
    merged = blocks[0]
    for block in blocks[1:]:
        if block.stream == merged.stream and block.level == merged.level:
            merged = merged._replace(lines=join(merged.lines, block.lines))
        else:
            yield merged
            merged = block
    yield merged
