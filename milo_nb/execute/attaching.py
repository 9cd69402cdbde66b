"""The way in to sessions on disk that costs nothing before somebody looks at one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pathlib import Path
    from uuid import UUID

    from milo_nb.execute.attached import AttachedExecutor
    from milo_nb.execute.executor import PipelineExecutor
    from milo_nb.execute.looked_at import AttachedSession


class Definitions(Protocol):
    """What is defined in this kernel, as who keeps it tells: the magics know the notebook's pipelines. Any thread."""

    def why_not(self, session: AttachedSession, /) -> str:
        """Return why a session that nobody has cannot go on here, with the way out; "" if it can."""

    def take_up(self, session: AttachedSession, /) -> PipelineExecutor:
        """Return an executor that stands in the session; nothing of it runs yet."""


_definitions: Definitions | None = None


def register_definitions(defined: Definitions | None) -> None:
    """Have sessions on disk go on with what `defined` knows."""
    global _definitions  # noqa: PLW0603 - one notebook per process
    _definitions = defined


def definitions() -> Definitions | None:
    """Return what was registered."""
    return _definitions


def attach(session: str | UUID | None = None, work_dir: str | Path = ".milo") -> AttachedExecutor:
    """Look at a session on disk, past or running, without running any code.

    Args:
        session: Its id or the beginning of it, or the name of a pipeline for its newest one; the newest of all, if not
            given.
        work_dir: The work directory.

    Raises:
        UnknownSessionError: (a ``ValueError``) If there is no such session.
        WorkDirError: If its journal cannot be read.
        SchemaError: If a newer version wrote it.
    """
    from milo_nb.execute import attached  # noqa: PLC0415 - the reason for this module

    return attached.attach(session, work_dir)
