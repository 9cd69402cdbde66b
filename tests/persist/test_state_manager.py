"""Checkpoints as a script uses them, and of sessions that an executor ran."""

import json
import signal
import subprocess
import sys
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milo_nb.declare.graph import PhaseGraph
from milo_nb.declare.phase import Phase
from milo_nb.errors import (
    DeclarationError,
    ResultRefusedError,
    SchemaError,
    SessionOwnedError,
    UnknownSessionError,
    WorkDirError,
)
from milo_nb.persist.declared import declared_to_json
from milo_nb.persist.journal import Journal, make_header, read
from milo_nb.persist.lock import SessionLock
from milo_nb.persist.replay import replay
from milo_nb.persist.rundir import RunDir, find
from milo_nb.persist.state_manager import Checkpoint, PhaseResult, StateManager
from milo_nb.state import actions as a
from milo_nb.state.actions import Action
from tests.strategies import nothing


@pytest.fixture
def manager(tmp_path):
    with StateManager(tmp_path / ".milo") as made:
        yield made


def on_disk(path):
    return json.loads(path.read_text())


# ---------------------------------------------------------------------- the life of a phase


def test_before_a_phase_its_name_is_saved(manager):
    path = manager.save_checkpoint(Checkpoint("etl").start("load"))

    saved = on_disk(path)
    assert (saved["current_phase"], saved["status"], saved["running"]) == ("load", "running", ["load"])
    assert saved["completed_phases"] == []


def test_after_success_it_is_in_the_completed_list(manager):
    path = manager.save_checkpoint(Checkpoint("etl").start("load").complete("load", 1.5))

    saved = on_disk(path)
    assert (saved["completed_phases"], saved["current_phase"]) == (["load"], "")
    assert saved["results"] == [{"phase": "load", "success": True, "duration_s": 1.5, "error": None}]


def test_after_failure_the_error_is_recorded(manager):
    path = manager.save_checkpoint(
        Checkpoint("etl").complete("load").start("train").fail("train", ValueError("no rows"), 0.5)
    )

    saved = on_disk(path)
    assert (saved["status"], saved["current_phase"], saved["completed_phases"]) == ("failed", "train", ["load"])
    assert saved["results"][-1] == {"phase": "train", "success": False, "duration_s": 0.5, "error": "no rows"}


def test_an_error_without_words_has_its_types_name():
    assert Checkpoint("etl").fail("a", KeyError()).results == (PhaseResult("a", success=False, error="KeyError"),)


def test_resume_skips_what_is_completed(manager):
    first = Checkpoint("etl").complete("load").start("train").fail("train", "boom")
    manager.save_checkpoint(first)

    again = manager.load_checkpoint(first.session_id)

    assert again == first
    assert again.remaining(["load", "train", "report"]) == ["train", "report"]
    assert again.complete("train").complete("report").finish().status == "completed"


def test_what_failed_and_was_not_mended_is_never_completed():
    assert Checkpoint("etl").fail("load", "x").finish().status == "failed"
    assert Checkpoint("etl").fail("load", "x").complete("load").finish().status == "completed"
    assert Checkpoint("etl").complete("load").fail("load", "x").completed_phases == ()


def test_a_file_says_all_that_the_layout_promises(manager):
    checkpoint = Checkpoint("my etl/2")
    saved = on_disk(manager.save_checkpoint(checkpoint))

    assert saved["schema"] == 1
    assert (saved["pipeline"], saved["session_id"]) == ("my etl/2", str(checkpoint.session_id))
    assert saved["started_at"] == checkpoint.started_at
    path = find(manager.work_dir, str(checkpoint.session_id)).path
    assert path.parent.parent.name == "my etl_2"
    assert (path / "raw").is_dir()
    assert (manager.work_dir / ".gitignore").read_text() == "*\n"


PHASES = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["start", "complete", "fail"])), max_size=12)


