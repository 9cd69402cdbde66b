"""Values as bytes that depend on nothing but their content.

Equal content gives equal bytes, in whatever order a dict or set was filled, whichever strings are the same object,
whatever PYTHONHASHSEED is, in any process. Each encoding is short (what is longer stands there as its SHA-256) and tells
its own end, so that encodings can be put one after the other. What is known in another process under a name is encoded by
its name; code of a person's own by what the encoder was told to ask. Types of scientific libraries are in `libraries`.
"""

from __future__ import annotations

import hashlib
from types import ModuleType
from typing import TYPE_CHECKING, Any

from milo_nb.errors import MiloError
from milo_nb.values.objects import CircleError, StuckError, encode_object
from milo_nb.values.packing import KINDS, PLAIN, close, few, is_sortable, number, pack, plain
from milo_nb.values.where import find

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

SCHEMA = b"milo_nb digest 1\0"
"""Begins all that is hashed; another way of encoding takes the next number."""

_AT_ONCE = 1 << 17  # items of a sequence that are packed together
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
        self._kept: list[Any] = []
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
        except CircleError:
            self._inside.clear()
            self._numbers = {}
            try:
                return b"\x01" + self.encode(value)
            finally:
                self._numbers = None
                self._kept.clear()
        finally:
            self._inside.clear()

    # ------------------------------------------------------------------ any value

    def encode(self, value: Any) -> bytes:
        """Return the encoding of a value.

        Raises:
            StuckError: If a part of it has no content.
        """
        kind = type(value)
        if kind in PLAIN:
            return plain(kind, value)
        if (kind is list or kind is tuple) and len(value) <= _FEW and PLAIN.issuperset(map(type, value)):
            return (b"l" if kind is list else b"t") + few(value)  # most common, so first; nothing worth keeping
        if self._numbers is not None:
            return self._numbered(value)
        me = id(value)
        known = self._known.get(me)
        if known is not None:
            return known[1]
        if me in self._inside:
            raise CircleError
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
        self._kept.append(value)  # its id must stay its own
        return self._encode(value)

    def _encode(self, value: Any) -> bytes:
        kind = type(value)
        if kind is list:
            return b"l" + self.sequence(value)
        if kind is tuple:
            return b"t" + self.sequence(value)
        if kind is dict:
            return b"d" + self.mapping(value)
        if kind is set or kind is frozenset:
            return (b"s" if kind is set else b"f") + self._unordered(value)
        if kind is bytearray:
            return b"b" + close(value)
        return encode_object(value, self)

    # ------------------------------------------------------------------ containers

    def sequence(self, values: Sequence[Any]) -> bytes:
        """Return the encoding of items in their order."""
        if len(values) <= _FEW and PLAIN.issuperset(map(type, values)):
            return few(values)
        if len(values) <= _AT_ONCE:
            return close(self._some(values))
        parts = (values[k : k + _AT_ONCE] for k in range(0, len(values), _AT_ONCE))
        return close(b"".join(close(self._some(part)) for part in parts))

    def _some(self, values: Sequence[Any]) -> bytes:
        """Encode items; plain ones by type, all of a type at once."""
        kinds = set(map(type, values))
        count = number(len(values))
        if not kinds <= PLAIN:
            return b"*" + count + b"".join(map(self.encode, values))
        if len(kinds) <= 1:
            return b"1" + count + b"".join(pack(kind, values) for kind in kinds)
        which = bytes(map(KINDS.__getitem__, map(type, values)))
        ordered = sorted(kinds, key=KINDS.__getitem__)
        return b"n" + count + which + b"".join(pack(kind, [v for v in values if type(v) is kind]) for kind in ordered)

    def mapping(self, mapping: dict[Any, Any]) -> bytes:
        """Return the encoding of a dict, without regard to its order."""
        keys = list(mapping)
        if is_sortable(keys):
            ordered, encoded = self._ordered(keys)
            return close(encoded + self.sequence([mapping[key] for key in ordered]))
        found = sorted((self._apart(key), place) for place, key in enumerate(keys))
        return close(
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
        if is_sortable(items):
            return self.sequence(sorted(items))
        return close(number(len(items)) + b"".join(sorted(map(self._apart, items))))

    def _apart(self, value: Any) -> bytes:
        """Encode what has no place in an order: without regard to what was met before it."""
        if self._numbers is None:
            return self.encode(value)
        try:
            return Encoder(self._code_of).encode(value)
        except CircleError:
            raise StuckError(value, "it is in a set or a key, and contains itself") from None

    def reference(self, thing: Any) -> bytes:
        """Encode a function, class or module by its code if it is a person's own, else by its name."""
        code = self._code_of(thing)
        if code is not None:
            return b"#" + close(code.encode())
        module = "" if isinstance(thing, ModuleType) else getattr(thing, "__module__", None) or ""
        name = getattr(thing, "__qualname__", None) or thing.__name__
        return b"." + close(f"{module}:{name}".encode())
