"""What kernel and browser tell each other, schema 1: state to JSON, and the browser's messages to values.

The rules: what comes in is checked field by field, and the first wrong one is named; fields that are not known are left
out. What goes out is plain data that JSON can hold and a browser can take: texts are clipped, numbers are finite.

What phases display is fetched by who looks at it. Of a phase everybody is told ``outputs``: a number that grows with
each change, and how many there are. Who shows them asks for the list (`OutputsRequest`), which names of each display
the form to show and its size, and then for that form in pieces (`OutputRequest`), one after the other. A piece is the
one binary buffer of its message. So a display of any size is many small messages, and none that nobody looks at.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from math import isfinite
from typing import TYPE_CHECKING, Any, Literal, get_args

from milo_nb.errors import WireError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from milo_nb.declare.graph import PhaseGraph
    from milo_nb.declare.phase import Phase
    from milo_nb.state.model import PhaseStatus, PipelineState

SCHEMA = 1
MAX_PAGE_LINES = 1000
MAX_TEXT = 2_000
MAX_ERROR = 1_000
MAX_LINE = 16_000
LONGEST_ID = 200
MAX_HISTORY = 50
STREAMS = frozenset({"stdout", "stderr", "log", "warning", "milo"})
_NO_OUTPUTS = (0, 0)
LEVELS = frozenset({"", "DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"})

ViewCommand = Literal["retry", "skip", "pause", "resume", "cancel", "retry-failed", "run", "approve", "rerun"]
VIEW_COMMANDS: tuple[ViewCommand, ...] = get_args(ViewCommand)


# ---------------------------------------------------------------------- browser to kernel


@dataclass(frozen=True, slots=True)
class Hello:
    """A view is there; it wants a snapshot."""

    view: str


@dataclass(frozen=True, slots=True)
class Bye:
    """A view went away."""

    view: str


@dataclass(frozen=True, slots=True)
class Ack:
    """Everything up to this number has been applied."""

    seq: int


@dataclass(frozen=True, slots=True)
class Sync:
    """Something was missed; a snapshot is wanted."""


@dataclass(frozen=True, slots=True)
class LogsRequest:
    """Lines of a phase are wanted, from number `start` on."""

    id: str
    phase: int
    start: int
    count: int


@dataclass(frozen=True, slots=True)
class DetailRequest:
    """The error and the result of a phase are wanted."""

    id: str
    phase: int


@dataclass(frozen=True, slots=True)
class OutputsRequest:
    """What a phase has displayed is wanted: a list, without what the displays hold."""

    id: str
    phase: int


@dataclass(frozen=True, slots=True)
class OutputRequest:
    """A piece of what one display holds is wanted, from byte `start` on.

    Attributes:
        id: Unique.
        phase: Position of the phase.
        ref: As the list names it: ``2/3`` is the third display of the second attempt.
        version: As the list says it; of another version nothing is sent.
        start: How many bytes are there already.
    """

    id: str
    phase: int
    ref: str
    version: int
    start: int


@dataclass(frozen=True, slots=True)
class CommandRequest:
    """A person clicked.

    Attributes:
        id: Unique; the same id may come twice, by two lanes.
        command: What is asked for.
        phases: Names of the phases it is about; none means the session.
        options: ``downstream`` for retry and rerun, ``replace`` for skip; both true or false.
    """

    id: str
    command: ViewCommand
    phases: tuple[str, ...] = ()
    options: Mapping[str, bool] = field(default_factory=dict)


Request = CommandRequest | LogsRequest | DetailRequest | OutputsRequest | OutputRequest
Message = Hello | Bye | Ack | Sync | Request
_WORDS: Mapping[type[Message], str] = {
    Hello: "hello",
    Bye: "bye",
    Ack: "ack",
    Sync: "sync",
    LogsRequest: "logs",
    DetailRequest: "detail",
    OutputsRequest: "outputs",
    OutputRequest: "output",
    CommandRequest: "command",
}
OPTIONS = ("downstream", "replace")


def parse_message(value: object) -> Message:
    """Return what a browser said.

    Raises:
        WireError: If it does not follow the contract; names the first wrong field.
    """
    if not isinstance(value, dict):
        raise WireError("", f"expected an object, got {_kind(value)}")
    word = value.get("type")
    make = _MESSAGES.get(word) if isinstance(word, str) else None
    if make is None:
        raise WireError("type", f"expected one of {', '.join(_MESSAGES)}, got {_kind(word)}")
    return make(value)


def to_message(message: Message) -> dict[str, Any]:
    """Return a message as the browser would send it."""
    fields = asdict(message)
    if isinstance(message, CommandRequest):
        fields["phases"] = list(message.phases)
    return {"type": _WORDS[type(message)], **fields}


def _parse_command(value: Mapping[str, Any]) -> CommandRequest:
    word = value.get("command")
    if word not in VIEW_COMMANDS:
        raise WireError("command", f"expected one of {', '.join(VIEW_COMMANDS)}, got {_kind(word)}")
    id_ = _text(value, "id")
    names = value.get("phases")
    if not isinstance(names, list):
        raise WireError("phases", f"expected a list, got {_kind(names)}")
    for i, name in enumerate(names):
        if not isinstance(name, str):
            raise WireError(f"phases[{i}]", f"expected a string, got {_kind(name)}")
    options = value.get("options")
    if not isinstance(options, dict):
        raise WireError("options", f"expected an object, got {_kind(options)}")
    chosen = {name: options[name] for name in OPTIONS if name in options}
    for name, flag in chosen.items():
        if not isinstance(flag, bool):
            raise WireError(f"options.{name}", f"expected true or false, got {_kind(flag)}")
    return CommandRequest(id_, word, tuple(names), chosen)


def _parse_logs(value: Mapping[str, Any]) -> LogsRequest:
    request = LogsRequest(_text(value, "id"), _count(value, "phase"), _count(value, "start"), _count(value, "count"))
    if request.count > MAX_PAGE_LINES:
        raise WireError("count", f"expected at most {MAX_PAGE_LINES}, got {request.count}")
    return request


_MESSAGES: Mapping[str, Callable[[Mapping[str, Any]], Message]] = {
    "hello": lambda v: Hello(_text(v, "view")),
    "bye": lambda v: Bye(_text(v, "view")),
    "ack": lambda v: Ack(_count(v, "seq")),
    "sync": lambda v: Sync(),  # noqa: ARG005 - it has no fields
    "logs": _parse_logs,
    "detail": lambda v: DetailRequest(_text(v, "id"), _count(v, "phase")),
    "outputs": lambda v: OutputsRequest(_text(v, "id"), _count(v, "phase")),
    "output": lambda v: OutputRequest(
        _text(v, "id"), _count(v, "phase"), _text(v, "ref"), _count(v, "version"), _count(v, "start")
    ),
    "command": _parse_command,
}


def _text(value: Mapping[str, Any], name: str) -> str:
    found = value.get(name)
    if not isinstance(found, str):
        raise WireError(name, f"expected a string, got {_kind(found)}")
    if len(found) > LONGEST_ID:
        raise WireError(name, f"expected at most {LONGEST_ID} characters, got {len(found)}")
    return found


def _count(value: Mapping[str, Any], name: str) -> int:
    found = value.get(name)
    if not isinstance(found, int) or isinstance(found, bool) or found < 0:
        raise WireError(name, f"expected a whole number from 0, got {_kind(found)}")
    return found


def _kind(value: object) -> str:
    """Describe a wrong value in a few words, whatever its size."""
    match value:
        case None:
            return "nothing"
        case str():
            return repr(value[:40])
        case bool() | float():
            return str(value)[:40]
        case int():
            return str(value) if abs(value) < 10**40 else "a huge number"
        case list():
            return f"a list of {len(value)}"
        case _:
            return "an object"


# ---------------------------------------------------------------------- kernel to browser


def to_snapshot(  # noqa: PLR0913 - what a snapshot holds
    state: PipelineState,
    graph: PhaseGraph,
    *,
    now: float,
    seq: int,
    interactive: bool,
    log_counts: Mapping[int, int] | None = None,
    outputs: Mapping[int, tuple[int, int]] | None = None,
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
    """
    counts, shown = log_counts or {}, outputs or {}
    phases = [to_phase(p, graph, i, counts.get(i, 0), shown.get(i, _NO_OUTPUTS)) for i, p in enumerate(state.phases)]
    return {
        "schema": SCHEMA,
        **to_pipeline(state, now, interactive=interactive),
        "now": now,
        "seq": seq,
        "phases": phases,
    }