@given(PHASES)
def test_what_is_loaded_is_what_was_saved(tmp_path_factory, steps):
    checkpoint = Checkpoint("etl")
    for phase, step in steps:
        checkpoint = {
            "start": lambda c=checkpoint, p=phase: c.start(p),
            "complete": lambda c=checkpoint, p=phase: c.complete(p, 0.25),
            "fail": lambda c=checkpoint, p=phase: c.fail(p, "boom"),
        }[step]()
    with StateManager(tmp_path_factory.mktemp("w")) as manager:
        manager.save_checkpoint(checkpoint)
        assert manager.load_checkpoint(checkpoint.session_id) == checkpoint


def test_a_dict_may_stand_for_a_checkpoint(manager):
    session = uuid4()
    manager.save_checkpoint(
        {
            "pipeline": "etl",
            "session_id": str(session),
            "completed_phases": ["load"],
            "results": [{"phase": "load", "success": True, "duration_s": 1.0, "error": None}],
        }
    )

    found = manager.load_checkpoint(str(session))
    assert (found.completed_phases, found.session_id) == (("load",), session)
    assert found.results == (PhaseResult("load", success=True, duration_s=1.0),)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"pipeline": "etl", "phase": "x"}, "This is no checkpoint: .*'phase'"),
        ({}, "This is no checkpoint: .*'pipeline'"),
        ({"pipeline": ""}, "needs the name of its pipeline"),
        ({"pipeline": "etl", "session_id": "../../x"}, r"session_id must be a UUID; got '\.\./\.\./x'"),
        ({"pipeline": "etl", "started_at": "noon"}, "started_at must be a time in ISO form; got 'noon'"),
        ({"pipeline": "etl", "results": [{"success": True}]}, "This is no checkpoint: "),
    ],
)
def test_what_is_no_checkpoint_is_refused(manager, given, message):
    with pytest.raises(DeclarationError, match=message):
        manager.save_checkpoint(given)
    assert not manager.work_dir.exists()


def test_a_work_directory_that_cannot_be_used_is_named(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(WorkDirError, match="file"):
        StateManager(tmp_path / "file").save_checkpoint(Checkpoint("etl"))


# ---------------------------------------------------------------------- what there is


def test_there_is_nothing_at_first(manager):
    assert manager.list_checkpoints() == []
    assert manager.load_checkpoint(uuid4()) is None
    assert not manager.can_resume(uuid4())
    assert not manager.can_resume("no id")
    assert manager.load_checkpoint("no id") is None
    assert not manager.work_dir.exists()


def test_checkpoints_are_listed_newest_first(manager):
    old = Checkpoint("etl", started_at="2026-01-01T00:00:00+00:00").complete("load").fail("train", "x")
    new = Checkpoint("site", started_at="2026-01-02T00:00:00").complete("load").finish()
    for checkpoint in (old, new):
        manager.save_checkpoint(checkpoint)

    first, second = manager.list_checkpoints()

    assert (first.session_id, first.pipeline, first.status, first.can_resume) == (
        new.session_id,
        "site",
        "completed",
        False,
    )
    assert (second.session_id, second.pipeline, second.status, second.can_resume) == (
        old.session_id,
        "etl",
        "failed",
        True,
    )
    assert second.completed == 1
    assert second.path.is_dir()
    assert isinstance(first.session_id, UUID)


def test_what_is_not_completed_can_be_resumed(manager):
    running = Checkpoint("etl").start("load")
    manager.save_checkpoint(running)
    assert manager.can_resume(running.session_id)
    manager.save_checkpoint(running.complete("load"))
    assert manager.can_resume(str(running.session_id))
    manager.save_checkpoint(running.complete("load").finish())
    assert not manager.can_resume(running.session_id)


def test_one_session_can_be_removed(manager):
    checkpoint, other = Checkpoint("etl").start("load"), Checkpoint("etl").start("load")
    path = manager.save_checkpoint(checkpoint)
    manager.save_checkpoint(other)

    (planned,) = manager.cleanup_checkpoints(checkpoint.session_id, dry_run=True)
    assert path.exists()
    (gone,) = manager.cleanup_checkpoints(checkpoint.session_id)

    assert gone == planned
    assert (gone.path, path.exists()) == (path.parent, False)
    assert gone.size_bytes > 100
    assert [info.session_id for info in manager.list_checkpoints()] == [other.session_id]
    with pytest.raises(UnknownSessionError):
        manager.cleanup_checkpoints(checkpoint.session_id)


def test_old_sessions_of_each_pipeline_are_removed(manager):
    for day in range(1, 6):
        manager.save_checkpoint(Checkpoint("etl", started_at=f"2026-01-0{day}T00:00:00+00:00").finish())
        manager.save_checkpoint(Checkpoint("site", started_at=f"2026-01-0{day}T00:00:00+00:00").finish())

    assert len(manager.cleanup_checkpoints(keep=2)) == 6
    assert [info.pipeline for info in manager.list_checkpoints()] == ["site", "etl", "site", "etl"] or len(
        manager.list_checkpoints()
    ) == 4


# ---------------------------------------------------------------------- damaged and newer


def test_a_newer_schema_is_refused_and_named(manager):
    checkpoint = Checkpoint("etl")
    path = manager.save_checkpoint(checkpoint)
    path.write_text(json.dumps(on_disk(path) | {"schema": 99}))

    with pytest.raises(
        SchemaError, match=r"pipeline-state\.json has schema 99, and this version of milo_nb reads up to 1"
    ):
        manager.load_checkpoint(checkpoint.session_id)
    assert not manager.can_resume(checkpoint.session_id)
    assert manager.list_checkpoints() == []


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"schema": 1}', b'{"schema": 1, "pipeline": "etl", "session_id": "x"}', b"\xff"]
)
def test_a_damaged_checkpoint_is_refused_and_named(manager, content):
    checkpoint = Checkpoint("etl")
    path = manager.save_checkpoint(checkpoint)
    path.write_bytes(content)

    with pytest.raises(ResultRefusedError, match=r"pipeline-state\.json: damaged"):
        manager.load_checkpoint(checkpoint.session_id)
    assert manager.list_checkpoints() == []


