"""The browser's part: the script and the style sheet that the build put next to this package."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from milo_nb.errors import MiloError

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
