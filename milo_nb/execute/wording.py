"""The words of a person's exceptions, asked for once, on a thread that may be given up, and remembered in the exception.

``errors.describe`` then has them for everybody, also under the baton, where no person's code is called.
"""

from __future__ import annotations

import logging
import traceback
from typing import TYPE_CHECKING, Any, Final

from milo_nb.errors import (
    PhaseError,
    cause_of,
    context_of,
    describe,
    is_a,
    name_of_type,
    own_facts,
    remember_words,
    remembered_words,
    shortened,
    traceback_of,
)
from milo_nb.execute.patience import Patience

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextvars import Context

LOG = logging.getLogger("milo_nb")
SAY_S = 2.0
MOST_LEFT_ALONE = 4
MOST_CHAIN = 8
_PLAIN: Final = frozenset({str, bytes, int, float, bool, type(None)})
_HUNG: Final = "its message is not known: "
_MADE_BY_CODE: Final = 1 << 9  # the flag of classes that are no part of Python itself
_ASKED: Final = frozenset(
    {"__bool__", "__len__", "__getattr__", "__getattribute__", "__class__"}
    | {"__notes__", "__cause__", "__context__", "__suppress_context__", "__traceback__"}
)
_CODED: Final = ("encoding", "object", "start", "end", "reason")
_KNOWN: Final[dict[type, tuple[str, ...]]] = {  # with what they print of their own
    BaseException: (),
    KeyError: (),
    OSError: ("errno", "strerror", "filename", "filename2"),
    ImportError: ("msg",),
    SyntaxError: ("msg", "filename", "lineno"),
    UnicodeEncodeError: _CODED,
    UnicodeDecodeError: _CODED,
    UnicodeTranslateError: _CODED[1:],
}
_PATIENCE: Final = Patience("milo-words")
_mro: Final = type.__dict__["__mro__"].__get__
_names: Final = type.__dict__["__dict__"].__get__
_flags: Final = type.__dict__["__flags__"].__get__
_args: Final = BaseException.__dict__["args"].__get__


def put_in_words(error: BaseException, context: Context | None = None) -> None:
    """Have `describe` know the words of an error, and of what led to it, without calling a person's code again.

    Args:
        error: What was raised.
        context: In which its code is called; an empty one, if None.
    """
    try:
        for one in _chain(error):
            if not is_plain(one) and remembered_words(one) is None:
                remember_words(one, _ask(one, context))
    except Exception as failed:
        LOG.debug("an error cannot be put in words", exc_info=failed)


def text_of(error: BaseException, most: int, context: Context | None = None) -> str:
    """Return an error with its traceback and what led to it as Python prints it; what is too long is cut in the middle."""
    put_in_words(error, context)
    chain = list(_chain(error))
    if all(map(_is_plainly_printed, chain)):
        return _cut("".join(traceback.format_exception(error)), most)
    if not any(map(has_hung, chain)):
        parts: list[str] = []
        if not _call(lambda: parts.append("".join(traceback.format_exception(error))), context) and parts:
            return _cut(parts[0], most)
    head = ["Traceback (most recent call last):\n", *traceback.format_tb(traceback_of(error))]
    return _cut("".join([*head, f"{name_of_type(error)}: {describe(error)}\n"]), most)


def is_plain(error: BaseException) -> bool:
    """Tell whether an error says its words by no code but Python's own."""
    for cls in _mro(type(error)):
        if "__str__" in _names(cls):
            return cls in _KNOWN and all(type(said) in _PLAIN for said in _said_by(error, cls))
    return False


def _said_by(error: BaseException, cls: type) -> Iterator[object]:
    """Yield what one of Python's own classes makes an error's words of."""
    if cls is not SyntaxError:  # its arguments are in its fields, and it never prints them
        yield from _args(error)
    for name in _KNOWN[cls]:
        yield _names(cls)[name].__get__(error)


def _is_plainly_printed(error: BaseException) -> bool:
    """Tell whether printing an error with its traceback runs no code but Python's own."""
    # Of these Python prints what may have been meant, for which it asks objects, or more than they say.
    suggests = is_a(error, AttributeError, ImportError, NameError, SyntaxError)
    own = [cls for cls in _mro(type(error)) if _flags(cls) & _MADE_BY_CODE]
    asks = any(name in _ASKED for cls in own for name in _names(cls))  # printing asks an exception for its truth, too
    return is_plain(error) and not suggests and not asks and "__notes__" not in own_facts(error)


def has_hung(error: BaseException) -> bool:
    """Tell whether asking an error for its words was given up."""
    return str(remembered_words(error) or "").startswith(_HUNG)


def _ask(error: BaseException, context: Context | None) -> str:
    said: list[str] = []
    failed = _call(lambda: said.append(shortened(str.__str__(str(error)))), context)
    return failed or (said[0] if said else "")


def _call(act: Any, context: Context | None) -> str:
    """Call what may hang; return why it came to nothing, "" if it did not, or raised: that is no words at all."""
    if _PATIENCE.left_alone() >= MOST_LEFT_ALONE:
        return f"{_HUNG}asking for messages has hung several times"
    try:
        called = _PATIENCE.call(act, SAY_S, context)
    except RuntimeError:  # no thread is to be had, as while the interpreter ends
        return f"{_HUNG}there is no thread to ask on"
    return "" if called.has_ended else f"{_HUNG}asking for it took longer than {SAY_S:g} s"


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what led to it, nearest first: causes, contexts, members of groups."""
    seen, todo = {id(error)}, [error]
    while todo and len(seen) <= MOST_CHAIN:
        one = todo.pop(0)
        yield one
        after = [cause_of(one), context_of(one), one.cause if is_a(one, PhaseError) else None]
        if is_a(one, BaseExceptionGroup):
            after += one.exceptions
        for cause in after:
            if is_a(cause, BaseException) and id(cause) not in seen:
                seen.add(id(cause))
                todo.append(cause)


def _cut(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    half = most // 2
    return f"{text[:half]}\n… [{len(text) - 2 * half:,} characters] …\n{text[-half:]}"
