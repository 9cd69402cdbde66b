"""Values as bytes that depend on nothing but their content.

Equal content gives equal bytes, in whatever order a dict or set was filled, whichever strings are the same object,
whatever PYTHONHASHSEED is, in any process. Each encoding is short (what is longer stands there as its SHA-256) and tells
its own end, so that encodings can be put one after the other. What is known in another process under a name is encoded by
its name; code of a person's own by what the encoder was told to ask. Types of scientific libraries are in `libraries`.
"""

from __future__ import annotations

import copyreg
import hashlib
from array import array
from collections import OrderedDict
from enum import Enum
from itertools import chain
from pathlib import Path
from pickle import PickleBuffer
from types import BuiltinFunctionType, FunctionType, MappingProxyType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any

from milo_nb.errors import MiloError, describe
from milo_nb.values import libraries
from milo_nb.values.filehash import hash_tree
from milo_nb.values.where import find

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

SCHEMA = b"milo_nb digest 1\0"
"""Begins all that is hashed; another way of encoding takes the next number."""

_SHORT = 48
_AT_ONCE = 1 << 17  # items of a sequence that are packed together
_KINDS: dict[type, int] = {k: n for n, k in enumerate((type(None), bool, int, float, complex, str, bytes))}
_PLAIN = frozenset(_KINDS)
_SORTABLE = (str, int, bytes)
_FEW = 64  # items that are written as Python does


class Undigestable(MiloError):  # noqa: N818 - what the value is
    """A value has no content that could be compared, as an open file or a lock.

    Attributes:
        where: The part of it that has none, as ``params['model'].lock``.
        type_name: The type of that part.
    """

    def __init__(self, where: str, type_name: str, why: str) -> None:
        self.where = where
        self.type_name = type_name
        self.why = why
        super().__init__(f"{where} is a {type_name}, whose content cannot be compared: {why}")

    def __reduce__(self) -> tuple[type[Undigestable], tuple[object, ...]]:
        """Pickle by what it was made of."""
        return type(self), (self.where, self.type_name, self.why)


class StuckError(Exception):
    """Raised while encoding, with the part that has no content."""

    def __init__(self, part: Any, why: str) -> None:
        super().__init__(why)
        self.part = part


class _CircleError(Exception):
    """A value contains itself."""


