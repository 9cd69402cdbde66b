"""``%%milo NAME``: a cell that defines a pipeline and runs it, and replaces exactly its own phases when it runs again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from IPython.display import display

from milo_nb.errors import UsageError
from milo_nb.execute.executor import PipelineExecutor
from milo_nb.pipeline import Pipeline
from milo_nb.show.magic.body import run_body
from milo_nb.show.magic.made import (
    Made,
    check_variable,
    count_phases,
    is_forgotten,
    make_pipeline,
    release,
    run_options,
    same_graph,
    say_missing,
)
from milo_nb.show.magic.options import check_name, make_cell_parser, read_params, split
from milo_nb.show.magic.phase_cell import define_phase, is_phase_cell
from milo_nb.show.notebook.interactive import has_person, wait_and_tell
from milo_nb.state.model import UNFINISHED

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from milo_nb.show.magic.made import OwnCell


class Cells:
    """The ``%%milo`` cells of a notebook, by name. Used on the kernel's main thread only."""

    def __init__(self, shell: Any) -> None:
        """Begin with none."""
        self._shell = shell
        self._parser = make_cell_parser()
        self.made: dict[str, Made] = {}

    def run(self, line: str, body: str) -> None:
        """Define what the body says, and start and show it.

        Raises:
            UsageError: If the line is wrong, or the name is taken.
            BaseException: What the body raised.
        """
        if is_phase_cell(line):
            print(define_phase(self._shell, self.made, line, body))  # noqa: T201 - it only defines, and says so
            return
        options = self._parser.read(split(line))
        if options.help:
            print(self._parser.format_help().rstrip())  # noqa: T201 - it was asked for
            return
        if options.name is None:
            raise UsageError("A %%milo cell needs a name: %%milo NAME. Help: %milo help")
        name = check_name(options.name)
        check_variable(self._shell.user_ns, name)
        before = self.made.get(name)
        cells = {} if before is None or is_forgotten(self._shell.user_ns, name, before) else before.cells
        self._check_idle(name)
        params = read_params(options.params, self._shell.user_ns)
        made = self._define(name, line, body, cells, options)
        made.options = run_options(params, options.max_workers, options.work_dir)
        taken = [p for p in cells if p not in made.cells]
        if taken:
            print(f"Defined here now: {', '.join(taken)}; no longer in a cell of its own.")  # noqa: T201 - as above
        if options.define:
            self._keep(name, made, before)
            missing = say_missing(made.pipeline)
            then = f" ({missing})." if missing else f". Start it with: %milo run {name}"
            print(f"'{name}' is defined: {count_phases(made.pipeline)}{then}")  # noqa: T201 - as above
            return
        kept = self._go_on(made, before) if before is not None and not options.fresh else None
        if kept is None:
            executor = made.start()
            self._keep(name, made, before)
        else:
            executor = self._keep(name, made, None)
            print(f"continued: {kept}")  # noqa: T201 - as above
        self.show(executor, wait=options.wait)

    def show(self, executor: PipelineExecutor, *, wait: bool | None = None) -> None:
        """Show an executor; wait for its end where nobody sees the view, or as `wait` says."""
        is_seen = self.is_seen()
        if is_seen:
            display(executor)  # type: ignore[no-untyped-call]  # IPython has no types for it
        if not is_seen if wait is None else wait:
            wait_and_tell(executor)

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

    def _check_idle(self, name: str) -> None:
        held, made = self._shell.user_ns.get(name), self.made.get(name)
        if name not in self._shell.user_ns and made is not None and made.executor is not None:
            held = self._shell.user_ns[name] = made.executor  # deleted, but not gone: it can be cancelled by its name
        executor = held if isinstance(held, PipelineExecutor) else None
        if executor is None or not executor.session.is_running() or executor.session.state.status == "paused":
            return
        doing = "being cancelled" if executor.session.state.requested == "cancelling" else "running"
        raise UsageError(f"'{name}' is {doing}: %milo cancel {name}, or wait for its end ({name}.wait()).")

    # ------------------------------------------------------------------ the body

    def _define(
        self, name: str, line: str, body: str, cells: Mapping[str, OwnCell], options: argparse.Namespace
    ) -> Made:
        """Run the body; phases that it made when it ran before are gone, or back if it fails.

        Args:
            name: Name of the pipeline.
            line: What stood behind ``%%milo``.
            body: The cell without its first line.
            cells: The phases that have cells of their own; those that the body defines are no longer among them.
            options: What the line says.
        """
        names = self._shell.user_ns
        before = self.made.get(name)
        gone = {n: p for n, p in before.bound.items() if names.get(n) is p} if before is not None else {}
        for variable in gone:
            del names[variable]
        try:
            own = run_body(self._shell, line, body)
            others = {n: c for n, c in cells.items() if all(n != p.name for p in own)}
            phases = (*own, *(c.phase for c in others.values()))
            if not phases:
                _refuse(f"The cell defines no phase. Write functions with @phase in the body of %%milo {name}.")
            pipeline = make_pipeline(name, phases, parallel=options.parallel, fail_fast=options.fail_fast)
            if not options.define:
                pipeline.graph  # noqa: B018 - which an incomplete pipeline refuses to tell
            bound = {n: p for n, p in names.items() for q in own if p is q}
            if name in bound:
                _refuse(f"'{name}' is the pipeline and one of its phases. Rename one of them.")
            check_variable(names, name)
        except BaseException:
            for variable, phase in gone.items():
                names.setdefault(variable, phase)
            raise
        return Made(pipeline, tuple(own), bound, others)

    # ------------------------------------------------------------------ after the body

    def _go_on(self, made: Made, before: Made) -> str | None:
        """Go on in the session that the cell's last run began, if that is what a person wants; say what is kept."""
        executor = before.executor
        if executor is None or self._shell.user_ns.get(executor.pipeline.name) is not executor:
            return None
        if not self.is_seen() or not _is_unfinished(executor):
            return None
        if not _is_same(before.options, made.options) or before.pipeline.fail_fast != made.pipeline.fail_fast:
            return None
        if not same_graph(executor.session.graph, made.pipeline.graph):
            return None
        executor.rebind(made.pipeline)
        plan = executor.command("resume")
        made.executor = executor
        return f"{len(plan.keeps)} kept"

    def _keep(self, name: str, made: Made, before: Made | None) -> PipelineExecutor:
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


def _refuse(why: str) -> NoReturn:
    raise UsageError(why)


def _is_unfinished(executor: PipelineExecutor) -> bool:
    state = executor.session.state
    return state.status == "paused" or (state.status in UNFINISHED and bool(state.stopped_at))


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
