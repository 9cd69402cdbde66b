"""Where a report goes: a file that is whole or not there."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from milo_nb.persist.workdir import safe_name
from milo_nb.show.report.page import to_page

if TYPE_CHECKING:
    from milo_nb.execute.reporting import Reported


def write_report(executor: Reported, path: str | Path | None = None) -> Path:
    """Write the report of an executor's session and return where it is.

    Args:
        executor: Also one that only looks at a session.
        path: The file, or a directory for it; by default the working directory.

    Raises:
        OSError: If it cannot be written; what was there stands.
    """
    told: Any = executor
    file = Path.cwd() if path is None else Path(path).expanduser().absolute()
    if file.is_dir():
        file /= name_report(told.pipeline.name)
    _write_whole(file.resolve(), to_page(told.session).encode("utf-8", "replace"))  # a link stays one
    return file


def name_report(pipeline: str) -> str:
    """Return the file name of a pipeline's report."""
    return f"{safe_name(pipeline)}-report.html"


def _write_whole(file: Path, content: bytes) -> None:
    temporary = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(content)
        temporary.replace(file)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
