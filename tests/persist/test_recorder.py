"""The recorder: what it says is on disk is on disk, in the order in which it happened, and it never stops a session."""

import json
import os
import shutil
import threading
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milo_nb.declare.graph import PhaseGraph
from milo_nb.declare.phase import Phase
from milo_nb.errors import NotSavableError
from milo_nb.persist import recorder as recording
from milo_nb.persist import writer as writing
from milo_nb.persist.declared import declared_to_json
from milo_nb.persist.journal import Journal, make_header, read
from milo_nb.persist.recorder import Recorder
from milo_nb.persist.replay import replay
from milo_nb.persist.results import ResultFiles
from milo_nb.persist.rundir import RunDir
from milo_nb.persist.snapshot import read_snapshot, to_snapshot
from milo_nb.state import actions as a
from milo_nb.state.actions import Action
from milo_nb.state.reducer import PipelineReducer
from tests.strategies import DEADLINE_S, Watch, nothing

KEY = b"k" * 32
NAMES = [f"p{i}" for i in range(6)]
GRAPH = PhaseGraph([Phase(name, nothing, parallel=True) for name in NAMES])
LARGE = list(range(40_000))
NO_SPACE = "No space left on device"


class Desk:
    """A recorder with all it writes to, and a state that is what it was given so far."""

    def __init__(self, root, **options):
        self.run = RunDir.make(root, "p", "s-1", 1000.0)
        header = make_header("p", "s-1", declared_to_json(GRAPH), wall=1000.0, clock=0.0)
        self.journal = Journal.create(self.run.journal, header)
        self.results = ResultFiles(self.run, KEY)
        self.reduce = PipelineReducer("p", GRAPH)
        self.state = self.reduce(None, Action(a.INIT))
        self.saved, self.trouble, self.recovered = Watch(), Watch(), Watch()
        self.lock = threading.Lock()
        self.recorder = Recorder(
            self.run,
            self.journal,
            self.results,
            on_saved=lambda payloads: [self.saved(p["name"]) for p in payloads],
            on_trouble=self.trouble,
            on_recovery=self.recovered,
            snapshot=self.snapshot,
            **options,
        )
        self.time = 1.0

    def snapshot(self):
        with self.lock:
            return to_snapshot(self.state)

    def tell(self, *actions):
        """Have a batch happen."""
        batch = []
        for kind, payload in actions:
            self.time += 0.25
            batch.append(Action(kind, payload, self.time))
        with self.lock:  # as the baton sees to it
            self.state = self.reduce.batch(self.state, batch)
            self.recorder.take(batch)

    def start(self):
        self.tell((a.PIPELINE_START, {"session_id": "s-1"}))

    def complete(self, name, value=None, *, save=True):
        if save:
            self.recorder.stage(name, 1, value)
        self.tell(
            (a.PHASE_START, {"name": name, "attempt": 1}),
            (a.PHASE_COMPLETE, {"name": name, "attempt": 1, "result": f"{name}.1"}),
        )

    def end(self):
        self.tell((a.PIPELINE_COMPLETE, None))

    def told(self):
        return read(self.run.journal)

    def told_saved(self):
        return [x.payload["name"] for x in self.told().actions if x.type == a.PHASE_SAVED]


def hear(desk, saved):
    """Have `saved` told of results in place of who is told."""
    desk.recorder._writer._heard = desk.recorder._writer._heard._replace(saved=saved)


@pytest.fixture
def desk(tmp_path):
    desk = Desk(tmp_path)
    yield desk
    desk.recorder.close(DEADLINE_S)


@pytest.fixture
def full(monkeypatch):
    """A disk that is full while this is set."""
    is_full = threading.Event()
    real_write, real_sync = os.write, os.fsync

    def write(fd, content):
        if is_full.is_set():
            raise OSError(28, NO_SPACE)
        return real_write(fd, content)

    def sync(fd):
        if is_full.is_set():
            raise OSError(28, NO_SPACE)
        real_sync(fd)

    monkeypatch.setattr(os, "write", write)
    monkeypatch.setattr(os, "fsync", sync)
    return is_full


