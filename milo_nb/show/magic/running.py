"""``%milo run`` and ``%milo plan``: starting anew, and saying what would happen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from milo_nb.errors import UsageError, suggest
from milo_nb.execute.executor import PipelineExecutor
from milo_nb.show.magic.asked import say
from milo_nb.show.magic.made import check_params, doubts_about, for_next_session, run_options, settings
from milo_nb.show.magic.obeying import COMMANDS, command_of
from milo_nb.show.magic.reading import read_params
from milo_nb.state.actions import INIT, Action
from milo_nb.state.commands import Command
from milo_nb.state.plan import plan as plan_of
from milo_nb.state.reducer import PipelineReducer

if TYPE_CHECKING:
    from milo_nb.pipeline import Pipeline
    from milo_nb.show.magic.asked import Asked
    from milo_nb.state.plan import Plan


def run(asked: Asked) -> None:
    """Start a pipeline, or start it anew; what the line does not say stays as it was."""
    held = asked.held()
    asked.cells.check_idle(asked.name, starts_anew=True)
    params = read_params(asked.options.params, asked.variables)
    pipeline = held.pipeline if isinstance(held, PipelineExecutor) else held
    check_params(pipeline, params)
    for doubt in doubts_about(pipeline, params):
        say(doubt)
    if asked.options.dry_run:
        asked.show_plan(plan_anew(held))
        return
    executor = _start(asked, held, params)
    asked.cells.show(executor, wait=asked.options.wait)


def _start(asked: Asked, held: PipelineExecutor | Pipeline, params: dict[str, Any]) -> PipelineExecutor:
    options = settings(asked.options)
    fail_fast = {} if asked.options.fail_fast is None else {"fail_fast": asked.options.fail_fast}
    made = asked.cells.made.get(asked.name)
    if made is not None and held in (made.executor, made.pipeline):
        before = made.options
        changed = before | options | {"params": before["params"] | params}
        if made.executor is None:
            executor = asked.cells.bind(asked.name, made.start(**changed, **fail_fast))
        else:
            executor = made.executor.run_again(params, **for_next_session(options), **fail_fast)
        made.options = changed
        return executor
    if isinstance(held, PipelineExecutor):
        return held.run_again(params, **for_next_session(options), **fail_fast)
    return asked.cells.bind(asked.name, held.run(**run_options(params) | options, **fail_fast))


def plan_anew(held: PipelineExecutor | Pipeline) -> Plan:
    """Return what a new session will do.

    Raises:
        PipelineError: If the pipeline lacks phases.
    """
    pipeline = held.pipeline if isinstance(held, PipelineExecutor) else held
    state = PipelineReducer(pipeline.name, pipeline.graph)(None, Action(INIT))
    return plan_of(Command("start", by="%milo"), pipeline.graph, state)


def plan(asked: Asked) -> None:
    """Say what a command would do; without one, what Shift+Enter would."""
    if len(asked.names) == 1:
        held = asked.held()
        going_on = held.plan("resume", by="%milo") if isinstance(held, PipelineExecutor) else None
        asked.show_plan(plan_anew(held) if going_on is None or going_on.refused else going_on)
        return
    _, word, *phases = asked.names
    if word == "run":
        asked.show_plan(plan_anew(asked.held()))
        return
    if word not in COMMANDS:
        raise UsageError(
            f"There is no command '{word}'.{suggest(word, COMMANDS)} Commands: {', '.join(('run', *COMMANDS))}."
        )
    least, most = COMMANDS[word]
    if len(phases) < least or (most is not None and len(phases) > most):
        wanted = "no phase" if most == 0 else "the name of a phase"
        raise UsageError(f"{word} takes {wanted}. Usage: %milo plan NAME {word}{' PHASE' * bool(most != 0)}")
    asked.show_plan(asked.executor().plan(*command_of(word, phases), by="%milo"))
