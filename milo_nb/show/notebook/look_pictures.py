"""Figures and images as PNGs that fit into a message. Imports nothing but what is loaded already."""

from __future__ import annotations

from io import BytesIO
from typing import Any, Final

MAX_IMAGE_BYTES: Final = 180_000
WIDEST_PX: Final = 900
_SMALLER: Final = (1.0, 0.75, 0.5, 0.35, 0.2)


def of_figure(figure: Any) -> bytes:
    """Return a matplotlib figure as a PNG, smaller than it is if it must be; empty if it never fits."""
    width, height = figure.get_size_inches()
    most = min(figure.dpi, WIDEST_PX / max(width, height, 0.01))
    for factor in _SMALLER:
        file = BytesIO()
        figure.savefig(file, format="png", dpi=most * factor)
        if file.tell() <= MAX_IMAGE_BYTES:
            return file.getvalue()
    return b""


def of_image(image: Any) -> bytes:
    """Return a PIL image as a PNG of the same or a smaller size; empty if it never fits."""
    for factor in _SMALLER:
        small = image.copy()
        small.thumbnail((WIDEST_PX * factor, WIDEST_PX * factor))
        if small.mode not in ("1", "L", "LA", "P", "RGB", "RGBA"):
            small = small.convert("RGB")
        file = BytesIO()
        small.save(file, format="PNG")
        if file.tell() <= MAX_IMAGE_BYTES:
            return file.getvalue()
    return b""
