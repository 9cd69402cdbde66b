"""Cheap construction of frozen records, for the paths that make two per action."""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import TYPE_CHECKING, Any, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


def constructor(cls: type[T]) -> Callable[..., T]:
    """Return a function that makes a frozen, slotted dataclass as ``cls(...)`` does, at a third of the cost.

    The generated ``__init__`` of a frozen dataclass looks every field up by name in ``object.__setattr__``; this one
    calls the slots' own setters (measured: 0.9 against 2.7 microseconds for thirteen fields). It runs no
    ``__post_init__``, and instances share what a default factory made.
    """
    space: dict[str, Any] = {"_new": object.__new__, "_cls": cls}
    head, body = [], []
    for f in fields(cast("Any", cls)):
        space[f"_set_{f.name}"] = cls.__dict__[f.name].__set__
        default = f.default_factory() if f.default_factory is not MISSING else f.default
        if default is MISSING:
            head.append(f.name)
        else:
            space[f"_default_{f.name}"] = default
            head.append(f"{f.name}=_default_{f.name}")
        body.append(f"    _set_{f.name}(o, {f.name})")
    source = f"def make({', '.join(head)}):\n    o = _new(_cls)\n" + "\n".join(body) + "\n    return o\n"
    exec(source, space)  # noqa: S102 - our own field names; the standard library builds dataclasses the same way
    return cast("Callable[..., T]", space["make"])