def test_what_was_taken_is_in_the_journal_after_a_flush(desk):
    desk.start()
    desk.complete("p0", {"x": 1})
    desk.complete("p1", LARGE)
    desk.complete("p2", save=False)
    desk.end()

    assert desk.recorder.flush(DEADLINE_S)

    told = desk.told()
    assert replay(told).phases[0].saved
    assert desk.told_saved() == ["p0", "p1"] == desk.saved.seen
    assert [desk.results.load(x.payload) for x in told.actions if x.type == a.PHASE_SAVED] == [{"x": 1}, LARGE]
    assert desk.trouble.seen == []


def test_each_result_is_kept_before_the_journal_says_so_and_told_after(desk, monkeypatch):
    order = []
    keep, append, sync = desk.results.keep, desk.journal.append_entries, desk.journal.sync
    monkeypatch.setattr(desk.results, "keep", lambda staged: [order.append("kept"), keep(staged)][1])
    monkeypatch.setattr(desk.journal, "append_entries", lambda e: [order.append("appended"), append(e)][1])
    monkeypatch.setattr(desk.journal, "sync", lambda: [order.append("synced"), sync()][1])
    hear(desk, lambda payloads: order.append("told"))
    desk.recorder.stage("p0", 1, LARGE)
    desk.recorder.take(
        [
            Action(a.PHASE_START, {"name": "p0", "attempt": 1}, 1.0),
            Action(a.PHASE_COMPLETE, {"name": "p0", "attempt": 1, "result": ""}, 2.0),
        ]
    )
    assert desk.recorder.flush(DEADLINE_S)

    assert order[:4] == ["kept", "appended", "synced", "told"]


def test_what_is_not_journalled_does_not_wake_it(desk):
    desk.recorder.take([Action(a.PHASE_LOGS, {"name": "p0"}, 1.0)])
    desk.recorder.take([Action(a.PHASE_SAVED, {"name": "p0"}, 1.0)])

    assert desk.recorder._thread is None
    desk.recorder.take(
        [Action(a.PHASE_LOGS, {}, 1.0), Action(a.PHASE_SAVED, {}, 1.0), Action(a.PHASE_EDITED, "p0", 1.0)]
    )
    assert desk.recorder.flush(DEADLINE_S)
    assert [x.type for x in desk.told().actions] == [a.PHASE_EDITED]


def test_the_snapshot_follows_the_journal(desk):
    desk.start()
    desk.complete("p0", 1)
    desk.tell((a.PHASE_START, {"name": "p1", "attempt": 1}))
    assert desk.recorder.flush(DEADLINE_S)
    found = read_snapshot(desk.run.snapshot)
    assert (found["completed_phases"], found["current_phase"], found["status"]) == (["p0"], "p1", "running")

    desk.tell((a.PHASE_FAILED, {"name": "p1", "attempt": 1, "error": "boom"}), (a.PIPELINE_FAILED, None))
    assert desk.recorder.flush(DEADLINE_S)
    found = read_snapshot(desk.run.snapshot)
    assert found["results"][1] | {"phase": "p1", "success": False, "error": "boom"} == found["results"][1]
    assert (found["status"], found["current_phase"]) == ("failed", "")


def test_a_snapshot_never_knows_more_than_the_journal(tmp_path, monkeypatch):
    desk = Desk(tmp_path)
    seen = []

    def compare(path, snapshot):
        told = replay(desk.told())
        seen.append(set(snapshot["completed_phases"]) - {p.name for p in told.phases if p.status == "completed"})

    monkeypatch.setattr(writing, "write_snapshot", compare)
    monkeypatch.setattr(writing, "SNAPSHOT_S", 0.0)
    monkeypatch.setattr(writing, "SNAPSHOT_SHARE", 0)
    desk.start()
    for name in NAMES:
        desk.complete(name)
    desk.end()
    assert desk.recorder.close(DEADLINE_S)

    assert seen
    assert set().union(*seen) == set()


def test_a_snapshot_that_is_due_is_written_without_being_asked(desk):
    desk.start()
    assert desk.recorder.flush(DEADLINE_S)
    desk.complete("p0")
    wrote = Watch()
    writer = desk.recorder._writer
    writer._write_snapshot, write = (lambda *x: [write(*x), wrote()]), writer._write_snapshot

    wrote.until(len)
    assert read_snapshot(desk.run.snapshot)["completed_phases"] == ["p0"]


