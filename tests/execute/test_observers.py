"""Observers: what they are told, in which order, and that a failing one harms nobody."""

import io
import logging

import pytest
from rich.console import Console

from milo_nb.declare.phase import Phase, PhasePolicy
from milo_nb.execute.executor import PipelineExecutor
from milo_nb.execute.observers import ExecutionObserver, LoggingObserver, ProgressBarObserver
from milo_nb.pipeline import Pipeline
from milo_nb.testing import HandBackend
from tests.strategies import DEADLINE_S, Watch, nothing


class Recorder(ExecutionObserver):
    def __init__(self):
        self.watch = Watch()

    @property
    def heard(self):
        return list(self.watch.seen)

    def on_pipeline_start(self, session):
        self.watch(("start", session.name))

    def on_phase_start(self, session, phase):
        self.watch(("phase start", phase))

    def on_phase_complete(self, session, phase):
        self.watch(("phase complete", phase))

    def on_phase_error(self, session, phase, error):
        self.watch(("phase error", phase, error))

    def on_pipeline_complete(self, session):
        self.watch(("complete",))

    def on_pipeline_error(self, session, error):
        self.watch(("error", error))

    def on_progress_update(self, session, progress):
        self.watch(("progress", progress))

    def until_end(self):
        return self.watch.until(lambda seen: seen and seen[-1][0] in ("complete", "error"))


def boom():
    raise ValueError("boom")


def test_an_observer_hears_everything_in_order(run):
    observer = Recorder()
    run(Phase("a", nothing), Phase("b", nothing, "", "a"), observers=[observer]).wait(DEADLINE_S)
    heard = [event for event in observer.until_end() if event[0] != "progress"]
    assert heard == [
        ("start", "p"), ("phase start", "a"), ("phase complete", "a"), ("phase start", "b"), ("phase complete", "b"),
        ("complete",),
    ]  # fmt: skip
    assert ("progress", 1.0) in observer.heard


def test_when_wait_returns_observers_have_heard_of_the_end(run):
    observer = Recorder()
    run(Phase("a", nothing), observers=[observer]).wait(DEADLINE_S)
    assert observer.heard[-1] == ("complete",)


def test_failures_tries_and_the_end_are_told(run):
    observer = Recorder()
    run(Phase("a", boom, policy=PhasePolicy("retry", 1, 0)), observers=[observer]).wait(DEADLINE_S)
    assert observer.until_end() == [
        ("start", "p"), ("phase start", "a"), ("phase error", "a", "boom"), ("phase start", "a"),
        ("phase error", "a", "boom"), ("error", "failed"),
    ]  # fmt: skip


def test_going_on_after_the_end_is_told_as_a_start():
    backend, observer = HandBackend(), Recorder()
    executor = PipelineExecutor(
        Pipeline("p", Phase("a", nothing)), None, [observer], work_dir=None, backend=backend
    ).start()
    backend.fail("a")
    observer.until_end()
    executor.retry("a")
    backend.finish("a")
    heard = observer.watch.until(lambda seen: seen[-1] == ("complete",))
    assert heard.count(("start", "p")) == 2
    executor.close()


def test_cancelling_is_told_as_an_error():
    backend, observer = HandBackend(), Recorder()
    executor = Pipeline("p", Phase("a", nothing)).run(work_dir=None, backend=backend, observers=[observer])
    executor.cancel()
    backend.cancelled("a")
    assert observer.until_end()[-1] == ("error", "cancelled")
    executor.close()


def test_an_observer_added_later_hears_from_then_on():
    backend, observer = HandBackend(), Recorder()
    executor = Pipeline("p", Phase("a", nothing), Phase("b", nothing, "", "a")).run(work_dir=None, backend=backend)
    backend.finish("a")
    assert executor.add_observer(observer) is executor
    backend.finish("b")
    observer.until_end()
    assert ("phase complete", "b") in observer.heard
    assert ("start", "p") not in observer.heard
    executor.close()


def test_observers_hear_the_sessions_that_follow(run):
    observer = Recorder()
    executor = run(Phase("a", nothing), observers=[observer])
    executor.wait(DEADLINE_S)
    observer.until_end()
    executor.run_again().wait(DEADLINE_S)
    heard = observer.watch.until(lambda seen: seen.count(("complete",)) == 2)
    assert heard.count(("start", "p")) == 2


def test_a_failing_observer_is_logged_and_harms_neither_run_nor_others(run, caplog):
    class Broken(ExecutionObserver):
        def on_phase_start(self, session, phase):
            raise RuntimeError("observer")

    observer = Recorder()
    with caplog.at_level(logging.ERROR, "milo_nb"):
        assert run(Phase("a", nothing), observers=[Broken(), observer]).wait(DEADLINE_S).success
        observer.until_end()
    assert "failed in on_phase_start" in caplog.text


def test_an_observer_needs_only_the_methods_it_wants(run):
    class Little:
        def __init__(self):
            self.watch = Watch()

        def on_pipeline_complete(self, session):
            self.watch(session.state.status)

    little = Little()
    run(Phase("a", nothing), observers=[little]).wait(DEADLINE_S)
    assert little.watch.until(bool) == ["completed"]


def test_the_logging_observer_says_which_phase_of_how_many_and_how_it_ended(caplog):
    backend = HandBackend()
    phases = [
        Phase("load", nothing, "Load the data", parallel=True),
        Phase("odd", nothing, policy=PhasePolicy("skip"), parallel=True),
        Phase("bad", nothing, policy=PhasePolicy("continue"), parallel=True),
    ]
    ended = Recorder()
    with caplog.at_level(logging.INFO, "milo_nb.run"):
        observers = [LoggingObserver(), ended]
        executor = Pipeline("p", *phases).run(work_dir=None, backend=backend, observers=observers, capture=False)
        backend.finish("load")
        backend.fail("odd", ValueError("hm"))
        backend.fail("bad", ValueError("boom"))
        executor.wait(DEADLINE_S)
        ended.until_end()
    lines = [r.getMessage() for r in caplog.records if r.name == "milo_nb.run"]
    assert sorted(lines[:3]) == ["[1/3] bad...", "[2/3] Load the data...", "[3/3] odd..."]
    assert lines[3:] == [
        "  [OK] load            (0.0s)",
        "  [SKIP] odd             (0.0s)",
        "  [FAIL] bad             (0.0s)",
        "    boom",
        "p failed (0.0s)",
    ]
    executor.close()


def test_the_logging_observer_says_that_all_is_well(caplog, run):
    own = logging.getLogger("tests.own")
    ended = Recorder()
    with caplog.at_level(logging.INFO, "tests.own"):
        run(Phase("a", nothing), observers=[LoggingObserver(own), ended]).wait(DEADLINE_S)
        ended.until_end()
    assert [r.getMessage() for r in caplog.records if r.name == "tests.own"][-1] == "p completed (0.0s)"


@pytest.mark.parametrize(("handler", "said"), [(nothing, "100%"), (boom, "failed")])
def test_the_progress_bar_shows_name_and_share(run, handler, said):

    out, ended = io.StringIO(), Recorder()
    console = Console(file=out, force_terminal=True, width=80)
    run(Phase("a", handler), observers=[ProgressBarObserver(console), ended]).wait(DEADLINE_S)
    ended.until_end()
    assert "p" in out.getvalue()
    assert said in out.getvalue()
