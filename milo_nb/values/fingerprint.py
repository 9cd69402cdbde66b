"""What the code of a phase amounts to, so that an edit is noticed and a cell that was only run again is not.

The code is followed from function to function: helpers, globals, captured values, defaults and classes of the notebook
and of a person's own modules; of installed packages name and version count, of Python the minor version. What it looks
at it never runs, changes or keeps.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import sys
import textwrap
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

from milo_nb.declare.phase import Phase
from milo_nb.values.follow import Follower

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from types import CodeType

Mode = Literal["deep", "shallow", "off"]
"""How far to look: ``deep`` into all that the function uses, ``shallow`` into the function alone, ``off`` not at all."""


class Body(NamedTuple):
    """Code that is no function, as a callable's ``__milo_fingerprint__()`` gives it.

    Attributes:
        code: The code.
        names: What its names stand for.
        outside: Those that it takes from there; None for all that it reads.
    """

    code: CodeType
    names: Mapping[str, Any]
    outside: frozenset[str] | None = None


@dataclass(frozen=True)
class Fingerprint:
    """What the code of a phase amounts to.

    Attributes:
        digest: Of all of it, SHA-256 in hex.
        parts: What it is made of: ``code of clean``, ``default of x``, ``captured n``, ``helper tidy``, ``class Model``,
            ``global RATE``, ``module scoring``, ``package numpy``, ``Python``; each with its digest or version.
        untracked: What it uses and cannot be followed, as ``LOCK (lock)``: changes of these go unnoticed.
    """

    digest: str
    parts: dict[str, str] = field(default_factory=dict)
    untracked: tuple[str, ...] = ()


def fingerprint(function: Callable[..., Any], mode: Mode = "deep", *, given: Iterable[str] = ()) -> Fingerprint:
    """Return what a function's code amounts to at this moment; take it when an attempt is about to start.

    Args:
        function: A phase, a function, a method, or anything else that can be called.
        mode: How far to look.
        given: Names that the code does not take from the notebook but gets as inputs.

    Raises:
        ValueError: If there is no such mode.
    """
    if mode not in get_args(Mode):
        raise ValueError(f"There is no mode {mode!r}. Available modes: {', '.join(get_args(Mode))}.")
    parts: dict[str, str] = {}
    untracked: list[str] = []
    if mode != "off":
        follower = Follower(parts, untracked, is_deep=mode == "deep")
        target = unwrap(function)
        body = _body_of(target)
        if body is not None:
            follower.begin_with_code("the cell", body.code, body.names, body.outside, frozenset(given))
        else:
            follower.begin(target)
        parts["Python"] = f"{sys.version_info.major}.{sys.version_info.minor}"
    total = hashlib.sha256(b"milo_nb fingerprint 1\0")
    for text in (mode, *(half for name in sorted(parts) for half in (name, parts[name]))):
        content = text.encode("utf-8", "surrogatepass")
        total.update(len(content).to_bytes(8, "little") + content)
    return Fingerprint(total.hexdigest(), parts, tuple(dict.fromkeys(untracked)))


def unwrap(function: Any) -> Any:
    """Return what does the work: the handler of a phase, the function that a cache of functools keeps."""
    while True:
        if isinstance(function, Phase):
            function = function.handler
        elif isinstance(function, functools._lru_cache_wrapper):  # noqa: SLF001 - has no public name
            function = function.__wrapped__
        else:
            return function


def _body_of(function: Any) -> Body | None:
    hook = getattr(type(function), "__milo_fingerprint__", None)
    return Body(*hook(function)) if hook is not None else None


# ---------------------------------------------------------------------- in words

_SAID = (  # how parts begin, and what is said if one changed, is new, is gone
    ("code of ", "edited `{}`", "runs `{}` now", "does not run `{}` any more"),
    ("helper ", "edited helper `{}`", "uses helper `{}` now", "does not use helper `{}` any more"),
    ("class ", "edited class `{}`", "uses class `{}` now", "does not use class `{}` any more"),
    ("module ", "edited module `{}`", "uses module `{}` now", "does not use module `{}` any more"),
    ("global ", "global {} changed", "reads global {} now", "does not read global {} any more"),
    ("default of ", "default of {} changed", "has a default of {} now", "has no default of {} any more"),
    ("captured ", "captured {} changed", "captures {} now", "does not capture {} any more"),
    ("package ", "{} {} became {}", "uses package {} now", "does not use package {} any more"),
    ("Python", "Python{} {} became {}", "runs on Python{} now", "does not run on Python{} any more"),
)


def differs(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """Return in words what changed from one fingerprint's parts to another's: edits first, then what came and went."""
    changed: list[str] = []
    new: list[str] = []
    gone: list[str] = []
    for beginning, on_change, on_new, on_gone in _SAID:
        for part in sorted({*before, *after}):
            name = part.removeprefix(beginning)
            if not part.startswith(beginning) or before.get(part) == after.get(part):
                continue
            if part in before and part in after:
                changed.append(on_change.format(name, before[part], after[part]))
            elif part in after:
                new.append(on_new.format(name))
            else:
                gone.append(on_gone.format(name))
    return changed + new + gone


# ---------------------------------------------------------------------- source


def source_of(function: Callable[..., Any]) -> str:
    """Return the source of a function for people to read; empty if there is none."""
    target = unwrap(function)
    while isinstance(target, functools.partial):
        target = unwrap(target.func)
    body = _body_of(target)
    if body is None and not inspect.isroutine(target) and not isinstance(target, type):
        target = getattr(type(target), "__call__", target)  # noqa: B004 - its source is wanted
    try:
        return textwrap.dedent(inspect.getsource(body.code if body is not None else target))
    except (OSError, TypeError):
        return ""
