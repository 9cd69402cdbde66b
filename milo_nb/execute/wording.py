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
_KNOWN: Final = frozenset({BaseException, KeyError})
_PATIENCE: Final = Patience("milo-words")
_mro: Final = type.__dict__["__mro__"].__get__
_names: Final = type.__dict__["__dict__"].__get__
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
            return cls in _KNOWN and all(type(arg) in _PLAIN for arg in _args(error))
    return False


def _is_plainly_printed(error: BaseException) -> bool:
    """Tell whether printing an error with its traceback runs no code but Python's own."""
    # Of these Python prints what may have been meant, for which it asks objects for their attributes.
    suggests = isinstance(error, (AttributeError, ImportError, NameError))
    return is_plain(error) and not suggests and "__notes__" not in own_facts(error)


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
        after = [cause_of(one), context_of(one), one.cause if isinstance(one, PhaseError) else None]
        if isinstance(one, BaseExceptionGroup):
            after += one.exceptions
        for cause in after:
            if isinstance(cause, BaseException) and id(cause) not in seen:
                seen.add(id(cause))
                todo.append(cause)


def _cut(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    half = most // 2
    return f"{text[:half]}\n… [{len(text) - 2 * half:,} characters] …\n{text[-half:]}"
