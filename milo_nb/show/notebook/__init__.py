"""The view in a notebook: one widget per executor, fed by one thread."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from milo_nb.execute.executor import PipelineExecutor


def close_view(executor: PipelineExecutor) -> None:
    """Take the view of an executor away, if it has one; its still stays as it is."""
    if "milo_nb.show.notebook.widget" in sys.modules:  # else no view has ever been made
        from milo_nb.show.notebook.widget import PipelineWidget  # noqa: PLC0415 - as above

        PipelineWidget.close_of(executor)
    if "milo_nb.show.notebook.stills" in sys.modules:
        from milo_nb.show.notebook.stills import close_still  # noqa: PLC0415 - as above

        close_still(executor)
