"""The rules: one action in, the next state out. Reads no clock, disk or thread.

1. All that changes a :class:`PipelineState` is in this file and in ``rules``.
2. An action of an older attempt, a second outcome of the same attempt, an unknown action or phase changes nothing.
3. A pipeline with a failed phase is never completed.

``PipelineReducer`` also folds a whole batch into one new state: a draft keeps the leaves of the phase table that change,
so a batch costs what its actions cost and not what the pipeline's length costs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from milo_nb.state import actions as a
from milo_nb.state.draft import Draft
from milo_nb.state.model import DONE, OUTCOMES, WAITING, PipelineState, make_phase_status
from milo_nb.state.rules import PHASE_RULES, PIPELINE_RULES, Rules, field
from milo_nb.state.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from milo_nb.declare.graph import PhaseGraph


class PipelineReducer:
    """The reducer of one pipeline's state."""

    def __init__(self, name: str, graph: PhaseGraph, *, fail_fast: bool = False) -> None:
        """Make the rules for a pipeline of that name and graph; with `fail_fast` any failure forbids new starts."""
        initial = PipelineState(name, Table([make_phase_status(n) for n in graph.names]))
        self._rules = Rules(graph, initial, fail_fast)

    def adopt(self, graph: PhaseGraph, *, fail_fast: bool | None = None) -> None:
        """Go by another graph of the same names, in which policies and weights may differ, and if given by `fail_fast`."""
        self._rules.graph = graph
        self._rules.fail_fast = self._rules.fail_fast if fail_fast is None else fail_fast

    def __call__(self, state: PipelineState | None, action: a.Action) -> PipelineState:
        """Return the state after `action`: the same object if it changes nothing."""
        return self.batch(state, (action,))

    def batch(self, state: PipelineState | None, actions: Iterable[a.Action]) -> PipelineState:  # noqa: C901, PLR0912 - the hot path
        """Return the state after all of `actions`, in their order."""
        draft = Draft(self._rules.initial if state is None else state)
        graph = self._rules.graph
        index, weights, total = graph.index, graph.weights, graph.total_weight
        for action in actions:
            kind, payload = action.type, action.payload
            # The two that every phase brings are written out here: they decide what an engine without work costs.
            if kind == a.PHASE_START or kind == a.PHASE_COMPLETE:  # noqa: PLR1714 - a tuple costs more
                name, attempt = (
                    (payload.get("name"), payload.get("attempt")) if type(payload) is dict else (payload, None)
                )
                if type(name) is not str or (i := index.get(name)) is None:
                    continue
                t = action.timestamp
                old = draft.phase(i)
                if kind == a.PHASE_START:
                    number = old.attempt if attempt is None else attempt
                    if number < old.attempt or (number == old.attempt and old.status not in WAITING):
                        continue
                    history = old.history if number == old.attempt else draft.record(old, t)
                    if old.status == "running":  # a later attempt over one that has not said its end
                        draft.stop_running(name)
                    if old.status in DONE:  # it runs again: what it counted for is to be done anew
                        draft.add_done(-weights[i], total)
                    status = make_phase_status(
                        name, "running", t, 0.0, "", number, old.logs, old.log_count, 0.0, "", "ran", "", old.outputs,
                        False, False, old.first_attempt, history,
                    )  # fmt: skip
                    draft.running[name] = None
                else:
                    if old.status in OUTCOMES or (attempt is not None and attempt < old.attempt):
                        continue
                    elapsed = t - old.started_at if old.status == "running" else old.elapsed
                    origin, reason = old.origin or "ran", ""
                    if type(payload) is dict and "origin" in payload:
                        origin, reason = str(payload["origin"]), str(payload.get("reason", ""))
                    status = make_phase_status(
                        name, "completed", old.started_at, elapsed, "", old.attempt, old.logs, old.log_count, 1.0,
                        old.message, origin, reason, old.outputs, old.saved, False, old.first_attempt,
                        old.history,
                    )  # fmt: skip
                    draft.running.pop(name, None)
                    draft.add_done(weights[i], total)
                draft.put(i, status)
                draft.time = t
            elif (rule := PHASE_RULES.get(kind)) is not None:
                name = payload if isinstance(payload, str) else field(payload, "name", "")
                i = index.get(name) if isinstance(name, str) else None
                if i is not None:
                    rule(self._rules, draft, i, payload if isinstance(payload, dict) else {}, action.timestamp)
            elif (whole := PIPELINE_RULES.get(kind)) is not None:
                whole(self._rules, draft, payload, action.timestamp)
        return draft.finish()
