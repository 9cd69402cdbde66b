"""The detail reducer: navigation by keys, over a pipeline's reducer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, Any

from milo_nb.state.actions import INIT, KEY, Action
from milo_nb.state.effects import Quit, ReducerResult
from milo_nb.state.model import PipelineViewState

if TYPE_CHECKING:
    from collections.abc import Callable

    from milo_nb.state.model import PipelineState


class SpecialKey(Enum):
    """Keys that make no character."""

    UP = "up"
    DOWN = "down"
    LEFT = "left"
    RIGHT = "right"
    ENTER = "enter"
    ESCAPE = "escape"
    HOME = "home"
    END = "end"


@dataclass(frozen=True, slots=True)
class Key:
    """A key that was pressed: a character, or the name of a special key."""

    char: str = ""
    name: SpecialKey | None = None


def make_detail_reducer(
    pipeline_reducer: Callable[[Any, Action], Any],
) -> Callable[[PipelineViewState | None, Action], Any]:
    """Return a reducer of :class:`PipelineViewState` that handles ``@@KEY`` and hands all else to `pipeline_reducer`.

    Up and down select a phase, or scroll the log while it is open; Enter and Space open and close it; Escape closes it,
    or quits; Home or ``g`` and End or ``G`` go to top and bottom; ``f`` follows; ``q`` quits. New lines of the selected
    phase scroll when following.
    """

    def reduce(state: PipelineViewState | None, action: Action) -> Any:
        if state is None:
            inner, wrapped = _unwrap(pipeline_reducer(None, Action(INIT)))
            state = PipelineViewState(inner)
            if action.type == INIT:
                return _wrap(state, wrapped)
        if action.type == KEY:
            return _press(state, action.payload)
        inner, wrapped = _unwrap(pipeline_reducer(state.pipeline, action))
        if inner is state.pipeline:
            return _wrap(state, wrapped)
        following = replace(state, pipeline=inner)
        if state.auto_follow and _lines(inner, state.selected_phase) != _lines(state.pipeline, state.selected_phase):
            following = replace(following, log_scroll=_bottom(following))
        return _wrap(following, wrapped)

    return reduce


def _unwrap(result: Any) -> tuple[Any, Any]:
    return (result.state, result) if isinstance(result, (ReducerResult, Quit)) else (result, None)


def _wrap(state: PipelineViewState, wrapped: Any) -> Any:
    return state if wrapped is None else replace(wrapped, state=state)


def _lines(pipeline: PipelineState, i: int) -> int:
    return max(pipeline.phases[i].log_count, len(pipeline.phases[i].logs)) if i < len(pipeline.phases) else 0


def _bottom(state: PipelineViewState) -> int:
    kept = len(state.pipeline.phases[state.selected_phase].logs) if state.pipeline.phases else 0
    return max(kept - state.log_height, 0)


_NAMED = {
    "up": "up", "down": "down", "left": "left", "right": "right", "enter": "enter", "escape": "escape", "home": "home",
    "end": "end", "g": "home", "G": "end", " ": "enter", "space": "enter", "\n": "enter", "\r": "enter", "\x1b": "escape",
}  # fmt: skip


def _meaning(key: Any) -> str:
    if isinstance(key, Key):
        key = key.name.value if isinstance(key.name, SpecialKey) else key.name or key.char
    elif isinstance(key, SpecialKey):
        key = key.value
    if not isinstance(key, str):
        return ""
    return _NAMED.get(key) or _NAMED.get(key.lower() if len(key) > 1 else key) or key


def _press(state: PipelineViewState, key: Any) -> Any:
    meaning = _meaning(key)
    if meaning == "q" or (meaning == "escape" and not state.expanded):
        return Quit(state)
    if meaning in ("enter", "escape"):
        opened = meaning == "enter" and not state.expanded
        scroll = _bottom(state) if opened and state.auto_follow else 0
        return replace(state, expanded=opened, log_scroll=scroll)
    if meaning == "f":
        follow = not state.auto_follow
        return replace(state, auto_follow=follow, log_scroll=_bottom(state) if follow else state.log_scroll)
    if meaning in ("up", "down", "home", "end"):
        return _scroll(state, meaning) if state.expanded else _select(state, meaning)
    return state


def _select(state: PipelineViewState, where: str) -> PipelineViewState:
    last = max(len(state.pipeline.phases) - 1, 0)
    i = state.selected_phase
    to = {"up": max(i - 1, 0), "down": min(i + 1, last), "home": 0, "end": last}[where]
    if to == i:
        return state
    moved = replace(state, selected_phase=to, log_scroll=0)
    return replace(moved, log_scroll=_bottom(moved)) if state.auto_follow else moved


def _scroll(state: PipelineViewState, where: str) -> PipelineViewState:
    bottom, at = _bottom(state), state.log_scroll
    to = {"up": max(at - 1, 0), "down": min(at + 1, bottom), "home": 0, "end": bottom}[where]
    # Scrolling away from the end stops following; coming back to it, by End, follows again.
    follow = where == "end" or (state.auto_follow and to >= bottom)
    return state if (to, follow) == (at, state.auto_follow) else replace(state, log_scroll=to, auto_follow=follow)
