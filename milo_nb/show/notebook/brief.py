"""One line, or a bounded text, for any value at all. What fails in a person's ``__repr__`` is told, not raised."""

from __future__ import annotations

import itertools
import reprlib
import sys
from typing import TYPE_CHECKING, Any

from milo_nb.errors import in_words, name_of_type
from milo_nb.execute.patience import TooLongError
from milo_nb.state.wire import clip

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_PREVIEW = 20_000
MAX_BRIEF = 160
_LONGEST_INT_BITS = 4_000
_CONTAINERS: dict[type, tuple[str, str]] = {
    list: ("[", "]"),
    tuple: ("(", ")"),
    set: ("{", "}"),
    frozenset: ("frozenset({", "})"),
    dict: ("{", "}"),
}
_SHORT_PART = 24
_TEXT_KINDS = (str, bytes, bytearray)


def type_of(value: object) -> str:
    """Return the name of a value's type, with its module where that tells something."""
    try:
        module = type.__dict__["__module__"].__get__(type(value))
    except AttributeError:
        module = ""
    if not isinstance(module, str) or module in ("builtins", "__main__", ""):
        return name_of_type(value)
    return f"{module}.{name_of_type(value)}"


def brief(value: object, most: int = MAX_BRIEF) -> str:
    """Return one line that says what a value is; at most `most` characters."""
    kind = type(value)
    if kind in (int, bool):
        return _number(value, most)
    if issubclass(kind, _TEXT_KINDS):
        return clip(repr(value[:most]) if kind in _TEXT_KINDS else own_repr(value, most), most)  # type: ignore[index]
    if kind in _CONTAINERS:
        return clip(_one_line(Printer(40, 6, width=10**9).text(value)), most)
    shape = _shape(value)
    return clip(shape or _one_line(own_repr(value, 4 * most)), most)


def own_repr(value: object, most: int) -> str:
    """Return the beginning of an object's own repr, or why there is none."""
    return _own(repr, value, most)


def own_text(value: object, most: int) -> str:
    """Return the beginning of an object as text, or why there is none."""
    return _own(str, value, most)


def _own(ask: Callable[[object], str], value: object, most: int) -> str:
    try:
        return clip(str.__str__(ask(value)), most)
    except BaseException as error:
        if type(error) is TooLongError:
            raise
        asked = "__repr__" if ask is repr else "__str__"
        return f"<{name_of_type(value)}: its {asked} raised {clip(in_words(error), 200)}>"


def _number(value: Any, most: int) -> str:
    bits = int.bit_length(value)
    if bits > _LONGEST_INT_BITS:
        return f"an integer of about {int(bits * 0.30103) + 1:,} digits"
    return clip(repr(value), most)


def _shape(value: object) -> str:
    """Return what tells more of a value than its repr, for kinds whose repr has many lines."""
    kind = type(value)
    for module, name in (("numpy", "ndarray"), ("pandas", "DataFrame"), ("pandas", "Series")):
        there = getattr(sys.modules.get(module), name, None)
        if isinstance(there, type) and issubclass(kind, there):
            shape = " × ".join(f"{n:,}" for n in value.shape) or "scalar"  # type: ignore[attr-defined]  # noqa: RUF001
            return f"{shape}{'' if name == 'DataFrame' else f' of {value.dtype}'}"  # type: ignore[attr-defined]
    return ""


def _one_line(text: str) -> str:
    return " ".join(text.split("\n"))


class Printer:
    """Prints nested containers over several lines, of a bounded size whatever they hold."""

    def __init__(self, items: int = 500, most: int = 50, depth: int = 6, width: int = 96) -> None:
        """Print at most `items` items in all, `most` of them of each container, `depth` containers deep."""
        self._left = items
        self._most = most
        self._depth = depth
        self._width = width
        self._inside: set[int] = set()

    def text(self, value: Any, indent: int = 0) -> str:
        """Return the text of a value."""
        ends = _CONTAINERS.get(type(value))
        if ends is None:
            return _one(value)
        opening, closing = ends
        if not value:
            return "set()" if type(value) is set else opening + closing
        if id(value) in self._inside or indent // 2 >= self._depth or self._left <= 0:
            return f"{opening}…{closing}"
        self._inside.add(id(value))
        try:
            parts = self._parts(value, indent + 2)
        finally:
            self._inside.discard(id(value))
        if type(value) is tuple and len(value) == 1:
            closing = ",)"
        flat = f"{opening}{', '.join(parts)}{closing}"
        if len(flat) + indent <= self._width and "\n" not in flat:
            return flat
        pad = " " * (indent + 2)
        inner = f",\n{pad}".join(parts if max(map(len, parts)) > _SHORT_PART else self._filled(parts, indent))
        return f"{opening}\n{pad}{inner}\n{' ' * indent}{closing}"

    def _filled(self, parts: list[str], indent: int) -> list[str]:
        """Return short parts as full lines."""
        lines = [parts[0]]
        for part in parts[1:]:
            if len(lines[-1]) + len(part) + indent + 4 > self._width:
                lines.append(part)
            else:
                lines[-1] += f", {part}"
        return lines

    def _parts(self, value: Any, indent: int) -> list[str]:
        most = max(min(self._most, self._left), 1)
        self._left -= min(most, len(value))
        if type(value) is dict:
            first = list(itertools.islice(value.items(), most))
            parts = [f"{_one(key)}: {self.text(item, indent)}" for key, item in first]
        else:
            parts = [self.text(item, indent) for item in itertools.islice(value, most)]
        if len(value) > most:
            parts.append(f"… {len(value) - most:,} more")
        return parts


class _Short(reprlib.Repr):
    """Reprs of a bounded size for what is inside of containers."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel, self.maxstring, self.maxother = 3, 300, 300

    def repr_int(self, x: int, level: int) -> str:  # noqa: ARG002 - as reprlib has it
        """Return the number, or how long it is."""
        return _number(x, 200)

    def repr_instance(self, x: object, level: int) -> str:  # noqa: ARG002 - as reprlib has it
        """Return the shape of a table or array, else the beginning of the object's own repr."""
        shape = _shape(x)
        return f"<{name_of_type(x)} {shape}>" if shape else own_repr(x, 300)


def _one(value: object) -> str:
    if issubclass(type(value), str):
        return clip(repr(str.__str__(value)[:300]), 300)
    return _SHORT.repr(value)


_SHORT = _Short()
