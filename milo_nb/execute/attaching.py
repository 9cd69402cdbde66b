"""The way in to sessions on disk that costs nothing before somebody looks at one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path
    from uuid import UUID

    from milo_nb.execute.attached import AttachedExecutor


def attach(session: str | UUID | None = None, work_dir: str | Path = ".milo") -> AttachedExecutor:
    """Look at a session on disk, past or running, without running any code.

    Args:
        session: Its id or the beginning of it; the newest one, if not given.
        work_dir: The work directory.

    Raises:
        UnknownSessionError: (a ``ValueError``) If there is no such session.
        WorkDirError: If its journal cannot be read.
        SchemaError: If a newer version wrote it.
    """
    from milo_nb.execute import attached  # noqa: PLC0415 - the reason for this module

    return attached.attach(session, work_dir)
