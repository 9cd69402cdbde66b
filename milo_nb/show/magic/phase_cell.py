"""``%%milo NAME.PHASE``: a cell whose body is a phase. It only defines; the pipeline gathers its phases from all cells."""

from __future__ import annotations

import builtins
from typing import TYPE_CHECKING, Any

from milo_nb.declare.phase import phase as make_phase
from milo_nb.errors import UsageError
from milo_nb.execute.edits import changed
from milo_nb.show.magic.made import (
    IncompletePipeline,
    Made,
    OwnCell,
    cell_and_run,
    check_variable,
    is_forgotten,
    make_pipeline,
    release,
    same_graph,
    say_missing,
)
from milo_nb.show.magic.options import make_phase_parser, split_name
from milo_nb.show.magic.phase_body import make_body
from milo_nb.show.magic.reading import expand, split

if TYPE_CHECKING:
    import argparse

    from milo_nb.declare.phase import Phase
    from milo_nb.execute.executor import PipelineExecutor
    from milo_nb.pipeline import Pipeline


def is_phase_cell(line: str) -> bool:
    """Tell whether a ``%%milo`` line names a phase."""
    word = line.split(maxsplit=1)[0] if line.strip() else ""
    return "." in word and not word.startswith("-")


def define_phase(shell: Any, known: dict[str, Made], line: str, body: str) -> str:
    """Make the phase that a cell's body is, and put it into its pipeline, in place of the one of that name.

    Args:
        shell: Holds the notebook's names.
        known: What the notebook's cells have made, by name of the pipeline.
        line: What stood behind ``%%milo``.
        body: The cell without its first line.

    Returns:
        One line for the person: what was defined, and what can be done next.

    Raises:
        MiloError: If the line, the body or the pipeline would be wrong; all stays as it was.
    """
    parser = make_phase_parser()
    options = parser.read(expand(split(line), shell.user_ns))
    if options.help:
        return parser.format_help().rstrip()
    name, phase_name = split_name(options.name)
    variables = shell.user_ns
    check_variable(variables, name)
    made = _recall(variables, known, name)
    phase = _make(shell, name, phase_name, options, line, body)
    cell = OwnCell(phase, *cell_and_run(shell))
    cells = {n: c for n, c in made.cells.items() if n == phase_name or not cell.replaces(c)}
    cells[phase_name] = cell
    own = tuple(p for p in made.own if p.name != phase_name)
    flags = {"parallel": made.pipeline.parallel, "fail_fast": made.pipeline.fail_fast}
    pipeline = make_pipeline(name, (*own, *(c.phase for c in cells.values())), **flags)
    instead = f"In place of the one in %%milo {name}: " if len(own) < len(made.own) else ""
    made.pipeline, made.own, made.cells = pipeline, own, cells
    known[name] = made
    if made.executor is not None:
        return instead + _adopt(made.executor, pipeline, name, phase)
    variables[name] = pipeline
    said = instead + _defined(name, phase_name, pipeline)
    return said if say_missing(pipeline) else f"{said} Start it with: %milo run {name}"


def _recall(variables: dict[str, Any], known: dict[str, Made], name: str) -> Made:
    """Return what the cells have made so far; what a deleted variable held is forgotten, unless it runs."""
    made, held = known.get(name), variables.get(name)
    if made is not None and is_forgotten(variables, name, made):
        if made.executor is not None:
            release(made.executor)
        made = None
    elif made is not None and held is None:
        variables[name] = held = made.executor  # it runs, and can be cancelled by its name
    if held is not None and (made is None or held not in (made.executor, made.pipeline)):
        raise UsageError(f"'{name}' is a pipeline that no %%milo cell made. Choose another name, or first: del {name}")
    return made or Made(make_pipeline(name, (), parallel=False, fail_fast=False))


def _make(  # noqa: PLR0913, PLR0917 - what a cell consists of
    shell: Any, name: str, phase_name: str, options: argparse.Namespace, line: str, body: str
) -> Phase:
    if options.retry is None and options.on_fail == "retry":
        raise UsageError("--on-fail retry needs to know how often: --retry N.")
    if options.retry is not None and options.on_fail not in (None, "retry"):
        raise UsageError(f"--retry and --on-fail {options.on_fail} are two policies. Leave one of them out.")
    handler = make_body(shell, line, body)
    made: Phase = make_phase(
        handler,
        name=phase_name,
        description=handler.description if options.description is None else options.description,
        after=[a.removeprefix(f"{name}.") for a in options.after],
        parallel=options.parallel or None,
        weight=options.weight,
        retry=options.retry,
        on_fail=options.on_fail,
        timeout=options.timeout,
    )
    return made


# ---------------------------------------------------------------------- a pipeline that was started


def _adopt(executor: PipelineExecutor, pipeline: Pipeline, name: str, phase: Phase) -> str:
    """Have the session go on with the phase if its graph allows that, else the next session; say what comes next."""
    graph = executor.session.graph
    if isinstance(pipeline, IncompletePipeline) or not same_graph(graph, pipeline.graph):
        executor.pipeline = pipeline  # what the next session runs; this one keeps its phases
        said = _defined(name, phase.name, pipeline)
        return said if say_missing(pipeline) else f"{said} The next session uses it: %milo run {name}"
    is_edited = changed(graph.phases[graph.index[phase.name]], phase)
    executor.rebind(pipeline)
    word = "edited" if is_edited else "defined, as it was"
    return f"'{name}.{phase.name}' is {word}. {_next(executor, name, phase.name)}"


def _next(executor: PipelineExecutor, name: str, phase: str) -> str:
    """Return how a phase that may have been edited is run, as a sentence."""
    if not executor.plan("retry", phase).refused:
        return f"Run it with: %milo retry {name} {phase}, or Retry in the view"
    if not executor.plan("rerun", phase).refused:
        return f"Run it again with: %milo rerun {name} {phase}"
    if not executor.plan("resume").refused:
        return f"Go on with: %milo resume {name}"
    if executor[phase].status == "pending":
        return "The session that runs uses it"
    return "The attempt that runs goes on as it was; later ones use it"


def _defined(name: str, phase: str, pipeline: Pipeline) -> str:
    missing = say_missing(pipeline)
    hides = f" In the bodies after it `{phase}` is its result, not Python's own." if hasattr(builtins, phase) else ""
    return f"'{name}.{phase}' is defined{f'; {missing}' if missing else ''}.{hides}"
