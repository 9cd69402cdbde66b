"""What phases can do to an engine, and must not: each of these once hung a session or told an untruth."""

import logging
import os
import signal
import subprocess
import sys
import textwrap
import threading
from dataclasses import dataclass

import pytest

from milo_nb import Phase, PhaseError, PhasePolicy, Pipeline, PipelineError, attach
from milo_nb.execute.executor import PipelineExecutor
from milo_nb.execute.waiting import uninterrupted
from milo_nb.store import workers
from milo_nb.store.clock import SYSTEM_CLOCK
from milo_nb.store.shield import LOCAL, Shielded
from tests.strategies import wait_until

DEADLINE_S = 60


def run(*phases, **options):
    executor = Pipeline("p", *phases).run(work_dir=None, **options)
    try:
        return executor.wait(DEADLINE_S), executor
    finally:
        executor.close()


@dataclass(frozen=True)
class Frozen(Exception):  # noqa: N818
    code: int


class Nameless(type):
    @property
    def __name__(cls):
        raise ValueError("no name")


class Odd(Exception, metaclass=Nameless):  # noqa: N818
    pass


class Touchy(Exception):  # noqa: N818
    @property
    def cause(self):
        raise ValueError("do not ask")

    def __bool__(self):
        raise ValueError("neither true nor false")


def raising(error):
    def handler():
        raise error

    return handler


@pytest.mark.parametrize(
    "error", [Frozen(3), Touchy("x"), PhaseError("a", 1, "a text"), StopIteration(3), GeneratorExit(), Odd(), Odd("x")]
)
def test_an_exception_that_refuses_to_be_touched_fails_its_phase_only(error):
    result, _ = run(Phase("a", raising(error)))
    assert (result.status, [f.name for f in result.failed]) == ("failed", ["a"])


def test_an_exception_of_a_type_without_a_name_is_on_disk_like_any_other(tmp_path):
    executor = Pipeline("p", Phase("a", raising(Odd()))).run(work_dir=tmp_path)
    executor.wait(DEADLINE_S)
    executor.close()
    assert attach(executor.session_id, work_dir=tmp_path)["a"].error.cause.kind == "Odd"


def test_an_error_type_that_takes_other_arguments_gives_way_to_a_plain_phase_error():
    class OddError(PhaseError):
        def __init__(self):
            super().__init__("odd")

    executor = Pipeline("p", Phase("a", raising(KeyError("x"))), error_types={"a": OddError}).run(work_dir=None)
    assert type(executor.wait(DEADLINE_S).failed[0].error) is PhaseError
    executor.close()


@pytest.mark.parametrize("raised", [SystemExit, GeneratorExit, KeyboardInterrupt])
def test_a_predicate_that_raises_anything_means_no_retry(raised):
    def ask(_):
        raise raised

    result, _ = run(Phase("a", raising(KeyError("x")), policy=PhasePolicy("retry", 3, 0, retry_if=ask)))
    assert (result.status, result.metrics.attempts) == ("failed", {"a": 1})


def test_a_time_out_without_measure_harms_no_other_timer():
    fired = threading.Event()

    def wait_for_it():
        SYSTEM_CLOCK.call_later(0, fired.set)
        assert fired.wait(DEADLINE_S)

    result, _ = run(Phase("a", wait_for_it, timeout=1e10))
    assert result.success


def test_a_child_that_a_handler_forks_does_not_go_on_with_the_pipeline(tmp_path):
    script = """
        import os, sys, threading
        from milo_nb import Phase, Pipeline
        def fork():
            if os.fork() == 0:
                return "child"
            return "parent"
        def after(fork):
            with open(sys.argv[1], "a") as file:
                file.write(f"{fork} ")
        result = Pipeline("p", Phase("fork", fork), Phase("after", after)).run(work_dir=None).wait(60)
        print(result.status)
    """
    seen = tmp_path / "seen"
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), str(seen)],
        capture_output=True,
        text=True,
        timeout=60,
        env=env,
        check=False,
    )
    assert (done.stdout.strip(), seen.read_text()) == ("completed", "parent "), done.stderr


