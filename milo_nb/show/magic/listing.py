"""``%milo runs`` and ``%milo results``: what there is on disk, as tables."""

from __future__ import annotations

from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from milo_nb.errors import available
from milo_nb.execute.attaching import attach
from milo_nb.execute.executor import PipelineExecutor
from milo_nb.persist.disk import say_age, say_size
from milo_nb.persist.replay import of_pipeline
from milo_nb.persist.results import ResultFiles
from milo_nb.persist.retention import cleaned
from milo_nb.persist.rundir import sessions
from milo_nb.show.magic.asked import say
from milo_nb.show.magic.on_disk import (
    SHORT,
    flush,
    look,
    name_of,
    names_on_disk,
    root_of,
    say_where,
    session_of,
    states_here,
    unique_short,
)
from milo_nb.state.wire import clip
from milo_nb.values.trust import signing_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from milo_nb.execute.attached import AttachedExecutor
    from milo_nb.show.magic.asked import Asked
    from milo_nb.show.magic.on_disk import Seen
    from milo_nb.state.model import PhaseStatus

_FEW_S = 100
_LONGEST_TYPE = 60


def runs(asked: Asked) -> None:
    """List the sessions in the work directory, newest first."""
    name = asked.names[0] if asked.names else ""
    root, known = root_of(asked, name), name_of(asked, name) if name else ""
    there = sessions(root, known or None)
    shown = list(islice(of_pipeline(root, known), asked.options.lines)) if known else there[: asked.options.lines]
    if not shown:
        said = available("pipelines", known, names_on_disk(root)) if known else "%%milo NAME makes one."
        say(f"There is no session{f' of {known!r}' if known else ''} in {root}. {said}")
        return
    ids = unique_short(shown, there)
    here = states_here(asked)
    seen = [look(run_dir, here) for run_dir in shown]
    head: tuple[str, ...] = ("session", "pipeline", "started", "status", "done", "took", "where")
    rows = [_row(one, ids[one.run_dir]) for one in seen]
    if known:
        head, rows = _without(1, head), [_without(1, row) for row in rows]
    say(table(head, rows))
    left = len(there) - len(shown)
    if left and len(shown) == asked.options.lines:
        say(f"{left:,} older: -n {len(there)}")


def _without(i: int, row: tuple[str, ...]) -> tuple[str, ...]:
    return row[:i] + row[i + 1 :]


def _row(one: Seen, short: str) -> tuple[str, ...]:
    status = f"{one.status}, waits for approval: {one.waiting_for}" if one.waiting_for else one.status
    started = f"{datetime.fromtimestamp(one.started):%Y-%m-%d %H:%M:%S}"  # noqa: DTZ006 - people read their own time
    if one.why:
        return short, "", started, f"{status}: {one.why}", "", "", ""
    return (
        short, one.pipeline, started, status, f"{one.done}/{one.phases}", say_took(one.took_s), say_where(one.owner),
    )  # fmt: skip


def say_took(seconds: float) -> str:
    """Return how long something took."""
    return f"{seconds:.1f} s" if seconds < _FEW_S else say_age(seconds)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return rows as text, each column as wide as it needs to be."""
    lines = [tuple(head), *map(tuple, rows)]
    wide = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(f"{cell:<{w}}" for cell, w in zip(line, wide, strict=True)).rstrip() for line in lines)


# ---------------------------------------------------------------------- results


def results(asked: Asked) -> None:
    """List the phases of a session with what is known of their results; loads nothing."""
    executor = session_at_hand(asked)
    flush(executor)
    try:
        session: Any = executor.session
        has_times = asked.cells.is_seen()
        head: tuple[str, ...] = ("phase", "status", "result", "saved", "origin", "made")
        is_there = _is_there(executor)
        rows = [_result(executor, phase, is_there, has_times=has_times) for phase in session.state.phases]
        if not has_times:
            head, rows = head[:-1], [row[:-1] for row in rows]
        say(table(head, rows))
        if not isinstance(executor, PipelineExecutor) and (gone := cleaned(session.run_dir)):
            say(f"Results of session {str(session.id)[:SHORT]} were {gone}.")
    finally:
        if not isinstance(executor, PipelineExecutor):
            executor.close()


def session_at_hand(asked: Asked) -> PipelineExecutor | AttachedExecutor:
    """Return the executor that a line means: the notebook's own, else a session on disk to look at.

    Raises:
        MiloError: If there is neither.
    """
    held, session = asked.cells.find(asked.name), asked.options.session
    if isinstance(held, PipelineExecutor) and not held.is_idle:
        if session is None or str(held.session_id).startswith(session):
            return held
    elif held is None and session is None and not _is_on_disk(asked):
        asked.held()  # says what there is
    return attach(session_of(asked, asked.name, session).session_id, root_of(asked, asked.name))


def _is_on_disk(asked: Asked) -> bool:
    return next(of_pipeline(root_of(asked, asked.name), asked.name), None) is not None


def _is_there(executor: Any) -> Callable[[Mapping[str, Any]], bool]:
    """Return what tells whether the file of a saved result is still there."""
    session = executor.session
    if isinstance(executor, PipelineExecutor):
        return lambda record: session.disk.keeper is None or session.disk.keeper.results.exists(record)
    return ResultFiles(session.run_dir, signing_key()).exists


def _result(
    executor: Any, phase: PhaseStatus, is_there: Callable[[Mapping[str, Any]], bool], *, has_times: bool
) -> tuple[str, ...]:
    found, record = executor.session.results, executor.session.results.record(phase.name)
    what = []
    if isinstance(executor, PipelineExecutor) and found.is_at_hand(phase.name):
        what.append(type(found[phase.name]).__name__)
    elif record is not None and "value" in record:
        what.append(type(record["value"]).__name__)
    elif record is not None and isinstance(record.get("type"), str):
        what.append(clip(record["type"], _LONGEST_TYPE))
    if record is not None and "value" not in record:
        what.append(say_size(record.get("size", 0)))
    has_result = phase.name in found
    if record is not None:
        saved = "yes" if is_there(record) else "removed"
    else:
        saved = _why_not(phase) if phase.status == "completed" else ""
    ago = executor.session.now() - (phase.started_at + phase.elapsed)
    made = f"{say_age(max(ago, 0.0))} ago" if has_times and has_result and phase.started_at else ""
    return phase.name, phase.status, ", ".join(what), saved, phase.origin if has_result else "", made


def _why_not(phase: PhaseStatus) -> str:
    return f"no: {phase.reason.removeprefix('not saved: ')}" if phase.reason.startswith("not saved: ") else "not yet"
