"""The work directory: ``.milo/<pipeline>/runs/<utc>-<session_id>/``, private to its owner, never in version control."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

_UNSAFE = re.compile(r"[^\w.\- ]", re.ASCII)
_LONGEST = 80


def safe_name(name: str) -> str:
    """Return `name` as a file name: other characters become ``_``, and it never points to another directory."""
    return _UNSAFE.sub("_", name).strip(". ")[:_LONGEST] or "_"


def make_run_dir(root: str | Path, pipeline: str, session_id: str, started: float) -> Path:
    """Make the directory of a session and return it.

    Args:
        root: The work directory; made if missing.
        pipeline: Name of the pipeline.
        session_id: UUID of the session.
        started: Wall-clock time of its start, in seconds since the epoch.

    Raises:
        OSError: If it cannot be made.
    """
    top = Path(root)
    stamp = datetime.fromtimestamp(started, UTC).strftime("%Y%m%dT%H%M%SZ")
    run = top / safe_name(pipeline) / "runs" / f"{stamp}-{session_id}"
    top.mkdir(mode=0o700, parents=True, exist_ok=True)
    ignore = top / ".gitignore"
    if not ignore.exists():
        ignore.write_text("*\n")
    for directory in (run.parent.parent, run.parent, run):
        directory.mkdir(mode=0o700, exist_ok=True)
    return run