def test_a_pipeline_within_a_phase_is_cancelled_with_it():
    inner, begun = [], threading.Event()

    def wait_on_inner():
        def forever(ctx):
            begun.set()
            ctx.sleep(DEADLINE_S)

        inner.append(Pipeline("inner", Phase("b", forever)).run(work_dir=None))
        inner[0].wait()

    executor = Pipeline("outer", Phase("a", wait_on_inner)).run(work_dir=None)
    assert begun.wait(DEADLINE_S)
    executor.cancel()
    assert executor.wait(DEADLINE_S).status == "cancelled"
    assert inner[0].wait(DEADLINE_S).status == "cancelled"
    inner[0].close()
    executor.close()


def test_no_exception_is_sent_into_a_shielded_stretch():
    begun, go = threading.Event(), threading.Event()
    ended = []

    def handler():
        with Shielded():
            begun.set()
            go.wait(DEADLINE_S)
            ended.append("shielded part")
        while True:
            pass

    executor = Pipeline("p", Phase("a", handler)).run(work_dir=None)
    assert begun.wait(DEADLINE_S)
    pressed = threading.Event()
    executor.cancel()
    SYSTEM_CLOCK.call_later(3 * workers.GRACE_S, pressed.set)  # the ladder has come by, more than once
    assert pressed.wait(DEADLINE_S)
    go.set()
    assert executor.wait(DEADLINE_S).status == "cancelled"
    assert ended == ["shielded part"]
    assert LOCAL.job is None
    executor.close()


def test_an_observer_that_blocks_does_not_keep_who_waits_for_the_end(monkeypatch):
    monkeypatch.setattr("milo_nb.store.listeners.PATIENCE_S", 0.05)
    free = threading.Event()

    class Slow:
        def on_phase_start(self, *_):
            free.wait(DEADLINE_S)

    executor = Pipeline("p", Phase("a", lambda: 1)).run(work_dir=None, observers=[Slow()])
    assert executor.wait(DEADLINE_S).success
    assert not free.is_set()
    free.set()
    executor.close()


def test_an_observer_that_exits_is_told_of_the_end_all_the_same(caplog):
    told = []

    class Exiting:
        def on_phase_start(self, *_):
            raise SystemExit

        def on_pipeline_complete(self, *_):
            told.append("complete")

    with caplog.at_level(logging.CRITICAL):
        run(Phase("a", lambda: 1), observers=[Exiting()])
    assert told == ["complete"]


def test_a_name_that_cannot_be_written_is_refused():
    with pytest.raises(PipelineError, match="text that can be written"):
        Phase("\ud800", lambda: 1)


def test_progress_that_is_no_number_changes_nothing():
    def handler(ctx):
        ctx.progress(0.5)
        ctx.progress(float("nan"))

    _, executor = run(Phase("a", handler))
    assert 0 <= executor["a"].known.fraction <= 1


def test_nothing_is_tried_again_after_a_failure_that_stops_the_session():
    stopped = threading.Event()

    def fetch():
        assert stopped.wait(DEADLINE_S)
        raise ConnectionError

    executor = Pipeline(
        "p",
        Phase("fetch", fetch, parallel=True, policy=PhasePolicy("retry", 3, 0)),
        Phase("never", raising(KeyError("x")), parallel=True),
    ).run(work_dir=None)
    executor.store.subscribe(lambda: stopped.set() if executor["never"].status == "failed" else None)
    if executor["never"].status == "failed":
        stopped.set()
    result = executor.wait(DEADLINE_S)
    assert {f.name for f in result.failed} == {"fetch", "never"}
    assert result.metrics.attempts == {"fetch": 1, "never": 1}
    executor.close()


def test_what_a_phase_says_by_its_logger_lands_in_its_log_however_logging_is_set_up():
    _, executor = run(Phase("a", lambda ctx: ctx.logger.info("hello")))
    assert [(entry.line, entry.level) for entry in executor["a"].logs()] == [("hello", "INFO")]


def interrupting(monkeypatch):
    """Have Ctrl-C pressed whenever the main thread starts a thread, at the worst of all moments."""
    usual = threading.Thread.start

    def start(thread):
        if threading.current_thread() is threading.main_thread():
            signal.raise_signal(signal.SIGINT)
        usual(thread)

    monkeypatch.setattr(threading.Thread, "start", start)


