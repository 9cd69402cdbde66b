"""Whose output it is that comes from no context: text written straight to a file descriptor.

While one phase runs it is that phase's; else it goes to the pane of what nobody can claim. Used from any thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from milo_nb.capture.sink import Sink

open_sinks: set[Sink] = set()
"""Those of attempts that run; a sink enters and leaves by itself."""
_panes: dict[Sink, Callable[[], bool]] = {}


def find_owner() -> Sink | None:
    """Return the only open sink, or if there are several, the pane of who is busy, the latest one first.

    None if no phase runs, or if there is no pane.
    """
    owners = list(open_sinks)
    if len(owners) == 1:
        return owners[0]
    if not owners or not _panes:
        return None
    panes = list(_panes.items())
    return next((sink for sink, is_busy in reversed(panes) if is_busy()), panes[-1][0])


def add_unattributed(sink: Sink, is_busy: Callable[[], bool] = lambda: True) -> None:
    """Have output that no single phase can claim go to ``sink`` while ``is_busy``; without any it passes through."""
    open_sinks.discard(sink)  # it is nobody's attempt
    _panes[sink] = is_busy


def remove_unattributed(sink: Sink) -> None:
    """Take back `add_unattributed`."""
    _panes.pop(sink, None)


def forget_sinks() -> None:
    """Start over in a forked child, where nobody reads them."""
    open_sinks.clear()
    _panes.clear()
