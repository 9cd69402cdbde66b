"""The cancel ladder on real threads: code that looks, code that loops, code that will not stop."""

import asyncio
import threading

import pytest

from milo_nb.declare.phase import Phase
from milo_nb.errors import PhaseCancelled, PhaseTimeoutError
from milo_nb.pipeline import Pipeline
from milo_nb.store import workers
from tests.strategies import DEADLINE_S, wait_until


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Shorten the ladder: code that loops is hit at once. Code that will not stop has the usual time."""
    monkeypatch.setattr(workers, "GRACE_S", 0.01)


class Started:
    """A handler that says when it has begun and how it ended."""

    def __init__(self, body):
        self.body, self.began, self.ended = body, threading.Event(), []

    def handler(self, ctx):
        self.began.set()
        try:
            return self.body(ctx)
        except BaseException as error:
            self.ended.append(error)
            raise


def started(run, body, *more, **options):
    it = Started(body)
    executor = run(Phase("a", it.handler, parallel=True), *more, **options)
    assert it.began.wait(DEADLINE_S)
    return executor, it


def test_code_that_sleeps_in_its_context_stops_at_once(run):
    executor, it = started(run, lambda ctx: ctx.sleep(DEADLINE_S))
    executor.cancel()
    assert executor.wait(DEADLINE_S).status == "cancelled"
    assert executor["a"].status == "cancelled"
    assert isinstance(it.ended[0], PhaseCancelled)


@pytest.mark.parametrize("look", ["check_cancelled", "checkpoint", "progress", "track"])
def test_code_that_looks_stops_where_it_looks(run, look):
    def body(ctx):
        while True:
            if look == "track":
                list(ctx.track(range(3)))
            elif look == "progress":
                ctx.progress(0.5)
            else:
                getattr(ctx, look)()

    executor, it = started(run, body)
    executor.cancel()
    assert executor.wait(DEADLINE_S).status == "cancelled"
    assert isinstance(it.ended[0], PhaseCancelled)


def test_a_loop_that_never_looks_is_stopped_by_an_exception(run):
    def body(ctx):
        n = 0
        while True:
            n = (n + 1) % 7

    executor, it = started(run, body)
    executor.cancel()
    assert executor.wait(DEADLINE_S).status == "cancelled"
    assert isinstance(it.ended[0], PhaseCancelled)


def test_code_that_catches_exceptions_is_stopped_all_the_same(run):
    def body(ctx):
        n = 0
        while True:
            try:
                while True:
                    n = (n + 1) % 7
            except Exception:  # noqa: BLE001 - what is tested
                continue

    executor, _ = started(run, body)
    executor.cancel()
    assert executor.wait(DEADLINE_S).status == "cancelled"


def test_an_async_handler_is_cancelled_where_it_awaits(run):
    began, ended = threading.Event(), []

    async def body():
        began.set()
        try:
            await asyncio.sleep(DEADLINE_S)
        finally:
            ended.append("cleaned up")

    executor = run(Phase("a", body))
    assert began.wait(DEADLINE_S)
    executor.cancel()
    assert executor.wait(DEADLINE_S).status == "cancelled"
    assert ended == ["cleaned up"]


def test_an_async_handler_that_cancels_itself_has_failed(run):
    async def body():
        raise asyncio.CancelledError

    result = run(Phase("a", body)).wait(DEADLINE_S)
    assert result.status == "failed"


def test_the_thread_of_a_stopped_loop_takes_no_other_phase(run):
    ids = []

    def body(ctx):
        ids.append(threading.get_ident())
        n = 0
        while True:
            n = (n + 1) % 7

    executor, _ = started(run, body, Phase("b", lambda: threading.current_thread().name, parallel=True), max_workers=1)
    executor.cancel("a")
    result = executor.wait(DEADLINE_S)
    assert result.results["b"].startswith("milo-")
    assert executor["b"].status == "completed"


def test_code_that_will_not_stop_is_abandoned_keeps_its_slot_and_frees_it(run, monkeypatch):
    monkeypatch.setattr(workers, "GIVE_UP_S", 0.01)
    release, ran = threading.Event(), threading.Event()

    def body(ctx):
        while not release.is_set():
            try:
                release.wait(DEADLINE_S)
            except BaseException:  # noqa: BLE001 - what is tested
                continue
        return "too late"

    executor, _ = started(run, body, Phase("b", ran.set, parallel=True), max_workers=1)
    executor.cancel("a")
    wait_until(lambda: executor["a"].status == "cancelled")
    assert executor["a"].known.error == "abandoned, still running"
    assert not ran.is_set()
    assert executor["b"].status == "pending"
    release.set()
    assert ran.wait(DEADLINE_S)
    result = executor.wait(DEADLINE_S)
    assert (result.status, "a" in result.results) == ("cancelled", False)


def test_a_timeout_uses_the_same_ladder(run):
    def body(ctx):
        n = 0
        while True:
            n = (n + 1) % 7

    result = run(Phase("a", body, timeout=0.05)).wait(DEADLINE_S)
    error = result.failed[0].error
    assert isinstance(error, PhaseTimeoutError)
    assert str(error.cause) == "ran longer than 0.05 s"


def test_a_phase_that_ends_in_time_is_not_stopped_by_its_timeout(run):
    assert run(Phase("a", lambda: 3, timeout=DEADLINE_S)).wait(DEADLINE_S).results == {"a": 3}


def test_an_exception_never_hits_what_the_thread_does_next():
    """Cancel jobs just as they end, many times: the exception lands in its own job or nowhere."""
    pool = workers.Workers(1, "milo-guard")
    hits, settled = [], threading.Semaphore(0)

    def settle(job, value, error):
        try:
            if error is not None and not isinstance(error, PhaseCancelled):
                hits.append(error)
        except PhaseCancelled as stray:
            hits.append(stray)
        settled.release()

    class AtOnce:
        @staticmethod
        def now():
            return 0.0

        @staticmethod
        def call_later(_, fn):
            fn() if fn.__name__ != "_give_up" else None

    for _ in range(300):
        job = workers.Job(lambda _: sum(range(50)), settle)
        pool.submit(job)
        pool.wake()
        job.stop("", AtOnce)
        assert settled.acquire(timeout=DEADLINE_S)
    assert hits == []
    pool.close()


def test_a_late_token_belongs_to_the_job_that_looks():
    token = workers.LateToken()
    assert (token.is_set, token.reason) == (False, "")
    assert token.wait(0) is False
    token.check()
    heard = []
    token.on_set(lambda: heard.append(1))
    token._own.set("enough")
    assert (token.is_set, token.reason, heard) == (True, "enough", [1])
    with pytest.raises(PhaseCancelled, match="enough"):
        token.check()
    token.on_set(lambda: heard.append(2))
    token._own.set("again")
    assert (heard, token.reason, token.wait(0)) == ([1, 2], "enough", True)


def test_close_leaves_no_thread_behind():

    before = set(threading.enumerate())
    executor = Pipeline("p", Phase("a", lambda: print("x"), timeout=3600), Phase("b", lambda a: a)).run(work_dir=None)
    executor.wait(DEADLINE_S)
    executor.close()
    wait_until(lambda: not [t.name for t in set(threading.enumerate()) - before if t.name.startswith("milo")])
