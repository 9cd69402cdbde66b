"""Objects as bytes that depend on their content: by what they are, else by what pickle would write of them."""

from __future__ import annotations

import copyreg
from collections import OrderedDict
from enum import Enum
from itertools import chain
from pathlib import Path
from pickle import PickleBuffer
from types import BuiltinFunctionType, FunctionType, MappingProxyType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any, Protocol

from milo_nb.errors import describe
from milo_nb.values import libraries
from milo_nb.values.filehash import hash_tree
from milo_nb.values.packing import close

if TYPE_CHECKING:
    from collections.abc import Sequence


class StuckError(Exception):
    """Raised while encoding, with the part that has no content."""

    def __init__(self, part: Any, why: str) -> None:
        super().__init__(why)
        self.part = part


class CircleError(Exception):
    """A value contains itself."""


class Encodes(Protocol):
    """What encodes the parts."""

    def encode(self, value: Any) -> bytes:
        """Return the encoding of any value."""

    def sequence(self, values: Sequence[Any]) -> bytes:
        """Return the encoding of items in their order."""

    def mapping(self, mapping: dict[Any, Any]) -> bytes:
        """Return the encoding of a dict, without regard to its order."""

    def reference(self, thing: Any) -> bytes:
        """Return what stands for a function, class or module."""


def encode_object(value: Any, encoder: Encodes) -> bytes:
    """Return the encoding of what is neither plain nor one of Python's containers.

    Raises:
        StuckError: If a part of it has no content.
    """
    kind = type(value)
    try:
        if hasattr(kind, "__milo_hash__"):
            return b"m" + encoder.reference(kind) + encoder.encode(value.__milo_hash__())
        found = _code(value, encoder) or libraries.encode(value, encoder) or _known_kind(value, encoder)
    except (CircleError, StuckError, RecursionError, MemoryError):
        raise
    except Exception as error:  # as of a version of a library that we do not know
        raise StuckError(value, describe(error)) from error
    return found or _reduced(value, encoder)


def _code(value: Any, encoder: Encodes) -> bytes | None:
    if isinstance(value, type | FunctionType | ModuleType):
        return b"c" + encoder.reference(value)
    if isinstance(value, BuiltinFunctionType) and (value.__self__ is None or isinstance(value.__self__, ModuleType)):
        return b"c" + encoder.reference(value)
    if isinstance(value, MethodType):
        return b"h" + encoder.encode(value.__func__) + encoder.encode(value.__self__)
    if isinstance(value, staticmethod | classmethod):
        return b"h" + encoder.reference(type(value)) + encoder.encode(value.__func__)
    if isinstance(value, property):
        return b"h" + encoder.reference(property) + encoder.encode((value.fget, value.fset, value.fdel))
    return None


def _known_kind(value: Any, encoder: Encodes) -> bytes | None:
    kind = type(value)
    if isinstance(value, Enum):
        return b"e" + encoder.reference(kind) + encoder.encode(value.name) + encoder.encode(value.value)
    if isinstance(value, Path):
        return b"F" + _file(value)
    if kind is MappingProxyType:
        return b"d" + encoder.mapping(dict(value))
    if kind in (memoryview, PickleBuffer):
        view = memoryview(value)
        return b"v" + encoder.encode((view.format, view.shape)) + close(view.tobytes())
    return None


def _file(path: Path) -> bytes:
    """Encode what is in a file or folder; of what is not there yet, the path is all there is."""
    try:
        return b"+" + bytes.fromhex(hash_tree(path))
    except FileNotFoundError:
        return b"-" + close(str(path).encode("utf-8", "surrogatepass"))
    except OSError as error:
        raise StuckError(path, describe(error)) from error


def _reduced(value: Any, encoder: Encodes) -> bytes:
    """Encode by what pickle would write, of which each part is encoded in turn."""
    kind = type(value)
    try:
        reduce = copyreg.dispatch_table.get(kind)
        reduced = reduce(value) if reduce is not None else value.__reduce_ex__(5)
        if isinstance(reduced, str):
            return b"g" + close(f"{getattr(value, '__module__', '')}:{reduced}".encode())
        make, arguments, *rest = reduced
        state, items, pairs = (*rest, None, None, None)[:3]
        listed = list(items) if items is not None else None
        paired = list(pairs) if pairs is not None else None
    except (CircleError, StuckError, RecursionError):
        raise
    except Exception as error:
        raise StuckError(value, describe(error)) from error
    whole = encoder.encode(make) + encoder.encode(tuple(arguments)) + encoder.encode(state)
    if listed is not None:
        whole += b"l" + encoder.sequence(listed)
    if paired is not None and isinstance(value, OrderedDict):
        whole += b"o" + encoder.sequence(list(chain.from_iterable(paired)))
    elif paired is not None:
        whole += b"d" + encoder.mapping(dict(paired))
    return b"O" + close(whole)
