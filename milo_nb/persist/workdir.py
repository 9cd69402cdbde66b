"""The work directory: ``.milo/<pipeline>/runs/<utc>-<session_id>/``, private to its owner, never in version control."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Final

_UNSAFE = re.compile(r"[^\w.\- ]", re.ASCII)
_LONGEST = 80
_PLAIN_NAME: Final = re.compile(r"[a-z0-9_][a-z0-9_-]{0,59}")
_SPECIAL: Final = re.compile(r"[^\w-]+")
_LONGEST_HINT: Final = 40
UNATTRIBUTED: Final = "unattributed"
"""The file name of what belongs to no phase."""


def safe_name(name: str) -> str:
    """Return `name` as a file name: other characters become ``_``, and it never points to another directory."""
    return _UNSAFE.sub("_", name).strip(". ")[:_LONGEST] or "_"


def file_name(phase: str) -> str:
    """Return how files of a phase are called, without an ending: no two phases of a pipeline share one.

    Names of small letters, digits, ``_`` and ``-`` stay as they are. Of any other name a readable part stays, and a
    digest tells it from its like, also where the disk does not know ``A`` from ``a``. There is never a dot in it. The
    empty name, which no phase has, stands for what belongs to no phase.
    """
    if not phase:
        return UNATTRIBUTED
    if _PLAIN_NAME.fullmatch(phase) and phase != UNATTRIBUTED:
        return phase
    digest = sha256(phase.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    hint = _SPECIAL.sub("_", phase).encode("ascii", "ignore").decode()[:_LONGEST_HINT].strip("_-")
    return f"{hint}~{digest}"


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
