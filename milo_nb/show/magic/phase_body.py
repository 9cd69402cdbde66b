"""A cell's body as the handler of a phase: runs in one dict of its own, and returns what it bound.

The dict holds the notebook's names as they are when an attempt starts, then the run's parameters, then what the phases
directly before export, then those phases under their own names, and ``ctx``; the nearer one hides the farther one.
One dict, because functions of the body could not see its names in separate globals and locals.
"""

from __future__ import annotations

import ast
import dis
import inspect
from types import CodeType, ModuleType
from typing import TYPE_CHECKING, Any, NoReturn

from milo_nb.errors import UsageError
from milo_nb.show.magic.body import compile_body, parse_body
from milo_nb.values.exports import Exports
from milo_nb.values.outside import taken_from_outside

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from milo_nb.declare.phase import Phase

_VALUE = "__milo_value__"
_NOT_TAKEN = ("__annotations__", "__annotate__", "__conditional_annotations__")  # the body makes its own


class PhaseBody:
    """The handler of a phase that a cell's body makes; each call runs the body from its start.

    Attributes:
        description: The first line of its docstring.
        __code__: The body's code, by which edits are told from a cell that was only run again.
        exports: The public names that the body itself binds.
        given: Names that the phases directly before give it: no matter of its code, whatever the notebook has by them.
    """

    def __init__(self, tree: ast.Module, code: CodeType, notebook: Mapping[str, Any]) -> None:
        """Make the handler.

        Args:
            tree: The body.
            code: The body compiled, with its last expression bound to a name of ours.
            notebook: The notebook's names; read when an attempt starts.
        """
        self.description = (ast.get_docstring(tree) or "").partition("\n")[0]
        self.__code__ = code
        self._notebook = notebook
        self._outside = taken_from_outside(tree)
        self._borrowed = _borrowed(tree)
        self._reads: dict[str, int] = {}
        self._binds: dict[str, None] = {}
        self._binds_inside: set[str] = set()
        self._note_names()
        self.exports = frozenset(n for n in self._binds if not n.startswith("_") and n not in self._borrowed)
        self.given: frozenset[str] = frozenset(("ctx",))

    def __call__(self, context: Mapping[str, Any], ctx: Any) -> Any:
        """Run the body and return its Exports, or a coroutine that does, if the body awaits.

        Args:
            context: The results of the phases directly before, by name.
            ctx: What the phase can ask of its run.

        Raises:
            BaseException: What the body raised.
        """
        given, twice = self._given(context, ctx)
        names = dict(given)
        if self.__code__.co_flags & inspect.CO_COROUTINE:
            return self._awaited(names, given, twice)
        try:
            exec(self.__code__, names)  # noqa: S102 - running the person's code is what a phase is for
        except NameError as error:
            if error.name is not None and error.name in twice:
                raise NameError(twice[error.name]).with_traceback(error.__traceback__) from None
            raise
        return self._exports(names, given)

    def __milo_fingerprint__(self) -> tuple[CodeType, Mapping[str, Any], frozenset[str]]:
        """Return what the body's fingerprint is made of: its code, what its names stand for, which it takes from there."""
        return self.__code__, self._notebook, self._outside - self.given

    def reads(self, name: str) -> bool:
        """Tell whether the body may look at this name: its own code does, or a magic in it could."""
        return name in self._reads or "get_ipython" in self._reads

    async def _awaited(self, names: dict[str, Any], given: Mapping[str, Any], twice: Mapping[str, str]) -> Exports:
        try:
            await eval(self.__code__, names)  # noqa: S307 - as above
        except NameError as error:
            if error.name is not None and error.name in twice:
                raise NameError(twice[error.name]).with_traceback(error.__traceback__) from None
            raise
        return self._exports(names, given)

    # ------------------------------------------------------------------ what goes in

    def _given(self, context: Mapping[str, Any], ctx: Any) -> tuple[dict[str, Any], dict[str, str]]:
        """Return the names that the body starts with, and what is wrong with those that two phases export."""
        given = dict(self._notebook)
        for name in _NOT_TAKEN:
            given.pop(name, None)
        given.update(ctx.params)
        makers: dict[str, list[str]] = {}
        for phase, result in context.items():
            for name in result if isinstance(result, Exports) else ():
                makers.setdefault(name, []).append(phase)
                given[name] = result[name]
        twice = {n: _say_twice(n, by) for n, by in makers.items() if len(by) > 1 and n not in context and n != "ctx"}
        for name, wrong in twice.items():
            del given[name]
            if name in self._reads and name not in self._binds and name not in self._binds_inside:
                self._raise_at(self._reads[name], NameError(wrong))  # now, not after an hour of work
        given.update(context)
        given["ctx"] = ctx
        return given, twice

    def _raise_at(self, line: int, error: Exception) -> NoReturn:
        """Raise an error as if the body's line `line` had."""
        code = compile("\n" * (line - 1) + "raise error", self.__code__.co_filename, "exec")
        exec(code, {"error": error})  # noqa: S102 - a line of ours
        raise AssertionError

    # ------------------------------------------------------------------ what comes out

    def _exports(self, names: dict[str, Any], given: Mapping[str, Any]) -> Exports:
        """Return what the body bound: no private names, no imports, no modules, nothing that was there before."""
        found = {name: names[name] for name in self._binds if name in names and name not in self._borrowed}
        if "*" not in self._borrowed:  # what a star brings cannot be told from what magics and exec bind
            found |= {n: v for n, v in names.items() if n not in self._binds and given.get(n, given) is not v}
        public = {n: v for n, v in found.items() if not n.startswith("_") and not isinstance(v, ModuleType)}
        return Exports(public, names.get(_VALUE))

    def _note_names(self) -> None:
        """Note which names of the one dict the code reads, with the first line, and which it binds."""
        for code in _all_code(self.__code__):
            for step in dis.get_instructions(code):
                if step.opname in ("LOAD_NAME", "LOAD_GLOBAL"):
                    line = step.positions.lineno if step.positions is not None else None
                    self._reads.setdefault(step.argval, line or code.co_firstlineno)
                elif step.opname == "STORE_GLOBAL" or (step.opname == "STORE_NAME" and code is self.__code__):
                    self._binds.setdefault(step.argval)
                elif step.opname == "STORE_NAME":  # in the body of a class
                    self._binds_inside.add(step.argval)


