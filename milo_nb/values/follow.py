"""Follows code from function to function and notes what it is made of."""

from __future__ import annotations

import functools
import hashlib
from operator import itemgetter
from pathlib import Path
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any

from milo_nb.declare.phase import Phase
from milo_nb.values import origin
from milo_nb.values.bytecode import look_at
from milo_nb.values.classes import annotations_of, attributes_of, functions_in, functions_of
from milo_nb.values.encode import Encoder, Undigestable
from milo_nb.values.modules import note_import, note_module, note_package

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_OF_THE_MODULE = frozenset(
    ("__builtins__", "__file__", "__loader__", "__name__", "__package__", "__path__", "__spec__")
)
_MISSING = object()


class Follower:
    """Notes the parts of one function's code; used once, from one thread."""

    def __init__(self, parts: dict[str, str], untracked: list[str], *, is_deep: bool) -> None:
        """Make one.

        Args:
            parts: Takes what is found.
            untracked: Takes what cannot be followed.
            is_deep: Whether to go on from the first function to what it uses.
        """
        self._parts = parts
        self._untracked = untracked
        self._is_deep = is_deep
        self._home: str | None = None
        self._seen: dict[int, Any] = {}
        self._encoder = Encoder(self.code_of)
        self._names: dict[int, str] = {}

    def begin(self, target: Any) -> None:
        """Note what a callable is made of."""
        if isinstance(target, functools.partial):
            self._note("captured arguments", (target.args, target.keywords))
            self.begin(target.func)
        elif isinstance(target, MethodType):
            self._note("captured self", target.__self__)
            self.begin(target.__func__)
        elif isinstance(target, FunctionType) and origin.origin_of(target.__module__) != "package":
            self._home = target.__module__
            self._seen[id(target)] = target
            self._names[id(target)] = f"code of {target.__name__}"
            name = target.__name__
            self._parts[f"code of {name}"] = look_at(target.__code__).digest
            for parameter, default in _defaults(target):
                self._use(f"default of {parameter}", parameter, default)
            for captured, value in _captured(target):
                self._use(f"captured {captured}", captured, value)
            if origin.origin_of(target.__module__) == "own":
                self._go_on(target.__code__, target.__globals__, target.__module__)
        elif isinstance(target, FunctionType | BuiltinFunctionType | type):
            self._code(target, target.__name__)
        else:
            self._note("captured self", target)  # an object with ``__call__``: its class is in there

    def begin_with_code(
        self, name: str, code: CodeType, names: Mapping[str, Any], outside: frozenset[str] | None, given: frozenset[str]
    ) -> None:
        """Note what a cell's body is made of; see :class:`milo_nb.values.fingerprint.Body`."""
        self._parts[f"code of {name}"] = look_at(code).digest
        known = {n: v for n, v in names.items() if n not in given and (outside is None or n in outside)}
        self._go_on(code, known, "__main__")

    # ------------------------------------------------------------------ what code uses

    def _go_on(self, code: CodeType, names: Mapping[str, Any], module: str | None) -> None:
        if not self._is_deep:
            return
        facts = look_at(code)
        for chain in sorted(facts.reads):
            if chain[0] in names and chain[0] not in _OF_THE_MODULE:
                self._read(chain, names[chain[0]])
        for one in sorted(facts.imports, key=lambda found: (found.module, found.names)):
            note_import(one, module or "__main__", self._parts, self._untracked)

    def _read(self, chain: tuple[str, ...], value: Any) -> None:
        """Note what a name stands for; of a module only what is taken from it."""
        name, *further = chain
        while isinstance(value, ModuleType) and further and origin.origin_of(value.__name__) == "own":
            attribute = further.pop(0)
            taken = vars(value).get(attribute, _MISSING)
            if taken is _MISSING:
                break
            name, value = f"{name}.{attribute}", taken
        self._use(f"global {name}", name, value)

    def _use(self, part: str, name: str, value: Any) -> None:
        """Note a value, as code if it is code."""
        value = value.handler if isinstance(value, Phase) else value
        while isinstance(value, functools._lru_cache_wrapper):  # noqa: SLF001 - has no public name
            value = value.__wrapped__
        if isinstance(value, FunctionType | BuiltinFunctionType | type | ModuleType):
            if self._is_deep:
                self._code(value, name)
        elif isinstance(value, functools.partial):
            self._use(part, name, value.func)
            self._note(f"captured arguments of {name}", (value.args, value.keywords))
        elif isinstance(value, MethodType):
            self._use(part, name, value.__func__)
            self._use(part, name, value.__self__)
        elif type(value).__module__.partition(".")[0] not in origin.TOOLS:
            self._note(part, value)

    def _note(self, part: str, value: Any) -> None:
        name = part.removeprefix("global ")
        if isinstance(value, Path) and value.is_dir():
            value = str(value)  # where to work, not what to work on: its content changes, and may be all of a disk
        try:
            self._parts[part] = self._encoder.digest(value, name)
        except Undigestable as error:
            self._untracked.append(f"{error.where} ({error.type_name})")

    def _code(self, thing: Any, name: str) -> None:
        """Note a function, class or module that is used."""
        if id(thing) in self._seen:
            return
        self._seen[id(thing)] = thing
        module = _module_of(thing)
        whose = "python" if isinstance(thing, BuiltinFunctionType) and not module else origin.origin_of(module)
        if whose == "package":
            note_package(str(module), self._parts)
        elif whose == "python" or isinstance(thing, BuiltinFunctionType):
            return
        elif isinstance(thing, ModuleType):
            self._names[id(thing)] = f"module {thing.__name__}"
            note_module(thing.__name__, self._parts, self._untracked)
        elif isinstance(thing, type):
            self._class(thing)
        else:
            self._function(thing, name)

    def _function(self, function: FunctionType, name: str) -> None:
        """Note a helper; what it captured and its defaults are part of it."""
        part = self._name("helper", function, name if "<" in function.__name__ else "")
        self._parts[part] = _sum((look_at(function.__code__).digest, *self._insides(function)))
        self._go_on(function.__code__, function.__globals__, function.__module__)

    def _insides(self, function: FunctionType) -> Iterator[str]:
        for name, value in (*_defaults(function), *_captured(function)):
            if isinstance(value, FunctionType) and value.__name__ == function.__name__:  # a wrapper and what it wraps
                yield look_at(value.__code__).digest
                yield from self._insides(value)
            elif isinstance(value, FunctionType | type | ModuleType):
                self._code(value, name)
            else:
                yield f"{name}={self._digest(value, name)}"

    def _digest(self, value: Any, name: str) -> str:
        try:
            return self._encoder.digest(value, name)
        except Undigestable as error:
            self._untracked.append(f"{error.where} ({error.type_name})")
            return "untracked"

    # ------------------------------------------------------------------ classes

    def _class(self, cls: type) -> None:
        part = self._name("class", cls)
        told: list[str] = []
        for base in cls.__bases__:
            told.append(base.__qualname__)
            self._code(base, base.__name__)
        told += [f"{name}: {text}" for name, text in annotations_of(cls)]
        for name, value in sorted(attributes_of(cls), key=itemgetter(0)):
            told += [f"{name}={digest}" for digest in self._attribute(f"{cls.__name__}.{name}", value)]
        self._parts[part] = _sum(told)
        for function in functions_of(cls):
            self._go_on(function.__code__, function.__globals__, function.__module__)

    def _attribute(self, name: str, value: Any) -> Iterator[str]:
        functions = list(functions_in(value))
        for function in functions:
            yield look_at(function.__code__).digest
            yield from self._insides(function)
        if not functions:
            yield self._digest(value, name)

    # ------------------------------------------------------------------ code within values

    def code_of(self, thing: Any) -> str | None:
        """Note a person's own function, class or module that is in a value, and return what to call it there.

        None stands for what is not their own: its name is enough.
        """
        if isinstance(thing, BuiltinFunctionType) or origin.origin_of(_module_of(thing)) != "own":
            return None
        if not self._is_deep:
            return look_at(thing.__code__).digest if isinstance(thing, FunctionType) else None
        self._code(thing, getattr(thing, "__name__", "it"))
        return self._names.get(id(thing), "untracked")

    def _name(self, kind: str, thing: Any, name: str = "") -> str:
        """Return a name for a part that no other has: two functions may be called the same."""
        found = name or thing.__qualname__.rpartition("<locals>.")[2]
        if _module_of(thing) not in (None, "__main__", self._home) and not name:
            found = f"{thing.__module__}.{found}"
        part, count = f"{kind} {found}", 1
        while part in self._parts:
            count += 1
            part = f"{kind} {found} ({count})"
        self._parts[part] = ""
        self._names[id(thing)] = part
        return part


def _module_of(thing: Any) -> str | None:
    return thing.__name__ if isinstance(thing, ModuleType) else getattr(thing, "__module__", None)


def _defaults(function: FunctionType) -> Iterator[tuple[str, Any]]:
    code, defaults = function.__code__, function.__defaults__ or ()
    yield from zip(code.co_varnames[code.co_argcount - len(defaults) : code.co_argcount], defaults, strict=False)
    yield from sorted((function.__kwdefaults__ or {}).items())


def _captured(function: FunctionType) -> Iterator[tuple[str, Any]]:
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=False):
        try:
            value = cell.cell_contents
        except ValueError:  # nothing was bound yet
            continue
        if name != "__class__" and value is not function:
            yield name, value


def _sum(told: Iterable[str]) -> str:
    total = hashlib.sha256()
    for text in told:
        content = text.encode("utf-8", "surrogatepass")
        total.update(len(content).to_bytes(8, "little") + content)
    return total.hexdigest()
