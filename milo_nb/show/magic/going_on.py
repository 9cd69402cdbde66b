"""Deciding whether a cell that runs again goes on in the session that its last run began, or starts anew."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from milo_nb.show.magic.made import same_graph
from milo_nb.state.model import UNFINISHED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from milo_nb.execute.executor import PipelineExecutor
    from milo_nb.show.magic.made import Made


def is_unfinished(executor: PipelineExecutor) -> bool:
    """Tell whether an executor's session can go on: it is paused, or ended without being completed."""
    state = executor.session.state
    return state.status == "paused" or (state.status in UNFINISHED and bool(state.stopped_at))


def why_anew(executor: PipelineExecutor, before: Made, made: Made) -> str:
    """Return why an unfinished session cannot go on with what a cell has made now; empty if it can."""
    if not _is_same(before.options["params"], made.options["params"]):
        return "the parameters differ"
    if not _is_same(before.options, made.options) or before.pipeline.fail_fast != made.pipeline.fail_fast:
        return "the options differ"
    if not same_graph(executor.session.graph, made.pipeline.graph):
        return "phases were added, removed or connected otherwise"
    return ""


def _is_same(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Tell whether options are equal; values that cannot be compared, as arrays, are so only if they are the same."""
    if before.keys() != after.keys():
        return False
    for name, value in before.items():
        other = after[name]
        if isinstance(value, dict) and isinstance(other, dict):
            if not _is_same(value, other):
                return False
            continue
        try:
            if value is not other and not bool(value == other):
                return False
        except Exception:  # noqa: BLE001 - a person's objects may refuse to be compared
            return False
    return True
