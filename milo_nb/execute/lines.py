"""What the state is told of captured lines: the last ones, and how many there were."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from milo_nb.capture.logbook import shorten
from milo_nb.state.model import PhaseLog

if TYPE_CHECKING:
    from milo_nb.capture.router import Block


def last_lines(blocks: list[Block], most: int) -> dict[str, Any]:
    """Return what PHASE_LOGS says of `blocks`: the last `most` lines, and how many there were."""
    count = sum(len(b.lines) for b in blocks)
    kept: list[PhaseLog] = []
    for block in reversed(blocks):
        room = most - len(kept)
        if room <= 0:
            break
        stream, level, timestamp, lines = block
        kept += [PhaseLog(shorten(t), stream, timestamp, level) for t in reversed(lines[-room:])]
    return {"lines": tuple(reversed(kept)), "count": count, "dropped": count - len(kept)}
