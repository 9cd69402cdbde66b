"""What a phase was skipped with last is its result, in memory and on disk, whatever it had before."""

import threading

import pytest

from milo_nb import attach
from milo_nb.declare.phase import Phase, PhasePolicy
from milo_nb.execute.executor import PipelineExecutor
from milo_nb.pipeline import Pipeline
from tests.strategies import DEADLINE_S, Gate, boom, give


@pytest.fixture
def root(tmp_path):
    return tmp_path / ".milo"


@pytest.fixture
def run(root):
    made = []

    def start(*phases):
        made.append(PipelineExecutor(Pipeline("shop", *phases), work_dir=root))
        return made[-1].start()

    yield start
    for executor in made:
        executor.close()


def on_disk(root, executor):
    executor.close()
    seen = attach(None, root)
    seen.close()
    return dict(seen.results), seen["load"].known.saved


def written(executor):
    assert executor.session.disk.recorder.flush(DEADLINE_S)


class Unsavable:
    def __reduce__(self):
        raise TypeError("not me")


def test_a_skip_with_nothing_leaves_no_earlier_result_on_disk(run, root):
    executor = run(Phase("load", give(5)))
    executor.wait(DEADLINE_S)
    written(executor)
    executor.skip("load", replace=True)
    written(executor)
    assert executor.results["load"] is None
    assert on_disk(root, executor) == ({"load": None}, True)


def test_a_skip_with_nothing_takes_back_the_value_of_the_skip_before(run, root):
    executor = run(Phase("load", boom), Phase("send", lambda load: f"{load}", "", "load"))
    executor.wait(DEADLINE_S)
    executor.skip("load", value=9)
    executor.wait(DEADLINE_S)
    written(executor)
    executor.skip("load", replace=True)
    executor.wait(DEADLINE_S)
    assert executor.results["send"] == "None"
    assert on_disk(root, executor) == ({"load": None, "send": "None"}, True)


def test_a_value_that_cannot_be_saved_does_not_come_back_as_the_result_it_replaced(run, root):
    executor = run(Phase("load", give(5)))
    executor.wait(DEADLINE_S)
    written(executor)
    executor.skip("load", value=Unsavable(), replace=True)
    assert on_disk(root, executor) == ({}, False)


def test_a_value_given_too_late_is_not_taken_for_that_of_a_later_skip(run, root):
    gate = Gate(5)
    executor = run(Phase("load", gate))
    assert gate.began.wait(DEADLINE_S)
    executor.skip("load", value=9)
    gate.open.set()
    executor.wait(DEADLINE_S)
    assert executor["load"].status == "completed"
    executor.skip("load", replace=True)
    written(executor)
    assert executor.results["load"] is None
    assert on_disk(root, executor) == ({"load": None}, True)


def test_who_looks_at_a_session_sees_results_go_that_were_replaced(run, root):
    executor = run(Phase("load", give(5)))
    executor.wait(DEADLINE_S)
    written(executor)
    seen = attach(None, root)
    assert seen.results["load"] == 5
    executor.skip("load", value=6, replace=True)
    executor.close()
    seen.session._follow()
    seen.close()
    assert dict(seen.results) == {"load": 6}


def test_a_value_is_saved_though_another_attempt_begins_while_it_is_written(run, root):
    is_written, tries, begun = threading.Event(), [], threading.Event()

    class Slow:
        def __reduce__(self):
            is_written.set()
            assert begun.wait(DEADLINE_S)
            return int, (9,)

    def flaky():
        tries.append(1)
        if len(tries) == 1:
            assert is_written.wait(DEADLINE_S)
        else:
            begun.set()
            assert skipped.wait(DEADLINE_S)
        raise ValueError("boom")

    skipped = threading.Event()
    executor = run(Phase("load", flaky, "", policy=PhasePolicy("retry", 1, 0.0)))
    executor.skip("load", value=Slow())
    skipped.set()
    executor.wait(DEADLINE_S)
    assert (executor["load"].status, executor["load"].known.attempt) == ("skipped", 2)
    assert on_disk(root, executor) == ({"load": 9}, True)
