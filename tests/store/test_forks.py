"""Sagas in a store side by side: forks, all, race, timeouts, bounds."""

import contextvars
import threading

import pytest

from milo_nb.errors import PhaseCancelled
from milo_nb.state.actions import Action
from milo_nb.state.effects import (
    All,
    Call,
    Cancel,
    Delay,
    Fork,
    Put,
    Race,
    Retry,
    Select,
    Take,
    Timeout,
    Wait,
)
from milo_nb.store.store import Store
from milo_nb.testing import FakeClock
from tests.strategies import DEADLINE_S, wait_until


def keep(state, action):
    return () if state is None else (*state, action.type)


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def store(clock):
    made = Store(keep, clock=clock, max_workers=4)
    yield made
    made.shutdown()


def give(value):
    return value


def fail(error):
    raise error


def run(store, saga):
    return store.run_saga(saga).result(DEADLINE_S)


# ---------------------------------------------------------------------- several at once


def test_fork_gives_a_task_at_once_and_wait_its_result(store, clock):
    def child():
        yield Delay(1)
        return "child"

    def saga():
        task = yield Fork(child)
        yield Put(Action("forked"))
        return (yield Wait(task)), (yield Wait(task))

    task = store.run_saga(saga)
    assert store.state == ("forked",)
    clock.advance(1)
    assert task.result(DEADLINE_S) == ("child", "child")


def test_fork_takes_a_single_call_and_its_tag(store):
    def saga():
        task = yield Fork(Call(give, (3,)), "for you")
        (ended,) = yield Wait()
        return ended is task, ended.tag, ended.value

    assert run(store, saga) == (True, "for you", 3)


def test_waiting_for_a_fork_that_failed_raises_what_it_raised(store):
    def child():
        yield Call(fail, (ValueError("boom"),))

    def saga():
        task = yield Fork(child)
        try:
            yield Wait(task)
        except ValueError as error:
            first = str(error)
        try:
            yield Wait(task)
        except ValueError as error:
            return first, str(error)

    assert run(store, saga) == ("boom", "boom")


def test_wait_without_a_task_gives_all_that_has_ended_and_loses_nothing(store):
    def child(n):
        return (yield Call(give, (n,)))

    def saga():
        for n in range(20):
            yield Fork(child(n))
        values = []
        while len(values) < 20:
            values += [ended.value for ended in (yield Wait())]
        return sorted(values)

    assert run(store, saga) == list(range(20))


def test_events_from_outside_are_kept_until_asked_for(store):
    def saga():
        yield Take("go")
        return (yield Wait())

    task = store.run_saga(saga)
    store.loop.deliver(task, "one")
    store.loop.deliver(task, "two")
    store.dispatch(Action("go"))
    assert task.result(DEADLINE_S) == ["one", "two"]


def test_cancelling_a_fork_leaves_the_saga_that_forked_it(store):
    def child():
        yield Take("never")

    def saga():
        task = yield Fork(child)
        yield Cancel(task)
        try:
            yield Wait(task)
        except PhaseCancelled:
            return "still here"

    assert run(store, saga) == "still here"


def test_cancelling_a_saga_cancels_its_forks(store):
    ended = []

    def child(n):
        try:
            yield Take("never")
        finally:
            ended.append(n)

    def saga():
        for n in range(3):
            yield Fork(child(n))
        yield Take("never")

    task = store.run_saga(saga)
    task.cancel()
    assert task.wait(DEADLINE_S)
    assert sorted(ended) == [0, 1, 2]


def test_a_saga_that_ends_cancels_the_forks_it_leaves(store):
    ended = []

    def child():
        try:
            yield Take("never")
        finally:
            ended.append("child")

    def saga():
        yield Fork(child)

    run(store, saga)
    assert ended == ["child"]


def test_all_gives_every_result_in_order(store, clock):
    def saga():
        return (yield All([Call(give, (1,)), iter_effect(Call(give, (2,))), Delay(0), Select(len)]))

    task = store.run_saga(saga)
    clock.advance(0)
    assert task.result(DEADLINE_S) == (1, 2, None, 0)
    assert run(store, lambda: iter_effect(All([]))) == ()


def iter_effect(effect):
    return (yield effect)


def test_the_first_failure_of_all_cancels_the_others(store):
    ended = []

    def waits():
        try:
            yield Take("never")
        finally:
            ended.append("waits")

    def saga():
        try:
            yield All([waits(), Call(fail, (ValueError("boom"),))])
        except ValueError as error:
            return str(error)

    assert run(store, saga) == "boom"
    assert ended == ["waits"]


