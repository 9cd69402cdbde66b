"""What each action but the two of every phase means for the state: one function a type, and the tables that find them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import isfinite
from typing import TYPE_CHECKING, Any

from milo_nb.state import actions as a
from milo_nb.state.model import (
    AWAITS_APPROVAL,
    DONE,
    ENDED,
    NOT_SAVED,
    OUTCOMES,
    PhaseLog,
    PhaseStatus,
    PipelineState,
    make_phase_status,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from milo_nb.declare.graph import PhaseGraph
    from milo_nb.state.draft import Draft

REMEMBERED_COMMANDS = 64
MOST_OUTPUTS = 100


@dataclass(slots=True)
class Rules:
    """What the rules go by.

    Attributes:
        graph: The phases.
        initial: The state with all phases pending.
        fail_fast: Any failure forbids new starts.
    """

    graph: PhaseGraph
    initial: PipelineState
    fail_fast: bool = False

    def halts(self, i: int) -> bool:
        """Tell whether a failure of phase `i` forbids new starts."""
        return self.fail_fast or self.graph.phases[i].policy.on_fail != "continue"


def _failed(rules: Rules, draft: Draft, i: int, payload: dict[str, Any], t: float) -> None:
    if _outcome(rules, draft, i, "failed", payload, t):
        state = draft.state
        status = state.status if state.status in ("cancelled", "completed") else "failed"
        draft.set(t, status=status, halted=state.halted or rules.halts(i))
        _block(rules, draft, i)


def _cancelled(rules: Rules, draft: Draft, i: int, payload: dict[str, Any], t: float) -> None:
    if _outcome(rules, draft, i, "cancelled", payload, t):
        _block(rules, draft, i)


def _skipped(rules: Rules, draft: Draft, i: int, payload: dict[str, Any], t: float) -> None:
    before = draft.phase(i).status
    if _outcome(rules, draft, i, "skipped", payload, t, replace=bool(payload.get("replace"))) and before not in DONE:
        draft.add_done(rules.graph.weights[i], rules.graph.total_weight)
        if before in ("failed", "cancelled"):
            _unblock(rules, draft)
        if before == "failed":
            _lift_stop(rules, draft, t)
    if draft.state.waiting_for == draft.phase(i).name:
        _look_for_reviews(draft, t)


def _lift_stop(rules: Rules, draft: Draft, t: float) -> None:
    """Let new phases start again, if no failure is left that forbids it."""
    failed = [i for i, p in enumerate(draft.phases()) if p.status == "failed"]
    halted = draft.state.halted and any(rules.halts(i) for i in failed)
    went_on = draft.state.status == "failed" and not draft.state.stopped_at and not failed
    draft.set(t, halted=halted, status="running" if went_on else draft.state.status)


def _outcome(  # noqa: PLR0913, PLR0917 - what an outcome is made of
    rules: Rules, draft: Draft, i: int, status: str, payload: dict[str, Any], t: float, *, replace: bool = False
) -> bool:
    old = draft.phase(i)
    if _stale(payload, old) or (old.status in OUTCOMES and not replace):
        return False
    keeps_error = status == "skipped" and "error" not in payload
    draft.change(
        i,
        status=status,
        attempt=payload.get("attempt", old.attempt),
        error=old.error if keeps_error else str(payload.get("error", "")),
        error_type=old.error_type if keeps_error else str(payload.get("type", "")),
        reason=str(payload.get("reason", "")),
        origin=str(payload.get("origin", old.origin)),
        elapsed=t - old.started_at if old.status == "running" else old.elapsed,
        saved=False,  # a skip may replace a result that was
    )
    draft.stop_running(old.name)
    draft.touch(t)
    return True


def _retry(rules: Rules, draft: Draft, i: int, payload: dict[str, Any], t: float) -> None:
    old = draft.phase(i)
    attempt = payload.get("attempt", old.attempt)
    if attempt < old.attempt or (attempt == old.attempt and old.status in OUTCOMES):
        return
    error, kind = (
        (str(payload["error"]), str(payload.get("type", ""))) if "error" in payload else (old.error, old.error_type)
    )
    history = draft.record(replace(old, error=error, error_type=kind), t) if attempt > old.attempt else old.history
    reason = str(payload.get("reason", ""))
    draft.change(
        i, status="retrying", attempt=attempt, error=error, error_type=kind, history=history, fraction=0.0, message="",
        reason=reason,
    )  # fmt: skip
    draft.stop_running(old.name)
    draft.touch(t)


def _review(rules: Rules, draft: Draft, i: int, payload: dict[str, Any], t: float) -> None:
    old = draft.phase(i)
    if old.status == "completed" and not _stale(payload, old):
        draft.change(i, reason=AWAITS_APPROVAL)
        draft.set(t, waiting_for=draft.state.waiting_for or old.name)


def _look_for_reviews(draft: Draft, t: float) -> None:
    """Wait for the first phase that a person has still to look at, if there is one."""
    waits = (p.name for p in draft.phases() if p.status == "completed" and p.reason == AWAITS_APPROVAL)
    draft.set(t, waiting_for=next(waits, ""))


def _edited(rules: Rules, draft: Draft, i: int, payload: dict[str, Any], t: float) -> None:
    if not draft.phase(i).edited:
        draft.change(i, edited=True)


def _saved(rules: Rules, draft: Draft, i: int, payload: dict[str, Any], t: float) -> None:
    old = draft.phase(i)
    if not _stale(payload, old) and not old.saved and old.status in DONE:
        # Every phase of a session on disk is saved once: by hand, as `replace` costs three times as much.
        reason = "" if old.reason.startswith(NOT_SAVED) else old.reason
        saved = make_phase_status(
            old.name, old.status, old.started_at, old.elapsed, old.error, old.attempt, old.logs, old.log_count,
            old.fraction, old.message, old.origin, reason, old.outputs, True, old.edited, old.first_attempt, old.history,
            old.error_type,
        )  # fmt: skip
        draft.put(i, saved)


def _log(rules: Rules, draft: Draft, i: int, payload: dict[str, Any], t: float) -> None:
    at = payload.get("timestamp", t)
    line = PhaseLog(
        str(payload.get("line", "")), str(payload.get("stream", "stdout")), at, str(payload.get("level", ""))
    )
    _append(rules, draft, i, payload, (line,), 1)


def _logs(rules: Rules, draft: Draft, i: int, payload: dict[str, Any], t: float) -> None:
    lines = tuple(payload.get("lines", ()))
    _append(rules, draft, i, payload, lines, max(int(payload.get("count", len(lines))), len(lines)))


def _append(  # noqa: PLR0913, PLR0917 - what lines come with
    rules: Rules, draft: Draft, i: int, payload: dict[str, Any], lines: tuple[PhaseLog, ...], count: int
) -> None:
    old = draft.phase(i)
    if _stale(payload, old) or not count:
        return
    most = rules.graph.phases[i].max_logs
    kept = (*old.logs, *lines)[-most:] if most else ()
    draft.change(i, logs=kept, log_count=old.log_count + count)


def _progress(rules: Rules, draft: Draft, i: int, payload: dict[str, Any], t: float) -> None:
    old = draft.phase(i)
    if old.status == "running" and not _stale(payload, old):
        told = float(payload.get("fraction", old.fraction))
        fraction = min(max(told, 0.0), 1.0) if isfinite(told) else old.fraction
        draft.change(i, fraction=fraction, message=str(payload.get("message", old.message)))


def _output(rules: Rules, draft: Draft, i: int, payload: dict[str, Any], t: float) -> None:
    old = draft.phase(i)
    if not _stale(payload, old) and "output" in payload:
        draft.change(i, outputs=(*old.outputs, payload["output"])[-MOST_OUTPUTS:])


def _block(rules: Rules, draft: Draft, i: int) -> None:
    """Say on all that waits for phase `i` that it cannot run."""
    reason, todo = f"blocked by {rules.graph.names[i]}", [i]
    while todo:
        for k in rules.graph.dependants[todo.pop()]:
            status = draft.phase(k)
            if status.status == "pending" and not status.reason.startswith("blocked by "):
                draft.change(k, reason=reason)
                todo.append(k)


def _unblock(rules: Rules, draft: Draft) -> None:
    """Say anew which phases are blocked, after some that blocked no longer do."""
    blocking = []
    for i in range(len(rules.graph)):
        status = draft.phase(i)
        if status.status in ("failed", "cancelled"):
            blocking.append(i)
        elif status.status == "pending" and status.reason.startswith("blocked by "):
            draft.change(i, reason="")
    for i in blocking:
        _block(rules, draft, i)


# ---------------------------------------------------------------------- the whole


def _init(rules: Rules, draft: Draft, payload: Any, t: float) -> None:
    draft.restart(rules.initial)


def _pipeline_start(rules: Rules, draft: Draft, payload: Any, t: float) -> None:
    if draft.state.status != "pending":
        draft.restart(rules.initial)
    started_at = float(payload) if isinstance(payload, (int, float)) else t
    session_id = str(field(payload, "session_id", draft.state.session_id))
    draft.set(max(t, started_at), status="running", started_at=started_at, session_id=session_id)


def _pipeline_complete(rules: Rules, draft: Draft, payload: Any, t: float) -> None:
    if any(p.status == "failed" for p in draft.phases()):
        draft.end("failed", t)
    elif not (draft.state.status in ENDED and draft.state.stopped_at):
        draft.end("completed", t)
        draft.progress = 1.0


def _pipeline_failed(rules: Rules, draft: Draft, payload: Any, t: float) -> None:
    if draft.state.status != "completed":
        draft.end("failed", t)


def _pipeline_cancelled(rules: Rules, draft: Draft, payload: Any, t: float) -> None:
    if draft.state.status != "completed":
        draft.end("cancelled", t)
        if reason := field(payload, "reason", ""):
            draft.set(t, notice=str(reason))


def _pipeline_paused(rules: Rules, draft: Draft, payload: Any, t: float) -> None:
    if not (draft.state.stopped_at and draft.state.status in ENDED):
        draft.end("paused", t)


def _pipeline_resumed(rules: Rules, draft: Draft, payload: Any, t: float) -> None:
    if draft.state.stopped_at and draft.state.status != "completed":
        draft.activate(t)
        _look_for_reviews(draft, t)
    if draft.state.requested == "pausing":
        draft.set(t, requested="")


def _command(rules: Rules, draft: Draft, payload: Any, t: float) -> None:  # noqa: C901, PLR0912 - one line per word
    """Carry out what a command means for the state; what it means for the run is the saga's business."""
    number = str(field(payload, "id", ""))
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
        _approve(rules, draft, names or (draft.state.waiting_for,), str(field(payload, "by", "a person")), t)
    for name in payload.get("reset", ()):
        if (i := rules.graph.index.get(name)) is not None:
            _reset(rules, draft, i, t)
    for name, reason in payload.get("marks", {}).items():
        if (i := rules.graph.index.get(name)) is not None:
            draft.change(i, reason=str(reason))
    if payload.get("reset") or payload.get("goes_on"):
        _unblock(rules, draft)
        if draft.state.status in ("paused", "pending"):
            draft.set(t, halted=False)
        else:
            draft.activate(t)
        _look_for_reviews(draft, t)


