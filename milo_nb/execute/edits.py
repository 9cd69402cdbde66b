"""Telling whether a phase was edited: whether its code, and what goes with it, differs from what it was."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from milo_nb.declare.phase import Phase


def changed(before: Phase, after: Phase) -> bool:
    """Tell whether a phase's code or policy differs."""
    if before is after:
        return False
    plain = (before.policy, before.timeout, before.weight) == (after.policy, after.timeout, after.weight)
    return not (plain and same_code(before.handler, after.handler) and same_code(before.validate, after.validate))


def same_code(before: Any, after: Any) -> bool:
    """Tell whether two functions do the same, as far as their own code, constants and defaults show."""
    if before is after:
        return True
    one, other = getattr(before, "__code__", None), getattr(after, "__code__", None)
    if one is None or other is None:
        return False
    return (
        _code_key(one) == _code_key(other)
        and all(
            _same(getattr(before, part, None), getattr(after, part, None))
            for part in ("__defaults__", "__kwdefaults__")
        )
        and _same(_closed_over(before), _closed_over(after))
    )


def _closed_over(function: Any) -> list[Any]:
    return [cell.cell_contents for cell in getattr(function, "__closure__", None) or ()]


def _same(before: Any, after: Any) -> bool:
    try:
        return before is after or bool(before == after)
    except Exception:  # noqa: BLE001 - arrays and the like have no plain answer
        return False


def _code_key(code: Any) -> tuple[Any, ...]:
    constants = tuple(_code_key(c) if hasattr(c, "co_code") else (type(c), c) for c in code.co_consts)
    return (code.co_code, constants, code.co_names, code.co_varnames)