class Encoder:
    """Encodes values, each large part once however often it is met.

    What it was given must not change as long as it is used.
    """

    def __init__(self, code_of: Callable[[Any], str | None]) -> None:
        """Make one.

        Args:
            code_of: Asked for each function, class and module that is met; returns what stands for it, or None if its
                name is enough. It may use this encoder meanwhile.
        """
        self._code_of = code_of
        self._known: dict[int, tuple[Any, bytes]] = {}
        self._keys: dict[tuple[Any, ...], tuple[list[Any], bytes]] = {}
        self._inside: set[int] = set()
        self._numbers: dict[int, int] | None = None  # of all that was met, in a value that contains itself

    def digest(self, value: Any, name: str = "value") -> str:
        """Return the SHA-256 of a value's content in hex.

        Args:
            value: The value.
            name: What to call it in errors.

        Raises:
            Undigestable: If a part of it has no content that could be compared.
        """
        try:
            # asked by `code_of` in the middle of another value, it begins anew
            encoded = (Encoder(self._code_of) if self._inside else self).encode_whole(value)
            return hashlib.sha256(SCHEMA + encoded).hexdigest()
        except StuckError as error:
            where = find(value, error.part, name)
            raise Undigestable(where, type(error.part).__name__, str(error)) from error.__cause__
        except RecursionError:
            raise Undigestable(name, type(value).__name__, "it is nested too deeply") from None

    def encode_whole(self, value: Any) -> bytes:
        """Return the encoding of a value that may contain itself; not while another is being encoded.

        Raises:
            StuckError: If a part of it has no content.
        """
        try:
            return self.encode(value)
        except _CircleError:
            self._inside.clear()
            self._numbers = {}
            try:
                return b"\x01" + self.encode(value)
            finally:
                self._numbers = None
        finally:
            self._inside.clear()

    # ------------------------------------------------------------------ any value

    def encode(self, value: Any) -> bytes:
        """Return the encoding of a value.

        Raises:
            StuckError: If a part of it has no content.
        """
        kind = type(value)
        if kind in _PLAIN:
            return _plain(kind, value)
        if (kind is list or kind is tuple) and len(value) <= _FEW and _PLAIN.issuperset(map(type, value)):
            return (b"l" if kind is list else b"t") + _few(value)  # most common, so first; nothing worth keeping
        if self._numbers is not None:
            return self._numbered(value)
        me = id(value)
        known = self._known.get(me)
        if known is not None:
            return known[1]
        if me in self._inside:
            raise _CircleError
        self._inside.add(me)
        encoded = self._encode(value)
        self._inside.discard(me)
        self._known[me] = (value, encoded)  # the value too: its id must stay its own
        return encoded

    def _numbered(self, value: Any) -> bytes:
        """Encode a part of a value that contains itself: what is met again is the number it got the first time."""
        numbers: dict[int, int] = self._numbers  # type: ignore[assignment] # asked only when there are some
        number = numbers.get(id(value))
        if number is not None:
            return b"r" + number.to_bytes(8, "little")
        numbers[id(value)] = len(numbers)
        encoded = self._encode(value)
        self._known[id(value)] = (value, b"")  # kept alive: its id must stay its own
        return encoded

    def _encode(self, value: Any) -> bytes:  # noqa: PLR0911 - one line for each kind of value
        kind = type(value)
        if kind is list:
            return b"l" + self.sequence(value)
        if kind is tuple:
            return b"t" + self.sequence(value)
        if kind is dict:
            return b"d" + self._mapping(value)
        if kind is set or kind is frozenset:
            return (b"s" if kind is set else b"f") + self._unordered(value)
        if kind is bytearray:
            return b"b" + _close(value)
        if hasattr(kind, "__milo_hash__"):
            return b"m" + self._reference(kind) + self.encode(value.__milo_hash__())
        return self._code(value) or self._library(value) or self._known_kind(value) or self._object(value)

    # ------------------------------------------------------------------ containers

    def sequence(self, values: Sequence[Any]) -> bytes:
        """Return the encoding of items in their order."""
        if len(values) <= _FEW and _PLAIN.issuperset(map(type, values)):
            return _few(values)
        if len(values) <= _AT_ONCE:
            return _close(self._some(values))
        parts = (values[k : k + _AT_ONCE] for k in range(0, len(values), _AT_ONCE))
        return _close(b"".join(_close(self._some(part)) for part in parts))

    def _some(self, values: Sequence[Any]) -> bytes:
        """Encode items; plain ones by type, all of a type at once."""
        kinds = set(map(type, values))
        count = _number(len(values))
        if not kinds <= _PLAIN:
            return b"*" + count + b"".join(map(self.encode, values))
        if len(kinds) <= 1:
            return b"1" + count + b"".join(_pack(kind, values) for kind in kinds)
        which = bytes(map(_KINDS.__getitem__, map(type, values)))
        ordered = sorted(kinds, key=_KINDS.__getitem__)
        return b"n" + count + which + b"".join(_pack(kind, [v for v in values if type(v) is kind]) for kind in ordered)

    def _mapping(self, mapping: dict[Any, Any]) -> bytes:
        keys = list(mapping)
        if _is_sortable(keys):
            ordered, encoded = self._ordered(keys)
            return _close(encoded + self.sequence([mapping[key] for key in ordered]))
        found = sorted((self._apart(key), place) for place, key in enumerate(keys))
        return _close(
            b"".join(encoded for encoded, _ in found) + self.sequence([mapping[keys[place]] for _, place in found])
        )

    def _ordered(self, keys: list[Any]) -> tuple[list[Any], bytes]:
        """Return keys in order, and encoded; those of records are the same again and again."""
        if len(keys) > _FEW:
            keys.sort()
            return keys, self.sequence(keys)
        known = self._keys.get(tuple(keys))
        if known is None or type(known[0][0]) is not type(keys[0]):  # 1 and True are the same to a dict
            ordered = sorted(keys)
            known = self._keys[tuple(keys)] = ordered, self.sequence(ordered)
        return known

    def _unordered(self, values: Iterable[Any]) -> bytes:
        items = list(values)
        if _is_sortable(items):
            return self.sequence(sorted(items))
        return _close(_number(len(items)) + b"".join(sorted(map(self._apart, items))))

    def _apart(self, value: Any) -> bytes:
        """Encode what has no place in an order: without regard to what was met before it."""
        if self._numbers is None:
            return self.encode(value)
        try:
            return Encoder(self._code_of).encode(value)
        except _CircleError:
            raise StuckError(value, "it is in a set or a key, and contains itself") from None

    # ------------------------------------------------------------------ objects

    def _code(self, value: Any) -> bytes | None:
        if isinstance(value, type | FunctionType | ModuleType):
            return b"c" + self._reference(value)
        if isinstance(value, BuiltinFunctionType) and (
            value.__self__ is None or isinstance(value.__self__, ModuleType)
        ):
            return b"c" + self._reference(value)
        if isinstance(value, MethodType):
            return b"h" + self.encode(value.__func__) + self.encode(value.__self__)
        if isinstance(value, staticmethod | classmethod):
            return b"h" + self._reference(type(value)) + self.encode(value.__func__)
        if isinstance(value, property):
            return b"h" + self._reference(property) + self.encode((value.fget, value.fset, value.fdel))
        return None

    def _reference(self, thing: Any) -> bytes:
        """Encode a function, class or module by its code if it is a person's own, else by its name."""
        code = self._code_of(thing)
        if code is not None:
            return b"#" + _close(code.encode())
        module = "" if isinstance(thing, ModuleType) else getattr(thing, "__module__", None) or ""
        name = getattr(thing, "__qualname__", None) or thing.__name__
        return b"." + _close(f"{module}:{name}".encode())

    def _library(self, value: Any) -> bytes | None:
        try:
            return libraries.encode(value, self)
        except (_CircleError, StuckError, RecursionError, MemoryError):
            raise
        except Exception as error:  # a version of the library that we do not know
            raise StuckError(value, describe(error)) from error

    def _known_kind(self, value: Any) -> bytes | None:
        kind = type(value)
        if isinstance(value, Enum):
            return b"e" + self._reference(kind) + self.encode(value.name) + self.encode(value.value)
        if isinstance(value, Path):
            return b"F" + self._file(value)
        if kind is MappingProxyType:
            return b"d" + self._mapping(dict(value))
        if kind in (memoryview, PickleBuffer):
            view = memoryview(value)
            return b"v" + self.encode((view.format, view.shape)) + _close(view.tobytes())
        return None

    def _file(self, path: Path) -> bytes:
        """Encode what is in a file or folder; of what is not there yet, the path is all there is."""
        try:
            return b"+" + bytes.fromhex(hash_tree(path))
        except FileNotFoundError:
            return b"-" + _close(str(path).encode("utf-8", "surrogatepass"))
        except OSError as error:
            raise StuckError(path, describe(error)) from error

    def _object(self, value: Any) -> bytes:
        """Encode by what pickle would write, of which each part is encoded in turn."""
        kind = type(value)
        try:
            reduce = copyreg.dispatch_table.get(kind)
            reduced = reduce(value) if reduce is not None else value.__reduce_ex__(5)
            if isinstance(reduced, str):
                return b"g" + _close(f"{getattr(value, '__module__', '')}:{reduced}".encode())
            make, arguments, *rest = reduced
            state, items, pairs = (*rest, None, None, None)[:3]
            listed = list(items) if items is not None else None
            paired = list(pairs) if pairs is not None else None
        except (_CircleError, StuckError, RecursionError):
            raise
        except Exception as error:
            raise StuckError(value, describe(error)) from error
        whole = self.encode(make) + self.encode(tuple(arguments)) + self.encode(state)
        if listed is not None:
            whole += b"l" + self.sequence(listed)
        if paired is not None and isinstance(value, OrderedDict):
            whole += b"o" + self.sequence(list(chain.from_iterable(paired)))
        elif paired is not None:
            whole += b"d" + self._mapping(dict(paired))
        return b"O" + _close(whole)