def test_what_is_noted_beside_a_failure_is_in_the_journal(tmp_path):
    desk = Desk(tmp_path, enrich=lambda x: {"traceback": "line 3"} if x.type == a.PHASE_FAILED else None)
    desk.tell((a.PHASE_START, {"name": "p0", "attempt": 1}), (a.PHASE_FAILED, {"name": "p0", "error": "x"}))
    assert desk.recorder.close(DEADLINE_S)

    assert desk.told().extras == {1: {"traceback": "line 3"}}


def test_a_note_and_what_is_declared_anew_stand_where_they_came(desk):
    desk.start()
    desk.recorder.declare({"phases": []})
    desk.recorder.note(Action(a.PHASE_SAVED, {"name": "p0", "attempt": 1, "files": []}, 3.0))
    assert desk.recorder.flush(DEADLINE_S)

    assert desk.told().declared == [(1, {"phases": []})]
    assert desk.told().actions[1].payload["files"] == []


def test_the_value_that_a_phase_is_skipped_with_is_kept_as_its_result(desk):
    desk.recorder.stage("p0", 1, "substitute", waiting=desk.recorder.substitutes)
    desk.tell((a.PHASE_SKIPPED, {"name": "p0", "attempt": 1, "origin": "substitute"}))
    assert desk.recorder.flush(DEADLINE_S)

    saved = desk.told().actions[-1]
    assert (saved.type, desk.results.load(saved.payload)) == (a.PHASE_SAVED, "substitute")
    assert replay(desk.told()).phases[0].saved


@pytest.mark.parametrize("kind", [a.PHASE_COMPLETE, a.PHASE_SKIPPED])
@pytest.mark.parametrize("is_last", [True, False])
def test_a_result_and_a_substitute_for_it_are_never_mistaken_for_each_other(desk, kind, is_last):
    for is_substitute in (not is_last, is_last):
        waiting = desk.recorder.substitutes if is_substitute else None
        desk.recorder.stage("p0", 1, ("made", "up") if is_substitute else LARGE, waiting=waiting)
    desk.tell((kind, {"name": "p0", "attempt": 1}))
    assert desk.recorder.flush(DEADLINE_S)

    found = desk.results.load(desk.told().actions[-1].payload)
    assert found == (LARGE if kind == a.PHASE_COMPLETE else ("made", "up"))


def test_a_substitute_whose_phase_is_not_skipped_after_all_is_let_go(desk):
    desk.recorder.stage("p0", 1, LARGE, waiting=desk.recorder.substitutes)
    desk.recorder.unstage("p0", 1, is_substitute=True)
    desk.recorder.unstage("p0", 1, is_substitute=True)
    desk.complete("p0", save=False)
    assert desk.recorder.flush(DEADLINE_S)

    assert desk.told_saved() == []
    assert list(desk.run.results.iterdir()) == []


def test_closing_lets_go_of_results_that_nobody_completed(desk):
    desk.recorder.stage("p0", 1, LARGE)

    assert desk.recorder.close(DEADLINE_S)
    assert list(desk.run.results.iterdir()) == []


def test_what_cannot_be_saved_is_said_where_it_is_staged(desk):
    with pytest.raises(NotSavableError, match="lock"):
        desk.recorder.stage("p0", 1, threading.Lock())


def test_the_thread_ends_when_there_is_nothing_to_do_and_comes_again(tmp_path, monkeypatch):
    monkeypatch.setattr(recording, "IDLE_S", 0.0)
    desk = Desk(tmp_path)
    for name in NAMES[:3]:
        desk.complete(name, name)
        assert desk.recorder.flush(DEADLINE_S)
        thread = desk.recorder._thread
        if thread is not None:
            thread.join(DEADLINE_S)
            assert not thread.is_alive()
        assert desk.recorder._thread is None

    assert desk.told_saved() == NAMES[:3]
    assert desk.recorder.close(DEADLINE_S)


def test_where_no_thread_can_be_started_a_flush_writes_all_the_same(desk, monkeypatch):
    def refuse(self):
        raise RuntimeError("can't create new thread at interpreter shutdown")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    desk.complete("p0", 3)

    assert desk.recorder.flush(DEADLINE_S)
    assert desk.told_saved() == ["p0"]


