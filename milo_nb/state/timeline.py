"""A pipeline's state as plain data, for agents and files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from milo_nb.state.model import PipelineState


def pipeline_to_timeline(state: PipelineState) -> dict[str, Any]:
    """Return the state as a dict that JSON can hold. Times are seconds on the session's clock."""
    return {
        "pipeline": state.name,
        "status": state.status,
        "elapsed": state.elapsed,
        "progress": state.progress,
        "session_id": state.session_id,
        "started_at": state.started_at,
        "phases": [
            {
                "name": p.name,
                "status": p.status,
                "elapsed": p.elapsed,
                "attempt": p.attempt,
                "error": p.error or None,
                "log_count": max(p.log_count, len(p.logs)),
                "origin": p.origin,
                "reason": p.reason,
                "started_at": p.started_at,
            }
            for p in state.phases
        ],
    }
