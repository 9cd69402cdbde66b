"""The scenes of the gallery: a state of the view, what a person does in it, and what is to be seen then."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from playwright.sync_api import expect

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from playwright.sync_api import Page


TALL = 1_150
"""Enough for the view with a phase open."""


class Scene(NamedTuple):
    """One picture.

    Attributes:
        name: Of its file.
        caption: What there is to see.
        case: State of the development page.
        act: What is done first.
        width: Of the page, in pixels of the picture.
        height: Of the page; the picture ends with the view.
        zoom: Of the page, by the browser.
        media: What the page is shown on.
    """

    name: str
    caption: str
    case: str
    act: Callable[[Page], None] = lambda page: None
    width: int = 900
    height: int = 760
    zoom: float = 1
    media: Mapping[str, str] = MappingProxyType({})


def press(*keys: str) -> Callable[[Page], None]:
    """Return what presses keys in the view."""

    def act(page: Page) -> None:
        page.locator("[data-view] :is([role=listbox], [role=grid])").focus()
        for key in keys:
            page.keyboard.press(key)

    return act


def pane(phase: str, tab: str) -> Callable[[Page], None]:
    """Return what opens a tab of a phase."""

    def act(page: Page) -> None:
        page.locator(f"[data-view=graph] [data-phase={phase}]").click()
        page.locator(f".milo-inspector [data-tab={tab}]").click()
        expect(page.locator(f"[data-pane={tab}]")).to_be_visible()

    return act


def search(page: Page) -> None:
    """Look for a word in a log."""
    pane("parse", "logs")(page)
    page.locator(".milo-inspector [data-pane=logs] input[type=search], .milo-log-bar input").first.fill("package")
    expect(page.locator(".milo-root mark").first).to_be_visible()


def merged(page: Page) -> None:
    """Show the lines of all phases."""
    pane("parse", "logs")(page)
    page.get_by_role("button", name="All", exact=True).click()


def menu(page: Page) -> None:
    """Open the menu of a phase."""
    press(".")(page)
    expect(page.get_by_role("menu")).to_be_visible()


def skip_dialog(page: Page) -> None:
    """Open the dialog of Skip with value."""
    menu(page)
    page.get_by_role("menuitem", name="Skip with value").click()
    expect(page.get_by_role("dialog")).to_be_visible()


def tooltip(page: Page) -> None:
    """Ask a button what it would do."""
    page.locator(".milo-header [data-command=retry-failed]").focus()
    expect(page.get_by_role("tooltip")).to_be_visible()


def queued(page: Page) -> None:
    """Ask for something that has to wait."""
    press("p")(page)
    expect(page.locator(".milo-header .milo-banner", has_text="Queued")).to_be_visible()


def only_failed(page: Page) -> None:
    """Have the header's count filter the list."""
    press("3")(page)
    page.locator(".milo-header [data-count=failed]").click()


