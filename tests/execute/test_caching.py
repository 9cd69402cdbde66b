"""Phases with cache=: what is served from earlier sessions, what is not, and the reason that is said."""

import threading

import pytest

from milo_nb.declare.phase import Phase
from milo_nb.execute.executor import PipelineExecutor
from milo_nb.persist.cache import CacheOptions
from milo_nb.pipeline import Pipeline
from tests.strategies import DEADLINE_S, Gate, give, wait_until


class Calls:
    """Counts calls; what it counts is no part of anybody's code."""

    def __init__(self):
        self.names = []

    def __milo_hash__(self):
        return "calls"

    def add(self, name):
        self.names.append(name)


@pytest.fixture
def calls():
    return Calls()


@pytest.fixture
def run(tmp_path):
    executors = []

    def start(*phases, wait=True, name="shop", params=None, **options):
        executor = PipelineExecutor(Pipeline(name, *phases), work_dir=tmp_path / ".milo", params=params, **options)
        executors.append(executor)
        executor.start()
        if wait:
            executor.wait(DEADLINE_S)
        return executor

    yield start
    for executor in executors:
        executor.close()


def known(executor, name):
    now = executor[name].known
    return now.status, now.origin, now.reason


def phases(calls, *, start=1, cache=True, **options):
    def load():
        calls.add("load")
        return [start]

    def slow(load):
        calls.add("slow")
        return sum(load) * 10

    return [Phase("load", load), Phase("slow", slow, cache=cache, **options)]


def test_a_second_session_takes_the_result_from_the_cache_and_says_so(run, calls):
    run(*phases(calls))
    second = run(*phases(calls))
    assert second.results["slow"] == 10
    assert calls.names == ["load", "slow", "load"]
    status, origin, reason = known(second, "slow")
    assert (status, origin) == ("completed", "cache")
    assert reason.startswith("from the cache: made ")


@pytest.mark.parametrize("checkpoint", [True, False])
def test_files_that_come_with_an_input_count_whether_it_is_saved_by_then_or_not(run, calls, checkpoint):
    def pipeline(text):
        def fetch(ctx):
            (ctx.work_dir / "raw" / "page.txt").write_text(text)
            return "page.txt"

        def read(fetch, ctx):
            calls.add("read")
            return (ctx.work_dir / "raw" / fetch).read_text()

        return [Phase("fetch", fetch, checkpoint=checkpoint), Phase("read", read, cache=True)]

    assert run(*pipeline("one")).results["read"] == "one"
    assert run(*pipeline("one")).results["read"] == "one"
    assert calls.names == ["read"]
    third = run(*pipeline("two"))
    assert third.results["read"] == "two"
    assert known(third, "read") == ("completed", "ran", "not cached: result of `fetch` changed")


def test_another_input_is_a_miss_that_names_it(run, calls):
    run(*phases(calls))
    second = run(*phases(calls, start=2))
    assert second.results["slow"] == 20
    assert known(second, "slow") == ("completed", "ran", "not cached: result of `load` changed")


def test_the_first_time_nothing_is_cached(run, calls):
    assert known(run(*phases(calls)), "slow") == ("completed", "ran", "not cached: nothing is cached for it")


def test_edited_code_is_a_miss_that_names_it(run, calls):
    def other(load):
        calls.add("other")
        return sum(load) * 11

    run(*phases(calls))
    second = run(phases(calls)[0], Phase("slow", other, cache=True))
    assert second.results["slow"] == 11
    assert known(second, "slow")[2].startswith("not cached: ")


def test_what_is_too_old_is_made_anew(run, calls):
    run(*phases(calls, cache="1ms"))
    second = run(*phases(calls, cache="1ms"))
    assert calls.names.count("slow") == 2
    assert known(second, "slow")[2].startswith("not cached: its cache entry has expired")


def test_another_version_is_made_anew(run, calls):
    run(*phases(calls, cache=CacheOptions(version="1")))
    second = run(*phases(calls, cache=CacheOptions(version="2")))
    assert known(second, "slow")[2] == "not cached: version '1' became '2'"


def test_without_the_cache_nothing_is_read_or_written(run, calls):
    run(*phases(calls), cache=False)
    second = run(*phases(calls))
    assert known(second, "slow")[2] == "not cached: nothing is cached for it"
    third = run(*phases(calls), cache=False)
    assert known(third, "slow") == ("completed", "ran", "")
    assert calls.names.count("slow") == 3


