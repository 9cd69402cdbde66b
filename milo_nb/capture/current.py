"""Which sink this context writes to, and with it what ``sys.stdout.write`` is.

Two context variables are set together: the sink, and the function that takes its stdout text. The streams
look up the second one in C, so that a print() in a phase runs no Python code of ours.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from contextvars import Context, ContextVar, Token
from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Write = Callable[[str], int]


class TakesStdout(Protocol):
    """What a sink must have to be the current one."""

    def stdout_writer(self) -> Callable[[str], int]:
        """Return what takes text of stdout and returns its length."""


SinkT = TypeVar("SinkT", bound=TakesStdout)
_Tokens = tuple[Token[SinkT | None], Token["Write"]]

STDOUT_WRITE: Final[ContextVar[Write]] = ContextVar("milo_nb_stdout_write")
"""Unset outside of phases: then the stream itself decides."""
below_stdout: list[Write] = []
"""What writes to the standard output below our hook; kept by `streams`, for contexts that were set to None."""


def _write_below(text: str, /) -> int:
    write = below_stdout[-1] if below_stdout else sys.stdout.write
    return write(text)


class CurrentSink(Generic[SinkT]):
    """Used like a `contextvars.ContextVar` whose default is None; copied contexts carry it along."""

    def __init__(self) -> None:
        self._sink: ContextVar[SinkT | None] = ContextVar("milo_nb_sink", default=None)
        self.get = self._sink.get
        """Return this context's sink, or None outside of a phase."""
        self.enter = self._sink.set
        """Give a copy of a prepared context its sink: half of what `set` costs, for each of ten thousand phases."""

    def prepare(self, context: Context) -> None:
        """Have the copies of `context` ask for their sink at their first write."""
        context.run(STDOUT_WRITE.set, self._write_first)

    def _write_first(self, text: str, /) -> int:
        sink = self.get()
        return _write_below(text) if sink is None else sink.stdout_writer()(text)

    def set(self, sink: SinkT | None) -> _Tokens[SinkT]:
        """Give this context a sink; None: nothing here is captured."""
        return self._sink.set(sink), STDOUT_WRITE.set(_write_below if sink is None else sink.stdout_writer())

    def reset(self, token: _Tokens[SinkT]) -> None:
        """Undo the `set` that returned ``token``."""
        self._sink.reset(token[0])
        STDOUT_WRITE.reset(token[1])

    def refresh(self) -> None:
        """Ask this context's sink again what writes to stdout."""
        sink = self.get()
        if sink is not None:
            STDOUT_WRITE.set(sink.stdout_writer())

    @contextmanager
    def as_none(self) -> Iterator[None]:
        """Run the block as if outside of a phase."""
        token = self.set(None)
        try:
            yield
        finally:
            self.reset(token)
