"""A pipeline in a bare Store, with no executor."""

import threading

import pytest

from milo_nb.capture.router import CURRENT_SINK
from milo_nb.declare.phase import Phase, PhasePolicy
from milo_nb.errors import PhaseCancelled, PhaseError
from milo_nb.pipeline import Pipeline
from milo_nb.state.actions import (
    PHASE_COMPLETE,
    PHASE_LOGS,
    PHASE_PROGRESS,
    PHASE_START,
    PIPELINE_COMPLETE,
    PIPELINE_START,
)
from milo_nb.store.store import Store
from tests.strategies import DEADLINE_S


def boom():
    raise ValueError("boom")


@pytest.fixture
def bare():
    stores = []

    def start(*phases, params=None, workers=4, **options):
        pipeline = Pipeline("p", *phases, **options)
        store = Store(pipeline.build_reducer(), None, record=True, max_workers=workers)
        stores.append(store)
        store.run_saga(pipeline.build_saga(params, max_workers=workers)()).result(DEADLINE_S)
        return store

    yield start
    for store in stores:
        store.shutdown()


def words(store):
    return {p.name: p.status for p in store.state.phases}


def test_a_pipeline_runs_in_a_bare_store(bare):
    store = bare(Phase("load", lambda: 3), Phase("double", lambda load: load * 2))
    assert (store.state.status, store.state.progress, words(store)) == (
        "completed", 1.0, {"load": "completed", "double": "completed"},
    )  # fmt: skip
    assert [a.type for a in store.actions] == [
        PIPELINE_START, PHASE_START, PHASE_COMPLETE, PHASE_START, PHASE_COMPLETE, PIPELINE_COMPLETE,
    ]  # fmt: skip
    assert [a.payload["result"] for a in store.actions if a.type == PHASE_COMPLETE] == [3, 6]


def test_parallel_phases_run_side_by_side(bare):
    together = threading.Barrier(3)
    store = bare(*[Phase(n, lambda: together.wait(DEADLINE_S), parallel=True) for n in "abc"])
    assert store.state.status == "completed"


def test_an_exclusive_phase_runs_alone(bare):
    running, seen = set(), []

    def work(name):
        def handler():
            running.add(name)
            seen.append(frozenset(running))
            running.discard(name)

        return handler

    bare(Phase("a", work("a"), parallel=True), Phase("b", work("b")), Phase("c", work("c"), parallel=True))
    assert frozenset("b") in seen
    assert not [s for s in seen if "b" in s and len(s) > 1]


def test_a_failure_ends_the_bare_saga_and_the_state_says_failed(bare):
    store = bare(Phase("a", boom), Phase("b", lambda a: a))
    assert (store.state.status, words(store)) == ("failed", {"a": "failed", "b": "pending"})
    assert store.actions[-1].type == "@@PHASE_FAILED"


def test_fail_fast_cancels_what_runs(bare):
    began = threading.Event()

    def waits(ctx):
        began.set()
        ctx.sleep(DEADLINE_S)

    def fails():
        assert began.wait(DEADLINE_S)
        raise ValueError("boom")

    store = bare(Phase("a", fails, parallel=True), Phase("b", waits, parallel=True), fail_fast=True)
    assert words(store) == {"a": "failed", "b": "cancelled"}


def test_policies_hold_in_a_bare_store_too(bare):
    tries = []

    def flaky():
        tries.append(1)
        if len(tries) < 3:
            raise ValueError("again")
        return len(tries)

    phases = [
        Phase("again", flaky, policy=PhasePolicy("retry", 2, 0.0)),
        Phase("odd", boom, policy=PhasePolicy("skip")),
        Phase("end", lambda again, odd: (again, odd)),
        Phase("side", flaky, parallel=True, policy=PhasePolicy("retry", 2, 0.0)),
    ]
    store = bare(*phases)
    assert words(store) == {"again": "completed", "odd": "skipped", "end": "completed", "side": "completed"}
    assert [a.payload["result"] for a in store.actions if a.type == PHASE_COMPLETE and a.payload["name"] == "end"] == [
        (3, None)
    ]