def _approve(rules: Rules, draft: Draft, names: Iterable[str], by: str, t: float) -> None:
    for name in names:
        if (i := rules.graph.index.get(name)) is not None and draft.phase(i).reason == AWAITS_APPROVAL:
            draft.change(i, reason=f"approved by {by}")
    _look_for_reviews(draft, t)


def _reset(rules: Rules, draft: Draft, i: int, t: float) -> None:
    old = draft.phase(i)
    if old.status in DONE:
        draft.add_done(-rules.graph.weights[i], rules.graph.total_weight)
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


def _not_saved(rules: Rules, draft: Draft, payload: Any, t: float) -> None:
    """A result, or the session itself, is not on disk: on the phase if it is about one, else on the whole."""
    reason = str(field(payload, "reason", payload))
    i = rules.graph.index.get(str(field(payload, "name", "")))
    if i is None:
        draft.set(t, notice=reason)
    elif not _stale(payload, draft.phase(i)) and not draft.phase(i).reason:
        draft.change(i, reason=f"{NOT_SAVED}{reason}")


def field(payload: Any, name: str, default: Any) -> Any:
    """Return a field of a payload, or `default` if the payload is no dict or has none."""
    return payload.get(name, default) if isinstance(payload, dict) else default


def _stale(payload: dict[str, Any], old: PhaseStatus) -> bool:
    attempt = payload.get("attempt")
    return attempt is not None and attempt < old.attempt


PHASE_RULES: Mapping[str, Callable[[Rules, Draft, int, dict[str, Any], float], None]] = {
    a.PHASE_FAILED: _failed,
    a.PHASE_SKIPPED: _skipped,
    a.PHASE_RETRY: _retry,
    a.PHASE_CANCELLED: _cancelled,
    a.PHASE_REVIEW: _review,
    a.PHASE_EDITED: _edited,
    a.PHASE_SAVED: _saved,
    a.PHASE_LOG: _log,
    a.PHASE_LOGS: _logs,
    a.PHASE_PROGRESS: _progress,
    a.PHASE_OUTPUT: _output,
}
PIPELINE_RULES: Mapping[str, Callable[[Rules, Draft, Any, float], None]] = {
    a.INIT: _init,
    a.PIPELINE_START: _pipeline_start,
    a.PIPELINE_COMPLETE: _pipeline_complete,
    a.PIPELINE_FAILED: _pipeline_failed,
    a.PIPELINE_PAUSED: _pipeline_paused,
    a.PIPELINE_RESUMED: _pipeline_resumed,
    a.PIPELINE_CANCELLED: _pipeline_cancelled,
    a.COMMAND: _command,
    a.CHECKPOINT_FAILED: _not_saved,
}