def to_pipeline(state: PipelineState, now: float, *, interactive: bool) -> dict[str, Any]:
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
    }


def to_phase(
    status: PhaseStatus, graph: PhaseGraph, i: int, log_count: int = 0, outputs: tuple[int, int] = _NO_OUTPUTS
) -> dict[str, Any]:
    """Return what a browser needs to know of the phase at position `i`, which has at least `log_count` lines."""
    live = _live(status, log_count)
    return {"name": status.name, **_declared(graph.phases[i], graph, i), **live, "outputs": list(outputs)}


def phase_changes(before: PhaseStatus, after: PhaseStatus, log_count: int = 0) -> dict[str, Any]:
    """Return the fields that differ between two states of a phase; ``log_count`` always, as it grows by itself."""
    was, is_ = _live(before, 0), _live(after, log_count)
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
        room -= _size(line[3])
        if room < 0 and lines:
            break
        lines.append(line)
    return lines


def clip(text: str, most: int = MAX_TEXT) -> str:
    """Return `text` cut to `most` characters, which says so, and without what UTF-8 cannot hold."""
    if len(text) > most:
        text = f"{text[:most]}… [{len(text) - most:,} more characters]"
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def _size(text: str) -> int:
    """Return about how many bytes a line with this text takes in JSON."""
    plain = len(text) if text.isascii() else len(text.encode("utf-8"))
    return plain + 5 * text.count("\x1b") + text.count('"') + text.count("\\") + 40


def _declared(phase: Phase, graph: PhaseGraph, i: int) -> dict[str, Any]:
    policy = phase.policy
    return {
        "description": clip(phase.description),
        "depends_on": list(graph.depends_on[i]),
        "parallel": graph.parallel[i],
        "weight": phase.weight,
        "policy": {
            "on_fail": policy.on_fail,
            "max_retries": policy.max_retries,
            "retry_delay": policy.retry_delay,
            "retry_backoff": policy.retry_backoff,
        },
    }


def _live(status: PhaseStatus, log_count: int) -> dict[str, Any]:
    return {
        "status": status.status,
        "attempt": status.attempt,
        "started_at": status.started_at,
        "elapsed": status.elapsed,
        "error": clip(status.error, MAX_ERROR),
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
                "error": clip(a.error, 300),
            }
            for a in status.history[-MAX_HISTORY:]
        ],
        "edited": status.edited,
    }


def _fraction(value: float) -> float:
    """Return what a person's code said of its progress as a number from 0 to 1."""
    return min(max(float(value), 0.0), 1.0) if isfinite(value) else 0.0
