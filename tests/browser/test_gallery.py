"""The pictures of the gallery: each scene can be played, in both themes, and the page in the docs shows all of them.

With MILO_NB_SCREENSHOTS=1 the pictures are taken anew.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.gallery import SCENES, THEMES, page_of_gallery

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

DOCS = Path(__file__).parents[2] / "docs"
IMAGES = DOCS / "images/gallery"
IS_TAKING = os.environ.get("MILO_NB_SCREENSHOTS") == "1"
COLOURS = 128


@pytest.mark.parametrize("theme", THEMES if IS_TAKING else THEMES[1:])
@pytest.mark.parametrize("name", SCENES)
def test_the_scene_can_be_played(look: Callable[..., Page], name: str, theme: str) -> None:
    scene = SCENES[name]
    viewport = {"width": scene.width, "height": scene.height}
    media = {"reduced_motion": "reduce", "color_scheme": theme, **scene.media}
    page = look(scene.case, theme, viewport=viewport, zoom=scene.zoom, **media)
    scene.act(page)
    assert page.locator(".milo-root").bounding_box() is not None
    if IS_TAKING:
        take(page, IMAGES / f"{name}-{theme}.png")


def take(page: Page, file: Path) -> None:
    """Take a picture of the view and what lies over it."""
    from PIL import Image  # noqa: PLC0415 - only who takes pictures needs it

    page.wait_for_function("document.getAnimations().every((one) => one.playState !== 'running')")
    box = page.locator(".milo-root").bounding_box()
    assert box is not None
    over = [one.bounding_box() for one in page.locator("[role=menu], [role=dialog], [role=tooltip]").all()]
    bottom = max(one["y"] + one["height"] for one in (box, *over) if one)
    size = page.viewport_size
    assert size is not None
    clip = {"x": 0, "y": 0, "width": size["width"], "height": min(bottom + 12, size["height"])}
    IMAGES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=file, clip=clip)  # type: ignore[arg-type] # a dict of these keys it is
    Image.open(file).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(file, optimize=True)


def test_the_page_of_the_gallery_shows_every_scene_and_every_picture_is_there() -> None:
    page = DOCS / "gallery.md"
    if IS_TAKING:
        page.write_text(page_of_gallery(), encoding="utf-8")
    assert page.read_text(encoding="utf-8") == page_of_gallery(), "make gallery writes it anew"
    expected = {f"{name}-{theme}.png" for name in SCENES for theme in THEMES}
    assert {file.name for file in IMAGES.iterdir()} == expected