SECTIONS: dict[str, tuple[Scene, ...]] = {
    "A pipeline's states": (
        Scene("nothing", "Nothing yet", "empty"),
        Scene("defining", "Defined, not started; how long it usually takes is known from earlier runs", "defining"),
        Scene("running", "Running, with a range for what is left", "eta"),
        Scene("retrying", "A phase waits for its next try", "retrying"),
        Scene("waiting", "Waiting for a review", "waiting"),
        Scene("pausing", "Pausing: what runs may end", "pausing"),
        Scene("paused", "Paused", "paused"),
        Scene("cancelling", "Being cancelled", "cancelling"),
        Scene("cancelled", "Cancelled", "cancelled"),
        Scene(
            "failed", "Failed: the first failing phase opened itself at the person's own line", "failed", height=TALL
        ),
        Scene("done", "Completed", "done"),
        Scene("substituted", "Built on a substitute for a skipped phase", "substituted"),
    ),
    "Between kernel and view": (
        Scene("busy", "A command waits for the cell that runs", "busy", queued),
        Scene("gone", "The kernel is gone", "gone"),
        Scene("restored", "Before the kernel has spoken", "restored"),
        Scene("attached", "A past session, read-only", "attached"),
        Scene("elsewhere", "A session that another kernel runs", "elsewhere"),
    ),
    "Graphs of every size": (
        Scene("one", "One phase", "one"),
        Scene("graph-50", "50 phases", "50"),
        Scene("graph-200", "200 phases: what runs now, and where that is", "200"),
        Scene("graph-2000", "2,000 phases: first what runs, with names; a small picture says where that is", "2000"),
        Scene("graph-2000-all", "2,000 phases, all of them: boxes with colours", "2000", press("0")),
        Scene("fan", "Wide", "fan"),
        Scene("names", "Long names, right-to-left names, emoji", "names"),
        Scene("narrow", "400 pixels wide", "eta", width=400),
        Scene("hostile", "Names that try to be markup", "hostile"),
    ),
    "Timeline and list": (
        Scene("timeline", "Attempts, waits between them, the critical path", "retries", press("2")),
        Scene("timeline-review", "A long review is cut short", "approved", press("2")),
        Scene("timeline-200", "200 phases", "crowded", press("2")),
        Scene("list", "The list: failed and running first", "failed", press("3")),
        Scene("list-filtered", "Filtered by a count of the header", "failed", only_failed),
    ),
    "One phase": (
        Scene("logs", "Search in all lines of a phase", "running", search, height=TALL),
        Scene("logs-all", "The lines of all phases by time", "running", merged, height=TALL),
        Scene("result-table", "A result: a DataFrame", "results", pane("frame", "result"), height=TALL),
        Scene("result-array", "A result: an array", "results", pane("array", "result"), height=TALL),
        Scene(
            "info",
            "How it is set up, and how its code changed between attempts",
            "failed",
            pane("render", "info"),
            height=TALL,
        ),
        Scene("now", "What it is doing now", "watching", pane("render", "now"), height=TALL),
    ),
    "On every page": (
        Scene("wide", "2,000 pixels wide", "failed", width=2_000),
        Scene("zoomed-in", "A page zoomed to 200 %", "failed", width=1_280, height=2_200, zoom=2),
        Scene("zoomed-most", "Zoomed to 400 %: 320 pixels are left of 1,280", "eta", width=1_280, height=4_000, zoom=4),
        Scene("zoomed-out", "Zoomed to 50 %", "failed", width=1_280, zoom=0.5),
        Scene(
            "contrast", "Where the system forces its colours", "failed", height=TALL, media={"forced_colors": "active"}
        ),
        Scene("paper", "On paper", "failed", height=2_400, media={"media": "print"}),
    ),
    "Actions": (
        Scene("menu", "A phase's menu; what the item in focus would do stands below", "failed", menu),
        Scene("skip", "Skip with a value", "failed", skip_dialog),
        Scene("preview", "What a button would do, before it does it", "failed", tooltip),
        Scene("help", "The keys", "running", press("?")),
    ),
}
SCENES = {scene.name: scene for scenes in SECTIONS.values() for scene in scenes}


def page_of_gallery() -> str:
    """Return the gallery as Markdown."""
    text = [
        "# Gallery\n",
        "The view in its states, light and dark. The pictures are made by `make gallery`, on a kernel that is part of the",
        "page; the tests go through the same scenes.\n",
    ]
    for title, scenes in SECTIONS.items():
        text += [f"## {title}\n"]
        for scene in scenes:
            text += [
                f"### {scene.caption}\n",
                "| light | dark |\n| --- | --- |",
                "| "
                + " | ".join(
                    f"![{scene.caption}, {theme}](images/gallery/{scene.name}-{theme}.png)" for theme in THEMES
                )
                + " |\n",
            ]
    return "\n".join(text)


THEMES = ("light", "dark")
