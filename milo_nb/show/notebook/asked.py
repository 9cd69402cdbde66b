"""What views ask beside the story: a word and arguments in, one or several answers out.

An answerer is a function of the executor, the arguments and a `Tell`. It checks the arguments by the functions here, may
run for long and looks at `Tell.is_wanted` then. What it raises becomes the answer: a `MiloError` as its sentence.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Protocol

from milo_nb.errors import MiloError, WireError, describe, in_words
from milo_nb.state.wire import clip

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from milo_nb.execute.executor import PipelineExecutor
    from milo_nb.state.wire_browser import Ask

LOG = logging.getLogger("milo_nb")
MOST_WANTED = 200
MAX_PIECE_BYTES = 190_000
"""Bytes of a binary part: servers may limit a message to 256 KB."""


class Tell:
    """Answers one question; may be called from any thread."""

    __slots__ = ("_desk", "_id")

    def __init__(self, desk: Wanted, id_: str) -> None:
        """Answer the question with this id as long as somebody wants to know."""
        self._desk = desk
        self._id = id_

    def __call__(self, body: Mapping[str, Any], data: bytes | None = None, *, done: bool = True) -> None:
        """Send an answer, with at most `MAX_PIECE_BYTES` of data; with ``done=False`` more will come."""
        self._desk.send(self._id, {"done": done, "error": "", "body": dict(body)}, data)

    def error(self, sentence: str) -> None:
        """Say why there is no answer."""
        self._desk.send(self._id, {"done": True, "error": clip(sentence), "body": {}}, None)

    def is_wanted(self) -> bool:
        """Whether somebody still wants to know."""
        return self._desk.is_wanted(self._id)


class Answerer(Protocol):
    """What answers the questions of one word."""

    def __call__(self, executor: PipelineExecutor, args: Mapping[str, Any], tell: Tell) -> None:
        """Call `tell` once or several times, the last time with ``done``."""


class Wanted:
    """The questions that wait for an answer. Any thread."""

    def __init__(self, answer: Callable[[dict[str, Any]], None]) -> None:
        """Answer by `answer`."""
        self._answer = answer
        self._lock = threading.Lock()
        self._ids: OrderedDict[str, None] = OrderedDict()

    def add(self, id_: str) -> Tell:
        """Take a question; the oldest ones are given up if there are too many."""
        with self._lock:
            self._ids[id_] = None
            while len(self._ids) > MOST_WANTED:
                self._ids.popitem(last=False)
        return Tell(self, id_)

    def drop(self, id_: str) -> None:
        """Forget a question."""
        with self._lock:
            self._ids.pop(id_, None)

    def is_wanted(self, id_: str) -> bool:
        """Whether this question waits."""
        with self._lock:
            return id_ in self._ids

    def send(self, id_: str, answer: dict[str, Any], data: bytes | None) -> None:
        """Answer a question, unless it was dropped."""
        if not self.is_wanted(id_):
            return
        if answer["done"]:
            self.drop(id_)
        message = {"type": "answer", "id": id_, **answer}
        self._answer(message if data is None else {**message, "data": data})


def answer(ask: Ask, answerer: Answerer, executor: PipelineExecutor, tell: Tell) -> None:
    """Have a question answered; whatever goes wrong, there is an answer."""
    if not tell.is_wanted():
        return
    try:
        answerer(executor, ask.args, tell)
    except MiloError as refused:
        tell.error(describe(refused))
    except BaseException as error:  # a person's objects may raise anything when they are looked at
        LOG.debug("a question of a view (%s) could not be answered", ask.what, exc_info=True)
        tell.error(f"This cannot be shown: {in_words(error)}")


# ---------------------------------------------------------------------- arguments


def text_of(args: Mapping[str, Any], name: str, longest: int = 500) -> str:
    """Return an argument that must be a text."""
    value = args.get(name)
    if not isinstance(value, str) or len(value) > longest:
        raise WireError(f"args.{name}", f"expected a string of at most {longest} characters")
    return value


def count_of(args: Mapping[str, Any], name: str, most: int | None = None) -> int:
    """Return an argument that must be a whole number from 0."""
    value = args.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0 or (most is not None and value > most):
        raise WireError(f"args.{name}", f"expected a whole number from 0{'' if most is None else f' to {most}'}")
    return value


def flag_of(args: Mapping[str, Any], name: str) -> bool:
    """Return an argument that must be true or false."""
    value = args.get(name)
    if not isinstance(value, bool):
        raise WireError(f"args.{name}", "expected true or false")
    return value


def words_of(args: Mapping[str, Any], name: str, allowed: tuple[str, ...]) -> tuple[str, ...]:
    """Return an argument that must be a list of some of the `allowed` words."""
    value = args.get(name)
    if not isinstance(value, list) or any(one not in allowed for one in value):
        raise WireError(f"args.{name}", f"expected a list of some of {', '.join(allowed)}")
    return tuple(value)


def counts_of(args: Mapping[str, Any], name: str, most: int) -> tuple[int, ...]:
    """Return an argument that must be a list of at most `most` whole numbers from 0."""
    value = args.get(name)
    if not isinstance(value, list) or len(value) > most:
        raise WireError(f"args.{name}", f"expected a list of at most {most}")
    if any(not isinstance(one, int) or isinstance(one, bool) or one < 0 for one in value):
        raise WireError(f"args.{name}", "expected whole numbers from 0")
    return tuple(value)


def phase_of(executor: PipelineExecutor, args: Mapping[str, Any], beyond: int = 0) -> int:
    """Return the position of the phase that is asked about, or one of up to `beyond` places after the last."""
    value = count_of(args, "phase")
    if value >= len(executor.session.graph) + beyond:
        raise WireError("args.phase", "expected the position of a phase of this session")
    return value
