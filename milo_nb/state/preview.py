"""How a plan reads: what happens, to which phase, and why. Decides nothing."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from milo_nb.state.plan import Plan, PlanEntry

AGE = re.compile(r":? (?:made )?\d+ (?:ms|s|min|h|days) ago|, usually [\d.]+ (?:s|min|h)")
"""What is another time at each look; left out where programs compare what is shown."""
_SHORTEST_S = 0.5  # what takes less is not worth a word
_SAID_ALREADY = re.compile(r"^(?:runs|kept|skipped|cancelled|waits): ")
_COUNTED = {"run": "to run", "keep": "kept", "skip": "skipped", "cancel": "cancelled", "wait": "waiting"}
_MOST_LINES = 40


class Readable:
    """The faces of a plan: text for people, and the same without times for the values of cells."""

    __slots__ = ()

    def __str__(self) -> str:
        """Return what happens, to which phase and why; or why it is refused."""
        return "\n".join(_lines_of(self))  # type: ignore[arg-type]  # a face of Plan, and of nothing else

    def __repr__(self) -> str:
        """Say what happens, in one line; without ids and times, so that two runs read the same."""
        return f"<Plan {_head_of(self)}>"  # type: ignore[arg-type]  # a face of Plan, and of nothing else

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:  # noqa: FBT001 - as IPython calls it
        """Show all of it as what a cell returned, without times."""
        head, *lines = [repr(self)] if cycle else AGE.sub("", str(self)).splitlines()
        printer.text(head)
        for line in lines:
            printer.break_()
            printer.text(line)


def _head_of(plan: Plan) -> str:
    asked = " ".join((plan.command.word.removesuffix("-failed"), *plan.command.phases))
    if plan.refused:
        return f"{asked}: refused. {plan.refused}"
    counts = Counter(_word_of(entry) for entry in plan.entries)
    return f"{asked}: {', '.join(f'{n} {_COUNTED.get(word, word)}' for word, n in counts.items()) or 'no phases'}"


def _word_of(entry: PlanEntry) -> str:
    """Return what happens to a phase; that it runs because its input changes is a matter of the reason."""
    return "run" if entry.decision == "invalidate" else entry.decision


def _why(entry: PlanEntry) -> str:
    why, usual = _SAID_ALREADY.sub("", entry.reason), entry.estimate_s
    if usual is None or usual < _SHORTEST_S:
        return why
    size, unit = next(((size, unit) for size, unit in ((3600, "h"), (60, "min")) if usual >= size), (1, "s"))
    return f"{why}, usually {usual / size:.2g} {unit}"


def _lines_of(plan: Plan) -> list[str]:
    if plan.refused:
        return [plan.refused]
    shown = plan.entries
    if len(shown) > _MOST_LINES:  # what changes is what people look for
        shown = tuple(e for e in shown if e.decision != "keep")[:_MOST_LINES]
    wide = max((len(e.phase) for e in shown), default=0)
    lines = [f"  {_word_of(e):<7}  {e.phase:<{wide}}  {_why(e)}".rstrip() for e in shown]
    if len(shown) < len(plan.entries):
        lines.append(f"  ... and {len(plan.entries) - len(shown)} more phases")
    return [_head_of(plan), *lines, *(f"  warning: {w}" for w in plan.warnings)]
