"""``%milo retry`` and the like: the commands that the view's buttons give, too."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from milo_nb.errors import UsageError
from milo_nb.execute.executor import PipelineExecutor
from milo_nb.show.literal import read_value
from milo_nb.show.magic.asked import say
from milo_nb.show.magic.elsewhere import where, whom

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from milo_nb.execute.attached import AttachedExecutor
    from milo_nb.show.magic.asked import Asked
    from milo_nb.state.plan import Plan

COMMANDS: dict[str, tuple[int, int | None]] = {  # word: (least, most) phases
    "retry": (0, None),
    "rerun": (1, None),
    "skip": (1, 1),
    "cancel": (0, None),
    "pause": (0, 0),
    "resume": (0, 0),
    "approve": (0, 1),
}
_STARTING = frozenset({"retry", "rerun", "resume"})
_A_LINES_WORTH = 12


def obey(asked: Asked, executor: PipelineExecutor | AttachedExecutor | None = None) -> None:
    """Give a command, or show its plan; wait for the end where nobody sees the view and phases run.

    Args:
        asked: The line.
        executor: Whom to give it to; who the line means, if not given.
    """
    executor, given = executor or whom(asked), asked.options
    try:
        command, options = command_of(asked.word, asked.phases), _options_of(asked)
        if not isinstance(executor, PipelineExecutor):
            options["by"] = f"%milo in process {os.getpid()}"
        if given.dry_run:
            asked.show_plan(executor.plan(*command, **options))
            return
        if not isinstance(executor, PipelineExecutor) and options.get("value") is not None:
            raise UsageError(
                "A value cannot be sent to another kernel. Skip without --value, or in the notebook that has it."
            )
        plan = executor.command(*command, **options)
        say_obeyed(asked, executor, plan)
    finally:
        if not isinstance(executor, PipelineExecutor):
            executor.close()


def say_obeyed(asked: Asked, executor: PipelineExecutor | AttachedExecutor, plan: Plan) -> None:
    """Say what a command brings about; wait for the end where nobody sees the view and phases run."""
    goes_on = plan.goes_on or asked.word in _STARTING
    running = executor.session.state.running if asked.word == "pause" else ()
    words = " ".join((asked.word, *_phases_of(asked)))
    if not isinstance(executor, PipelineExecutor):
        say(f"{asked.name} ({where(executor)}): {words}{_said(plan, running, goes_on=goes_on)}")
        return
    say(f"{asked.name}: {words}{_said(plan, running, goes_on=goes_on)}")
    wait = getattr(asked.options, "wait", None)
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
