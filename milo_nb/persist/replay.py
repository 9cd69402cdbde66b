"""Replay: a journal makes the state that the session had, anywhere and later, without its code.

Law: ``replay(journal)`` is the live state, up to what only the files of logs, displays and progress hold.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from milo_nb.errors import MiloError, WireError
from milo_nb.persist.declared import Declarations
from milo_nb.persist.journal import read
from milo_nb.persist.lock import owner
from milo_nb.persist.rundir import read_regular, sessions
from milo_nb.persist.snapshot import read_snapshot, to_snapshot
from milo_nb.state.actions import INIT, Action
from milo_nb.state.reducer import PipelineReducer
from milo_nb.state.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from milo_nb.declare.graph import PhaseGraph
    from milo_nb.persist.journal import Journalled
    from milo_nb.persist.rundir import RunDir
    from milo_nb.state.model import PhaseLog, PipelineState


def replay(
    journalled: Journalled,
    graph: PhaseGraph | None = None,
    logs: Mapping[str, tuple[Sequence[PhaseLog], int]] | None = None,
    outputs: Mapping[str, Sequence[str]] | None = None,
    declarations: Declarations | None = None,
) -> PipelineState:
    """Return the state that a journal tells of.

    Args:
        journalled: What the journal says.
        graph: The graph to go by in place of the one that the journal declares; of the same phases.
        logs: Last lines and number of all lines, by phase.
        outputs: What displays are called, by phase.
        declarations: Makes the graphs that the journal declares.

    Raises:
        WireError: If what the journal declares is malformed.
    """
    header, actions = journalled.header, journalled.actions
    make = (declarations or Declarations()).graph
    first = graph or make(header["declared"])
    reducer = PipelineReducer(header["pipeline"], first, fail_fast=bool(header.get("fail_fast")))
    state = reducer(None, Action(INIT))
    done = 0
    for position, declared in journalled.declared:
        state = reducer.batch(state, actions[done:position])
        reducer.adopt(graph or make(declared), fail_fast=declared.get("fail_fast"))
        done = position
    state = reducer.batch(state, actions[done:] if done else actions)
    if not state.session_id:  # it was owned and never started
        state = replace(state, session_id=header["session_id"])
    return _with_files(state, logs or {}, outputs or {}) if logs or outputs else state


def latest_graph(journalled: Journalled, declarations: Declarations | None = None) -> PhaseGraph:
    """Return the graph that a journal declares last.

    Raises:
        WireError: If it is malformed.
    """
    return (declarations or Declarations()).graph(latest_declared(journalled))


def latest_declared(journalled: Journalled) -> dict[str, Any]:
    """Return what a journal declares last, as it stands there."""
    return journalled.declared[-1][1] if journalled.declared else journalled.header["declared"]


def latest_fail_fast(journalled: Journalled) -> bool:
    """Tell whether in the end any failure forbade new starts."""
    said = [declared["fail_fast"] for _, declared in journalled.declared if "fail_fast" in declared]
    return bool(said[-1] if said else journalled.header.get("fail_fast"))


def current_snapshot(run_dir: RunDir) -> dict[str, Any]:
    """Return how a session stands. Never writes.

    That is its snapshot, or one made from the journal if that is lost, or older than the journal with nobody there to
    write the next one.

    Raises:
        WorkDirError: If the journal's first line cannot be read, and there is no snapshot.
        SchemaError: If a newer version wrote it.
        OSError: If there is no journal, or it may not be read.
    """
    found = read_snapshot(run_dir.snapshot)
    try:
        if found is not None and (found.get("journal_bytes") == run_dir.journal.stat().st_size or owner(run_dir)):
            return found
        journalled = read(run_dir.journal)
        return to_snapshot(replay(journalled), wall_offset=journalled.wall_offset)
    except (OSError, WireError):
        if found is None:
            raise
        return found


def of_pipeline(root: str | Path, name: str) -> Iterator[RunDir]:
    """Yield the sessions of a pipeline, newest first; a folder may also hold those of a pipeline of a similar name."""
    for run_dir in sessions(root, name):
        if pipeline_of(run_dir) in (name, ""):
            yield run_dir


def pipeline_of(run_dir: RunDir) -> str:
    """Return the name of a session's pipeline; "" if that cannot be read."""
    try:
        found = json.loads(read_regular(run_dir.snapshot))["pipeline"]
    except (OSError, ValueError, LookupError, TypeError):
        try:
            found = read(run_dir.journal).header["pipeline"]
        except (OSError, MiloError, LookupError):
            return ""
    return str(found)


def _with_files(
    state: PipelineState,
    logs: Mapping[str, tuple[Sequence[PhaseLog], int]],
    outputs: Mapping[str, Sequence[str]],
) -> PipelineState:
    phases = list(state.phases)
    for i, phase in enumerate(phases):
        if phase.name in logs:
            lines, count = logs[phase.name]
            phases[i] = replace(phase, logs=tuple(lines), log_count=count)
        if phase.name in outputs:
            phases[i] = replace(phases[i], outputs=tuple(outputs[phase.name]))
    return replace(state, phases=Table(phases))
