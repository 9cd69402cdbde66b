"""Whose output it is that comes from no context: text written straight to a file descriptor.

While one phase runs it is that phase's, and for a moment after it has ended; else it goes to the pane of what nobody can
claim. Used from any thread.
"""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from milo_nb.capture.sink import Sink

SURFACING_S: Final = 0.1
"""How long text may take from a file descriptor to us."""
open_sinks: set[Sink] = set()
"""Those of attempts that run; a sink enters by itself."""
_latest: list[tuple[Sink, float]] = []
_panes: dict[Sink, Callable[[], bool]] = {}


def leave(sink: Sink) -> None:
    """Count a sink among those of attempts that run no longer."""
    if sink in open_sinks:
        open_sinks.discard(sink)
        _latest[:] = [(sink, monotonic())]


def disown(sink: Sink) -> None:
    """Take a sink that is no attempt's out of those that text from nowhere may belong to."""
    open_sinks.discard(sink)


def find_owner() -> Sink | None:
    """Return the only open sink, or if there are several, the pane of who is busy, the latest one first.

    If no phase runs, return the sink of the one that has just ended: its last words may have been on their way. None if
    there is no such sink, or no pane.
    """
    owners = list(open_sinks)
    if len(owners) == 1:
        return owners[0]
    if not owners:
        return next((sink for sink, ended_at in _latest if monotonic() - ended_at < SURFACING_S), None)
    if not _panes:
        return None
    panes = list(_panes.items())
    return next((sink for sink, is_busy in reversed(panes) if is_busy()), panes[-1][0])


def add_unattributed(sink: Sink, is_busy: Callable[[], bool] = lambda: True) -> None:
    """Have output that no single phase can claim go to ``sink`` while ``is_busy``; without any it passes through."""
    disown(sink)
    _panes[sink] = is_busy


def remove_unattributed(sink: Sink) -> None:
    """Take back `add_unattributed`."""
    _panes.pop(sink, None)


def has_last_words() -> bool:
    """Whether an attempt has ended so recently that what it wrote to a file descriptor may be on its way."""
    return any(monotonic() - ended_at < SURFACING_S for _, ended_at in list(_latest))


def forget_latest() -> None:
    """Keep nothing of attempts that have ended."""
    _latest.clear()


def forget_sinks() -> None:
    """Start over in a forked child, where nobody reads them."""
    open_sinks.clear()
    _latest.clear()
    _panes.clear()