def test_every_cut_of_a_checkpoint_is_refused_or_whole(manager):
    checkpoint = Checkpoint("etl").complete("load").fail("train", "boom")
    path = manager.save_checkpoint(checkpoint)
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        try:
            assert manager.load_checkpoint(checkpoint.session_id) == checkpoint
        except ResultRefusedError:
            continue


# ---------------------------------------------------------------------- two processes

SCRIPT = """
import os, signal, sys
from milo_nb.persist.state_manager import Checkpoint, StateManager

manager = StateManager(sys.argv[1])
checkpoint = manager.load_checkpoint(sys.argv[2]) or Checkpoint("etl", sys.argv[2])
for phase in checkpoint.remaining(["load", "clean", "train", "report"]):
    checkpoint = checkpoint.start(phase)
    manager.save_checkpoint(checkpoint)
    print(phase, flush=True)
    if phase == sys.argv[3]:
        os.kill(os.getpid(), signal.SIGKILL)
    checkpoint = checkpoint.complete(phase, 0.1)
    manager.save_checkpoint(checkpoint)
manager.save_checkpoint(checkpoint.finish())
"""


def run_script(work_dir, session, die_in):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(work_dir), str(session), die_in],
        stdout=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout.split()


def test_a_script_that_is_killed_goes_on_where_it_was(manager):
    session = uuid4()

    assert run_script(manager.work_dir, session, "train") == (-signal.SIGKILL, ["load", "clean", "train"])
    (info,) = manager.list_checkpoints()
    assert (info.status, info.completed, info.can_resume) == ("interrupted", 2, True)
    assert manager.load_checkpoint(session).current_phase == "train"
    assert run_script(manager.work_dir, session, "") == (0, ["train", "report"])
    assert not manager.can_resume(session)


HELD = """
import sys
from milo_nb.persist.state_manager import Checkpoint, StateManager
manager = StateManager(sys.argv[1])
manager.save_checkpoint(Checkpoint("etl", sys.argv[2]).start("load"))
print("ready", flush=True)
sys.stdin.readline()
"""


