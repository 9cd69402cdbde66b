"""Laws of sessions that one owner after the other takes up: the journal tells the state that each of them left."""

from contextlib import suppress
from dataclasses import replace
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from milo_nb.declare.phase import PhasePolicy
from milo_nb.errors import InvalidStateError, NothingToResumeError
from milo_nb.execute.attached import attach
from milo_nb.execute.executor import PipelineExecutor
from milo_nb.persist.journal import read
from milo_nb.persist.replay import replay
from milo_nb.persist.rundir import sessions
from milo_nb.pipeline import Pipeline
from milo_nb.state.model import DONE
from milo_nb.state.table import Table
from tests.crash import driver
from tests.strategies import boom, give, phase_lists, wait_until

POLICIES = st.sampled_from(
    [
        PhasePolicy(),
        PhasePolicy("continue"),
        PhasePolicy("skip"),
        PhasePolicy("retry", 1, 0.0),
        PhasePolicy("retry", 2, 60.0),
    ]
)
WORDS = st.sampled_from(["pause", "resume", "retry", "retry-failed", "rerun", "skip", "cancel", "approve"])


class Owner(NamedTuple):
    """What one owner does; drawn beforehand, as what threads do meanwhile is not Hypothesis' to say."""

    fails: set[int]
    fail_fast: bool
    stale: str
    skips: int | None
    commands: list[tuple[str, int, bool]]


AT = st.integers(0, 5)
OWNERS = st.builds(
    Owner,
    st.sets(AT, max_size=2),
    st.booleans(),
    st.sampled_from(["rerun", "reuse"]),
    st.none() | AT,
    st.lists(st.tuples(WORDS, AT, st.booleans()), max_size=6),
)


def without_marks(state):
    """Return a state as text but for what is saved: the last results may be on disk after the store was closed."""
    return driver.bare(replace(state, phases=Table([replace(p, saved=False) for p in state.phases])))


def own(owner, root, phases):
    """Own the session for a while; return the executor, which is closed, or None if there was nothing to be done."""
    begun = bool(sessions(root))
    fails = {i % len(phases) for i in owner.fails}
    now = [replace(p, handler=boom if i in fails else give({p.name})) for i, p in enumerate(phases)]
    executor = PipelineExecutor(
        Pipeline("p", *now, fail_fast=owner.fail_fast),
        work_dir=root,
        resume="latest" if begun else None,
        stale=owner.stale,
        max_workers=2,
    )
    try:
        if owner.skips is not None and not begun:
            executor.skip(now[owner.skips % len(now)].name, value={"made up"})
        try:
            executor.start()
        except NothingToResumeError:
            return None
        except InvalidStateError as refused:  # it looked unfinished, and came to its end when it was taken up
            if "There is nothing to resume: the session is completed." not in str(refused):
                raise
            return None
        for word, i, flushes in owner.commands:
            names = () if word in ("pause", "resume", "retry-failed") else (now[i % len(now)].name,)
            with suppress(InvalidStateError):
                executor.command(word, *names, **({"value": {"skipped"}} if word == "skip" else {}))
            if flushes:
                executor.session.disk.recorder.flush()
    finally:
        executor.close()
        wait_until(lambda: executor.session.disk.recorder is None)
        executor.session.disk.end()  # returns when whoever ends it has written all
    return executor


@pytest.mark.slow
@settings(max_examples=40)
@given(phase_lists(6, POLICIES), st.lists(OWNERS, min_size=1, max_size=5))
def test_whoever_owned_a_session_and_whatever_was_done_the_journal_tells_how_it_was_left(
    tmp_path_factory, phases, owners
):
    root = tmp_path_factory.mktemp("owners") / "work"
    ids = set()
    for owner in owners:
        executor = own(owner, root, phases)
        if executor is None:
            break
        (run,) = sessions(root)
        ids.add((executor.session_id, run.session_id))
        journalled = read(run.journal)
        live = executor.store.state
        assert journalled.damage == ""
        told = replay(journalled)
        assert without_marks(told) == without_marks(live)
        assert all(p.saved for p, was in zip(told.phases, live.phases, strict=True) if was.saved)
        seen = attach(None, root)
        for phase in live.phases:
            if phase.status in DONE and phase.saved:
                assert seen.results[phase.name] == executor.results[phase.name]
        seen.close()
    assert len(ids) == 1