def test_race_gives_the_winner_and_cancels_the_others(store, clock):
    ended = []

    def waits():
        try:
            yield Take("never")
        finally:
            ended.append("waits")

    def named():
        return (yield Race({"slow": waits(), "fast": Call(give, (1,))}))

    def plain():
        return (yield Race([waits(), Call(give, (2,))]))

    assert run(store, named) == {"fast": 1}
    assert run(store, plain) == 2
    assert ended == ["waits", "waits"]
    assert run(store, lambda: iter_effect(Race({}))) == {}
    assert run(store, lambda: iter_effect(Race([]))) is None


def test_a_race_that_is_lost_by_an_error_raises_it(store):
    def saga():
        try:
            yield Race([Take("never"), Call(fail, (ValueError("boom"),))])
        except ValueError:
            return "raised"

    assert run(store, saga) == "raised"


def test_timeout_cancels_what_takes_too_long(store, clock):
    def saga():
        try:
            yield Timeout(Take("never"), 3)
        except TimeoutError as error:
            return str(error)

    task = store.run_saga(saga)
    clock.advance(3)
    assert task.result(DEADLINE_S) == "no result within 3 s"
    assert run(store, lambda: iter_effect(Timeout(Call(give, (4,)), 3))) == 4


def test_a_call_with_a_timeout_is_stopped_and_raises_a_timeout_error(store, clock):
    begun, waiting = threading.Event(), threading.Event()

    def slow():
        begun.set()
        while not waiting.wait(0.001):
            pass

    def saga():
        try:
            yield Call(slow, timeout=5)
        except TimeoutError as error:
            return str(error.cause)

    task = store.run_saga(saga)
    assert begun.wait(DEADLINE_S)
    clock.advance(5)
    clock.advance(1)
    assert task.result(DEADLINE_S) == "ran longer than 5 s"


def test_a_call_that_ends_in_time_leaves_no_timer(store, clock):
    def saga():
        return (yield Call(give, (1,), timeout=3600))

    assert run(store, saga) == 1
    assert clock.timers == 0


def test_retry_tries_until_it_succeeds(store, clock):
    tries = []

    def flaky(value):
        tries.append(value)
        if len(tries) < 3:
            raise ValueError("not yet")
        return "done"

    def saga():
        return (yield Retry(flaky, 1, attempts=3, delay=2))

    task = store.run_saga(saga)
    for n in (1, 2):
        wait_until(lambda n=n: len(tries) == n and clock.timers)
        clock.advance(2)
    assert task.result(DEADLINE_S) == "done"
    assert tries == [1, 1, 1]


def test_a_cancelled_call_that_has_not_begun_never_runs(clock):
    store = Store(keep, clock=clock, max_workers=1)
    begun, release, ran = threading.Event(), threading.Event(), []

    def blocks():
        begun.set()
        release.wait(DEADLINE_S)

    first = store.run_saga(lambda: iter_effect(Call(blocks)))
    assert begun.wait(DEADLINE_S)
    second = store.run_saga(lambda: iter_effect(Call(ran.append, (1,))))
    second.cancel()
    assert second.wait(DEADLINE_S)
    release.set()
    first.result(DEADLINE_S)
    assert (second.cancelled, ran) == (True, [])
    store.shutdown()


def test_never_more_calls_run_at_once_than_there_are_workers():
    store = Store(keep, max_workers=3)
    lock, now, most = threading.Lock(), [], []

    def busy(n):
        with lock:
            now.append(n)
            most.append(len(now))
        threading.Event().wait(0.001)
        with lock:
            now.remove(n)

    def saga():
        yield All([Call(busy, (n,)) for n in range(30)])

    run(store, saga)
    assert max(most) <= 3
    store.shutdown()


def test_context_variables_set_by_a_call_do_not_leak_into_the_caller(store):
    variable = contextvars.ContextVar("v", default=0)

    def sets():
        variable.set(1)

    run(store, lambda: iter_effect(Call(sets)))
    assert variable.get() == 0


@pytest.mark.slow
def test_ten_thousand_forks_are_fine():
    store = Store(keep, max_workers=4)

    def child(n):
        if n % 10:
            return n
        return (yield Call(give, (n,)))

    def saga():
        for n in range(10_000):
            yield Fork(child(n))
        total = 0
        left = 10_000
        while left:
            for ended in (yield Wait()):
                total += ended.value
                left -= 1
        return total

    before = threading.active_count()
    assert run(store, saga) == sum(range(10_000))
    assert threading.active_count() <= before + 6
    store.shutdown()


def test_a_store_that_is_shut_down_lets_its_threads_end():
    store = Store(keep, name="milo-lets-go")
    run(store, lambda: iter_effect(Call(give, (1,))))
    store.shutdown()
    wait_until(lambda: not [t for t in threading.enumerate() if t.name.startswith("milo-lets-go")])
