"""The browser's part: the script and the style sheet that the build put next to this package."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from milo_nb.errors import MiloError
from milo_nb.show.notebook.asked import MAX_PIECE_BYTES, count_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from milo_nb.execute.executor import PipelineExecutor
    from milo_nb.show.notebook.asked import Tell

FOLDER = Path(__file__).parents[1] / "bundle"


@cache
def read_bundle(name: str, folder: Path = FOLDER) -> str:
    """Return a file of the bundle as text.

    Raises:
        MiloError: If it has not been built.
    """
    try:
        return (folder / name).read_text(encoding="utf-8")
    except OSError:
        raise MiloError(
            f"The view has not been built: {folder / name} is missing. In a checkout run: make build"
        ) from None


def answer_part(executor: PipelineExecutor, args: Mapping[str, Any], tell: Tell) -> None:  # noqa: ARG001 - any executor's
    """Send what a view loads on demand, from byte ``start`` on: the panes and menus that the first picture does not need."""
    content = read_bundle("more.js").encode()
    start = count_of(args, "start")
    tell({"start": start, "size": len(content)}, content[start : start + MAX_PIECE_BYTES])