def test_a_refresh_writes_and_does_not_read(run, calls):
    run(*phases(calls))
    second = run(*phases(calls), refresh=True)
    assert known(second, "slow") == ("completed", "ran", "cache refreshed")
    assert known(run(*phases(calls)), "slow")[1] == "cache"
    assert calls.names.count("slow") == 2


def test_parameters_that_a_phase_takes_count_and_others_do_not(run, calls):
    def slow(rate):
        calls.add("slow")
        return rate

    phase = Phase("slow", slow, cache=True)
    run(phase, params={"rate": 1, "other": 1})
    run(phase, params={"rate": 1, "other": 2})
    assert calls.names == ["slow"]
    third = run(phase, params={"rate": 2})
    assert known(third, "slow")[2] == "not cached: parameter `rate` changed"


def test_a_cached_result_is_not_validated_again(run, calls):
    def check(value):
        calls.add("check")
        return value + 1, []

    options = {"validate": check}
    assert run(*phases(calls, **options)).results["slow"] == 11
    assert run(*phases(calls, **options)).results["slow"] == 11
    assert calls.names.count("check") == 1


def test_files_that_a_cached_phase_wrote_are_brought_back(run, calls):
    def fetch(ctx):
        calls.add("fetch")
        (ctx.work_dir / "raw" / "data.csv").write_text("1,2\n")
        return "data.csv"

    def use(fetch, ctx):
        return (ctx.work_dir / "raw" / fetch).read_text()

    pipeline = [Phase("fetch", fetch, cache=True), Phase("use", use)]
    run(*pipeline)
    second = run(*pipeline)
    assert second.results["use"] == "1,2\n"
    assert calls.names == ["fetch"]


def test_what_stands_on_a_substitute_never_enters_the_cache(run, calls):
    first = run(*phases(calls))
    first.skip("load", value=[5], replace=True)
    wait_until(lambda: first["slow"].known.reason == "built on the substitute for load")
    assert first.results["slow"] == 50
    second = run(*phases(calls, start=5))
    assert known(second, "slow")[2] == "not cached: result of `load` changed"


def test_an_input_without_content_to_compare_is_no_obstacle_and_is_said(run, calls):
    lock = threading.Lock()
    executor = run(Phase("load", lambda: lock), Phase("slow", lambda load: 1, cache=True))
    assert executor.results["slow"] == 1
    assert known(executor, "slow")[2].startswith("not cached: ")


def test_an_async_phase_is_cached_like_any_other(run, calls):
    async def slow():
        calls.add("slow")
        return 3

    run(Phase("slow", slow, cache=True))
    assert run(Phase("slow", slow, cache=True)).results["slow"] == 3
    assert calls.names == ["slow"]


def test_a_failed_phase_leaves_nothing_in_the_cache_and_lets_others_try(run, calls):
    def slow():
        calls.add("slow")
        if len(calls.names) < 2:
            raise ValueError("boom")
        return 1

    run(Phase("slow", slow, cache=True))
    assert run(Phase("slow", slow, cache=True)).results["slow"] == 1


def test_a_cancelled_phase_lets_others_make_what_it_does_not_make(run):
    gate = Gate()

    def wait(ctx):
        gate.began.set()
        ctx.sleep(DEADLINE_S)

    first = run(Phase("slow", wait, cache=CacheOptions(code="off")), wait=False)
    assert gate.began.wait(DEADLINE_S)
    first.cancel()
    first.wait(DEADLINE_S)
    assert run(Phase("slow", give(4), cache=CacheOptions(code="off"))).results["slow"] == 4


def test_two_sessions_at_once_compute_a_result_once(run, calls):
    gate = Gate(9)

    def slow():
        calls.add("slow")
        return gate()

    first = run(Phase("slow", slow, cache=CacheOptions(code="off")), wait=False)
    assert gate.began.wait(DEADLINE_S)
    second = run(Phase("slow", slow, cache=CacheOptions(code="off")), wait=False)
    gate.open.set()
    assert [e.wait(DEADLINE_S).results["slow"] for e in (first, second)] == [9, 9]
    assert calls.names == ["slow"]


def test_a_plan_says_what_the_cache_has(run, calls):
    run(*phases(calls))
    executor = run(*phases(calls))
    assert "undecided: cached if `load` gives the same result" in str(executor.plan("rerun", "load"))
    assert "from the cache: made " in str(executor.plan("rerun", "slow"))


def test_a_result_that_cannot_be_cached_is_said_and_the_session_goes_on(run):
    executor = run(Phase("slow", threading.Lock, cache=True))
    assert executor["slow"].status == "completed"
    assert "not saved: result is a lock" in executor["slow"].known.reason
    assert any("not cached: " in log.line for log in executor["slow"].logs())
