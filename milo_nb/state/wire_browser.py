"""What browsers say to the kernel, schema 1: their messages as values.

The rules: what comes in is checked field by field, and the first wrong one is named; fields that are not known are left
out. Every value can be sent again as it came.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal, get_args

from milo_nb.errors import WireError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MAX_PAGE_LINES = 1000
LONGEST_ID = 200

ViewCommand = Literal["retry", "skip", "pause", "resume", "cancel", "retry-failed", "run", "approve", "rerun"]
VIEW_COMMANDS: tuple[ViewCommand, ...] = get_args(ViewCommand)


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
        options: ``downstream`` for retry and rerun, ``replace`` for skip, both true or false; for skip also ``value``:
            ``none``, ``earlier`` for the result of an earlier session, or ``variable:NAME``.
    """

    id: str
    command: ViewCommand
    phases: tuple[str, ...] = ()
    options: Mapping[str, bool | str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ask:
    """Something is wanted that is no part of the story: a search, a preview.

    Attributes:
        id: Unique; the same id may come twice, by two lanes.
        what: The word; who knows it checks the arguments.
        args: The arguments.
    """

    id: str
    what: str
    args: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Drop:
    """The answers to a question are wanted no more."""

    id: str


Request = CommandRequest | LogsRequest | DetailRequest | OutputsRequest | OutputRequest | Ask | Drop
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
    Ask: "ask",
    Drop: "drop",
}
OPTIONS = ("downstream", "replace")
SUBSTITUTES = ("none", "earlier")
VARIABLE = "variable:"
LITERAL = "literal:"


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
    return CommandRequest(id_, word, tuple(names), check_options(value.get("options")))


def check_options(options: object) -> dict[str, Any]:
    """Return the options of a command that are known, checked.

    Raises:
        WireError: If one of them is wrong.
    """
    if not isinstance(options, dict):
        raise WireError("options", f"expected an object, got {_kind(options)}")
    chosen = {name: options[name] for name in OPTIONS if name in options}
    for name, flag in chosen.items():
        if not isinstance(flag, bool):
            raise WireError(f"options.{name}", f"expected true or false, got {_kind(flag)}")
    if "value" in options:
        chosen["value"] = _substitute(options["value"])
    return chosen


def _substitute(value: object) -> str:
    if not isinstance(value, str) or len(value) > LONGEST_ID:
        raise WireError("options.value", f"expected a string of at most {LONGEST_ID} characters, got {_kind(value)}")
    if value in SUBSTITUTES or value.startswith((VARIABLE, LITERAL)):
        return value
    known = f"{', '.join(SUBSTITUTES)}, {VARIABLE}NAME or {LITERAL}VALUE"
    raise WireError("options.value", f"expected {known}, got {_kind(value)}")


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
    "ask": lambda v: Ask(_text(v, "id"), _text(v, "what"), _object(v, "args")),
    "drop": lambda v: Drop(_text(v, "id")),
}


def _object(value: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = value.get(name)
    if not isinstance(found, dict):
        raise WireError(name, f"expected an object, got {_kind(found)}")
    return found


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
