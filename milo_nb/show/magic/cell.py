"""``%%milo NAME``: a cell that defines a pipeline and runs it, and replaces exactly its own phases when it runs again."""

from __future__ import annotations

import ast
import builtins
import contextlib
from typing import TYPE_CHECKING, Any

from IPython.display import display

from milo_nb.declare.phase import Phase
from milo_nb.errors import UsageError
from milo_nb.execute.executor import PipelineExecutor
from milo_nb.execute.waiting import uninterrupted
from milo_nb.pipeline import Pipeline
from milo_nb.show.magic.asked import say
from milo_nb.show.magic.body import run_body
from milo_nb.show.magic.going_on import go_on_in, offer, resume_in, wait_for_cancel
from milo_nb.show.magic.made import (
    Made,
    cell_and_run,
    check_variable,
    count_phases,
    doubts_about,
    is_forgotten,
    make_pipeline,
    release,
    run_options,
    say_missing,
)
from milo_nb.show.magic.options import check_name, make_cell_parser
from milo_nb.show.magic.phase_cell import define_phase, is_phase_cell
from milo_nb.show.magic.reading import expand, read_params, split
from milo_nb.show.notebook.interactive import has_person, wait_and_tell

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping

    from milo_nb.execute.attached import AttachedExecutor
    from milo_nb.show.magic.made import OwnCell


class Cells:
    """The ``%%milo`` cells of a notebook, by name. Used on the kernel's main thread only."""

    def __init__(self, shell: Any) -> None:
        """Begin with none."""
        self._shell = shell
        self._parser = make_cell_parser()
        self.made: dict[str, Made] = {}
        self.pulled: dict[str, int] = {}  # variable: id of what %milo pull has put there, which may be replaced

    def run(self, line: str, body: str, local: Mapping[str, Any] | None = None) -> None:
        """Define what the body says, and start and show it.

        Args:
            line: What stands behind ``%%milo``.
            body: The cell without its first line.
            local: Variables of the function that the cell magic is called in, if it is.

        Raises:
            UsageError: If the line is wrong, or the name is taken.
            BaseException: What the body raised.
        """
        variables = self._shell.user_ns
        if is_phase_cell(line):
            say(define_phase(self._shell, self.made, line, body))
            return
        options = self._parser.read(expand(split(line), {**variables, **(local or {})}))
        if options.help:
            say(self._parser.format_help())
            return
        if options.name is None:
            raise UsageError("A %%milo cell needs a name: %%milo NAME. Help: %milo help cell")
        name = check_name(options.name)
        if options.resume is not None and (options.fresh or options.define):
            other = "--fresh" if options.fresh else "--define"
            raise UsageError(f"--resume and {other} exclude each other. Leave one of them out.")
        check_variable(variables, name)
        before = self.made.get(name)
        cells = {} if before is None or is_forgotten(variables, name, before) else before.cells
        if options.resume is not None and before is not None and before.executor is not None:
            wait_for_cancel(before.executor)
        self.check_idle(name)
        params = read_params(options.params, variables)
        known = dict(variables)
        with contextlib.ExitStack() as stretch:
            try:
                made = self._define(name, line, body, cells, options)
                stretch.enter_context(uninterrupted())  # else something could run that no variable holds
                made.options = run_options(params, options)
                made.cell, _ = cell_and_run(self._shell)
                executor = self._put_to_use(name, made, before, options)
                notes = list(_notes(made, before, cells))
            except BaseException:
                _put_back_phases(variables, known)
                raise
            for note in notes:
                say(note)
            if executor is not None:
                self.show(executor, wait=False)
        if executor is not None and (not self.is_seen() if options.wait is None else options.wait):
            wait_and_tell(executor)

    def show(self, executor: PipelineExecutor, *, wait: bool | None = None) -> None:
        """Show an executor; wait for its end where nobody sees the view, or as `wait` says."""
        is_seen = self.is_seen()
        if is_seen:
            display(executor)  # type: ignore[no-untyped-call]  # IPython has no types for it
        if not is_seen if wait is None else wait:
            wait_and_tell(executor)

    def show_attached(self, executor: AttachedExecutor) -> None:
        """Show a session that is only looked at; in text where nobody sees views."""
        if self.is_seen():
            display(executor)  # type: ignore[no-untyped-call]  # as above

    def is_seen(self) -> bool:
        """Tell whether somebody sees the views."""
        return has_person(getattr(self._shell, "kernel", None))

    def wait(self, executor: PipelineExecutor) -> None:
        """Wait for the end and print how it went.

        Raises:
            PipelineFailed: If it was not completed.
        """
        wait_and_tell(executor)

    def bind(self, name: str, executor: PipelineExecutor) -> PipelineExecutor:
        """Let the notebook's variable hold an executor."""
        self._shell.user_ns[name] = executor
        return executor

    def find(self, name: str) -> PipelineExecutor | Pipeline | None:
        """Return the executor or pipeline that a variable of the notebook holds."""
        held = self._shell.user_ns.get(name)
        return held if isinstance(held, (PipelineExecutor, Pipeline)) else None

    def names(self) -> list[str]:
        """Return the variables of the notebook that hold an executor or a pipeline."""
        return [
            n
            for n, v in list(self._shell.user_ns.items())
            if isinstance(v, PipelineExecutor | Pipeline) and n[:1] != "_"
        ]

    # ------------------------------------------------------------------ before the body

    def check_idle(self, name: str, *, starts_anew: bool = False) -> None:
        """Refuse to run over a session that has not ended; a paused one only if it is not to go on.

        Raises:
            UsageError: With the remedy.
        """
        held, made = self._shell.user_ns.get(name), self.made.get(name)
        if name not in self._shell.user_ns and made is not None and made.executor is not None:
            held = self._shell.user_ns[name] = made.executor  # deleted, but not gone: it can be cancelled by its name
        executor = held if isinstance(held, PipelineExecutor) else None
        if executor is None or not executor.session.is_running():
            return
        state = executor.session.state
        if state.status == "paused":
            if starts_anew:
                raise UsageError(f"'{name}' is paused: %milo resume {name}, or %milo cancel {name}.")
            return
        if state.requested == "cancelling":
            raise UsageError(f"'{name}' is being cancelled: wait for its end ({name}.wait()).")
        raise UsageError(f"'{name}' is running: %milo cancel {name}, or wait for its end ({name}.wait()).")

    # ------------------------------------------------------------------ the body

    def _define(
        self, name: str, line: str, body: str, cells: Mapping[str, OwnCell], options: argparse.Namespace
    ) -> Made:
        """Run the body, without the phases that it made when it ran before.

        Args:
            name: Name of the pipeline.
            line: What stood behind ``%%milo``.
            body: The cell without its first line.
            cells: The phases that have cells of their own; those that the body defines are no longer among them.
            options: What the line says.
        """
        names, before = self._shell.user_ns, self.made.get(name)
        for variable, phase in before.bound.items() if before is not None else ():
            if names.get(variable) is phase:
                del names[variable]
        own = run_body(self._shell, line, body, lambda tree: _check_phases(tree, names, name, self.pulled))
        others = {n: c for n, c in cells.items() if all(n != p.name for p in own)}
        phases = (*own, *(c.phase for c in others.values()))
        if not phases:
            raise UsageError(f"The cell defines no phase. Write functions with @phase in the body of %%milo {name}.")
        pipeline = make_pipeline(name, phases, parallel=options.parallel, fail_fast=bool(options.fail_fast))
        if not options.define:
            pipeline.graph  # noqa: B018 - which an incomplete pipeline refuses to tell
        bound = {n: p for n, p in names.items() for q in own if p is q}
        if name in bound:
            raise UsageError(f"'{name}' is the pipeline and one of its phases. Rename one of them.")
        check_variable(names, name)
        return Made(pipeline, tuple(own), bound, others)

    # ------------------------------------------------------------------ after the body

    def _put_to_use(
        self, name: str, made: Made, before: Made | None, options: argparse.Namespace
    ) -> PipelineExecutor | None:
        """Start what was defined, or go on with it, and say so; None if it is only to be defined."""
        if options.define:
            self.keep(name, made, before)
            missing = say_missing(made.pipeline)
            then = f" ({missing})." if missing else f". Start it with: %milo run {name}"
            say(f"'{name}' is defined: {count_phases(made.pipeline)}{then}")
            return None
        if options.resume is not None:
            return resume_in(self, name, made, before, options)
        executor = go_on_in(self, name, made, before, options) if before is not None and not options.fresh else None
        if executor is None:
            offered = "" if options.fresh or not self.is_seen() or (before and before.executor) else offer(made, name)
            executor = made.start()
            self.keep(name, made, before)
            if offered:
                say(offered)
        return executor

    def keep(self, name: str, made: Made, before: Made | None) -> PipelineExecutor:
        """Remember what the cell made, and bind its name."""
        names = self._shell.user_ns
        old = names.get(name)
        self.made[name] = made
        held = made.executor or made.pipeline
        names[name] = held
        for executor in {id(e): e for e in (old, before and before.executor)}.values():
            if isinstance(executor, PipelineExecutor) and executor is not made.executor:
                release(executor)
        return held  # type: ignore[return-value]


