"""``%milo retry`` and the like: the commands that the view's buttons give, too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from milo_nb.show.magic.asked import say
from milo_nb.show.magic.reading import read_value

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from milo_nb.show.magic.asked import Asked
    from milo_nb.state.plan import Plan

COMMANDS: dict[str, tuple[int, int | None]] = {  # word: (least, most) phases
    "retry": (0, None),
    "rerun": (1, None),
    "skip": (1, 1),
    "cancel": (0, None),
    "pause": (0, 0),
    "resume": (0, 0),
}
_STARTING = frozenset({"retry", "rerun", "resume"})
_A_LINES_WORTH = 12


def obey(asked: Asked) -> None:
    """Give a command, or show its plan; wait for the end where nobody sees the view and phases run."""
    executor, given = asked.executor(), asked.options
    command, options = command_of(asked.word, asked.phases), _options_of(asked)
    if given.dry_run:
        asked.show_plan(executor.plan(*command, **options))
        return
    plan = executor.command(*command, **options)
    goes_on = plan.goes_on or asked.word in _STARTING
    running = executor.session.state.running if asked.word == "pause" else ()
    say(f"{asked.name}: {' '.join((asked.word, *_phases_of(asked)))}{_said(plan, running, goes_on=goes_on)}")
    wait = getattr(given, "wait", None)
    if goes_on and (wait or (wait is None and not asked.cells.is_seen())):
        asked.cells.wait(executor)


def command_of(word: str, phases: Sequence[str]) -> tuple[str, ...]:
    """Return a command as executors know it."""
    return ("retry-failed",) if word == "retry" and not phases else (word, *phases)


def _options_of(asked: Asked) -> dict[str, Any]:
    given = vars(asked.options)
    options: dict[str, Any] = {"by": "%milo"}
    if given.get("alone"):
        options["downstream"] = False
    if given.get("value") is not None:
        options["value"] = read_value(given["value"])
    if given.get("replace"):
        options["replace"] = True
    return options


def _phases_of(asked: Asked) -> tuple[str, ...]:
    return () if asked.word in _STARTING else asked.phases


def _said(plan: Plan, running: Iterable[str], *, goes_on: bool) -> str:
    """Return what a command brings about, behind its words."""
    stops = [e.phase for e in plan.entries if e.decision == "cancel"]
    parts = []
    if stops and not plan.command.phases:
        parts.append(f" stops {_listed(stops)}")
    if running:
        parts.append(f"; {_listed(running)} may end")
    if goes_on and plan.runs:
        parts.append(
            f"{' runs' if plan.command.word != 'skip' else '; runs'} {_listed(plan.runs)}; {len(plan.keeps)} kept"
        )
    return "".join(parts)


def _listed(names: Iterable[str]) -> str:
    names = list(names)
    return ", ".join(names[:_A_LINES_WORTH]) + (", ..." if len(names) > _A_LINES_WORTH else "")
