"""Cheap construction of frozen records, for the paths that make two per action."""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import TYPE_CHECKING, Any, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


def constructor(cls: type[T]) -> Callable[..., T]:
    """Return a function that makes a frozen, slotted dataclass as ``cls(...)`` does, at a tenth of the cost.

    The generated ``__init__`` of a frozen dataclass looks every field up by name in ``object.__setattr__``. This one fills
    an instance of a class with the same slots that is not frozen, whose stores the interpreter specialises, and then makes
    it an instance of `cls` (measured: 0.25 against 2.7 microseconds for thirteen fields; 0.8 with the slots' own setters).
    It runs no ``__post_init__``, and instances share what a default factory made.
    """
    names = [f.name for f in fields(cast("Any", cls))]
    space: dict[str, Any] = {"_new": object.__new__, "_cls": cls, "_open": type(cls.__name__, (), {"__slots__": names})}
    head = []
    for f in fields(cast("Any", cls)):
        default = f.default_factory() if f.default_factory is not MISSING else f.default
        if default is MISSING:
            head.append(f.name)
        else:
            space[f"_default_{f.name}"] = default
            head.append(f"{f.name}=_default_{f.name}")
    body = [f"    o.{name} = {name}\n" for name in names]
    source = f"def make({', '.join(head)}):\n    o = _new(_open)\n{''.join(body)}    o.__class__ = _cls\n    return o\n"
    exec(source, space)  # noqa: S102 - our own field names; the standard library builds dataclasses the same way
    return cast("Callable[..., T]", space["make"])
