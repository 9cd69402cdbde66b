"""The snapshot: how a session stands, as plain JSON for people and other programs. Made from the journal, never trusted over it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from milo_nb.errors import SchemaError
from milo_nb.persist.rundir import replace_file
from milo_nb.state.model import OUTCOMES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from milo_nb.state.model import PhaseStatus, PipelineState

SCHEMA: Final = 1


def to_snapshot(
    state: PipelineState, *, wall_offset: float = 0.0, owner: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return how a session stands.

    Args:
        state: Its state.
        wall_offset: What to add to the session's clock to get seconds since the epoch.
        owner: Who runs it.
    """
    phases = state.phases
    return {
        "schema": SCHEMA,
        "pipeline": state.name,
        "session_id": state.session_id,
        "status": state.status,
        "completed_phases": [p.name for p in phases if p.status == "completed"],
        "current_phase": state.current_phase,
        "running": list(state.running),
        "waiting_for": state.waiting_for,
        "progress": state.progress,
        "phases": len(phases),
        "results": [_result(p) for p in phases if p.status in OUTCOMES],
        "started_at": to_iso(state.started_at + wall_offset) if state.started_at else None,
        "stopped_at": to_iso(state.stopped_at + wall_offset) if state.stopped_at else None,
        "elapsed_s": state.elapsed,
        "notice": state.notice,
        "owner": dict(owner) if owner is not None else None,
    }


def _result(phase: PhaseStatus) -> dict[str, Any]:
    return {
        "phase": phase.name,
        "success": phase.status == "completed",
        "duration_s": phase.elapsed,
        "error": phase.error or None,
        "status": phase.status,
        "attempt": phase.attempt,
        "origin": phase.origin,
        "saved": phase.saved,
    }


def write_snapshot(path: Path, snapshot: Mapping[str, Any]) -> None:
    """Replace the snapshot of a session.

    Raises:
        OSError: If it could not be written; the old one stands.
    """
    replace_file(path, encode_snapshot(snapshot))


def encode_snapshot(snapshot: Mapping[str, Any]) -> bytes:
    """Return a snapshot as it stands in its file: one line per result, which people can read and machines make fast."""
    head = {name: value for name, value in snapshot.items() if name != "results"}
    lines = json.dumps(head, indent=1)[:-2]
    results = ",\n".join([f"  {json.dumps(r)}" for r in snapshot.get("results", ())])
    return f'{lines},\n "results": [\n{results}\n ]\n}}\n'.encode()


def read_snapshot(path: Path) -> dict[str, Any] | None:
    """Return the snapshot in a file, or None if there is none or it cannot be read: the journal has it all.

    Raises:
        SchemaError: If a newer version wrote it.
    """
    try:
        found = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    if not isinstance(found, dict) or not isinstance(found.get("schema"), int):
        return None
    if found["schema"] > SCHEMA:
        raise SchemaError(path, found["schema"], SCHEMA)
    return found


def to_iso(wall: float) -> str:
    """Return a time in seconds since the epoch as ISO text."""
    return datetime.fromtimestamp(wall, UTC).isoformat(timespec="milliseconds")
