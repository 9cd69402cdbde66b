"""Where in a value a part of it lies, written as the Python that gets there: ``result['model'].lock``."""

from __future__ import annotations

import sys
from collections import deque
from types import CellType, FunctionType, MemberDescriptorType, MethodType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_LOOKED_AT = 1_000_000
"""After so many parts the search ends: a message is not worth minutes."""

_PLAIN = (bool, int, float, complex, str, bytes, bytearray, type(None))


def find(value: Any, part: Any, root: str = "result") -> str:
    """Return the shortest way from `value` to `part`, or `root` with a mark if there is none that we can see.

    Runs no code of the value's own: it looks into containers, instance dicts and slots, what functions read, and cells
    of frames and arrays that hold objects.
    """
    if part is value:
        return root
    todo: deque[tuple[Any, str]] = deque([(value, root)])
    seen = {id(value)}
    kept = [value]  # what is made while looking must stay, or its id would be given to another
    while todo and len(seen) < MOST_LOOKED_AT:
        one, way = todo.popleft()
        for step, child in _children(one):
            if child is part:
                return way + step
            if type(child) not in _PLAIN and id(child) not in seen:
                seen.add(id(child))
                kept.append(child)
                todo.append((child, way + step))
    return f"{root} (somewhere inside)"


def _children(one: Any) -> Iterator[tuple[str, Any]]:
    """Yield what an object holds, each with the step that leads to it."""
    if isinstance(one, dict):
        for key, child in list(dict.items(one)):
            yield f"[{_key(key)}]", child
            yield f" (key {_key(key)})", key
    elif isinstance(one, list | tuple):
        names = getattr(type(one), "_fields", None)  # a named tuple's
        for k, child in enumerate(one):
            yield f".{names[k]}" if names and k < len(names) else f"[{k}]", child
    elif isinstance(one, set | frozenset | deque):
        for child in list(one):
            yield f" (item {_key(child)})", child
    elif isinstance(one, FunctionType):
        yield from _read_by(one)
    elif isinstance(one, MethodType):
        yield ".__self__", one.__self__
        yield ".__func__", one.__func__
    elif isinstance(one, CellType):
        yield from _content(one, ".cell_contents")
    else:
        yield from _cells(one)
    yield from _attributes(one)


def _attributes(one: Any) -> Iterator[tuple[str, Any]]:
    own = _own_dict(one)
    for name, child in own.items():
        yield f".{name}" if isinstance(name, str) else f".__dict__[{_key(name)}]", child
    if isinstance(one, type):
        return
    for cls in type(one).__mro__:
        slots = cls.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else tuple(slots):
            descriptor = cls.__dict__.get(name)
            if isinstance(descriptor, MemberDescriptorType):
                try:
                    yield f".{name}", descriptor.__get__(one)
                except AttributeError:  # a slot that was never filled
                    continue


def _own_dict(one: Any) -> dict[Any, Any]:
    try:
        return dict(object.__getattribute__(one, "__dict__"))
    except (AttributeError, TypeError):
        return {}


def _read_by(function: FunctionType) -> Iterator[tuple[str, Any]]:
    """Yield what a function of the notebook takes along when it is saved."""
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=False):
        yield from _content(cell, f" (its captured {name})")
    for k, default in enumerate(function.__defaults__ or ()):
        yield f".__defaults__[{k}]", default
    for name, default in (function.__kwdefaults__ or {}).items():
        yield f".__kwdefaults__[{name!r}]", default
    for name in function.__code__.co_names:
        if name in function.__globals__:
            yield f" (its global {name})", function.__globals__[name]


def _content(cell: CellType, step: str) -> Iterator[tuple[str, Any]]:
    try:
        yield step, cell.cell_contents
    except ValueError:  # nothing was bound yet
        return


def _cells(one: Any) -> Iterator[tuple[str, Any]]:
    """Yield the objects that an array, series or frame holds."""
    numpy, pandas = sys.modules.get("numpy"), sys.modules.get("pandas")
    if numpy is not None and isinstance(one, numpy.ndarray):
        if one.dtype.kind == "O":
            for k, child in enumerate(one.flat):
                yield f".flat[{k}]", child
    elif pandas is not None and isinstance(one, pandas.DataFrame):
        for k, name in enumerate(one.columns):
            if one.dtypes.iloc[k].kind == "O":
                for row, child in enumerate(one.iloc[:, k]):
                    yield f"[{_key(name)}].iloc[{row}]", child
    elif pandas is not None and isinstance(one, pandas.Series) and one.dtype.kind == "O":
        for row, child in enumerate(one):
            yield f".iloc[{row}]", child


def _key(key: Any) -> str:
    """Return a short text for a key; never a long one, and never a person's failing ``__repr__``."""
    text = repr(key) if type(key) in _PLAIN else f"<{type(key).__name__}>"
    return text if len(text) <= 60 else text[:57] + "..."  # noqa: PLR2004 - a line of a message
