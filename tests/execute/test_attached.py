"""Looking at sessions on disk: the view is rebuilt, a living owner is followed and asked, and no code is run."""

import pickle
import shutil

import pytest

from milo_nb import attach, pipeline_to_timeline
from milo_nb.declare.phase import Phase
from milo_nb.errors import (
    InvalidStateError,
    NothingToResumeError,
    RecordedError,
    ResultRefusedError,
    UnknownPhaseError,
    UnknownSessionError,
)
from milo_nb.execute import looked_at
from milo_nb.execute.earlier import EARLIER_RESULT
from milo_nb.execute.executor import PipelineExecutor
from milo_nb.execute.result import ExecutionState
from milo_nb.persist.mailbox import post, wait_answer
from milo_nb.persist.rundir import find
from milo_nb.pipeline import Pipeline
from tests.strategies import DEADLINE_S, Gate, give, wait_until


def chatty():
    for i in range(300):
        print("line", i)
    raise ValueError("boom")


@pytest.fixture
def root(tmp_path):
    return tmp_path / ".milo"


@pytest.fixture
def run(root):
    executors = []

    def start(*phases, name="shop", **options):
        executor = PipelineExecutor(Pipeline(name, *phases), work_dir=root, **options)
        executors.append(executor)
        return executor.start()

    yield start
    for executor in executors:
        executor.close()


@pytest.fixture
def look(root):
    seen = []

    def at(session=None):
        attached = attach(session, root)
        seen.append(attached)
        return attached

    yield at
    for attached in seen:
        attached.close()


def ended(executor):
    executor.wait(DEADLINE_S)
    executor.close()
    return executor


def test_a_past_session_is_seen_as_it_was(run, look):
    first = ended(
        run(Phase("load", give([1, 2])), Phase("talk", chatty, "", "load"), Phase("last", give(), "", "talk"))
    )
    seen = look(first.session_id)
    assert (seen.state, seen.session_id) == (ExecutionState.FAILED, first.session_id)
    then, now = first.store.state, seen.store.state
    assert [(p.name, p.status, p.attempt, p.saved) for p in now.phases] == [
        (p.name, p.status, p.attempt, p.saved) for p in then.phases
    ]
    assert (now.progress, now.elapsed, now.started_at) == (then.progress, then.elapsed, then.started_at)
    assert seen.results["load"] == [1, 2]
    assert seen["load"].result == [1, 2]


def test_the_timeline_of_a_past_session_is_that_of_the_live_one(run, look):
    first = ended(run(Phase("load", give([1, 2])), Phase("talk", chatty, "", "load")))
    assert pipeline_to_timeline(look(first.session_id).store.state) == pipeline_to_timeline(first.store.state)


def test_its_lines_and_errors_are_there(run, look):
    first = ended(run(Phase("talk", chatty)))
    seen = look(str(first.session_id)[:8])
    assert [log.line for log in seen["talk"].logs()] == [f"line {i}" for i in range(300)]
    assert seen["talk"].known.log_count == 300
    assert [log.line for log in seen["talk"].known.logs] == [f"line {i}" for i in range(100, 300)]
    cause = seen["talk"].error.cause
    assert isinstance(cause, RecordedError)
    assert (cause.kind, str(cause)) == ("ValueError", "boom")
    assert 'raise ValueError("boom")' in cause.text


def test_the_newest_session_is_looked_at_if_none_is_named(run, look):
    ended(run(Phase("a", give())))
    newest = ended(run(Phase("a", give())))
    assert look().session_id == newest.session_id


def test_what_does_not_exist_is_said(run, look, root):
    with pytest.raises(NothingToResumeError, match="There is no session in"):
        look()
    ended(run(Phase("a", give())))
    with pytest.raises(UnknownSessionError, match="There is no session 'nonsense'"):
        look("nonsense")
    with pytest.raises(UnknownPhaseError, match="There is no phase 'b'"):
        look()["b"]


def test_a_running_session_is_followed(run, look):
    gate = Gate(5)
    first = run(Phase("a", give(1)), Phase("b", gate, "", "a"), Phase("c", lambda b: print("late", b), "", "b"))
    assert gate.began.wait(DEADLINE_S)
    first.session.disk.recorder.flush(DEADLINE_S)
    seen = look(first.session_id)
    assert (seen.state, seen["b"].status) == (ExecutionState.EXECUTING, "running")
    gate.open.set()
    assert seen.wait(DEADLINE_S).success
    wait_until(lambda: [log.line for log in seen["c"].logs()] == ["late 5"])
    wait_until(lambda: seen.results.get("b") == 5)


def test_waiting_ends_when_the_session_is_removed_under_its_owner(run, look, monkeypatch):
    monkeypatch.setattr(looked_at, "POLL_S", 0.01)
    gate = Gate(1)
    first = run(Phase("a", gate))
    assert gate.began.wait(DEADLINE_S)
    first.session.disk.recorder.flush(DEADLINE_S)
    seen = look(first.session_id)
    shutil.rmtree(seen.run_dir.path)
    assert not seen.wait(DEADLINE_S).success
    assert seen["a"].known.reason == "interrupted: its kernel ended"
    gate.open.set()
    first.wait(DEADLINE_S)