def test_parameters_context_and_ctx_are_given(bare):
    def load(ctx, n):
        ctx.progress(1.0, "half way")
        ctx.sleep(0)
        ctx.check_cancelled()
        return ctx.attempt, n, ctx.work_dir, dict(ctx.params)

    store = bare(Phase("load", load), Phase("use", lambda context: context, "", "load"), params={"n": 4})
    results = [a.payload["result"] for a in store.actions if a.type == PHASE_COMPLETE]
    assert results == [(1, 4, None, {"n": 4}), {"load": (1, 4, None, {"n": 4})}]
    assert store.state.phases[0].message == "half way"


def test_async_handlers_and_validate_work(bare):
    async def load():
        return 3

    store = bare(Phase("a", load), Phase("b", lambda a: a, validate=lambda data: (data + 1, [])))
    assert [a.payload["result"] for a in store.actions if a.type == PHASE_COMPLETE] == [3, 4]


@pytest.mark.parametrize("error", [SystemExit(1), KeyboardInterrupt()])
def test_whatever_a_handler_raises_becomes_a_failure(bare, error):
    def raises():
        raise error

    assert words(bare(Phase("a", raises))) == {"a": "failed"}


def test_error_types_wrap_errors_in_a_bare_store_too(bare):
    class LoadError(PhaseError):
        pass

    kept = []
    policy = PhasePolicy("retry", 1, 0.0, retry_if=kept.append)
    store = bare(Phase("a", boom, policy=policy, validate=len), error_types={"a": LoadError})
    assert store.state.phases[0].error == "boom"
    assert isinstance(kept[0], ValueError)


def test_without_capture_output_passes_through(bare, capsys):
    store = bare(Phase("a", lambda: print("hello")))
    assert capsys.readouterr().out == "hello\n"
    assert store.state.phases[0].logs == ()


def test_with_capture_output_becomes_log_actions(bare, capsys):
    store = bare(Phase("a", lambda: print("hello\nworld", end="")), capture_output=True)
    assert capsys.readouterr().out == ""
    assert [(line.line, line.stream) for line in store.state.phases[0].logs] == [
        ("hello", "stdout"),
        ("world", "stdout"),
    ]
    assert store.state.phases[0].log_count == 2
    kinds = [a.type for a in store.actions]
    assert kinds.index(PHASE_LOGS) < kinds.index(PHASE_COMPLETE)


def test_with_capture_a_bar_drives_the_progress(bare):
    def work():
        CURRENT_SINK.get().progress(0.5, "5/10")

    store = bare(Phase("a", work), capture_output=True)
    told = [action.payload for action in store.actions if action.type == PHASE_PROGRESS]
    assert told == [{"name": "a", "attempt": 1, "fraction": 0.5, "message": "5/10"}]
    assert store.state.phases[0].message == "5/10"


def test_captured_lines_of_a_failing_handler_come_before_its_failure(bare):
    def talks():
        print("last words")
        boom()

    store = bare(Phase("a", talks), capture_output=True)
    kinds = [a.type for a in store.actions]
    assert kinds.index(PHASE_LOGS) < kinds.index("@@PHASE_FAILED")


def test_a_bare_saga_can_be_cancelled():
    began = threading.Event()

    def waits(ctx):
        began.set()
        ctx.sleep(DEADLINE_S)

    pipeline = Pipeline("p", Phase("a", waits))
    store = Store(pipeline.build_reducer(), max_workers=2)
    task = store.run_saga(pipeline.build_saga())
    assert began.wait(DEADLINE_S)
    task.cancel()
    assert task.wait(DEADLINE_S)
    assert words(store) == {"a": "cancelled"}
    assert task.error is None or isinstance(task.error, PhaseCancelled)
    store.shutdown()


def test_a_timeout_holds_in_a_bare_store_too(bare):
    store = bare(Phase("a", lambda ctx: ctx.sleep(DEADLINE_S), timeout=0.05))
    assert (words(store), store.state.phases[0].error) == ({"a": "failed"}, "ran longer than 0.05 s")


@pytest.mark.parametrize("workers", [1, 4])
def test_the_same_saga_runs_with_any_number_of_workers(bare, workers):
    phases = [Phase(f"n{i:02}", lambda: 1, parallel=i % 3 > 0) for i in range(20)]
    assert bare(*phases, workers=workers).state.progress == 1.0
