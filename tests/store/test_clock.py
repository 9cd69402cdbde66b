"""Time: the machine's clock, and the one that tests advance."""

import threading
from types import SimpleNamespace

import pytest

from milo_nb.store.clock import SystemClock
from milo_nb.testing import FakeClock
from tests.strategies import Watch, wait_until


@pytest.fixture
def gate():
    """What holds the clock's thread as long as the test likes."""
    made = threading.Event()
    yield made
    made.set()


def test_the_machines_clock_calls_later_in_the_order_of_their_times(gate, monkeypatch):
    clock, watch, now = SystemClock(), Watch(), [0.0]
    monkeypatch.setattr("milo_nb.store.clock.time", SimpleNamespace(monotonic=lambda: now[0]))
    clock.call_later(0, gate.wait)
    clock.call_later(0.03, lambda: watch("third"))
    clock.call_later(-1, lambda: watch("first"))
    clock.call_later(0.01, lambda: watch("second"))
    now[0] = 1.0
    gate.set()
    assert watch.until(lambda seen: len(seen) == 3) == ["first", "second", "third"]


def test_a_cancelled_timer_is_not_called(gate):
    clock, watch = SystemClock(), Watch()
    clock.call_later(0, gate.wait)
    clock.call_later(0, lambda: watch("never")).cancel()
    clock.call_later(0.01, lambda: watch("later"))
    gate.set()
    assert watch.until(bool) == ["later"]


def test_timers_run_on_one_thread_of_the_clocks_that_ends_with_the_last():
    clock, watch = SystemClock(), Watch()
    for _ in range(3):
        clock.call_later(0, lambda: watch(threading.current_thread().name))
    assert set(watch.until(lambda seen: len(seen) == 3)) == {"milo-clock"}
    wait_until(lambda: clock._thread is None)


def test_a_cancelled_timer_does_not_keep_the_clocks_thread():
    clock = SystemClock()
    for _ in range(3):
        clock.call_later(3600, lambda: None).cancel()
    wait_until(lambda: clock._thread is None)


def test_the_clock_goes_on_after_its_thread_has_ended():
    clock, watch = SystemClock(), Watch()
    clock.call_later(0, lambda: watch("one"))
    watch.until(bool)
    wait_until(lambda: clock._thread is None)
    clock.call_later(0, lambda: watch("two"))
    watch.until(lambda seen: seen == ["one", "two"])
    assert clock.now() <= clock.now()


def test_a_fake_clock_stands_until_it_is_advanced_and_runs_timers_in_order_at_their_time():
    clock, seen = FakeClock(10.0), []
    clock.call_later(2, lambda: seen.append(("two", clock.now())))
    clock.call_later(
        1, lambda: (seen.append(("one", clock.now())), clock.call_later(0.5, lambda: seen.append("nested")))
    )
    gone = clock.call_later(1, lambda: seen.append("gone"))
    gone.cancel()
    clock.advance(0.5)
    assert (seen, clock.now(), clock.timers) == ([], 10.5, 2)
    clock.advance(10)
    assert (seen, clock.now(), clock.timers) == ([("one", 11.0), "nested", ("two", 12.0)], 20.5, 0)
    clock.call_later(-5, lambda: seen.append("now"))
    clock.advance()
    assert seen[-1] == "now"
