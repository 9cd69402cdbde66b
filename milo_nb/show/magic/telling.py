"""``%milo status`` and ``%milo logs``: how things stand, in text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from milo_nb.execute.executor import PipelineExecutor
from milo_nb.execute.result import MARKS, count_statuses
from milo_nb.show.magic.asked import say
from milo_nb.show.magic.made import count_phases, say_missing

if TYPE_CHECKING:
    from milo_nb.pipeline import Pipeline
    from milo_nb.show.magic.asked import Asked


def status(asked: Asked) -> None:
    """Say how the pipelines stand that are named, or all."""
    names = asked.names or asked.cells.names()
    if not names:
        say("There is no pipeline yet. Define one in a cell that begins with: %%milo NAME")
    for name in names:
        say(_status_of(name, asked.held(name), has_times=asked.cells.is_seen()))


def _status_of(name: str, held: PipelineExecutor | Pipeline, *, has_times: bool) -> str:
    """Return a few lines that say how a pipeline stands; without times where programs compare what cells print."""
    if not isinstance(held, PipelineExecutor):
        missing = say_missing(held)
        return f"{name}: defined, {count_phases(held)}, not started{f'; {missing}' if missing else ''}"
    state = held.session.state
    counts = ", ".join(f"{n} {word}" for word, n in count_statuses(state.phases).items())
    doing = f", {state.requested}" if state.requested else ""
    lines = [f"{name}: {state.status}{doing} {state.progress:.0%} ({counts})"]
    wide = max((len(p.name) for p in state.phases), default=0)
    for phase in state.phases:
        said = (phase.error if phase.status in ("failed", "skipped") else "") or phase.reason or phase.message
        took = "" if not has_times else f"{phase.elapsed:7.1f} s" if phase.elapsed else " " * 9
        mark = f"[{MARKS[phase.status]}]"
        note = said.splitlines()[0] if said else ""
        lines.append(f"  {mark:<7} {phase.name:<{wide}} {took}  {note}".rstrip())
    return "\n".join(lines)


def logs(asked: Asked) -> None:
    """Show the last lines of a phase."""
    lines = asked.executor()[asked.phases[0]].logs()
    shown = lines[-asked.options.lines :]
    if len(shown) < len(lines):
        say(f"[{len(lines) - len(shown)} earlier lines: -n {len(lines)}]")
    say("\n".join(f"{log.level}: {log.line}" if log.level else log.line for log in shown) or "No lines.")
