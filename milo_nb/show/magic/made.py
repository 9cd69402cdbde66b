"""What the cells of a notebook have made of a pipeline: its phases, from whichever cell, and what runs it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from milo_nb.declare.graph import PhaseGraph
from milo_nb.declare.phase import Phase
from milo_nb.errors import UsageError, available, suggest
from milo_nb.execute.commands import Commands
from milo_nb.execute.executor import PipelineExecutor, is_attended
from milo_nb.pipeline import Pipeline
from milo_nb.show.magic.options import DEFAULT_WORK_DIR
from milo_nb.show.magic.phase_body import PhaseBody, note_given
from milo_nb.show.notebook import close_view

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator, Mapping

    from milo_nb.execute.options import Runnable


_NOT_PYTHONS = {"true": "True", "false": "False", "null": "None"}


_SETTINGS = ("max_workers", "work_dir", "cache", "refresh", "pause")


def run_options(params: Mapping[str, Any], options: argparse.Namespace | None = None) -> dict[str, Any]:
    """Return what a session is started with; options are equal if these are."""
    plain = {"max_workers": None, "work_dir": DEFAULT_WORK_DIR, "cache": True, "refresh": False, "pause": True}
    return {"params": dict(params)} | plain | settings(options)


def settings(options: argparse.Namespace | None) -> dict[str, Any]:
    """Return what a line says about a run."""
    given = {name: getattr(options, name, None) for name in _SETTINGS}
    return {name: value for name, value in given.items() if value is not None}


def for_next_session(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings as an executor takes them that has had a session already."""
    left = {name: value for name, value in given.items() if name != "pause"}
    if "pause" in given:
        left["is_attended"] = is_attended if given["pause"] else lambda: False
    return left


@dataclass(frozen=True, slots=True)
class OwnCell:
    """A phase that has a cell of its own.

    Attributes:
        phase: The phase.
        id: What the front end calls the cell; empty where it does not say.
        run: Which run of the cell defined it.
    """

    phase: Phase
    id: str = ""
    run: str = ""

    def replaces(self, other: OwnCell) -> bool:
        """Tell whether this is a later run of the same cell, which may have renamed its phase."""
        return bool(self.id) and self.id == other.id and self.run != other.run


@dataclass
class Made:
    """What the cells of one name have made.

    Attributes:
        pipeline: All phases together.
        own: The phases of the cell ``%%milo NAME``.
        bound: Those of them that are variables of the notebook, by variable.
        cells: The phases of the cells ``%%milo NAME.PHASE``, by name.
        options: What its sessions are started with.
        executor: Runs it, once it was started.
        cell: What the front end calls the cell ``%%milo NAME``; empty where it does not say.
    """

    pipeline: Pipeline
    own: tuple[Phase, ...] = ()
    bound: dict[str, Phase] = field(default_factory=dict)
    cells: dict[str, OwnCell] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=lambda: run_options({}))
    executor: PipelineExecutor | None = None
    cell: str = ""

    def start(self, **options: Any) -> PipelineExecutor:
        """Start a new session in a new executor, in place of the old one; `options` go before its own."""
        return self.put(self.pipeline.run(**(self.options | options)))

    def put(self, executor: PipelineExecutor) -> PipelineExecutor:
        """Have an executor in place of the old one."""
        old, self.executor = self.executor, executor
        if old is not None and old is not executor:
            release(old)
        return executor


class IncompletePipeline(Pipeline):
    """A pipeline whose phases depend on some that are not defined yet. Running it is refused, by naming them.

    Attributes:
        missing: The names that are not defined yet.
    """

    def __init__(self, name: str, *phases: Phase, missing: Iterable[str], parallel: bool, fail_fast: bool) -> None:
        """Make it; circles and wrong names are refused already."""
        self.missing = tuple(missing)
        stand_ins = [Phase(m, object) for m in self.missing]
        super().__init__(name, *phases, *stand_ins, parallel=parallel, fail_fast=fail_fast)
        self.phases = phases
        del self.graph

    def __getattr__(self, name: str) -> Any:
        """Refuse to tell the graph, which whoever runs it asks for first.

        Raises:
            PipelineError: Naming what is not defined yet.
        """
        if name == "graph":
            return PhaseGraph(self.phases, parallel=self.parallel)
        raise AttributeError(f"a Pipeline has no '{name}'")

    def __repr__(self) -> str:
        """Show what is missing."""
        return f"<Pipeline {self.name}: {count_phases(self)}, not defined yet: {', '.join(self.missing)}>"


