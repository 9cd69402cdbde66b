"""Executors side by side, edited while they live, and with options that are refused."""

import gc
import threading

import pytest

import milo_nb
from milo_nb.declare.phase import Phase, PhasePolicy
from milo_nb.errors import (
    DeclarationError,
    InvalidStateError,
    NotAvailableError,
    UnknownPhaseError,
)
from milo_nb.execute.executor import PipelineExecutor
from milo_nb.pipeline import Pipeline
from milo_nb.testing import HandBackend
from tests.strategies import DEADLINE_S, Gate, Watch, boom, give, nothing


def par(name, handler, *after, **options):
    return Phase(name, handler, "", after, parallel=True, **options)


# ---------------------------------------------------------------------- several at once


def test_several_executors_run_at_once_without_mixing(run):
    together = threading.Barrier(3)

    def work(n):
        def handler():
            print(f"I am {n}")
            together.wait(DEADLINE_S)
            return n

        return handler

    executors = [run(Phase("a", work(n)), Phase("b", lambda a: a)) for n in range(3)]
    for n, executor in enumerate(executors):
        assert executor.wait(DEADLINE_S).results == {"a": n, "b": n}
        assert [line.line for line in executor["a"].logs()] == [f"I am {n}"]


def test_the_same_pipeline_can_run_twice_at_once():
    pipeline = Pipeline("p", Phase("a", give(1)))
    one, other = pipeline.run(work_dir=None), pipeline.run(work_dir=None)
    assert one.wait(DEADLINE_S).session_id != other.wait(DEADLINE_S).session_id
    one.close()
    other.close()


def test_a_handler_may_run_a_pipeline_of_its_own(run):
    def outer():
        return Pipeline("inner", Phase("x", give(9))).execute(work_dir=None).results["x"]

    assert run(Phase("a", outer)).wait(DEADLINE_S).results == {"a": 9}


def test_a_handler_that_leaves_threads_behind_harms_nobody(run):
    release, watch = threading.Event(), Watch()

    def leaves():
        def late():
            release.wait(DEADLINE_S)
            print("late line")
            watch("done")

        threading.Thread(target=late, daemon=True).start()
        return "left"

    executor = run(Phase("a", leaves))
    assert executor.wait(DEADLINE_S).results == {"a": "left"}
    state = executor.store.state
    release.set()
    watch.until(bool)
    assert executor.store.state.status == state.status == "completed"


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_never_more_phases_run_at_once_than_max_workers(run, workers):
    lock, now, most = threading.Lock(), [0], [0]

    def busy():
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        threading.Event().wait(0.001)
        with lock:
            now[0] -= 1

    assert run(*[par(f"n{i}", busy) for i in range(12)], max_workers=workers).wait(DEADLINE_S).success
    assert most[0] <= workers


def test_another_backend_can_be_handed_in():
    backend = HandBackend()
    executor = Pipeline("p", Phase("a", nothing)).run(work_dir=None, backend=backend, capture=False)
    assert backend.open_count == 1
    backend.finish("a", "by hand")
    assert executor.wait(DEADLINE_S).results == {"a": "by hand"}
    executor.close()
    assert backend.open_count == 0


# ---------------------------------------------------------------------- edit and go on


def test_rebind_goes_on_with_the_new_code(run):
    executor = run(Phase("a", give(1)), Phase("b", boom, "", "a"))
    executor.wait(DEADLINE_S)
    assert executor.rebind(Pipeline("p", Phase("a", give(1)), Phase("b", lambda a: a + 1))) is executor
    assert (executor["b"].known.edited, executor["a"].known.edited) == (True, False)
    assert executor.plan("retry", "b").entries[1].reason == "runs: edited since its last attempt"
    assert executor.retry("b").wait(DEADLINE_S).results == {"a": 1, "b": 2}
    assert not executor["b"].known.edited


def test_a_phase_that_was_skipped_runs_once_it_is_mended(run):
    executor = run(Phase("a", boom), Phase("b", lambda a: a + 1, "", "a"))
    executor.wait(DEADLINE_S)
    executor.skip("a").wait(DEADLINE_S)
    assert executor["b"].status == "failed"  # on None
    executor.rebind(Pipeline("p", Phase("a", give(1)), Phase("b", lambda a: a + 1, "", "a")))
    assert executor.resume().wait(DEADLINE_S).results == {"a": 1, "b": 2}


def test_an_attempt_keeps_the_code_it_began_with(run):
    gate = Gate("old")
    executor = run(Phase("a", gate), Phase("b", lambda a: a))
    assert gate.began.wait(DEADLINE_S)
    executor.rebind(Pipeline("p", Phase("a", give("new")), Phase("b", lambda a: f"new {a}")))
    gate.open.set()
    assert executor.wait(DEADLINE_S).results == {"a": "old", "b": "new old"}


