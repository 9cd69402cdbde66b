"""Running a pipeline in a bare Store: handlers are called by the store's own workers, results are values."""

from __future__ import annotations

from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING, Any

from milo_nb.capture import router as capture
from milo_nb.errors import PhaseCancelled, PhaseError
from milo_nb.execute.invoke import Binder, PhaseContext, call_handler, is_async, wrap
from milo_nb.execute.lines import last_lines
from milo_nb.state import actions as a
from milo_nb.state.actions import Action
from milo_nb.state.effects import Call, make_call
from milo_nb.state.saga import Script
from milo_nb.store.store import CURRENT_STORE
from milo_nb.store.workers import LateToken

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from milo_nb.declare.graph import PhaseGraph
    from milo_nb.declare.phase import Phase
    from milo_nb.store.store import Store


class BareRun:
    """One run of a pipeline in a bare store: its results, and the script its saga goes by."""

    def __init__(  # noqa: PLR0913 - what a run is made of
        self,
        graph: PhaseGraph,
        binder: Binder,
        slots: int,
        error_types: Mapping[str, type[PhaseError]],
        *,
        capture_output: bool,
        fail_fast: bool,
    ) -> None:
        """Make a run that has not begun."""
        self._graph = graph
        self._capture = capture_output
        self._error_types = error_types
        self._binder = binder
        self.results: dict[str, Any] = {}
        self.script = Script(graph, self._call, self._keep, self._reference, slots, fail_fast=fail_fast)

    def _keep(self, i: int, value: Any) -> None:
        self.results[self._graph.names[i]] = value

    @staticmethod
    def _reference(i: int, attempt: int, value: Any) -> Any:  # noqa: ARG004
        return value

    def _call(self, i: int, attempt: int) -> Call:
        """Return the call of a handler: of the handler itself, unless it needs more than arguments."""
        phase = self._graph.phases[i]
        plain = not (self._capture or phase.validate is not None or is_async(phase.handler))
        if plain and self._binder.takes_nothing(i):
            return make_call(phase.handler, (), {}, phase.name, attempt, phase.timeout)
        token = LateToken()
        args, kwargs = self._binder.arguments(i, self.results, lambda: self._ctx(phase, attempt, token))
        if not plain:
            return make_call(self._run, (phase, attempt, args, kwargs, token), {}, phase.name, attempt, phase.timeout)
        return make_call(phase.handler, args, kwargs, phase.name, attempt, phase.timeout)

    def _ctx(self, phase: Phase, attempt: int, token: LateToken) -> PhaseContext:
        def progress(fraction: float, message: str) -> None:
            store = CURRENT_STORE.get()
            if store is not None:
                _tell_progress(store, phase, attempt, fraction, message)

        return PhaseContext(
            phase.name, attempt, self._binder.params, token=token, progress=progress, now=_now, later=_later
        )

    def _run(
        self, phase: Phase, attempt: int, args: tuple[Any, ...], kwargs: Mapping[str, Any], token: LateToken
    ) -> Any:
        store = CURRENT_STORE.get()
        if not self._capture or store is None:
            return self._invoke(phase, attempt, args, kwargs, token)
        with capture.installed():
            bar = partial(_tell_progress, store, phase, attempt)
            sink = capture.Sink(_Lines(store, phase, attempt), store.loop.clock.now, None, bar)
            reset = capture.CURRENT_SINK.set(sink)
            try:
                return self._invoke(phase, attempt, args, kwargs, token)
            finally:
                capture.CURRENT_SINK.reset(reset)
                sink.close()

    def _invoke(self, phase: Phase, attempt: int, args: Any, kwargs: Any, token: LateToken) -> Any:
        try:
            return call_handler(phase, attempt, args, kwargs, lambda: token)
        except PhaseCancelled:
            raise
        except Exception as cause:
            if phase.name in self._error_types:
                raise wrap(phase, attempt, cause, self._error_types) from cause
            raise


def _tell_progress(store: Store, phase: Phase, attempt: int, fraction: float, message: str) -> None:
    payload = {"name": phase.name, "attempt": attempt, "fraction": fraction, "message": message}
    store.loop.dispatch(Action(a.PHASE_PROGRESS, payload))


class _Lines:
    """Puts captured lines into a store, one batch per drain."""

    __slots__ = ("_attempt", "_phase", "_store")

    def __init__(self, store: Store, phase: Phase, attempt: int) -> None:
        self._store = store
        self._phase = phase
        self._attempt = attempt

    def __call__(self, blocks: list[capture.Block], late: bool) -> None:  # noqa: FBT001 - as capture emits them
        if late:
            return
        payload = {"name": self._phase.name, "attempt": self._attempt, **last_lines(blocks, self._phase.max_logs)}
        self._store.loop.dispatch(Action(a.PHASE_LOGS, payload))


def _later(delay_s: float, fn: Callable[[], None]) -> None:
    store = CURRENT_STORE.get()
    if store is not None:
        # The clock's thread is none of the store's: it must be told which one.
        context = copy_context()
        store.loop.clock.call_later(delay_s, lambda: context.run(fn))


def _now() -> float:
    store = CURRENT_STORE.get()
    return 0.0 if store is None else store.loop.clock.now()
