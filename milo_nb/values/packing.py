"""Plain values as bytes: what is short as it is, what is long as its SHA-256, each with its end told."""

from __future__ import annotations

import hashlib
from array import array
from itertools import chain
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

KINDS: dict[type, int] = {k: n for n, k in enumerate((type(None), bool, int, float, complex, str, bytes))}
"""The plain types, and what stands for them."""
PLAIN = frozenset(KINDS)
_SORTABLE = (str, int, bytes)
_SHORT = 48


def close(content: bytes | bytearray) -> bytes:
    """Return content that tells its end: short as it is, else as its SHA-256."""
    if len(content) <= _SHORT:
        return bytes((len(content),)) + content
    return b"\xff" + hashlib.sha256(content).digest()


def is_sortable(values: list[Any]) -> bool:
    """Tell whether Python can sort these by content: all of one of the types that it orders in one way only."""
    return bool(values) and type(values[0]) in _SORTABLE and len(set(map(type, values))) == 1


def plain(kind: type, value: Any) -> bytes:
    """Return one plain value of this type as bytes that tell their end."""
    if kind is str:
        return b"u" + close(value.encode("utf-8", "surrogatepass"))
    if kind is bytes:
        return b"y" + close(value)
    return b"p" + few((value,))


def few(values: Sequence[Any]) -> bytes:
    """Return plain items as Python writes them, which is exact and the fastest."""
    try:
        return close(b"=" + repr(tuple(values)).encode())
    except ValueError:  # a number too long to be written in decimals
        return close(b"x" + repr([hex(v) if type(v) is int else (v,) for v in values]).encode())


def number(number: int) -> bytes:
    """Return a count as eight bytes."""
    return number.to_bytes(8, "little")


def pack(kind: type, values: Sequence[Any]) -> bytes:
    """Return plain values of one type as bytes, with their length before them."""
    content = _PACKERS[kind](values)
    return bytes((KINDS[kind],)) + number(len(content)) + content


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