def test_phases_cannot_be_added_while_the_session_runs(run):
    gate = Gate()
    executor = run(Phase("a", gate))
    with pytest.raises(InvalidStateError, match="Phases were added, removed or connected otherwise"):
        executor.rebind(Pipeline("p", Phase("a", gate), Phase("b", nothing)))
    gate.open.set()


def test_a_pipeline_with_other_phases_is_for_the_next_session(run):
    executor = run(Phase("a", give(1)))
    executor.wait(DEADLINE_S)
    executor.rebind(Pipeline("p", Phase("a", give(2)), Phase("b", lambda a: a)))
    with pytest.raises(UnknownPhaseError):
        executor.rerun("b")
    assert executor.run_again().wait(DEADLINE_S).results == {"a": 2, "b": 2}


@pytest.mark.parametrize(
    ("before", "after", "edited"),
    [
        (lambda: 1, lambda: 1, False),
        (lambda: 1, lambda: 2, True),
        (lambda n=1: n, lambda n=2: n, True),
        (lambda *, n=1: n, lambda *, n=2: n, True),
        (give(1), give(2), True),
        (give(1), give(1), False),
        (dict, dict, False),
        (dict, list, True),
    ],
)
def test_code_that_does_something_else_counts_as_edited(run, before, after, edited):
    executor = PipelineExecutor(Pipeline("p", Phase("a", before, timeout=9)), work_dir=None)
    executor.rebind(Pipeline("p", Phase("a", after, timeout=9)))
    assert executor["a"].known.edited is edited
    executor.close()


@pytest.mark.parametrize("options", [{"timeout": 3}, {"validate": len}, {"policy": PhasePolicy("skip")}])
def test_another_option_counts_as_edited(options):
    executor = PipelineExecutor(Pipeline("p", Phase("a", nothing)), work_dir=None)
    executor.rebind(Pipeline("p", Phase("a", nothing, **options)))
    assert executor["a"].known.edited
    executor.close()


def test_the_runs_own_fail_fast_outlives_a_rebind():
    executor = PipelineExecutor(Pipeline("p", Phase("a", nothing)), work_dir=None, fail_fast=True)
    executor.rebind(Pipeline("p", Phase("a", give(2))))
    assert executor._options["fail_fast"] is True
    executor.close()


# ---------------------------------------------------------------------- refused options


@pytest.mark.parametrize(
    ("options", "kind", "words"),
    [
        ({"backend": "processes"}, NotAvailableError, "backend='processes' comes with a later version"),
        ({"backend": "dask"}, NotAvailableError, "backend='dask' comes with a later version"),
        ({"max_workers": 0}, DeclarationError, "max_workers must be a whole number, 1 or more; got 0"),
        ({"max_workers": 1.5}, DeclarationError, "max_workers must be a whole number, 1 or more; got 1.5"),
        ({"resume": "latest"}, ValueError, "There is nothing to resume"),
        ({"stale": "maybe"}, DeclarationError, "stale must be one of ask, rerun, reuse; got 'maybe'"),
    ],
)
def test_options_that_are_wrong_or_not_there_yet_say_so(options, kind, words):
    with pytest.raises(kind) as refused:
        Pipeline("p", Phase("a", give())).run(**{"work_dir": None, **options})
    assert words in str(refused.value)


def test_the_defaults_of_run_and_the_ways_without_disk_are_taken(tmp_path):
    pipeline = Pipeline("p", Phase("a", give(1)))
    options = {"backend": None, "max_workers": None, "resume": None, "stale": "ask", "fresh": False, "cache": True}
    more = {"refresh": False, "capture": True, "pause": True, "fail_fast": None, "observers": ()}
    for executor in (
        pipeline.run(None, work_dir=tmp_path, **options, **more),
        pipeline.run(cache=False, work_dir=None, fresh=True, backend="threads"),
    ):
        assert executor.wait(DEADLINE_S).success
        executor.close()


def test_what_is_no_state_manager_is_refused():
    with pytest.raises(DeclarationError, match="state_manager must be a StateManager; got <object"):
        PipelineExecutor(Pipeline("p", Phase("a", give())), object())


def test_an_executor_that_nobody_keeps_runs_to_its_end():
    ended = threading.Event()
    Pipeline("p", Phase("a", nothing), Phase("b", ended.set, "", "a")).run(work_dir=None)
    gc.collect()
    assert ended.wait(DEADLINE_S)


def test_a_state_manager_says_where_sessions_are_kept(tmp_path):
    manager = milo_nb.StateManager(tmp_path / "kept")
    executor = PipelineExecutor(Pipeline("p", Phase("a", give(1))), manager)
    executor.execute()
    executor.close()
    (info,) = manager.list_checkpoints()
    assert str(info.session_id) == str(executor.session_id)
    assert not manager.can_resume(executor.session_id)


def test_the_front_door_has_no_other_names():
    with pytest.raises(AttributeError, match="module 'milo_nb' has no attribute 'nonsense'"):
        milo_nb.nonsense  # noqa: B018 - asking is the test
