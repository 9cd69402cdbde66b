"""What people, programs and agents can ask of a session: a Command is data, with an id, so asking twice is asking once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

CommandWord = Literal["start", "pause", "resume", "retry", "rerun", "skip", "cancel", "approve", "retry-failed"]
COMMANDS: tuple[CommandWord, ...] = (
    "start",
    "pause",
    "resume",
    "retry",
    "rerun",
    "skip",
    "cancel",
    "approve",
    "retry-failed",
)


@dataclass(frozen=True, slots=True)
class Command:
    """A request.

    Attributes:
        word: What is asked for.
        phases: Names of the phases it is about; none means the session.
        downstream: For retry and rerun: what depends on the phases runs again too.
        replace: For skip: also replaces a result that is already there.
        only: For resume: just these phases and what they need.
        stale: For resume: phases whose code or inputs have changed ``rerun``, or are kept: ``reuse``.
        id: Unique; a repeated id changes nothing.
        by: Who asks, as "view", "program", "terminal".
        value: For skip: what dependants get. Never journalled or sent; it stays in this process.
    """

    word: CommandWord
    phases: tuple[str, ...] = ()
    downstream: bool = True
    replace: bool = False
    only: tuple[str, ...] = ()
    stale: str = "rerun"
    id: str = ""
    by: str = "program"
    value: Any = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Commanded:
    """A command with the plan that was made for it: the event that a session's saga obeys."""

    command: Command
    plan: Any


@dataclass(frozen=True, slots=True)
class SlotFreed:
    """Code that would not stop has ended after all: its slot is free again."""

    phase: str
