"""What a code object does, told by its instructions: not where it lies, on which lines, with which docstring.

Source text would not do: it is not there for every function, and it says the same before and after an edit of the cell
that it came from.
"""

from __future__ import annotations

import dis
import hashlib
from bisect import bisect_left
from dataclasses import dataclass
from threading import Lock
from types import CodeType
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from milo_nb.values.encode import Encoder

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_SILENT = frozenset(("NOP", "RESUME", "CACHE", "EXTENDED_ARG", "PRECALL"))
_NAMES = frozenset(("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"))
_ATTRIBUTES = frozenset(("LOAD_ATTR", "LOAD_METHOD"))
_CONSTANTS = frozenset(dis.hasconst)
_JUMPS = frozenset((*dis.hasjrel, *dis.hasjabs))
_OF_THE_TEXT = frozenset(("__doc__", "__firstlineno__"))
"""What a class or module says of its own text."""
_FLAGS_OF_THE_TEXT = 0x4000000  # 3.14: it has a docstring


@dataclass(frozen=True, slots=True)
class Import:
    """An import statement in a function: the module, the names taken from it, and the dots before it."""

    module: str
    names: tuple[str, ...]
    level: int


@dataclass(frozen=True, slots=True)
class Facts:
    """What there is to know of a code object.

    Attributes:
        digest: Of what it does.
        reads: The names that it reads from outside, each with the attributes taken from it at once: ``("np", "mean")``.
        imports: What it imports while it runs.
    """

    digest: str
    reads: frozenset[tuple[str, ...]]
    imports: frozenset[Import]


_known: WeakKeyDictionary[CodeType, Facts] = WeakKeyDictionary()
_lock = Lock()


def look_at(code: CodeType) -> Facts:
    """Return what a code object does, reads and imports, that of the functions within it too."""
    with _lock:
        facts = _known.get(code)
    if facts is None:
        facts = _look_at(code)
        with _lock:
            _known[code] = facts
    return facts


def _look_at(code: CodeType) -> Facts:
    steps = list(_steps(code))
    within = [look_at(const) for const in code.co_consts if isinstance(const, CodeType)]
    reads = frozenset(_reads(steps)).union(*(facts.reads for facts in within))
    imports = frozenset(_imports(steps)).union(*(facts.imports for facts in within))
    places = [step.offset for step in steps]
    told: list[Any] = [
        (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags & ~_FLAGS_OF_THE_TEXT),
        code.co_varnames[: code.co_argcount + code.co_kwonlyargcount],
        code.co_freevars,
    ]
    for step in steps:
        if step.opcode in _JUMPS:
            told.append((step.opname, bisect_left(places, step.argval)))
        elif step.opcode in _CONSTANTS:
            told.append((step.opname, _constant(step.argval)))
        else:
            told.append((step.opname, step.argrepr or step.arg))
    for entry in getattr(dis.Bytecode(code), "exception_entries", ()):
        spots = (bisect_left(places, spot) for spot in (entry.start, entry.end, entry.target))
        told.append((*spots, entry.depth, entry.lasti))
    encoded = Encoder(lambda _: None).encode(told)
    return Facts(hashlib.sha256(encoded).hexdigest(), reads, imports)


def _constant(value: Any) -> Any:
    if isinstance(value, CodeType):
        return look_at(value).digest
    if isinstance(value, tuple):
        return tuple(map(_constant, value))
    return value


def _steps(code: CodeType) -> Iterator[dis.Instruction]:
    """Yield the instructions that do something, but for those that note docstring and line."""
    held: dis.Instruction | None = None
    for step in dis.get_instructions(code):
        if step.opname in _SILENT:
            continue
        if held is not None:
            if step.opname == "STORE_NAME" and step.argval in _OF_THE_TEXT:
                held = None
                continue
            yield held
            held = None
        if step.opname in ("LOAD_CONST", "LOAD_SMALL_INT") and not isinstance(step.argval, CodeType):
            held = step
        else:
            yield step
    if held is not None:
        yield held


def _reads(steps: Sequence[dis.Instruction]) -> Iterator[tuple[str, ...]]:
    chain: tuple[str, ...] = ()
    for step in steps:
        if step.opname in _ATTRIBUTES and chain:
            chain = (*chain, step.argval)
            continue
        if chain:
            yield chain
        chain = (step.argval,) if step.opname in _NAMES else ()
    if chain:
        yield chain


def _imports(steps: Sequence[dis.Instruction]) -> Iterator[Import]:
    for k, step in enumerate(steps):
        if step.opname == "IMPORT_NAME":
            level, names = steps[k - 2].argval, steps[k - 1].argval
            yield Import(step.argval, tuple(names or ()), level if isinstance(level, int) else 0)
