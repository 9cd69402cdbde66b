"""What a person wrote into a class, as opposed to what Python and libraries put there."""

from __future__ import annotations

import functools
import inspect
import re
from enum import Enum
from types import FunctionType, GetSetDescriptorType, MemberDescriptorType
from typing import TYPE_CHECKING, Any

from milo_nb.values import origin

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_OF_THE_TEXT = frozenset(
    (
        "__dict__", "__weakref__", "__doc__", "__module__", "__qualname__", "__firstlineno__", "__static_attributes__",
        "__annotations__", "__annotate__", "__annotate_func__", "__annotations_cache__", "__abstractmethods__",
        "__dataclass_fields__", "__dataclass_params__", "__parameters__", "__orig_bases__", "_abc_impl",
    )
)  # fmt: skip
"""What a class holds that follows from the rest, or says where it lies."""
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


def annotations_of(cls: type) -> Iterator[tuple[str, str]]:
    """Yield the names that a class annotates, and with what."""
    try:
        found = inspect.get_annotations(cls)
    except Exception:  # noqa: BLE001 - from 3.14 on they are a person's code, which may fail
        return
    for name, value in found.items():
        yield name, _ADDRESS.sub("", repr(value))


def attributes_of(cls: type) -> Iterator[tuple[str, Any]]:
    """Yield what a person wrote into a class, by name."""
    if issubclass(cls, Enum):
        yield from ((member.name, member.value) for member in cls)
    for name, value in vars(cls).items():
        if name == "__pydantic_fields__":
            yield name, {key: _ADDRESS.sub("", repr(one)) for key, one in value.items()}
        elif any(functions_in(value)) or (name in ("__slots__", "__match_args__")):
            yield name, value
        elif name in _OF_THE_TEXT or (name.startswith("__") and name.endswith("__")) or issubclass(cls, Enum):
            continue
        elif not isinstance(value, MemberDescriptorType | GetSetDescriptorType):
            yield name, value


def functions_of(cls: type) -> Iterator[FunctionType]:
    """Yield a person's own functions in a class, by name."""
    for _, value in sorted(vars(cls).items()):
        yield from functions_in(value)


def functions_in(value: Any) -> Iterator[FunctionType]:
    """Yield a person's own functions in what stands in a class: methods of all kinds and properties."""
    if isinstance(value, staticmethod | classmethod):
        value = value.__func__
    found: Iterable[Any] = (value,)
    if isinstance(value, property):
        found = (value.fget, value.fset, value.fdel)
    elif isinstance(value, functools.cached_property):
        found = (value.func,)
    for one in found:
        if isinstance(one, functools._lru_cache_wrapper):  # noqa: SLF001 - has no public name
            one = one.__wrapped__  # noqa: PLW2901 - the function that it keeps the results of
        if isinstance(one, FunctionType) and origin.origin_of(one.__module__) == "own":
            yield one
