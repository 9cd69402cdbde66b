"""The Pipeline: the face that people hold. Declares phases, and runs them through a store or an executor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from milo_nb.declare.graph import PhaseGraph
from milo_nb.declare.phase import Phase, PhasePolicy, Step
from milo_nb.errors import CycleError, DeclarationError, NotAvailableError, PhaseError, PipelineError
from milo_nb.execute.bare import BareRun
from milo_nb.execute.executor import PipelineExecutor
from milo_nb.execute.invoke import Binder
from milo_nb.persist.cache_options import cache_options
from milo_nb.state.actions import (
    PHASE_COMPLETE,
    PHASE_FAILED,
    PHASE_LOG,
    PHASE_RETRY,
    PHASE_SKIPPED,
    PHASE_START,
    PIPELINE_COMPLETE,
    PIPELINE_FAILED,
    PIPELINE_START,
)
from milo_nb.state.keys import Key, SpecialKey, make_detail_reducer
from milo_nb.state.model import PhaseLog, PhaseStatus, PipelineState, PipelineViewState
from milo_nb.state.reducer import PipelineReducer
from milo_nb.state.saga import pipeline_saga
from milo_nb.state.timeline import pipeline_to_timeline
from milo_nb.store.active import get_active_pipeline, set_active_pipeline
from milo_nb.store.store import default_workers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from milo_nb.execute.result import ExecutionResult
    from milo_nb.state.effects import Saga

BACKENDS = ("threads", "processes", "dask")


class Pipeline:
    """Phases and the dependencies between them.

    Attributes:
        name: For people, and for the work directory.
        phases: As declared.
        capture_output: In a bare store, what handlers print becomes log actions.
        fail_fast: A failure also cancels what runs.
        parallel: What holds for phases that did not say whether they are parallel.
        error_types: Phase name to the PhaseError that its errors are wrapped in.
        backend: Where handlers run.
        graph: The phases in execution order, with their dependencies.
    """

    def __init__(  # noqa: PLR0913 - one keyword per option of a pipeline
        self,
        name: str,
        *phases: Phase,
        capture_output: bool = False,
        fail_fast: bool = False,
        parallel: bool = False,
        error_types: Mapping[str, type[PhaseError]] | None = None,
        backend: str = "threads",
    ) -> None:
        """Make a pipeline.

        Raises:
            CycleError: If phases depend on each other in a circle.
            PipelineError: For an unknown dependency, duplicate or empty names.
            NotAvailableError: For options of phases that this version does not carry out.
        """
        if not isinstance(name, str) or not name.strip():
            raise PipelineError(f"A pipeline needs a name: a string that is not empty; got {name!r}")
        if backend not in BACKENDS:
            raise DeclarationError(f"backend must be one of {', '.join(BACKENDS)}; got {backend!r}")
        self.name = name
        self.phases = tuple(phases)
        self.capture_output = capture_output
        self.fail_fast = fail_fast
        self.parallel = parallel
        self.error_types = dict(error_types or {})
        self.backend = backend
        self.graph = PhaseGraph(self.phases, parallel=parallel)
        for phase, kind in self.error_types.items():
            if phase not in self.graph.index or not (isinstance(kind, type) and issubclass(kind, PhaseError)):
                raise PipelineError(f"error_types maps names of phases to PhaseError classes; got {phase!r}: {kind!r}")
        for phase_ in self.phases:
            _refuse_what_is_not_there_yet(phase_)

    @classmethod
    def from_steps(cls, name: str, steps: Iterable[Step], config: Any = None) -> Pipeline:
        """Make a pipeline of an orchestrator's steps; each depends on the one before.

        Args:
            name: Name of the pipeline.
            steps: Each has ``name``, ``label`` and ``execute(config, work_dir)``.
            config: Handed to the steps; the parameters of the run, if not given.
        """
        phases: list[Phase] = []
        for step in steps:
            phases.append(Phase.from_step(step, config, depends_on=[p.name for p in phases[-1:]]))
        return cls(name, *phases)

    def __rshift__(self, other: Phase) -> Pipeline:
        """Return a pipeline with one more phase. It depends on what it says, not on the order; all options are kept."""
        if not isinstance(other, Phase):
            return NotImplemented
        return self._with((*self.phases, other))

    def _with(self, phases: Iterable[Phase]) -> Pipeline:
        return Pipeline(
            self.name,
            *phases,
            capture_output=self.capture_output,
            fail_fast=self.fail_fast,
            parallel=self.parallel,
            error_types=self.error_types,
            backend=self.backend,
        )

    def __repr__(self) -> str:
        """Show name and phases in execution order."""
        return f"<Pipeline {self.name}: {' '.join(self.graph.names[:12])}{' ...' if len(self.graph) > 12 else ''}>"  # noqa: PLR2004

    def execution_order(self) -> list[str]:
        """Return the names in execution order: by levels, sorted within a level."""
        return list(self.graph.names)

    def build_reducer(self) -> PipelineReducer:
        """Return the reducer of this pipeline's state, for a Store."""
        return PipelineReducer(self.name, self.graph, fail_fast=self.fail_fast)

    def build_saga(
        self, params: Mapping[str, Any] | None = None, *, max_workers: int | None = None
    ) -> Callable[[], Saga]:
        """Return a function that makes the saga which runs this pipeline in a Store, without an executor.

        Args:
            params: Parameters that handlers can name.
            max_workers: Most phases that run at once; should be the store's.

        Raises:
            ParameterError: If the parameters do not fit what the phases ask for.
        """
        slots = default_workers() if max_workers is None else max_workers
        binder = Binder(self.graph, dict(params or {}))
        options = {"capture_output": self.capture_output, "fail_fast": self.fail_fast}

        def saga() -> Saga:
            return pipeline_saga(BareRun(self.graph, binder, slots, self.error_types, **options).script)

        return saga

    def run(  # noqa: PLR0913 - one keyword per option of a run
        self,
        params: Mapping[str, Any] | None = None,
        *,
        backend: Any = None,
        max_workers: int | None = None,
        work_dir: Any = ".milo",
        resume: Any = None,
        stale: str = "ask",
        fresh: bool = False,
        cache: bool = True,
        refresh: bool = False,
        capture: bool = True,
        pause: bool = True,
        fail_fast: bool | None = None,
        observers: Iterable[Any] = (),
    ) -> PipelineExecutor:
        """Start this pipeline and return its executor at once. The options are those of :class:`PipelineExecutor`.

        Whatever ends this early, as Ctrl-C, also cancels what has started: nobody would hold it.
        """
        executor = PipelineExecutor(
            self,
            None,
            observers,
            params=params,
            backend=backend,
            max_workers=max_workers,
            work_dir=work_dir,
            resume=resume,
            stale=stale,
            fresh=fresh,
            cache=cache,
            refresh=refresh,
            capture=capture,
            pause=pause,
            fail_fast=fail_fast,
        )
        try:
            return executor.start()
        except BaseException:
            executor.close()
            raise

    def execute(self, params: Mapping[str, Any] | None = None, **options: Any) -> ExecutionResult:
        """Run this pipeline, wait for its end and return what it came to."""
        return self.run(params, **options).wait()


def _refuse_what_is_not_there_yet(phase: Phase) -> None:
    cache_options(phase.cache)
    if phase.backend not in (None, "threads"):
        raise NotAvailableError(
            f"Phase '{phase.name}': backend={phase.backend!r} comes with a later version. Available: 'threads'."
        )


__all__ = [
    "PHASE_COMPLETE",
    "PHASE_FAILED",
    "PHASE_LOG",
    "PHASE_RETRY",
    "PHASE_SKIPPED",
    "PHASE_START",
    "PIPELINE_COMPLETE",
    "PIPELINE_FAILED",
    "PIPELINE_START",
    "CycleError",
    "Key",
    "Phase",
    "PhaseLog",
    "PhasePolicy",
    "PhaseStatus",
    "Pipeline",
    "PipelineState",
    "PipelineViewState",
    "SpecialKey",
    "get_active_pipeline",
    "make_detail_reducer",
    "pipeline_to_timeline",
    "set_active_pipeline",
]
