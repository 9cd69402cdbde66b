"""Which names the body of a cell takes from the notebook."""

from __future__ import annotations

import ast


def taken_from_outside(tree: ast.Module) -> frozenset[str]:
    """Return the names that a cell's body takes from outside: all it reads but those it surely bound before.

    Surely bound is what a statement of the body itself binds: not what stands in a branch, a loop or a ``try``, which may
    be passed by, and then the name of the notebook is read.
    """
    outside: set[str] = set()
    _pass_through(tree.body, set(), outside)
    return frozenset(outside)


def _pass_through(statements: list[ast.stmt], bound: set[str], outside: set[str]) -> None:
    for statement in statements:
        if isinstance(statement, ast.With | ast.AsyncWith):
            for item in statement.items:
                outside |= _read(item.context_expr) - bound
                bound |= _bound_in(item.optional_vars) if item.optional_vars is not None else set()
            _pass_through(statement.body, bound, outside)
            continue
        outside |= _read(statement) - bound
        if isinstance(statement, ast.Assign):
            bound |= set().union(*map(_bound_in, statement.targets))
        elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
            bound |= _bound_in(statement.target)
        elif isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            bound.add(statement.name)
        elif isinstance(statement, ast.Import | ast.ImportFrom):
            bound |= {alias.asname or alias.name.partition(".")[0] for alias in statement.names}


def _read(node: ast.AST) -> set[str]:
    """Return the names that are read somewhere in a node; ``x += 1`` reads x."""
    names = {one.id for one in ast.walk(node) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Load)}
    targets = (one.target for one in ast.walk(node) if isinstance(one, ast.AugAssign))
    return names | {target.id for target in targets if isinstance(target, ast.Name)}


def _bound_in(target: ast.expr) -> set[str]:
    return {one.id for one in ast.walk(target) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)}
