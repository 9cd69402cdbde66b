"""The rules: one action in, the next state out. Reads no clock, disk or thread.

1. All that changes a :class:`PipelineState` is in this file.
2. An action of an older attempt, a second outcome of the same attempt, an unknown action or phase changes nothing.
3. A pipeline with a failed phase is never completed.

``PipelineReducer`` also folds a whole batch into one new state: a draft keeps the leaves of the phase table that change,
so a batch costs what its actions cost and not what the pipeline's length costs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from milo_nb.state import actions as a
from milo_nb.state.draft import Draft
from milo_nb.state.model import (
    DONE,
    ENDED,
    OUTCOMES,
    WAITING,
    PhaseLog,
    PhaseStatus,
    PipelineState,
    make_phase_status,
)
from milo_nb.state.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from milo_nb.declare.graph import PhaseGraph

REMEMBERED_COMMANDS = 64


class PipelineReducer:
    """The reducer of one pipeline's state."""

    def __init__(self, name: str, graph: PhaseGraph, *, fail_fast: bool = False) -> None:
        """Make the rules for a pipeline of that name and graph; with `fail_fast` any failure forbids new starts."""
        self._fail_fast = fail_fast
        self._initial = PipelineState(name, Table([make_phase_status(n) for n in graph.names]))
        self.adopt(graph)

    def adopt(self, graph: PhaseGraph) -> None:
        """Go by another graph of the same names, in which policies and weights may differ."""
        self._graph = graph

    def __call__(self, state: PipelineState | None, action: a.Action) -> PipelineState:
        """Return the state after `action`: the same object if it changes nothing."""
        return self.batch(state, (action,))

    def batch(self, state: PipelineState | None, actions: Iterable[a.Action]) -> PipelineState:
        """Return the state after all of `actions`, in their order."""
        draft = Draft(self._initial if state is None else state)
        index, weights, total = self._graph.index, self._graph.weights, self._graph.total_weight
        for action in actions:
            kind, payload = action.type, action.payload
            # The two that every phase brings are written out here: they decide what an engine without work costs.
            if kind == a.PHASE_START or kind == a.PHASE_COMPLETE:  # noqa: PLR1714 - a tuple costs more
                name, attempt = (payload.get("name"), payload.get("attempt")) if type(payload) is dict else (payload, None)
                i = index.get(name) if type(name) is str else None
                if i is None:
                    continue
                t = action.timestamp
                old = draft.phase(i)
                if kind == a.PHASE_START:
                    number = old.attempt if attempt is None else attempt
                    if number < old.attempt or (number == old.attempt and old.status not in WAITING):
                        continue
                    history = old.history if number == old.attempt else draft.record(old, t)
                    status = make_phase_status(
                        name, "running", t, 0.0, "", number, old.logs, old.log_count, 0.0, "", "ran", "", old.outputs,
                        False, False, old.first_attempt, history,
                    )  # fmt: skip
                    draft.running = (*draft.running, name)
                else:
                    if old.status in OUTCOMES or (attempt is not None and attempt < old.attempt):
                        continue
                    elapsed = t - old.started_at if old.status == "running" else old.elapsed
                    status = make_phase_status(
                        name, "completed", old.started_at, elapsed, "", old.attempt, old.logs, old.log_count, 1.0,
                        old.message, old.origin or "ran", "", old.outputs, old.saved, False, old.first_attempt,
                        old.history,
                    )  # fmt: skip
                    draft.stop_running(name)
                    draft.add_done(weights[i], total)
                draft.put(i, status)
                draft.time = t
            elif (rule := _PHASE_RULES.get(kind)) is not None:
                name = payload if isinstance(payload, str) else _field(payload, "name", "")
                i = index.get(name) if isinstance(name, str) else None
                if i is not None:
                    rule(self, draft, i, payload if isinstance(payload, dict) else {}, action.timestamp)
            elif (whole := _PIPELINE_RULES.get(kind)) is not None:
                whole(self, draft, payload, action.timestamp)
        return draft.finish()

    # ------------------------------------------------------------------ one phase

    def _failed(self, draft: Draft, i: int, payload: dict[str, Any], t: float) -> None:
        if self._outcome(draft, i, "failed", payload, t):
            state = draft.state
            status = state.status if state.status in ("cancelled", "completed") else "failed"
            halts = self._fail_fast or self._graph.phases[i].policy.on_fail != "continue"
            draft.set(t, status=status, halted=state.halted or halts)
            self._block(draft, i)

    def _cancelled(self, draft: Draft, i: int, payload: dict[str, Any], t: float) -> None:
        if self._outcome(draft, i, "cancelled", payload, t):
            self._block(draft, i)

    def _skipped(self, draft: Draft, i: int, payload: dict[str, Any], t: float) -> None:
        before = draft.phase(i).status
        if self._outcome(draft, i, "skipped", payload, t, replace=bool(payload.get("replace"))) and before not in DONE:
            draft.add_done(self._graph.weights[i], self._graph.total_weight)
            if before in ("failed", "cancelled"):
                self._unblock(draft)

    def _outcome(  # noqa: PLR0913, PLR0917 - what an outcome is made of
        self, draft: Draft, i: int, status: str, payload: dict[str, Any], t: float, *, replace: bool = False
    ) -> bool:
        old = draft.phase(i)
        if _stale(payload, old) or (old.status in OUTCOMES and not replace):
            return False
        draft.change(
            i,
            status=status,
            attempt=payload.get("attempt", old.attempt),
            error=str(payload.get("error", "")),
            reason=str(payload.get("reason", "")),
            origin=str(payload.get("origin", old.origin)),
            elapsed=t - old.started_at if old.status == "running" else old.elapsed,
        )
        draft.stop_running(old.name)
        draft.touch(t)
        return True

    def _retry(self, draft: Draft, i: int, payload: dict[str, Any], t: float) -> None:
        old = draft.phase(i)
        attempt = payload.get("attempt", old.attempt)
        if attempt < old.attempt or (attempt == old.attempt and old.status in OUTCOMES):
            return
        error = str(payload.get("error", old.error))
        history = draft.record(old, t, error=error) if attempt > old.attempt else old.history
        reason = str(payload.get("reason", ""))
        draft.change(
            i, status="retrying", attempt=attempt, error=error, history=history, fraction=0.0, message="", reason=reason
        )
        draft.stop_running(old.name)
        draft.touch(t)

    def _review(self, draft: Draft, i: int, payload: dict[str, Any], t: float) -> None:  # noqa: ARG002
        draft.set(t, waiting_for=draft.phase(i).name)

    def _edited(self, draft: Draft, i: int, payload: dict[str, Any], t: float) -> None:  # noqa: ARG002
        if not draft.phase(i).edited:
            draft.change(i, edited=True)

    def _saved(self, draft: Draft, i: int, payload: dict[str, Any], t: float) -> None:  # noqa: ARG002
        old = draft.phase(i)
        if not _stale(payload, old) and not old.saved:
            draft.change(i, saved=True)

    def _log(self, draft: Draft, i: int, payload: dict[str, Any], t: float) -> None:
        at = payload.get("timestamp", t)
        line = PhaseLog(
            str(payload.get("line", "")), str(payload.get("stream", "stdout")), at, str(payload.get("level", ""))
        )
        self._append(draft, i, payload, (line,), 1)

    def _logs(self, draft: Draft, i: int, payload: dict[str, Any], t: float) -> None:  # noqa: ARG002
        lines = tuple(payload.get("lines", ()))
        self._append(draft, i, payload, lines, max(int(payload.get("count", len(lines))), len(lines)))

    def _append(
        self, draft: Draft, i: int, payload: dict[str, Any], lines: tuple[PhaseLog, ...], count: int
    ) -> None:
        old = draft.phase(i)
        if _stale(payload, old) or not count:
            return
        most = self._graph.phases[i].max_logs
        kept = (*old.logs, *lines)[-most:] if most else ()
        draft.change(i, logs=kept, log_count=old.log_count + count)

    def _progress(self, draft: Draft, i: int, payload: dict[str, Any], t: float) -> None:  # noqa: ARG002
        old = draft.phase(i)
        if old.status == "running" and not _stale(payload, old):
            fraction = min(max(float(payload.get("fraction", old.fraction)), 0.0), 1.0)
            draft.change(i, fraction=fraction, message=str(payload.get("message", old.message)))

    def _output(self, draft: Draft, i: int, payload: dict[str, Any], t: float) -> None:  # noqa: ARG002
        old = draft.phase(i)
        if not _stale(payload, old) and "output" in payload:
            draft.change(i, outputs=(*old.outputs, payload["output"]))

    def _block(self, draft: Draft, i: int) -> None:
        """Say on all that waits for phase `i` that it cannot run."""
        reason, todo = f"blocked by {self._graph.names[i]}", [i]
        while todo:
            for k in self._graph.dependants[todo.pop()]:
                status = draft.phase(k)
                if status.status == "pending" and not status.reason.startswith("blocked by "):
                    draft.change(k, reason=reason)
                    todo.append(k)

    def _unblock(self, draft: Draft) -> None:
        """Say anew which phases are blocked, after some that blocked no longer do."""
        blocking = []
        for i in range(len(self._graph)):
            status = draft.phase(i)
            if status.status in ("failed", "cancelled"):
                blocking.append(i)
            elif status.status == "pending" and status.reason.startswith("blocked by "):
                draft.change(i, reason="")
        for i in blocking:
            self._block(draft, i)

    # ------------------------------------------------------------------ the whole

    def _init(self, draft: Draft, payload: Any, t: float) -> None:  # noqa: ANN401, ARG002
        draft.restart(self._initial)

    def _pipeline_start(self, draft: Draft, payload: Any, t: float) -> None:
        if draft.state.status != "pending":
            draft.restart(self._initial)
        started_at = float(payload) if isinstance(payload, (int, float)) else t
        session_id = str(_field(payload, "session_id", draft.state.session_id))
        draft.set(max(t, started_at), status="running", started_at=started_at, session_id=session_id)

    def _pipeline_complete(self, draft: Draft, payload: Any, t: float) -> None:  # noqa: ARG002
        if any(p.status == "failed" for p in draft.phases()):
            draft.end("failed", t)
        elif draft.state.status not in ENDED:
            draft.end("completed", t)
            draft.progress = 1.0

    def _pipeline_failed(self, draft: Draft, payload: Any, t: float) -> None:  # noqa: ARG002
        if draft.state.status != "completed":
            draft.end("failed", t)

    def _pipeline_cancelled(self, draft: Draft, payload: Any, t: float) -> None:  # noqa: ARG002
        if draft.state.status != "completed":
            draft.end("cancelled", t)

    def _pipeline_paused(self, draft: Draft, payload: Any, t: float) -> None:  # noqa: ARG002
        if not (draft.state.stopped_at and draft.state.status in ENDED):
            draft.end("paused", t)

    def _pipeline_resumed(self, draft: Draft, payload: Any, t: float) -> None:  # noqa: ARG002
        if draft.state.status != "completed":
            draft.activate(t)
        if draft.state.requested == "pausing":
            draft.set(t, requested="")

    def _command(self, draft: Draft, payload: Any, t: float) -> None:
        """Carry out what a command means for the state; what it means for the run is the saga's business."""
        number = str(_field(payload, "id", ""))
        if not isinstance(payload, dict) or (number and number in draft.state.commands):
            return
        if number:
            draft.set(t, commands=(*draft.state.commands, number)[-REMEMBERED_COMMANDS:])
        if payload.get("refused"):
            return
        command, names = payload.get("command"), payload.get("phases") or ()
        if command == "pause":
            draft.set(t, requested="pausing")
        elif command == "resume":
            draft.set(t, requested="")
        elif command == "cancel" and not names:
            draft.set(t, requested="cancelling")
        elif command == "approve":
            draft.set(t, waiting_for="")
        for name in payload.get("reset", ()):
            if (i := self._graph.index.get(name)) is not None:
                self._reset(draft, i, t)
        for name, reason in payload.get("marks", {}).items():
            if (i := self._graph.index.get(name)) is not None:
                draft.change(i, reason=str(reason))
        if payload.get("reset") or payload.get("goes_on"):
            self._unblock(draft)
            if draft.state.status in ("paused", "pending"):
                draft.set(t, halted=False)
            else:
                draft.activate(t)

    def _reset(self, draft: Draft, i: int, t: float) -> None:
        old = draft.phase(i)
        if old.status in DONE:
            draft.add_done(-self._graph.weights[i], self._graph.total_weight)
        number = old.attempt + (old.status != "pending")
        fresh = PhaseStatus(
            old.name,
            attempt=number,
            logs=old.logs,
            log_count=old.log_count,
            outputs=old.outputs,
            edited=old.edited,
            first_attempt=number,
            history=draft.record(old, t),
        )
        draft.put(i, fresh)
        draft.stop_running(old.name)

    def _notice(self, draft: Draft, payload: Any, t: float) -> None:
        draft.set(t, notice=str(_field(payload, "reason", payload)))


