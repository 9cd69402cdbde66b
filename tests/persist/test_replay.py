"""Replay: the journal of a session makes the state that the session had, also after it went through a file."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from milo_nb.declare.graph import PhaseGraph
from milo_nb.declare.phase import Phase, PhasePolicy
from milo_nb.errors import SchemaError, WorkDirError
from milo_nb.persist.declared import declared_to_json
from milo_nb.persist.journal import DECLARED, Entry, Journal, make_header, read
from milo_nb.persist.lock import SessionLock
from milo_nb.persist.replay import current_snapshot, latest_graph, replay
from milo_nb.persist.rundir import RunDir
from milo_nb.persist.snapshot import to_snapshot, write_snapshot
from milo_nb.state import actions as a
from milo_nb.state.actions import Action
from milo_nb.state.model import PhaseLog
from tests.state.test_laws import Checked, something_happens
from tests.strategies import nothing, phase_lists

LONG = 10_000


def header_of(graph, **more):
    return make_header("hand", "s-1", declared_to_json(graph), wall=1000.0, clock=0.0, **more)


class JournalledHand(Checked):
    """A session that is journalled from its start."""

    def __init__(self, path, phases, slots, **options):
        super().__init__(phases, slots, **options)
        self.journal = Journal.create(path, header_of(self.graph, fail_fast=options.get("fail_fast", False)))
        store = self.session.store
        on_batch = store._on_batch

        def journal_too(batch):
            self.journal.append(batch)
            on_batch(batch)

        store._on_batch = journal_too

    def is_what_its_journal_tells(self):
        state = self.state
        journalled = read(self.journal.path)
        assert replay(journalled) == state
        assert replay(journalled, self.graph) == state


@settings(max_examples=100)
@given(phase_lists(), st.integers(1, 4), st.booleans(), st.data())
def test_whatever_happens_the_journal_tells_the_state(tmp_path_factory, phases, slots, fail_fast, data):
    path = tmp_path_factory.mktemp("run") / "events.jsonl"
    with JournalledHand(path, phases, slots, fail_fast=fail_fast) as hand:
        hand.is_what_its_journal_tells()
        for _ in range(data.draw(st.integers(0, 12))):
            something_happens(data, hand)
            hand.is_what_its_journal_tells()
        hand.settle_all()
        hand.is_what_its_journal_tells()


def test_what_phases_print_show_and_tell_of_their_progress_is_all_that_a_journal_leaves_out(tmp_path):
    with JournalledHand(tmp_path / "events.jsonl", [Phase("a", nothing), Phase("b", nothing)], 1) as hand:
        for kind, facts in [
            (a.PHASE_LOGS, {"lines": (PhaseLog("x"),), "count": 3}),
            (a.PHASE_PROGRESS, {"fraction": 0.5, "message": "half"}),
            (a.PHASE_OUTPUT, {"output": {"id": 1}}),
        ]:
            hand.session.store.dispatch(Action(kind, {"name": "a", "attempt": 1, **facts}))
        live = hand.state
        told = replay(read(tmp_path / "events.jsonl"))

    first = replace(live.phases[0], logs=(), log_count=0, outputs=(), message="", fraction=0.0)
    assert live.phases[0].message == "half"
    assert told == replace(live, phases=live.phases.replace(0, first))


def long_journal(path, count=LONG):
    graph = PhaseGraph([Phase(f"p{i:05d}", nothing, depends_on=[f"p{i - 1:05d}"] if i else []) for i in range(count)])
    journal = Journal.create(path, header_of(graph))
    story = [Action(a.PIPELINE_START, {"session_id": "s-1"}, 1.0)]
    for i, name in enumerate(graph.names):
        story.append(Action(a.PHASE_START, {"name": name, "attempt": 1}, 1.0 + i))
        completed = Action(a.PHASE_COMPLETE, {"name": name, "attempt": 1, "result": f"{name}.1"}, 1.5 + i)
        story.append(Entry(completed.type, completed, {"saved": {"size": 4, "mac": "0" * 64, "value": None}}))
    story.append(Action(a.PIPELINE_COMPLETE, None, 2.0 + count))
    journal.append_entries(story)
    journal.close()


@pytest.mark.slow
def test_ten_thousand_phases_are_replayed(tmp_path):
    long_journal(tmp_path / "events.jsonl")

    state = replay(read(tmp_path / "events.jsonl"))

    assert (state.status, state.progress) == ("completed", 1.0)
    assert all(p.saved and p.elapsed == 0.5 for p in state.phases)


def small(tmp_path, *story, phases=("a", "b"), **more):
    run = RunDir.make(tmp_path, "hand", "s-1", 1000.0)
    graph = PhaseGraph([Phase(name, nothing) for name in phases])
    journal = Journal.create(run.journal, header_of(graph, **more))
    journal.append_entries(story)
    journal.close()
    return run


STARTED = Action(a.PIPELINE_START, {"session_id": "s-1"}, 2.0)


def test_logs_come_from_where_they_are(tmp_path):
    run = small(tmp_path, STARTED)
    lines = [PhaseLog("one"), PhaseLog("two")]

    state = replay(read(run.journal), logs={"b": (lines, 17)})

    assert (state.phases[1].logs, state.phases[1].log_count) == (tuple(lines), 17)
    assert state.phases[0].logs == ()


def test_a_session_that_never_started_has_its_id(tmp_path):
    state = replay(read(small(tmp_path).journal))

    assert (state.session_id, state.status, state.name) == ("s-1", "pending", "hand")


def test_from_where_the_pipeline_declared_something_else_that_counts(tmp_path):
    def completed(name, t):
        return Action(a.PHASE_COMPLETE, {"name": name, "attempt": 1, "result": ""}, t)

    heavy = PhaseGraph([Phase("a", nothing, weight=5), Phase("b", nothing, weight=7)])
    change = Entry(DECLARED, None, {"declared": declared_to_json(heavy)})
    journalled = read(small(tmp_path, STARTED, completed("a", 3.0), change, completed("b", 4.0)).journal)

    assert replay(journalled).done_weight == 1 + 7
    assert latest_graph(journalled).weights == (5, 7)


def test_fail_fast_holds_in_replay_as_it_did(tmp_path):
    failed = Action(a.PHASE_FAILED, {"name": "a", "attempt": 1, "error": "x"}, 3.0)
    phase = Phase("a", nothing, policy=PhasePolicy("continue"))
    for fail_fast in (False, True):
        run = RunDir.make(tmp_path, "hand", f"s-{fail_fast}", 1000.0)
        journal = Journal.create(run.journal, header_of(PhaseGraph([phase]), fail_fast=fail_fast))
        journal.append([STARTED, failed])
        journal.close()

        assert replay(read(run.journal)).halted is fail_fast


# ---------------------------------------------------------------------- how a session stands


def test_the_snapshot_is_read_where_there_is_one(tmp_path):
    run = small(tmp_path, STARTED)
    told = to_snapshot(replay(read(run.journal))) | {"notice": "this one"}
    write_snapshot(run.snapshot, told | {"journal_bytes": run.journal.stat().st_size})

    assert current_snapshot(run)["notice"] == "this one"


def test_a_snapshot_that_is_older_than_the_journal_counts_while_somebody_writes_the_next_one(tmp_path):
    run = small(tmp_path, STARTED)
    write_snapshot(run.snapshot, to_snapshot(replay(read(run.journal))) | {"status": "pending", "journal_bytes": 7})

    with SessionLock(run):
        assert current_snapshot(run)["status"] == "pending"
    assert current_snapshot(run)["status"] == "running"
    run.journal.write_bytes(b"x")
    assert current_snapshot(run)["status"] == "pending", "better than nothing"


@pytest.mark.parametrize("content", [None, b"", b"{", b"[]", b'{"schema": "x"}'])
def test_a_snapshot_that_is_lost_is_made_from_the_journal(tmp_path, content):
    run = small(tmp_path, STARTED, Action(a.PHASE_START, {"name": "b", "attempt": 1}, 2.5))
    if content is not None:
        run.snapshot.write_bytes(content)
    before = run.snapshot.read_bytes() if content is not None else None

    made = current_snapshot(run)

    assert (made["status"], made["current_phase"], made["running"]) == ("running", "b", ["b"])
    assert made["started_at"] == "1970-01-01T00:16:42.000+00:00"
    assert (run.snapshot.read_bytes() if run.snapshot.exists() else None) == before, "reading wrote"


def test_without_snapshot_and_journal_there_is_an_error(tmp_path):
    run = small(tmp_path)
    run.journal.write_bytes(b"x")
    with pytest.raises(WorkDirError):
        current_snapshot(run)
    run.journal.unlink()
    with pytest.raises(FileNotFoundError):
        current_snapshot(run)


def test_a_newer_snapshot_is_refused(tmp_path):
    run = small(tmp_path)
    run.snapshot.write_text('{"schema": 2}')

    with pytest.raises(SchemaError):
        current_snapshot(run)