def test_after_closing_it_takes_what_comes_and_does_nothing(desk):
    desk.start()
    assert desk.recorder.close(DEADLINE_S)
    before = desk.run.journal.read_bytes()

    desk.complete("p0", save=False)

    assert not desk.recorder.flush(DEADLINE_S)
    assert not desk.recorder.close(DEADLINE_S)
    assert desk.run.journal.read_bytes() == before


def test_who_is_told_may_fail(desk):
    def fail(_):
        raise ValueError("mine")

    hear(desk, fail)
    desk.complete("p0", 1)
    assert desk.recorder.flush(DEADLINE_S)
    assert desk.told_saved() == ["p0"]


def test_a_snapshot_that_cannot_be_made_is_not_tried_again_before_something_new_comes(desk):
    tries = Watch()

    def fail():
        tries()
        raise ValueError("mine")

    desk.recorder._writer._heard = desk.recorder._writer._heard._replace(snapshot=fail)
    desk.start()
    assert desk.recorder.flush(DEADLINE_S)
    before = len(tries.seen)
    assert not desk.recorder._writer.is_due
    desk.complete("p0", 1)
    assert desk.recorder.flush(DEADLINE_S)

    assert len(tries.seen) > before
    assert desk.told_saved() == ["p0"]


def test_many_threads_lose_nothing(tmp_path):
    graph = PhaseGraph([Phase(f"t{k}.{i}", nothing) for k in range(4) for i in range(100)])
    desk = Desk(tmp_path)
    desk.reduce = PipelineReducer("p", graph)
    desk.state = desk.reduce(None, Action(a.INIT))

    def work(k):
        for i in range(100):
            desk.complete(f"t{k}.{i}", [k, i])

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert desk.recorder.close(DEADLINE_S)

    told = [x for x in desk.told().actions if x.type == a.PHASE_SAVED]
    assert sorted(x.payload["name"] for x in told) == sorted(graph.names)
    for k in range(4):
        mine = [x.payload["name"] for x in told if x.payload["name"].startswith(f"t{k}.")]
        assert mine == [f"t{k}.{i}" for i in range(100)]


# ---------------------------------------------------------------------- a disk that refuses


def test_a_full_disk_is_told_once_and_made_good_when_there_is_room(desk, full):
    desk.start()
    assert desk.recorder.flush(DEADLINE_S)
    full.set()
    for name in NAMES[:3]:
        desk.complete(name, [name])
        assert not desk.recorder.flush(DEADLINE_S)
    assert len(desk.trouble.seen) == 1
    assert NO_SPACE in desk.trouble.seen[0]
    assert desk.told_saved() == [] == desk.saved.seen
    full.clear()

    desk.complete("p3", LARGE)

    assert desk.recorder.flush(DEADLINE_S)
    told = desk.told()
    assert (told.damage, told.missed) == ("", 0)
    assert sorted(desk.told_saved()) == NAMES[:4] == sorted(desk.saved.seen)
    assert [p.saved for p in replay(told).phases] == [True] * 4 + [False] * 2
    for x in told.actions:
        if x.type == a.PHASE_SAVED:
            assert desk.results.load(x.payload) in ([x.payload["name"]], LARGE)
    assert len(desk.recovered.seen) == 1
    assert told.last_clock == desk.time
    assert read_snapshot(desk.run.snapshot)["completed_phases"] == NAMES[:4]


def test_a_snapshot_of_what_the_journal_could_not_take_is_not_written(desk, full):
    desk.start()
    assert desk.recorder.flush(DEADLINE_S)
    full.set()
    desk.complete("p0")
    assert not desk.recorder.flush(DEADLINE_S)
    full.clear()

    assert read_snapshot(desk.run.snapshot)["completed_phases"] == []


def test_a_result_that_found_no_room_while_it_was_staged_is_said_and_stays_unsaved(desk, full):
    full.set()
    real = desk.results.stage
    desk.results.stage = lambda *x: (_ for _ in ()).throw(OSError(28, NO_SPACE))
    assert not desk.recorder.stage("p0", 1, LARGE)
    desk.results.stage = real
    full.clear()
    desk.complete("p0", save=False)
    desk.complete("p1", 1)
    assert desk.recorder.flush(DEADLINE_S)

    assert len(desk.trouble.seen) == 1
    assert desk.told_saved() == ["p1"]
    assert desk.recovered.seen == [], "p0 is not saved, whatever comes"


