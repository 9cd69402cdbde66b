"""The snapshot: how a session stands, as plain JSON for people and other programs. Made from the journal, never trusted over it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from json.encoder import encode_basestring_ascii as quote
from math import isfinite
from typing import TYPE_CHECKING, Any, Final

from milo_nb.errors import SchemaError
from milo_nb.persist.rundir import read_regular, replace_file
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
    lines = [f' "{name}": {_encode(value)}' for name, value in snapshot.items() if name != "results"]
    results = ",\n".join([_result_line(result) for result in snapshot.get("results", ())])
    lines.append(f' "results": [\n{results}\n ]')
    return ("{\n" + ",\n".join(lines) + "\n}\n").encode()


def _result_line(result: Mapping[str, Any]) -> str:
    """Return a result as JSON; written out, as ten thousand of them make up all that a snapshot costs."""
    error, took = result["error"], result["duration_s"]
    return (
        f'  {{"phase": {quote(result["phase"])}, "success": {_WORDS[result["success"]]}, '
        f'"duration_s": {took if isfinite(took) else 0.0!r}, "error": {"null" if error is None else quote(error)}, '
        f'"status": {quote(result["status"])}, "attempt": {result["attempt"]}, '
        f'"origin": {quote(result["origin"])}, "saved": {_WORDS[result["saved"]]}}}'
    )


_WORDS: Final = {True: "true", False: "false"}
_encode: Final = json.JSONEncoder(default=str).encode


def read_snapshot(path: Path) -> dict[str, Any] | None:
    """Return the snapshot in a file, or None if there is none or it cannot be read: the journal has it all.

    Raises:
        SchemaError: If a newer version wrote it.
    """
    try:
        found = json.loads(read_regular(path))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or not isinstance(found.get("schema"), int):
        return None
    if found["schema"] > SCHEMA:
        raise SchemaError(path, found["schema"], SCHEMA)
    return found


def to_iso(wall: float) -> str:
    """Return a time in seconds since the epoch as ISO text."""
    return datetime.fromtimestamp(wall, UTC).isoformat(timespec="milliseconds")