def test_a_command_goes_to_the_owner_and_comes_back(run, look):
    gate = Gate(1)
    first = run(Phase("a", gate), Phase("b", give(2), "", "a"))
    assert gate.began.wait(DEADLINE_S)
    seen = look(first.session_id)
    seen.pause()
    gate.open.set()
    wait_until(lambda: first.state is ExecutionState.PAUSED)
    wait_until(lambda: seen.state is ExecutionState.PAUSED)
    seen.resume()
    assert first.wait(DEADLINE_S).success


def test_what_the_owner_refuses_is_refused_with_its_words(run, look):
    first = run(Phase("a", give()))
    first.wait(DEADLINE_S)
    seen = look(first.session_id)
    with pytest.raises(InvalidStateError, match="There is nothing to pause: the session is completed"):
        seen.pause()


def test_an_unknown_option_of_a_request_is_answered(run, look):
    first = run(Phase("a", give()))
    run_dir = first.session.disk.keeper.run_dir
    answer = wait_answer(
        run_dir, post(run_dir, {"word": "rerun", "phases": ["a"], "options": {"hard": True}}), DEADLINE_S
    )
    assert not answer.ok
    assert answer.message == "'rerun' has no option 'hard'. Options: downstream, only, replace, stale, value."


def test_a_phase_can_be_skipped_from_elsewhere_with_nothing_or_with_its_earlier_result(run, look):
    ended(run(Phase("load", give([1, 2])), Phase("send", give(1), "", "load")))

    def fail():
        raise ValueError("boom")

    owner = run(Phase("load", fail), Phase("send", lambda load: load, "", "load"))
    owner.wait(DEADLINE_S)
    seen = look(owner.session_id)
    with pytest.raises(InvalidStateError, match="A value cannot be sent to another kernel"):
        seen.skip("load", value=3)
    seen.skip("load", value=EARLIER_RESULT)
    wait_until(lambda: owner.results.get("send") == [1, 2])
    seen.skip("load", replace=True)
    wait_until(lambda: owner.results.get("load", 0) is None)


@pytest.mark.parametrize(
    ("word", "phases", "value", "says"),
    [
        ("skip", ["a"], 3, "The option 'value' of 'skip' must be none or earlier; got 3"),
        ("skip", ["a"], "later", "The option 'value' of 'skip' must be none or earlier; got 'later'"),
        ("retry", ["a"], "none", "The option 'value' is for skipping one phase, not for 'retry'."),
        ("skip", ["a", "b"], "none", "The option 'value' is for skipping one phase, not for 'skip'."),
        ("skip", ["a"], "earlier", "No earlier session has a saved result of 'a'."),
    ],
)
def test_a_value_from_elsewhere_that_is_not_well_defined_is_refused(run, word, phases, value, says):
    owner = run(Phase("a", give()), Phase("b", give()))
    run_dir = owner.session.disk.keeper.run_dir
    answer = wait_answer(
        run_dir, post(run_dir, {"word": word, "phases": phases, "options": {"value": value}}), DEADLINE_S
    )
    assert (answer.ok, answer.message) == (False, says)


def test_without_an_owner_nothing_can_be_asked_and_the_way_out_is_said(run, look):
    first = ended(run(Phase("a", chatty)))
    seen = look(first.session_id)
    for ask in (lambda: seen.retry("a"), seen.resume, lambda: seen.resume("other")):
        with pytest.raises(InvalidStateError, match=rf"has no kernel any more.*%milo resume shop {first.session_id}"):
            ask()
    assert "has no kernel any more" in seen.plan("retry", "a").refused
    with pytest.raises(InvalidStateError, match="Define 'shop' here"):
        seen.run_again()


def test_a_session_whose_owner_was_killed_is_shown_as_interrupted(run, look):
    gate = Gate()
    first = run(Phase("a", gate))
    assert gate.began.wait(DEADLINE_S)
    first.session.disk.recorder.flush(DEADLINE_S)
    first.session.disk.keeper._lock.release()
    seen = look(first.session_id)
    assert (seen.state, seen["a"].status) == (ExecutionState.CANCELLED, "cancelled")
    assert seen["a"].known.reason == "interrupted: its kernel ended"
    assert seen.session.ended.is_set()
    gate.open.set()


class Canary:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def test_looking_runs_no_code_and_a_foreign_result_is_refused(run, look, root, tmp_path):
    first = ended(run(Phase("big", give(bytes(100_000)))))
    (file,) = find(root, str(first.session_id)).results.iterdir()
    file.write_bytes(pickle.dumps(Canary(tmp_path / "canary")).ljust(file.stat().st_size, b"."))
    seen = look(first.session_id)
    assert seen["big"].status == "completed"
    assert seen.session.describe_result("big").startswith("saved, ")
    with pytest.raises(ResultRefusedError, match=r"foreign|damaged"):
        seen.results["big"]
    assert not (tmp_path / "canary").exists()


def test_a_session_taken_up_keeps_its_lines_errors_and_numbers(run, root):
    broken = [True]

    def talk():
        print("try")
        if broken:
            broken.clear()
            raise ValueError("boom")

    first = ended(run(Phase("talk", talk), Phase("next", give(), "", "talk")))
    second = PipelineExecutor(Pipeline("shop", Phase("talk", talk), Phase("next", give(), "", "talk")), work_dir=root)
    second._take_up(first.session_id)
    assert str(second["talk"].error.cause) == "boom"
    assert [log.line for log in second["talk"].logs()] == ["try"]
    assert second.resume(stale="reuse").wait(DEADLINE_S).success
    assert [log.line for log in second["talk"].logs()] == ["try", "try"]
    assert second["talk"].known.log_count == 2
    second.close()