def _check_phases(tree: ast.Module, variables: Mapping[str, Any], pipeline: str, pulled: Mapping[str, int]) -> None:
    """Refuse a body with phases that would take the place of the person's data; functions replace each other."""
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or node.name == pipeline:
            continue
        made_by = [d.func if isinstance(d, ast.Call) else d for d in node.decorator_list]
        if not any(isinstance(d, ast.Name) and d.id == "phase" for d in made_by):
            continue
        held = variables.get(node.name)
        if held is not None and not callable(held) and pulled.get(node.name) != id(held):
            kind = type(held).__name__
            raise UsageError(
                f"'{node.name}' is a variable of the notebook ({kind}), which the phase would overwrite. "
                f"Rename the phase, or first: del {node.name}"
            )


def _put_back_phases(names: dict[str, Any], known: Mapping[str, Any]) -> None:
    """Have the phases of a notebook be those of before; whatever else a body did that failed stays done."""
    for name, value in list(names.items()):
        if isinstance(value, Phase) and known.get(name) is not value:
            del names[name]
            if name in known:
                names[name] = known[name]
    for name, value in known.items():
        if isinstance(value, Phase):
            names.setdefault(name, value)


def _notes(made: Made, before: Made | None, cells: Mapping[str, OwnCell]) -> Iterator[str]:
    """Yield what a person should know about what a cell has made."""
    taken = [p for p in cells if p not in made.cells]
    if taken:
        yield f"Defined here now: {', '.join(taken)}; no longer in a cell of its own."
    if before is not None and before.cell and made.cell and before.cell != made.cell:
        defined = {p.name for p in made.pipeline.phases}
        gone = [p.name for p in before.own if p.name not in defined]
        if gone:
            yield f"In place of another cell %%milo {made.pipeline.name}; no longer defined: {', '.join(gone)}."
    for name in made.bound:
        if hasattr(builtins, name):
            yield (
                f"`{name}` is the phase now, in all of this notebook, and no longer Python's own. "
                f"Keep both: @phase(name='{name}') on a function of another name."
            )
    yield from doubts_about(made.pipeline, made.options["params"])