def note_given(phases: Iterable[Phase]) -> None:
    """Tell the bodies among `phases` which names those before give them."""
    phases = tuple(phases)
    exports = {p.name: p.handler.exports for p in phases if isinstance(p.handler, PhaseBody)}
    for phase in phases:
        if isinstance(phase.handler, PhaseBody):
            before = [exports.get(name, frozenset()) for name in phase.depends_on]
            phase.handler.given = frozenset(("ctx", *phase.depends_on)).union(*before)


def make_body(shell: Any, line: str, body: str) -> PhaseBody:
    """Return the handler that a cell's body makes.

    Args:
        shell: Holds the notebook's names.
        line: What stood behind ``%%milo``.
        body: The cell without its first line.

    Raises:
        BodyError: If the body is not Python.
        UsageError: If there is none.
    """
    tree, file = parse_body(shell, line, body)
    if not tree.body:
        what = line.split(maxsplit=1)[0]
        raise UsageError(f"The cell has no body: what stands below %%milo {what} is what the phase does.")
    last = tree.body[-1]
    if isinstance(last, ast.Expr):
        target = ast.copy_location(ast.Name(_VALUE, ast.Store()), last)
        kept = ast.copy_location(ast.Assign(targets=[target], value=last.value), last)
        runs = ast.Module(body=[*tree.body[:-1], kept], type_ignores=[])
    else:
        runs = tree
    return PhaseBody(tree, compile_body(shell, runs, file), shell.user_ns)


def _borrowed(tree: ast.Module) -> frozenset[str]:
    """Return the names that only imports and ``except ... as`` bind, ``*`` for a star."""
    borrowed: set[str] = set()
    assigned: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            borrowed |= {alias.asname or alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ExceptHandler) and node.name is not None:
            borrowed.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            assigned.add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            assigned.add(node.name)
    return frozenset(borrowed - assigned)


def _all_code(code: CodeType) -> Iterator[CodeType]:
    """Yield the code and that of all functions and classes in it."""
    todo = [code]
    while todo:
        one = todo.pop()
        yield one
        todo += [c for c in one.co_consts if isinstance(c, CodeType)]


def _say_twice(name: str, phases: list[str]) -> str:
    by = [f"'{phase}'" for phase in phases]
    use = [f"{phase}.{name}" for phase in phases]
    said = [f"{', '.join(words[:-1])} {joint} {words[-1]}" for words, joint in ((by, "and"), (use, "or"))]
    return f"{name} is exported by {said[0]}: use {said[1]}"
