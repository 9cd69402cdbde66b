"""``%%milo NAME``: a cell that defines a pipeline and runs it, and replaces exactly its own phases when it runs again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn

from IPython.display import display

from milo_nb.errors import UsageError
from milo_nb.execute.executor import PipelineExecutor
from milo_nb.pipeline import Pipeline
from milo_nb.show.magic.body import run_body
from milo_nb.show.magic.options import check_name, make_cell_parser, read_params, split
from milo_nb.show.notebook import close_view
from milo_nb.show.notebook.interactive import has_person, wait_and_tell
from milo_nb.state.model import UNFINISHED

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from milo_nb.declare.phase import Phase


@dataclass
class Made:
    """What a cell has made.

    Attributes:
        pipeline: Its pipeline.
        phases: Its phases, by the names that the notebook holds them under.
        options: What its sessions are started with.
        executor: Runs it, once it was started.
    """

    pipeline: Pipeline
    phases: dict[str, Phase]
    options: dict[str, Any] = field(default_factory=dict)
    executor: PipelineExecutor | None = None

    def start(self) -> PipelineExecutor:
        """Start a new session in a new executor, in place of the old one."""
        old, self.executor = self.executor, self.pipeline.run(**self.options)
        if old is not None:
            release(old)
        return self.executor


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
        options = self._parser.read(split(line))
        if options.help:
            print(self._parser.format_help().rstrip())  # noqa: T201 - it was asked for
            return
        if options.name is None:
            raise UsageError("A %%milo cell needs a name: %%milo NAME. Help: %milo help")
        name = check_name(options.name)
        self._check_variable(name)
        self._check_idle(name)
        params = read_params(options.params, self._shell.user_ns)
        pipeline, phases = self._define(name, line, body, options)
        made = Made(pipeline, phases, _run_options(options, params))
        before = self.made.get(name)
        if options.define:
            self._keep(name, made, before)
            print(f"'{name}' is defined: {count_phases(pipeline)}. Start it with: %milo run {name}")  # noqa: T201 - as above
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

    def _check_variable(self, name: str) -> None:
        names = self._shell.user_ns
        if name in names and not isinstance(names[name], PipelineExecutor | Pipeline):
            kind = type(names[name]).__name__
            raise UsageError(
                f"'{name}' is a variable of the notebook ({kind}). Choose another name, or first: del {name}"
            )

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
        self, name: str, line: str, body: str, options: argparse.Namespace
    ) -> tuple[Pipeline, dict[str, Phase]]:
        """Run the body; phases that it made when it ran before are gone, or back if it fails."""
        names = self._shell.user_ns
        before = self.made.get(name)
        gone = {n: p for n, p in before.phases.items() if names.get(n) is p} if before is not None else {}
        for variable in gone:
            del names[variable]
        try:
            phases = run_body(self._shell, line, body)
            pipeline = _make_pipeline(name, phases, options)
            bound = {n: p for n, p in names.items() for q in phases if p is q}
            if name in bound:
                _refuse(f"'{name}' is the pipeline and one of its phases. Rename one of them.")
            self._check_variable(name)
        except BaseException:
            for variable, phase in gone.items():
                names.setdefault(variable, phase)
            raise
        return pipeline, bound

    # ------------------------------------------------------------------ after the body

    def _go_on(self, made: Made, before: Made) -> str | None:
        """Go on in the session that the cell's last run began, if that is what a person wants; say what is kept."""
        executor = before.executor
        if executor is None or self._shell.user_ns.get(executor.pipeline.name) is not executor:
            return None
        if not self.is_seen() or not _is_unfinished(executor):
            return None
        if not _is_same(before.options, made.options) or not _same_graph(before.pipeline, made.pipeline):
            return None
        executor.rebind(made.pipeline)
        plan = executor.command("resume")
        made.executor = executor
        edited = [p.name for p in executor.session.state.phases if p.edited and p.name in plan.keeps]
        if not edited:
            return f"{len(plan.keeps)} kept"
        rerun = f"%milo rerun {executor.pipeline.name} {' '.join(edited)}"
        return f"{len(plan.keeps)} kept, edited ones too. To run those again: {rerun}"

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


def release(executor: PipelineExecutor) -> None:
    """Let go of an executor that another takes the place of: view, threads and listeners; its results stay."""
    close_view(executor)
    executor.close()


def _make_pipeline(name: str, phases: list[Phase], options: argparse.Namespace) -> Pipeline:
    if not phases:
        _refuse(f"The cell defines no phase. Write functions with @phase in the body of %%milo {name}.")
    return Pipeline(name, *phases, parallel=options.parallel, fail_fast=options.fail_fast)


def _refuse(why: str) -> NoReturn:
    raise UsageError(why)


def _run_options(options: argparse.Namespace, params: Mapping[str, Any]) -> dict[str, Any]:
    return {"params": dict(params), "max_workers": options.max_workers, "work_dir": options.work_dir}


def _is_unfinished(executor: PipelineExecutor) -> bool:
    state = executor.session.state
    return state.status == "paused" or (state.status in UNFINISHED and bool(state.stopped_at))


def _same_graph(before: Pipeline, after: Pipeline) -> bool:
    one, other = before.graph, after.graph
    same = (one.names, one.depends_on, one.parallel) == (other.names, other.depends_on, other.parallel)
    return same and before.fail_fast == after.fail_fast


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


def count_phases(pipeline: Pipeline) -> str:
    """Return how many phases there are, in words."""
    n = len(pipeline.graph)
    return f"{n} phase{'s' * (n != 1)}"
