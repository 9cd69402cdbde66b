"""Completion of ``%milo`` and ``%%milo``: words, options, pipelines, phases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from milo_nb.declare.phase import ON_FAIL
from milo_nb.execute.executor import PipelineExecutor

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

KEYS = ("%milo", "%%milo")


def add_completion(ipython: Any) -> None:
    """Have a shell complete our magics."""
    for key in KEYS:
        ipython.set_hook("complete_command", complete_event, str_key=key)


def remove_completion(ipython: Any) -> None:
    """Take the completion away; IPython has no public way, so only if it is where it was put."""
    dispatcher = getattr(ipython, "strdispatchers", {}).get("complete_command")
    known = getattr(dispatcher, "strs", None)
    if isinstance(known, dict):
        for key in KEYS:
            known.pop(key, None)


def complete_event(shell: Any, event: Any) -> list[str]:
    """Return what may stand at the cursor."""
    before = event.text_until_cursor
    return [w for w in complete(before, shell.user_ns) if w.startswith(event.symbol) or not event.symbol]


def complete(before: str, variables: Mapping[str, Any]) -> list[str]:
    """Return the words that may follow or end `before`, the text before the cursor."""
    from milo_nb.show.magic.line import COMMANDS, LATER, WORDS, make_line_parser  # noqa: PLC0415 - IPython's room

    words = before.split()
    at = "" if before[-1:].isspace() else words.pop() if len(words) > 1 else ""
    held = _pipelines(variables)
    found: Iterable[str]
    if words and words[0] == "%%milo":
        found = _in_cell(words[1:], at, variables, held)
    elif at.startswith("-"):
        found = make_line_parser().option_names
    elif len(words) <= 1:
        found = [w for w in WORDS if w not in LATER]
    elif len(words) == 2:  # noqa: PLR2004 - %milo WORD
        found = held
    elif words[1] == "plan" and len(words) == 3:  # noqa: PLR2004 - %milo plan NAME
        found = COMMANDS
    else:
        found = held.get(words[2], ())
    return [w for w in found if w.startswith(at)]


def _in_cell(
    words: list[str], at: str, variables: Mapping[str, Any], held: Mapping[str, tuple[str, ...]]
) -> Iterable[str]:
    """Return what may follow ``%%milo`` and `words`, where `at` has been begun."""
    from milo_nb.show.magic.options import make_cell_parser, make_phase_parser  # noqa: PLC0415 - as above

    name, dot, phase = (words[0] if words else at).partition(".")
    phases = held.get(name, ())
    if not words and not at.startswith("-"):
        return [f"{name}.{p}" for p in phases] if dot else held
    if not dot or not words:
        wants_variable = words[-1:] in (["-p"], ["--param"])
        return [v for v in variables if not v.startswith("_")] if wants_variable else make_cell_parser().option_names
    option = next((w for w in reversed(words) if w.startswith("-")), "")
    if words[-1] == "--on-fail":
        return ON_FAIL
    if option == "--after" and not at.startswith("-"):
        return [p for p in phases if p != phase and p not in words]
    return make_phase_parser().option_names


def _pipelines(variables: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Return the phases of each variable that holds a pipeline."""
    from milo_nb.pipeline import Pipeline  # noqa: PLC0415 - as above

    found: dict[str, tuple[str, ...]] = {}
    for name, value in list(variables.items()):
        pipeline = value.pipeline if isinstance(value, PipelineExecutor) else value
        if isinstance(pipeline, Pipeline) and not name.startswith("_"):
            found[name] = tuple(p.name for p in pipeline.phases)
    return found