def _field(payload: Any, name: str, default: Any) -> Any:  # noqa: ANN401 - payloads hold anything
    return payload.get(name, default) if isinstance(payload, dict) else default


def _stale(payload: dict[str, Any], old: PhaseStatus) -> bool:
    attempt = payload.get("attempt")
    return attempt is not None and attempt < old.attempt


_Rule = "Callable[[PipelineReducer, Draft, int, dict[str, Any], float], None]"
_PHASE_RULES = cast(
    "Mapping[str, Callable[[PipelineReducer, Draft, int, dict[str, Any], float], None]]",
    {
        a.PHASE_FAILED: PipelineReducer._failed,  # noqa: SLF001 - the table of this class's own rules
        a.PHASE_SKIPPED: PipelineReducer._skipped,  # noqa: SLF001
        a.PHASE_RETRY: PipelineReducer._retry,  # noqa: SLF001
        a.PHASE_CANCELLED: PipelineReducer._cancelled,  # noqa: SLF001
        a.PHASE_REVIEW: PipelineReducer._review,  # noqa: SLF001
        a.PHASE_EDITED: PipelineReducer._edited,  # noqa: SLF001
        a.PHASE_SAVED: PipelineReducer._saved,  # noqa: SLF001
        a.PHASE_LOG: PipelineReducer._log,  # noqa: SLF001
        a.PHASE_LOGS: PipelineReducer._logs,  # noqa: SLF001
        a.PHASE_PROGRESS: PipelineReducer._progress,  # noqa: SLF001
        a.PHASE_OUTPUT: PipelineReducer._output,  # noqa: SLF001
    },
)
_PIPELINE_RULES = cast(
    "Mapping[str, Callable[[PipelineReducer, Draft, Any, float], None]]",
    {
        a.INIT: PipelineReducer._init,  # noqa: SLF001
        a.PIPELINE_START: PipelineReducer._pipeline_start,  # noqa: SLF001
        a.PIPELINE_COMPLETE: PipelineReducer._pipeline_complete,  # noqa: SLF001
        a.PIPELINE_FAILED: PipelineReducer._pipeline_failed,  # noqa: SLF001
        a.PIPELINE_PAUSED: PipelineReducer._pipeline_paused,  # noqa: SLF001
        a.PIPELINE_RESUMED: PipelineReducer._pipeline_resumed,  # noqa: SLF001
        a.PIPELINE_CANCELLED: PipelineReducer._pipeline_cancelled,  # noqa: SLF001
        a.COMMAND: PipelineReducer._command,  # noqa: SLF001
        a.CHECKPOINT_FAILED: PipelineReducer._notice,  # noqa: SLF001
    },
)
