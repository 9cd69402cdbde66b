"""Run a pipeline from a notebook.

Phases with dependencies run side by side in the background; their output, progress and errors are seen live; they can be
retried, skipped, paused and edited while the notebook goes on. ``%load_ext milo_nb`` brings the ``%%milo`` magic.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from milo_nb.declare.phase import Phase, PhasePolicy, phase
from milo_nb.errors import (
    CycleError,
    DeclarationError,
    InvalidStateError,
    MiloError,
    NoInputError,
    NotAvailableError,
    NothingToResumeError,
    NotSavableError,
    ParameterError,
    PhaseCancelled,
    PhaseError,
    PhaseLostError,
    PhaseTimeoutError,
    PipelineError,
    PipelineFailed,
    RecordedError,
    ResultNotAvailableError,
    ResultRefusedError,
    SchemaError,
    SearchError,
    SessionOwnedError,
    StaleCodeError,
    StoreError,
    UnknownPhaseError,
    UnknownSessionError,
    UsageError,
    ValidationError,
    WireError,
    WorkDirError,
)
from milo_nb.execute.attaching import attach
from milo_nb.execute.executor import PipelineExecutor
from milo_nb.execute.observers import ExecutionObserver, LoggingObserver, ProgressBarObserver
from milo_nb.execute.reporting import register_report as _register_report
from milo_nb.execute.result import ExecutionResult, ExecutionState
from milo_nb.persist.cache_options import CacheOptions
from milo_nb.pipeline import Pipeline
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
    Action,
)
from milo_nb.state.commands import Command
from milo_nb.state.effects import (
    All,
    Call,
    Cancel,
    Delay,
    Fork,
    Put,
    Quit,
    Race,
    ReducerResult,
    Retry,
    Select,
    Take,
    Timeout,
    Wait,
)
from milo_nb.state.keys import Key, SpecialKey, make_detail_reducer
from milo_nb.state.model import PhaseLog, PhaseStatus, PipelineState, PipelineViewState
from milo_nb.state.plan import Plan
from milo_nb.state.timeline import pipeline_to_timeline
from milo_nb.store.active import get_active_pipeline, set_active_pipeline
from milo_nb.store.store import Store, combine_reducers
from milo_nb.values.exports import Exports

if TYPE_CHECKING:
    from pathlib import Path

    from milo_nb.persist.state_manager import StateManager

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Import what few need when it is asked for."""
    if name == "StateManager":
        from milo_nb.persist.state_manager import StateManager  # noqa: PLC0415 - the reason for this function

        return StateManager
    raise AttributeError(f"module 'milo_nb' has no attribute {name!r}")


def __dir__() -> list[str]:
    """Name what is imported on demand, too."""
    return sorted({*globals(), *__all__})


def _write_report(executor: Any, path: str | Path | None) -> Path:
    from milo_nb.show.report.file import write_report  # noqa: PLC0415 - reports are seldom asked for

    return write_report(executor, path)


_register_report(_write_report)


def load_ipython_extension(ipython: Any) -> None:
    """Bring the magics and the view: ``%load_ext milo_nb``."""
    from milo_nb.show.extension import load  # noqa: PLC0415 - the front door imports no IPython

    load(ipython)


def unload_ipython_extension(ipython: Any) -> None:
    """Take the magics and the view away: ``%unload_ext milo_nb``."""
    from milo_nb.show.extension import unload  # noqa: PLC0415 - the front door imports no IPython

    unload(ipython)


__all__ = [
    "Action",
    "All",
    "CacheOptions",
    "Call",
    "Cancel",
    "Command",
    "CycleError",
    "DeclarationError",
    "Delay",
    "ExecutionObserver",
    "ExecutionResult",
    "ExecutionState",
    "Exports",
    "Fork",
    "InvalidStateError",
    "Key",
    "LoggingObserver",
    "MiloError",
    "NoInputError",
    "NotAvailableError",
    "NotSavableError",
    "NothingToResumeError",
    "PHASE_COMPLETE",
    "PHASE_FAILED",
    "PHASE_LOG",
    "PHASE_RETRY",
    "PHASE_SKIPPED",
    "PHASE_START",
    "PIPELINE_COMPLETE",
    "PIPELINE_FAILED",
    "PIPELINE_START",
    "ParameterError",
    "Phase",
    "PhaseCancelled",
    "PhaseError",
    "PhaseLog",
    "PhaseLostError",
    "PhasePolicy",
    "PhaseStatus",
    "PhaseTimeoutError",
    "Pipeline",
    "PipelineError",
    "PipelineExecutor",
    "PipelineFailed",
    "PipelineState",
    "PipelineViewState",
    "Plan",
    "ProgressBarObserver",
    "Put",
    "Quit",
    "Race",
    "RecordedError",
    "ReducerResult",
    "ResultNotAvailableError",
    "ResultRefusedError",
    "Retry",
    "SchemaError",
    "SearchError",
    "Select",
    "SessionOwnedError",
    "SpecialKey",
    "StaleCodeError",
    "StateManager",
    "Store",
    "StoreError",
    "Take",
    "Timeout",
    "UnknownPhaseError",
    "UnknownSessionError",
    "UsageError",
    "ValidationError",
    "Wait",
    "WireError",
    "WorkDirError",
    "attach",
    "combine_reducers",
    "get_active_pipeline",
    "load_ipython_extension",
    "make_detail_reducer",
    "phase",
    "pipeline_to_timeline",
    "set_active_pipeline",
    "unload_ipython_extension",
]