def test_a_session_that_another_process_runs_is_refused_until_that_ends(manager):
    checkpoint = Checkpoint("etl").start("load")
    other = subprocess.Popen(
        [sys.executable, "-c", HELD, str(manager.work_dir), str(checkpoint.session_id)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert other.stdout.readline() == "ready\n"

    with pytest.raises(SessionOwnedError, match=f"is run by process {other.pid} on "):
        manager.save_checkpoint(checkpoint)
    with pytest.raises(SessionOwnedError):
        manager.cleanup_checkpoints(checkpoint.session_id)
    assert not manager.can_resume(checkpoint.session_id)
    assert manager.load_checkpoint(checkpoint.session_id).current_phase == "load"
    (info,) = manager.list_checkpoints()
    assert (info.status, info.can_resume) == ("running", False)

    other.communicate("\n", timeout=60)
    assert manager.can_resume(checkpoint.session_id)
    manager.save_checkpoint(checkpoint)


def test_an_end_or_a_close_lets_others_take_the_session_up(manager):
    checkpoint = Checkpoint("etl").start("load")
    manager.save_checkpoint(checkpoint)
    lock = SessionLock(find(manager.work_dir, str(checkpoint.session_id)))
    with pytest.raises(SessionOwnedError):
        lock.acquire()

    manager.save_checkpoint(checkpoint.fail("load", "x"))
    lock.acquire()
    lock.release()
    manager.save_checkpoint(checkpoint)
    manager.close()
    lock.acquire()
    lock.release()


def test_a_directory_that_was_removed_is_made_again(manager):
    checkpoint = Checkpoint("etl").start("load")
    path = manager.save_checkpoint(checkpoint)
    path.parent.rename(manager.work_dir.with_name("away"))

    assert manager.save_checkpoint(checkpoint).exists()


# ---------------------------------------------------------------------- sessions of an executor


def journal_of(root, session, *actions):
    run_dir = RunDir.make(root, "shop", str(session), 1e9)
    graph = PhaseGraph([Phase("load", nothing), Phase("train", nothing, depends_on=("load",))])
    header = make_header("shop", str(session), declared_to_json(graph), wall=1e9, clock=100.0)
    journal = Journal.create(run_dir.journal, header)
    journal.append([Action(kind, payload, 100.0 + i) for i, (kind, payload) in enumerate(actions)])
    journal.close()
    return run_dir


STORY = (
    (a.PIPELINE_START, {}),
    (a.PHASE_START, {"name": "load", "attempt": 1}),
    (a.PHASE_COMPLETE, {"name": "load", "attempt": 1}),
    (a.PHASE_START, {"name": "train", "attempt": 1}),
)


def test_the_session_of_an_executor_is_told_by_its_journal(manager):
    session = uuid4()
    run_dir = journal_of(manager.work_dir, session, *STORY)
    run_dir.snapshot.write_text("an older story")

    found = manager.load_checkpoint(session)

    assert (found.pipeline, found.status) == ("shop", "running")
    assert (found.completed_phases, found.current_phase) == (("load",), "train")
    assert found.results == (PhaseResult("load", success=True, duration_s=1.0),)
    assert manager.can_resume(session)
    (info,) = manager.list_checkpoints()
    assert (info.status, info.can_resume) == ("interrupted", True)


def test_the_state_of_a_store_can_be_saved(manager):
    session = uuid4()
    run_dir = journal_of(manager.work_dir.with_name("elsewhere"), session, *STORY)
    state = replay(read(run_dir.journal))

    saved = on_disk(manager.save_checkpoint(state))

    assert (saved["completed_phases"], saved["running"]) == (["load"], ["train"])
    assert manager.load_checkpoint(session).completed_phases == ("load",)
    with pytest.raises(DeclarationError, match="is of no session"):
        manager.save_checkpoint(type(state)("shop"))


def test_a_session_that_this_process_runs_may_be_saved_beside_it(manager):
    session = uuid4()
    run_dir = journal_of(manager.work_dir, session, *STORY)
    with SessionLock(run_dir):
        assert not manager.can_resume(session)
        manager.save_checkpoint(manager.load_checkpoint(session))
    assert run_dir.snapshot.exists()
