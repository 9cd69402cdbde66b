"""Sagas in a store: each effect, tasks, cancelling, failing."""

import threading

import pytest

from milo_nb.errors import PhaseCancelled, StoreError
from milo_nb.state.actions import Action
from milo_nb.state.effects import (
    Call,
    Delay,
    Put,
    Select,
    Take,
)
from milo_nb.store.store import Store
from milo_nb.testing import FakeClock
from tests.strategies import DEADLINE_S


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


# ---------------------------------------------------------------------- tasks


def test_run_saga_takes_a_generator_or_what_makes_one(store):
    def saga():
        yield Put(Action("one"))
        return 7

    assert run(store, saga) == run(store, saga()) == 7
    assert store.state == ("one", "one")


@pytest.mark.parametrize("wrong", [3, lambda: 3])
def test_what_makes_no_generator_is_refused(store, wrong):
    with pytest.raises((StoreError, TypeError)):
        store.run_saga(wrong)


def test_the_first_steps_are_taken_before_run_saga_returns(store):
    def saga():
        yield Put(Action("one"))
        yield Take("never")

    task = store.run_saga(saga)
    assert (store.state, task.done) == (("one",), False)
    assert task.wait(0) is False
    with pytest.raises(TimeoutError, match="the saga has not ended within 0 s"):
        task.result(0)


def test_a_task_gives_what_its_saga_raised(store):
    def saga():
        yield Put(Action("one"))
        raise ValueError("boom")

    task = store.run_saga(saga)
    assert task.wait(DEADLINE_S)
    with pytest.raises(ValueError, match="boom"):
        task.result()
    assert not task.cancelled


def test_a_task_can_be_cancelled_where_it_waits(store):
    seen = []

    def saga():
        try:
            yield Take("never")
        except PhaseCancelled:
            seen.append("cancelled")
            raise

    task = store.run_saga(saga)
    task.cancel()
    assert task.wait(DEADLINE_S)
    assert (task.cancelled, seen) == (True, ["cancelled"])
    with pytest.raises(PhaseCancelled):
        task.result()
    task.cancel()


def test_a_saga_may_refuse_to_be_cancelled(store):
    def saga():
        try:
            yield Take("never")
        except PhaseCancelled:
            yield Put(Action("cleaned up"))
            return "went on"

    task = store.run_saga(saga)
    task.cancel()
    assert task.result(DEADLINE_S) == "went on"
    assert store.state == ("cleaned up",)


def test_whoever_waits_for_a_task_finds_its_last_actions_in_the_state(store):
    def saga():
        yield Call(give, (1,))
        yield Put(Action("last"))

    assert run(store, saga) is None
    assert store.state[-1] == "last"


def test_a_saga_that_yields_what_is_no_effect_is_told_which_there_are(store):
    def saga():
        try:
            yield "nonsense"
        except StoreError as told:
            return str(told)

    said = run(store, saga)
    assert said.startswith(
        "A saga yielded 'nonsense', which is no effect. Effects: All, Call, Cancel, Delay, Fork, Put"
    )


# ---------------------------------------------------------------------- one effect each


def test_put_dispatches_and_select_reads(store):
    def saga():
        yield Put(Action("one"))
        whole = yield Select()
        part = yield Select(len)
        return whole, part

    assert run(store, saga) == (("one",), 1)


def test_a_put_that_the_reducer_refuses_raises_in_the_saga():
    def reducer(state, action):
        if action.type == "bad":
            raise ValueError("refused")
        return keep(state, action)

    store = Store(reducer)

    def saga():
        try:
            yield Put(Action("bad"))
        except ValueError as refused:
            yield Put(Action("fine"))
            return str(refused)

    assert run(store, saga) == "refused"
    assert store.state == ("fine",)
    store.shutdown()


def test_a_selector_that_fails_raises_in_the_saga(store):
    def saga():
        try:
            yield Select(lambda _: 1 / 0)
        except ZeroDivisionError:
            return "caught"

    assert run(store, saga) == "caught"


def test_call_runs_on_a_worker_and_gives_the_value(store):
    def saga():
        thread = yield Call(threading.current_thread)
        value = yield Call(lambda a, b: (a, b), (1,), {"b": 2})
        return thread, value

    thread, value = run(store, saga)
    assert thread is not threading.current_thread()
    assert thread.name.startswith("milo-")
    assert thread.daemon
    assert value == (1, 2)


@pytest.mark.parametrize("error", [ValueError("boom"), SystemExit(3), KeyboardInterrupt()])
def test_what_a_call_raises_is_raised_in_the_saga(store, error):
    def saga():
        try:
            yield Call(fail, (error,))
        except BaseException as caught:  # noqa: BLE001 - what is tested
            return caught

    assert run(store, saga) is error
    assert run(store, lambda: iter_call(5)) == 5


def iter_call(value):
    return (yield Call(give, (value,)))


def test_take_waits_for_an_action_of_a_type_or_one_that_a_predicate_accepts(store):
    def saga():
        one = yield Take("wanted")
        two = yield Take(lambda a: a.payload == 2)
        three = yield Take("*")
        return one.payload, two.type, three.type

    task = store.run_saga(saga)
    for action in (Action("other"), Action("wanted", 1), Action("x", 1), Action("y", 2), Action("z")):
        store.dispatch(action)
    assert task.result(DEADLINE_S) == (1, "y", "z")


def test_take_does_not_see_what_was_put_before(store):
    def saga():
        yield Put(Action("wanted", 1))
        return (yield Take("wanted")).payload

    task = store.run_saga(saga)
    store.dispatch(Action("wanted", 2))
    assert task.result(DEADLINE_S) == 2


def test_take_hears_what_other_sagas_put(store):
    def waits():
        return (yield Take("wanted")).payload

    def puts():
        yield Put(Action("wanted", 9))

    task = store.run_saga(waits)
    run(store, puts)
    assert task.result(DEADLINE_S) == 9


def test_delay_waits_for_the_clock(store, clock):
    def saga():
        yield Delay(5)
        return clock.now()

    task = store.run_saga(saga)
    clock.advance(4.9)
    assert not task.done
    clock.advance(0.1)
    assert task.result(DEADLINE_S) == 105.0


def test_a_cancelled_delay_leaves_no_timer(store, clock):
    def saga():
        yield Delay(5)

    task = store.run_saga(saga)
    task.cancel()
    assert task.wait(DEADLINE_S)
    assert clock.timers == 0
