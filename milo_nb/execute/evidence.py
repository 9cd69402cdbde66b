"""What a plan may know of the world, gathered: what is on disk, what changed, what the cache has, how long things take.

Reads files and looks into people's functions, so never under the baton.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from milo_nb.errors import ResultRefusedError
from milo_nb.persist.cache_options import cache_options
from milo_nb.state.model import DONE
from milo_nb.state.plan import Evidence, plan

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from milo_nb.execute.session import Session
    from milo_nb.state.commands import Command
    from milo_nb.state.model import PhaseStatus

LOG = logging.getLogger("milo_nb")
COMPARED = frozenset({"resume", "retry", "retry-failed"})
"""Commands that build on what is there, so that it matters whether it is what it would be today."""
PATIENCE_S = 1.0
STARTING = frozenset({"start", "resume", "retry", "retry-failed", "rerun"})
"""Commands that may have something run, and for which the world matters."""


def gather(session: Session, command: Command) -> Evidence:
    """Return what is known of the world that matters to a command."""
    if session.disk.keeper is None or command.word not in STARTING:  # pause and cancel wait for no disk
        return Evidence(session.now(), unsaved=_unsaved(session))
    _await_the_disk(session)
    state, graph = session.state, session.graph
    changed, unchanged = _compare(session, state.phases) if command.word in COMPARED else ({}, frozenset())
    known = Evidence(
        session.now(),
        duration_s=_durations(session),
        unsaved=_unsaved(session),
        lost=_lost(session, state.phases),
        changed=changed,
        unchanged=unchanged,
    )
    if session.was_taken_up:
        known = replace(known, lost=_verified(session, command, known))
    runs = frozenset(plan(command, graph, state, known).runs)
    return replace(known, cache=_cached(session, runs))


def _await_the_disk(session: Session) -> None:
    """Give what has completed a moment to be saved: what is on its way to the disk is as good as there."""
    keeper, graph = session.disk.keeper, session.graph
    if keeper is None or session.disk.recorder is None:
        return
    for i, phase in enumerate(session.state.phases):
        if phase.status == "completed" and not phase.saved and graph.phases[i].checkpoint and not phase.reason:
            keeper.recorder.flush(PATIENCE_S)
            return


def _unsaved(session: Session) -> frozenset[str]:
    """Return the phases whose inputs are not on disk: a retry gets the objects that the failed attempt had."""
    if not session.shares_objects():
        return frozenset()
    graph, record = session.graph, session.results.record
    return frozenset(
        name
        for i, name in enumerate(graph.names)
        if graph.depends_on[i] and any(record(graph.names[d]) is None for d in graph.depends_on[i])
    )


def _durations(session: Session) -> Mapping[str, float]:
    if session.history is None:
        session.history = {}
        if session.disk.keeper is not None:
            from milo_nb.persist.history import durations  # noqa: PLC0415 - a session in memory has none

            run_dir = session.disk.keeper.run_dir
            try:
                found = durations(run_dir.root, session.name)
                session.history = {name: of.typical for name, of in found.items()}
            except OSError as e:
                LOG.debug("no history", exc_info=e)
    return session.history


def _lost(session: Session, phases: Iterable[PhaseStatus]) -> Mapping[str, str]:
    """Return the completed phases whose result is neither in this process nor on disk."""
    from milo_nb.persist.files import read_files  # noqa: PLC0415 - only a session on disk has files

    lost: dict[str, str] = {}
    for phase in phases:
        if phase.status not in DONE or session.results.is_at_hand(phase.name):
            continue
        record = session.results.record(phase.name)
        if record is None:
            if phase.status == "completed":
                lost[phase.name] = "its result was not saved"
            elif phase.origin == "substitute":
                lost[phase.name] = "the value it was skipped with was not saved"
        elif session.disk.keeper is not None and not session.disk.keeper.results.exists(record):
            lost[phase.name] = "its saved result is missing"
        elif session.disk.keeper is not None and (gone := session.disk.keeper.files.missing(read_files(record))):
            lost[phase.name] = f"a file that it wrote is missing: {gone[0].path}"
    return lost


def _verified(session: Session, command: Command, known: Evidence) -> Mapping[str, str]:
    """Return what is lost, after the results that the command needs were read and found whole.

    They are needed anyway, so reading them costs nothing but the time at which.
    """
    lost = dict(known.lost)
    graph, state = session.graph, session.state
    while True:
        made = plan(command, graph, state, replace(known, lost=lost))
        runs = set(made.runs)
        needed = {graph.names[d] for n in runs for d in graph.depends_on[graph.index[n]]} - runs
        found = False
        for name in sorted(needed):
            if name in lost or session.results.is_at_hand(name) or session.results.record(name) is None:
                continue
            try:
                session.results[name]
            except ResultRefusedError as e:
                lost[name], found = f"its saved result is not used: {e.reason}", True
        if not found:
            return lost


def _compare(session: Session, phases: Iterable[PhaseStatus]) -> tuple[dict[str, str], frozenset[str]]:
    """Return the completed phases whose code, parameters or files changed, in words, and those that are known to be the same."""
    changed, unchanged = {}, set()
    graph = session.graph
    phases = tuple(phases)
    edited = _edited_files(session, phases)
    for i, phase in enumerate(phases):
        record = session.results.record(phase.name)
        if phase.status != "completed" or record is None:
            continue
        said = session.code.changes(graph.phases[i], session.binder.given(i), record)
        if phase.name in edited:
            said = ", ".join(filter(None, (said, edited[phase.name])))
        if said:
            changed[phase.name] = said
        elif said is not None:
            unchanged.add(phase.name)
    return changed, frozenset(unchanged)


def _edited_files(session: Session, phases: Iterable[PhaseStatus]) -> dict[str, str]:
    """Return the phases of whose files one is there and not as any phase left it."""
    from milo_nb.persist.files import read_files  # noqa: PLC0415 - only a session on disk has files

    if session.disk.keeper is None:
        return {}
    files = session.disk.keeper.files
    records = {p.name: read_files(record) for p in phases if (record := session.results.record(p.name)) is not None}
    differing = {f for found in records.values() for f in files.differing(found)}
    if not differing:
        return {}
    as_left = {f.path for found in records.values() for f in found if f not in differing}  # by whoever wrote it last
    gone = {f.path for f in files.missing(differing)}
    said = {}
    for name, found in records.items():
        for f in found:
            if f in differing and f.path not in as_left and f.path not in gone:
                said[name] = f"its file {f.path} changed"
    return said


def _cached(session: Session, runs: frozenset[str]) -> dict[str, str]:
    """Return what the cache has to say about phases that would run."""
    if session.disk.cache is None or session.disk.refresh:
        return {}
    said = {}
    graph = session.graph
    for name in runs:
        i = graph.index[name]
        options = cache_options(graph.phases[i].cache)
        if options is None:
            continue
        waits = [graph.names[d] for d in graph.depends_on[i] if graph.names[d] in runs]
        if waits:
            said[name] = f"undecided: cached if `{waits[0]}` gives the same result"
            continue
        try:
            found = session.disk.cache.look(session.code.cache_key(session.disk.cache, i, options), options.ttl_ms)
        except Exception as e:  # noqa: BLE001 - digesting looks into people's objects
            said[name] = f"not cached: {e}"
            continue
        reasons = getattr(found, "reasons", None)
        said[name] = f"not cached: {reasons[0]}" if reasons else getattr(found, "reason", "")
    return said