def test_with_too_much_waiting_the_journal_says_how_much_it_misses(desk, full, monkeypatch):
    monkeypatch.setattr(writing, "MOST_PENDING", 3)
    full.set()
    for name in NAMES[:3]:
        desk.complete(name, save=False)
        assert not desk.recorder.flush(DEADLINE_S)
    full.clear()
    desk.complete("p3", 3)
    assert desk.recorder.flush(DEADLINE_S)

    told = desk.told()
    assert told.missed == 4 == desk.recorder.missed  # the third phase fits beside the word that two are missing
    assert (desk.told_saved(), told.damage) == (["p3"], "")


def test_with_too_many_results_waiting_the_oldest_are_let_go(desk, full, monkeypatch):
    monkeypatch.setattr(writing, "MOST_UNKEPT_BYTES", 5_000)
    full.set()
    for name in NAMES[:4]:
        desk.complete(name, name.encode() * 1_000)
        desk.recorder.flush(DEADLINE_S)
    full.clear()
    desk.tell((a.PHASE_EDITED, "p0"))
    assert desk.recorder.flush(DEADLINE_S)

    assert desk.told_saved() == ["p2", "p3"]
    assert [p.status for p in replay(desk.told()).phases[:4]] == ["completed"] * 4


def test_a_result_file_that_somebody_removed_harms_no_other(desk):
    desk.recorder.stage("p0", 1, LARGE)
    for path in desk.run.results.iterdir():
        path.unlink()
    desk.complete("p0", save=False)
    desk.complete("p1", LARGE)
    desk.complete("p2", {"small": 1})
    assert desk.recorder.flush(DEADLINE_S)

    assert desk.told_saved() == ["p1", "p2"]
    assert len(desk.trouble.seen) == 1


@pytest.mark.parametrize("how", ["removed", "moved"])
def test_with_its_directory_gone_the_session_goes_on_and_says_so_once(desk, how):
    desk.start()
    desk.complete("p0", [1])
    assert desk.recorder.flush(DEADLINE_S)
    if how == "removed":
        shutil.rmtree(desk.run.path)
    else:
        desk.run.path.rename(desk.run.path.with_name("elsewhere"))

    for name in NAMES[1:]:
        desk.complete(name, [name])
        assert not desk.recorder.flush(DEADLINE_S)
    desk.recorder.stage("p5", 2, LARGE)

    assert len(desk.trouble.seen) == 1
    assert "o such file" in desk.trouble.seen[0]
    assert desk.saved.seen == ["p0"]
    assert not desk.run.path.exists()


@given(st.lists(st.booleans(), min_size=1, max_size=6))
def test_whenever_the_disk_refuses_what_is_told_saved_is_saved(tmp_path_factory, refuses):
    desk = Desk(tmp_path_factory.mktemp("root"))
    is_full = threading.Event()
    real = desk.journal._write

    def write(content):
        if is_full.is_set():
            raise OSError(28, NO_SPACE)
        real(content)

    desk.journal._write = write
    for name, refuse in zip(NAMES, refuses, strict=False):
        (is_full.set if refuse else is_full.clear)()
        desk.complete(name, [name])
        desk.recorder.flush(DEADLINE_S)
        assert desk.saved.seen == desk.told_saved()
    is_full.clear()
    desk.tell((a.PHASE_EDITED, "p5"))
    assert desk.recorder.close(DEADLINE_S)
    assert desk.told_saved() == NAMES[: len(refuses)] == desk.saved.seen
    assert replay(desk.told()).phases == tuple(replace(p, saved=p.status == "completed") for p in desk.state.phases)


def test_the_snapshot_is_json_that_people_can_read(desk):
    desk.start()
    desk.complete("p0")
    assert desk.recorder.flush(DEADLINE_S)

    text = desk.run.snapshot.read_text()
    assert json.loads(text)["results"][0]["duration_s"] == 0.25
    assert len(text.splitlines()) > 10