def test_an_interrupt_while_a_session_starts_is_raised_when_it_has_started(monkeypatch):
    executor = PipelineExecutor(Pipeline("p", Phase("a", lambda: 1), Phase("b", lambda a: a + 1)), work_dir=None)
    with monkeypatch.context() as patched:
        interrupting(patched)
        with pytest.raises(KeyboardInterrupt):
            executor.start()
    assert executor.wait(DEADLINE_S).results == {"a": 1, "b": 2}


def test_what_an_interrupted_run_has_started_is_cancelled_for_nobody_holds_it(monkeypatch, tmp_path):
    stopped = threading.Event()

    def work(ctx):
        try:
            ctx.sleep(DEADLINE_S)
        finally:
            stopped.set()

    with monkeypatch.context() as patched:
        interrupting(patched)
        with pytest.raises(KeyboardInterrupt):
            Pipeline("p", Phase("work", work)).run(work_dir=tmp_path)
    wait_until(lambda: attach(None, tmp_path).wait(DEADLINE_S).status == "cancelled")
    status = attach(None, tmp_path)["work"].status
    assert stopped.is_set() or status == "pending"


def test_an_interrupt_while_a_command_is_carried_out_is_raised_when_it_was(monkeypatch):
    _, executor = run(Phase("a", lambda: 1))
    with monkeypatch.context() as patched:
        interrupting(patched)
        with pytest.raises(KeyboardInterrupt):
            executor.run_again()
    assert executor.wait(DEADLINE_S).success


def test_an_interrupt_that_comes_when_a_stretch_does_not_get_on_is_raised_at_once(monkeypatch):
    monkeypatch.setattr("milo_nb.execute.waiting.HELD_S", -1.0)
    after = []

    @uninterrupted()
    def hang():
        signal.raise_signal(signal.SIGINT)
        after.append("it was held back")

    with pytest.raises(KeyboardInterrupt):
        hang()
    assert after == []


class Stuck:
    """Pickling it does not end before the test says so."""

    def __init__(self):
        self.began, self.go_on = threading.Event(), threading.Event()

    def __milo_hash__(self):
        """It is no part of the code of the phase that returns it."""
        return "stuck"

    def __reduce__(self):
        self.began.set()
        self.go_on.wait(DEADLINE_S)
        return (int, ())


@pytest.mark.parametrize("what", ["session", "phase"])
def test_saving_that_does_not_end_is_shown_and_given_up_when_it_is_cancelled(monkeypatch, tmp_path, what):
    monkeypatch.setattr(workers, "GIVE_UP_S", 0.1)
    monkeypatch.setattr("milo_nb.execute.saving.SHOWN_S", 0.05)
    stuck = Stuck()
    executor = Pipeline("p", Phase("make", lambda: stuck), Phase("use", lambda make: 1)).run(work_dir=tmp_path)
    assert stuck.began.wait(DEADLINE_S)
    wait_until(lambda: executor["make"].known.message == "saving")
    assert executor["make"].status == "running"
    executor.cancel(*(["make"] if what == "phase" else []))
    assert executor.wait(DEADLINE_S).status == "cancelled"
    said = "saving its result did not end: it was given up, and is not saved"
    assert (executor["make"].status, executor["make"].known.error) == ("cancelled", said)
    assert [log.line for log in executor["make"].logs()] == [f"not saved: {said}. The phase counts as cancelled."]

    stuck.go_on.set()  # the thread comes back: nothing is left of what it saved
    recorder = executor.session.disk.recorder
    executor.retry("make").wait(DEADLINE_S)
    assert executor["make"].status == "completed"
    wait_until(lambda: not recorder._writer.staged)
    executor.close()
    assert attach(None, tmp_path)["make"].known.attempt == 2


def test_saving_that_takes_long_and_ends_counts_as_saved_though_it_was_cancelled_meanwhile(monkeypatch, tmp_path):
    monkeypatch.setattr(workers, "GIVE_UP_S", DEADLINE_S)
    stuck = Stuck()
    executor = Pipeline("p", Phase("make", lambda: stuck), Phase("use", lambda make: 1)).run(work_dir=tmp_path)
    assert stuck.began.wait(DEADLINE_S)
    executor.cancel()
    stuck.go_on.set()
    assert executor.wait(DEADLINE_S).status == "cancelled"
    assert (executor["make"].status, executor["use"].status) == ("completed", "pending")
    executor.close()
    assert attach(None, tmp_path).results["make"] == 0