def make_pipeline(name: str, phases: Iterable[Phase], *, parallel: bool, fail_fast: bool) -> Pipeline:
    """Return the pipeline that the phases make, an incomplete one if some depend on what is not there.

    Raises:
        PipelineError: For circles and wrong names.
    """
    phases = tuple(phases)
    note_given(phases)
    known = {p.name for p in phases}
    missing = dict.fromkeys(d for p in phases for d in p.depends_on if d not in known)
    if missing:
        return IncompletePipeline(name, *phases, missing=missing, parallel=parallel, fail_fast=fail_fast)
    return Pipeline(name, *phases, parallel=parallel, fail_fast=fail_fast)


def same_graph(one: PhaseGraph, other: PhaseGraph) -> bool:
    """Tell whether a session of the one can go on with the phases of the other."""
    return (one.names, one.depends_on, one.parallel) == (other.names, other.depends_on, other.parallel)


def release(executor: PipelineExecutor) -> None:
    """Let go of an executor that another takes the place of: view, threads and listeners; its results stay."""
    close_view(executor)
    executor.close()


def is_forgotten(variables: Mapping[str, Any], name: str, made: Made) -> bool:
    """Tell whether a person deleted the variable, and so what the cells had made; not while its session runs."""
    return name not in variables and not (made.executor is not None and made.executor.session.is_running())


def check_variable(variables: Mapping[str, Any], name: str) -> None:
    """Refuse to take the place of a variable that is no pipeline.

    Raises:
        UsageError: With the remedy.
    """
    if name in variables and not isinstance(variables[name], Commands | Pipeline):
        kind = type(variables[name]).__name__
        raise UsageError(f"'{name}' is a variable of the notebook ({kind}). Choose another name, or first: del {name}")


def count_phases(pipeline: Pipeline) -> str:
    """Return how many phases there are, in words."""
    n = len(pipeline.phases)
    return f"{n} phase{'s' * (n != 1)}"


def say_missing(pipeline: Pipeline) -> str:
    """Return which phases are not defined yet, as half a sentence; empty if all are."""
    return f"not defined yet: {', '.join(pipeline.missing)}" if isinstance(pipeline, IncompletePipeline) else ""


def doubts_about(pipeline: Runnable, params: Mapping[str, Any]) -> Iterator[str]:
    """Yield a sentence for each parameter that is likely not what was meant."""
    wanted = [] if isinstance(pipeline, IncompletePipeline) else params_of(pipeline)
    for name, value in params.items():
        meant = "" if name in wanted else suggest(name, [w for w in wanted if w not in params])
        if meant:
            yield f"No phase takes the parameter '{name}'.{meant}"
        if isinstance(value, str) and value in _NOT_PYTHONS:
            yield f"-p {name}={value} is text, which counts as true. Python writes {_NOT_PYTHONS[value]}."


def check_params(pipeline: Runnable, params: Mapping[str, Any]) -> None:
    """Refuse parameters that no phase can have use for.

    Raises:
        UsageError: Naming those there are.
    """
    if isinstance(pipeline, IncompletePipeline):
        return  # what is not defined yet may take anything
    known = params_of(pipeline)
    for name in params:
        is_phase = name in pipeline.graph.index  # which is refused with the reason
        if (
            name not in known
            and not is_phase
            and not any(_may_read(pipeline.graph, i, name) for i in pipeline.graph.takes)
        ):
            there = available("parameters", name, known)
            raise UsageError(f"-p {name}: no phase of '{pipeline.name}' takes that parameter. {there}")


def _may_read(graph: PhaseGraph, i: int, name: str) -> bool:
    """Tell whether a phase could look at a parameter that it does not name: all are in ``ctx.params``."""
    takes, handler = graph.takes[i], graph.phases[i].handler
    if "ctx" not in (*takes.positional, *takes.named):
        return False
    return not isinstance(handler, PhaseBody) or handler.reads(name) or handler.reads("ctx")


def params_of(pipeline: Runnable) -> list[str]:
    """Return the names that handlers ask for and that are no phases: parameters of the run."""
    graph = pipeline.graph
    asked = (name for takes in graph.takes.values() for name in (*takes.positional, *takes.named))
    return [n for n in dict.fromkeys(asked) if n not in graph.index and n not in ("context", "ctx")]


def cell_and_run(shell: Any) -> tuple[str, str]:
    """Return what the front end calls the cell that runs now, and its request to run it; empty where it does not say."""
    try:
        parent = shell.kernel.get_parent("shell")
        return str(parent["metadata"]["cellId"]), str(parent["header"]["msg_id"])
    except (AttributeError, KeyError, TypeError):
        return "", ""
