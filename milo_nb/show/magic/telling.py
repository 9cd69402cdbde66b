"""``%milo status`` and ``%milo logs``: how things stand, in text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from milo_nb.execute.executor import PipelineExecutor
from milo_nb.execute.result import MARKS, count_statuses
from milo_nb.pipeline import Pipeline
from milo_nb.show.magic.asked import say
from milo_nb.show.magic.elsewhere import status_of, where
from milo_nb.show.magic.going_on import say_waiting
from milo_nb.show.magic.listing import session_at_hand
from milo_nb.show.magic.made import count_phases, say_missing
from milo_nb.show.magic.on_disk import flush, names_on_disk, root_of
from milo_nb.state.model import AWAITS_APPROVAL
from milo_nb.state.preview import AGE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from milo_nb.show.magic.asked import Asked


def status(asked: Asked) -> None:
    """Say how the pipelines stand that are named, or all."""
    names = asked.names or asked.cells.names()
    if not names:
        found = names_on_disk(root_of(asked))
        there = f" On disk: {', '.join(found)} (%milo runs)." if found else ""
        say(f"There is no pipeline yet. Define one in a cell that begins with: %%milo NAME.{there}")
    for name in names:
        say(_status_of(asked, name))


def _status_of(asked: Asked, name: str) -> str:
    """Return a few lines that say how a pipeline stands; without times where programs compare what cells print."""
    held, has_times = asked.cells.find(name), asked.cells.is_seen()
    if isinstance(held, Pipeline) and asked.options.session is None:
        missing = say_missing(held)
        return f"{name}: defined, {count_phases(held)}, not started{f'; {missing}' if missing else ''}"
    executor = session_at_hand(asked.naming(name))
    flush(executor)
    try:
        lines = list(_lines_of(name, executor, has_times=has_times))
    finally:
        if not isinstance(executor, PipelineExecutor):
            executor.close()
    return "\n".join(lines)


def _lines_of(name: str, executor: Any, *, has_times: bool) -> Iterator[str]:
    session = executor.session
    state = session.state
    counts = ", ".join(f"{n} {word}" for word, n in count_statuses(state.phases).items())
    doing = f", {state.requested}" if state.requested else ""
    at = "" if isinstance(executor, PipelineExecutor) else f" ({where(executor)})"
    yield f"{name}{at}: {status_of(executor)}{doing} {state.progress:.0%} ({counts})"
    wide = max((len(p.name) for p in state.phases), default=0)
    keeps = at or session.disk.keeper is not None
    for i, phase in enumerate(state.phases):
        said = (phase.failure if phase.status in ("failed", "skipped") else "") or phase.reason or phase.message
        if not said and phase.status == "completed" and keeps and not phase.saved:
            said = "not saved yet" if session.graph.phases[i].checkpoint else "not saved: checkpoint=False"
        took = "" if not has_times else f"{phase.elapsed:7.1f} s" if phase.elapsed else " " * 9
        said = said if has_times else AGE.sub("", said)
        is_reviewed = phase.status == "completed" and phase.reason == AWAITS_APPROVAL
        mark = "[LOOK]" if is_reviewed else f"[{MARKS[phase.status]}]"
        note = said.splitlines()[0] if said else ""
        yield f"  {mark:<7} {phase.name:<{wide}} {took}  {note}".rstrip()
    if state.notice:
        yield state.notice
    waiting = say_waiting(executor, name)
    if waiting:
        yield waiting


def logs(asked: Asked) -> None:
    """Show the last lines of a phase, of this kernel's session or of one on disk."""
    executor = session_at_hand(asked)
    try:
        lines = executor[asked.phases[0]].logs()
    finally:
        if not isinstance(executor, PipelineExecutor):
            executor.close()
    shown = lines[-asked.options.lines :]
    if len(shown) < len(lines):
        say(f"[{len(lines) - len(shown)} earlier lines: -n {len(lines)}]")
    said = "\n".join(f"{log.level}: {log.line}" if log.level else log.line for log in shown)
    say(said or "No lines.", colours=True)
