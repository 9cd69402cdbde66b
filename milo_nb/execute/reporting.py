"""``executor.report``: one HTML file about a session. Who writes it is registered from above, by the front door."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from milo_nb.errors import NotAvailableError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_write: Callable[[Any, str | Path | None], Path] | None = None


class Reported:
    """What has a session that can be reported."""

    def report(self, path: str | Path | None = None) -> Path:
        """Write one HTML file that tells the session as it is now, and return its path.

        It shows the graph, the timeline, errors, the last lines and displays of each phase, and previews of results. It
        needs no network, no script and no other file.

        Args:
            path: The file, or a directory for it; if none is given, ``<pipeline>-report.html`` in the working
                directory. What was there is replaced.

        Raises:
            OSError: If it cannot be written.
        """
        if _write is None:
            raise NotAvailableError("There is nothing here that writes reports: import milo_nb.")
        return _write(self, path)


def register_report(write: Callable[[Any, str | Path | None], Path] | None) -> None:
    """Have reports written by `write`, which takes an executor and a path, and returns where the report is."""
    global _write  # noqa: PLW0603 - one kind of report per process
    _write = write
