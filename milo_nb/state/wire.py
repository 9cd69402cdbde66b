"""What the kernel tells browsers, schema 1: state to JSON. What browsers say is in ``wire_browser``.

The rules: what goes out is plain data that JSON can hold and a browser can take: texts are clipped, numbers are finite.

What phases display is fetched by who looks at it. Of a phase everybody is told ``outputs``: a number that grows with
each change, and how many there are. Who shows them asks for the list (`OutputsRequest`), which names of each display
the form to show and its size, and then for that form in pieces (`OutputRequest`), one after the other. A piece is the
one binary buffer of its message. So a display of any size is many small messages, and none that nobody looks at.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import isfinite
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from milo_nb.declare.graph import PhaseGraph
    from milo_nb.declare.phase import Phase, PhasePolicy
    from milo_nb.state.model import PhaseStatus, PipelineState

SCHEMA = 1
MAX_TEXT = 2_000
MAX_ERROR = 1_000
MAX_LINE = 16_000
MAX_HISTORY = 50
STREAMS = frozenset({"stdout", "stderr", "log", "warning", "milo"})
_NO_OUTPUTS = (0, 0)
LEVELS = frozenset({"", "DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"})


@dataclass(frozen=True, slots=True)
class Beside:
    """What a view is told of a session beside its state.

    Attributes:
        keeps: Results go to disk, so that one which is not there yet is marked.
        owner: Who runs it: ``here``, ``elsewhere`` (another kernel, which takes commands) or ``nobody`` any more.
        locked: Why commands cannot be given, where `owner` does not run it here; "" if they can.
        banners: What people should know of the session as a whole: the kind (``failed``, ``waiting``, ``told``), the
            text, and the command that a button beside it gives, or "".
        other: How many lines belong to no phase.
        epoch: Seconds since the epoch when the session's clock was 0; 0 if that is not known.
        eta: In how many seconds it will have ended, at least and at most; twice 0 if that is not known.
        usual: How many seconds phases have taken before, by name, where that is known.
    """

    keeps: bool = False
    owner: str = "here"
    locked: str = ""
    banners: tuple[tuple[str, str, str], ...] = ()
    other: int = 0
    epoch: float = 0.0
    eta: tuple[float, float] = (0.0, 0.0)
    usual: Mapping[str, float] = field(default_factory=dict)


_NOTHING_BESIDE = Beside()


def to_snapshot(  # noqa: PLR0913 - what a snapshot holds
    state: PipelineState,
    graph: PhaseGraph,
    *,
    now: float,
    seq: int,
    interactive: bool,
    log_counts: Mapping[int, int] | None = None,
    outputs: Mapping[int, tuple[int, int]] | None = None,
    beside: Beside = _NOTHING_BESIDE,
) -> dict[str, Any]:
    """Return all that a browser needs to know of a session.

    Args:
        state: The session's state; its phases stand in the graph's order.
        graph: The pipeline's graph.
        now: Seconds on the session's clock.
        seq: Number of the last delta that is part of `state`.
        interactive: Somebody takes commands.
        log_counts: Lines of phases by position, where there are more than the state knows.
        outputs: What phases have displayed by position: a number that grows with each change, and how many there are.
        beside: What the state does not know.
    """
    counts, shown, keeps, usual = log_counts or {}, outputs or {}, beside.keeps, beside.usual
    phases = [
        to_phase(p, graph, i, counts.get(i, 0), shown.get(i, _NO_OUTPUTS), keeps=keeps, usual=usual.get(p.name, 0.0))
        for i, p in enumerate(state.phases)
    ]
    return {
        "schema": SCHEMA,
        **to_pipeline(state, now, interactive=interactive, beside=beside),
        "now": now,
        "seq": seq,
        "phases": phases,
    }


def to_pipeline(
    state: PipelineState, now: float, *, interactive: bool, beside: Beside = _NOTHING_BESIDE
) -> dict[str, Any]:
    """Return what a browser needs to know of a session as a whole."""
    is_stopping = state.status == "failed" and not state.stopped_at
    # After a failure that only holds back what depends on it the run goes on, and people may pause and cancel it.
    status = "running" if is_stopping and not state.halted else state.status
    is_active = not state.stopped_at and state.status not in ("pending", "completed")
    elapsed = max(now - state.started_at - state.idle, state.elapsed) if is_active else state.elapsed
    return {
        "pipeline": clip(state.name),
        "session_id": state.session_id,
        "status": status,
        "requested": state.requested or ("stopping" if is_stopping and state.halted else ""),
        "waiting_for": state.waiting_for,
        "current_phase": state.current_phase,
        "started_at": state.started_at,
        "elapsed": elapsed,
        "progress": _fraction(state.progress),
        "ended_at": 0.0 if is_active or state.status == "paused" else state.stopped_at,
        "interactive": interactive,
        "owner": beside.owner,
        "locked": clip(beside.locked),
        "banners": [[kind, clip(text), command] for kind, text, command in beside.banners],
        "other": beside.other,
        "epoch": beside.epoch,
        "eta": list(beside.eta),
    }


def to_phase(  # noqa: PLR0913 - what a phase is told by
    status: PhaseStatus,
    graph: PhaseGraph,
    i: int,
    log_count: int = 0,
    outputs: tuple[int, int] = _NO_OUTPUTS,
    *,
    keeps: bool = False,
    usual: float = 0.0,
) -> dict[str, Any]:
    """Return what a browser needs to know of the phase at position `i`, which has at least `log_count` lines."""
    phase = graph.phases[i]
    live = _live(status, log_count, keeps and phase.checkpoint)
    return {"name": status.name, **_declared(phase, graph, i), **live, "outputs": list(outputs), "usual": usual}


def phase_changes(
    before: PhaseStatus, after: PhaseStatus, log_count: int = 0, *, keeps: bool = False
) -> dict[str, Any]:
    """Return the fields that differ between two states of a phase; ``log_count`` always, as it grows by itself."""
    was, is_ = _live(before, 0, keeps), _live(after, log_count, keeps)
    return {name: value for name, value in is_.items() if value != was[name]}


def to_line(timestamp: float, stream: str, level: str, text: str) -> list[Any]:
    """Return one line of a log."""
    return [
        timestamp,
        stream if stream in STREAMS else "stdout",
        level if level in LEVELS else "",
        clip(text, MAX_LINE),
    ]


def to_lines(rows: Iterable[tuple[int, float, str, str, str]], most_bytes: int) -> list[list[Any]]:
    """Return the first lines of `rows` (number, time, stream, level, text) that fit `most_bytes`; at least one."""
    lines: list[list[Any]] = []
    room = most_bytes
    for _, timestamp, stream, level, text in rows:
        line = to_line(timestamp, stream, level, text)
        room -= weigh(line[3])
        if room < 0 and lines:
            break
        lines.append(line)
    return lines


def clip(text: str, most: int = MAX_TEXT) -> str:
    """Return `text` cut to `most` characters, which says so, and without what UTF-8 cannot hold."""
    if len(text) > most:
        text = f"{text[:most]}… [{len(text) - most:,} more characters]"
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def weigh(text: str) -> int:
    """Return about how many bytes a line with this text takes in JSON."""
    plain = len(text) if text.isascii() else len(text.encode("utf-8"))
    return plain + 5 * text.count("\x1b") + text.count('"') + text.count("\\") + 40


def _declared(phase: Phase, graph: PhaseGraph, i: int) -> dict[str, Any]:
    return {
        "description": clip(phase.description),
        "depends_on": list(graph.depends_on[i]),
        "parallel": graph.parallel[i],
        "weight": phase.weight,
        "policy": _policy(phase.policy),
    }


def _policy(policy: PhasePolicy) -> str:
    """Return what follows a failure, as people read it."""
    match policy.on_fail:
        case "stop":
            return "the pipeline stops"
        case "continue":
            return "its dependants never run, the rest goes on"
        case "skip":
            return "it is skipped and the pipeline goes on"
    grows = ", doubling" if policy.retry_backoff == "exponential" else ""
    tries = "1 more try" if policy.max_retries == 1 else f"up to {policy.max_retries} more tries"
    return f"{tries}, {policy.retry_delay:g} s apart{grows}; then the pipeline stops"


def _live(status: PhaseStatus, log_count: int, keeps: bool) -> dict[str, Any]:  # noqa: FBT001 - called for every change
    return {
        "status": status.status,
        "attempt": status.attempt,
        "started_at": status.started_at,
        "elapsed": status.elapsed,
        "error": clip(status.failure, MAX_ERROR),
        "fraction": 1.0 if status.status == "completed" else _fraction(status.fraction),
        "message": clip(status.message),
        "origin": status.origin,
        "reason": clip(status.reason),
        "log_count": max(status.log_count, log_count),
        "history": [
            {
                "attempt": a.attempt,
                "status": a.status,
                "started_at": a.started_at,
                "elapsed": a.elapsed,
                "error": clip(a.failure, 300),
            }
            for a in status.history[-MAX_HISTORY:]
        ],
        "edited": status.edited,
        "unsaved": keeps and status.status == "completed" and not status.saved,
    }


def _fraction(value: float) -> float:
    """Return what a person's code said of its progress as a number from 0 to 1."""
    return min(max(float(value), 0.0), 1.0) if isfinite(value) else 0.0