# ---------------------------------------------------------------------- bytes


def _close(content: bytes | bytearray) -> bytes:
    """Return content that tells its end: short as it is, else as its SHA-256."""
    if len(content) <= _SHORT:
        return bytes((len(content),)) + content
    return b"\xff" + hashlib.sha256(content).digest()


def _is_sortable(values: list[Any]) -> bool:
    """Tell whether Python can sort these by content: all of one of the types that it orders in one way only."""
    return bool(values) and type(values[0]) in _SORTABLE and len(set(map(type, values))) == 1


def _plain(kind: type, value: Any) -> bytes:
    if kind is str:
        return b"u" + _close(value.encode("utf-8", "surrogatepass"))
    if kind is bytes:
        return b"y" + _close(value)
    return b"p" + _few((value,))


def _few(values: Sequence[Any]) -> bytes:
    """Return plain items as Python writes them, which is exact and the fastest."""
    try:
        return _close(b"=" + repr(tuple(values)).encode())
    except ValueError:  # a number too long to be written in decimals
        return _close(b"x" + repr([hex(v) if type(v) is int else (v,) for v in values]).encode())


def _number(number: int) -> bytes:
    return number.to_bytes(8, "little")


def _pack(kind: type, values: Sequence[Any]) -> bytes:
    """Return plain values of one type as bytes, with their length before them."""
    content = _PACKERS[kind](values)
    return bytes((_KINDS[kind],)) + _number(len(content)) + content


def _pack_ints(values: Sequence[int]) -> bytes:
    try:
        return b"q" + array("q", values).tobytes()
    except OverflowError:
        return b"x" + ",".join(map(hex, values)).encode()


def _pack_complex(values: Sequence[complex]) -> bytes:
    return array("d", chain.from_iterable((v.real, v.imag) for v in values)).tobytes()


def _pack_texts(values: Sequence[str]) -> bytes:
    return array("Q", map(len, values)).tobytes() + "".join(values).encode("utf-8", "surrogatepass")


def _pack_bytes(values: Sequence[bytes]) -> bytes:
    return array("Q", map(len, values)).tobytes() + b"".join(values)


_PACKERS: dict[type, Callable[[Any], bytes]] = {
    type(None): lambda _: b"",
    bool: bytes,
    int: _pack_ints,
    float: lambda values: array("d", values).tobytes(),
    complex: _pack_complex,
    str: _pack_texts,
    bytes: _pack_bytes,
}
