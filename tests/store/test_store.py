"""The Store: dispatch, listeners, middleware, wrapped answers, combined reducers."""

import logging
import threading

import pytest

from milo_nb.errors import StoreError
from milo_nb.state.actions import INIT, Action
from milo_nb.state.effects import Put, Quit, ReducerResult
from milo_nb.store.store import Store, combine_reducers, default_workers
from milo_nb.testing import FakeClock
from tests.strategies import DEADLINE_S, Watch

ADD = Action("add", 1)


def count(state, action):
    if state is None:
        return 0
    if action.type == "boom":
        raise ValueError("boom")
    return state + action.payload if action.type == "add" else state


@pytest.fixture
def store():
    made = Store(count)
    yield made
    made.shutdown()


# ---------------------------------------------------------------------- dispatch


def test_without_an_initial_state_the_reducer_makes_one_of_init():
    seen = []
    store = Store(lambda state, action: seen.append((state, action.type)) or "made")
    assert (store.state, store.get_state(), seen) == ("made", "made", [(None, INIT)])


def test_an_initial_state_is_taken_as_it_is():
    assert Store(count, 41).state == 41


def test_dispatch_returns_when_its_action_is_reduced(store):
    store.dispatch(ADD)
    assert store.state == 1


def test_a_reducer_that_raises_leaves_the_state_and_tells_who_dispatched(store):
    store.dispatch(ADD)
    with pytest.raises(ValueError, match="boom"):
        store.dispatch(Action("boom"))
    assert store.state == 1
    store.dispatch(ADD)
    assert store.state == 2


@pytest.mark.parametrize("wrong", ["add", None, {"type": "add"}])
def test_what_is_no_action_is_refused(store, wrong):
    with pytest.raises(StoreError, match="dispatch takes an Action; got "):
        store.dispatch(wrong)


def test_after_the_shutdown_nothing_is_taken(store):
    store.shutdown()
    with pytest.raises(StoreError, match="The store was shut down; it takes no more actions"):
        store.dispatch(ADD)
    with pytest.raises(StoreError, match="The store was shut down; it runs no more sagas"):
        store.run_saga(iter(()))
    store.shutdown()
    assert store.state == 0


def test_actions_are_stamped_by_the_clock_never_backwards():
    clock = FakeClock(50.0)
    store = Store(count, record=True, clock=clock)
    store.dispatch(Action("add", 1))
    clock.advance(2)
    store.dispatch(Action("add", 1))
    clock._now = 10.0
    store.dispatch(Action("add", 1))
    again = Action("add", 1)
    store.dispatch(again)
    clock._now = 60.0
    store.dispatch(again)
    assert [a.timestamp for a in store.actions] == [50.0, 52.0, 52.0, 52.0, 60.0]


def test_record_keeps_every_action_and_otherwise_none_is_kept(store):
    recording = Store(count, record=True)
    for made in (store, recording):
        made.dispatch(ADD)
        made.dispatch(Action("other"))
    assert [a.type for a in recording.actions] == ["add", "other"]
    assert store.actions == []


def test_dispatch_from_many_threads_loses_nothing_and_keeps_each_threads_order():
    def keep(state, action):
        return () if state is None else (*state, action.payload)

    store = Store(keep)
    together = threading.Barrier(8)

    def work(n):
        together.wait(DEADLINE_S)
        for k in range(50):
            store.dispatch(Action("add", (n, k)))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE_S)
    assert len(store.state) == 400
    for n in range(8):
        assert [k for m, k in store.state if m == n] == list(range(50))
    store.shutdown()


def test_default_workers_are_bounded():
    assert 1 <= default_workers() <= 32


# ---------------------------------------------------------------------- listeners


def test_a_listener_is_told_after_a_change_and_not_without_one(store):
    watch = Watch()
    store.subscribe(lambda: watch(store.state))
    store.dispatch(Action("other"))
    store.dispatch(ADD)
    watch.until(lambda seen: seen[-1:] == [1])
    assert 0 not in watch.seen


def test_changes_that_come_together_are_told_once_and_the_last_is_told(store):
    watch = Watch()
    store.subscribe(lambda: watch(store.state))

    def many():
        for _ in range(100):
            yield Put(Action("add", 1))

    store.run_saga(many).wait(DEADLINE_S)
    seen = watch.until(lambda s: s[-1:] == [100])
    assert len(seen) < 100


def test_every_action_is_told_in_order_whether_it_changed_anything_or_not(store):
    watch = Watch()
    store.subscribe(lambda action: watch(action.type), every=True)

    def some():
        yield Put(Action("one"))
        yield Put(Action("two"))

    store.dispatch(Action("zero"))
    store.run_saga(some).wait(DEADLINE_S)
    store.dispatch(Action("three"))
    assert watch.until(lambda s: len(s) == 4) == ["zero", "one", "two", "three"]


def test_a_listener_may_dispatch(store):
    watch = Watch()

    def up_to_five():
        watch(store.state)
        if store.state < 5:
            store.dispatch(Action("add", 1))

    store.subscribe(up_to_five)
    store.dispatch(ADD)
    watch.until(lambda s: s[-1:] == [5])


def test_a_listener_that_fails_is_logged_and_harms_nobody(store, caplog):
    watch = Watch()

    def broken():
        raise RuntimeError("listener")

    store.subscribe(broken)
    store.subscribe(lambda: watch(store.state))
    with caplog.at_level(logging.ERROR, "milo_nb"):
        store.dispatch(ADD)
        watch.until(lambda s: s)
    assert store.state == 1
    assert "a listener failed" in caplog.text


def test_who_has_unsubscribed_is_not_told(store):
    watch, other = Watch(), Watch()
    end = store.subscribe(watch)
    end_every = store.subscribe(watch, every=True)
    store.subscribe(other)
    end()
    end()
    end_every()
    store.dispatch(ADD)
    other.until(bool)
    assert watch.seen == []


def test_the_shutdown_tells_the_last_change():
    store, seen = Store(count), []
    store.subscribe(lambda: seen.append(store.state))
    store.dispatch(ADD)
    store.shutdown()
    assert seen[-1] == 1


def test_what_cannot_be_called_cannot_subscribe(store):
    with pytest.raises(StoreError, match="subscribe takes something that can be called; got 3"):
        store.subscribe(3)


def test_a_listener_that_hangs_stops_nobody_else_from_dispatching(store):
    go, entered = threading.Event(), threading.Event()

    def hang():
        entered.set()
        go.wait(DEADLINE_S)

    store.subscribe(hang)
    slow = threading.Thread(target=store.dispatch, args=(ADD,))
    slow.start()
    assert entered.wait(DEADLINE_S)
    store.dispatch(Action("add", 1))
    assert store.state == 2
    go.set()
    slow.join(DEADLINE_S)


# ---------------------------------------------------------------------- middleware


def test_middleware_sees_actions_first_to_last_and_may_change_or_swallow_them():
    order = []

    def named(name):
        def middleware(dispatch, get_state):
            def through(action):
                order.append((name, action.type, get_state()))
                if action.type != "swallow":
                    dispatch(Action(action.type, action.payload * 2))
                order.append((name, "after", get_state()))

            return through

        return middleware

    store = Store(count, middleware=[named("first"), named("second")])
    store.dispatch(ADD)
    assert order == [("first", "add", 0), ("second", "add", 0), ("second", "after", 4), ("first", "after", 4)]
    store.dispatch(Action("swallow", 1))
    assert store.state == 4


def test_middleware_sees_what_sagas_put():
    seen = []

    def middleware(dispatch, _):
        return lambda action: (seen.append(action.type), dispatch(action))

    store = Store(count, middleware=(middleware,))

    def saga():
        yield Put(ADD)

    store.run_saga(saga).wait(DEADLINE_S)
    assert (seen, store.state) == (["add"], 1)
    store.shutdown()


def test_middleware_that_fails_tells_who_dispatched():
    def middleware(dispatch, _):
        def through(action):
            if action.type == "bad":
                raise RuntimeError("middleware")
            dispatch(action)

        return through

    store = Store(count, middleware=(middleware,))
    with pytest.raises(RuntimeError, match="middleware"):
        store.dispatch(Action("bad"))
    store.dispatch(ADD)
    assert store.state == 1


# ---------------------------------------------------------------------- wrapped answers


def test_a_reducer_result_brings_a_state_and_sagas():
    def saga():
        yield Put(Action("add", 10))

    def reducer(state, action):
        state = count(state, action)
        return ReducerResult(state, (saga,)) if action.type == "more" else state

    store = Store(reducer)
    store.dispatch(Action("more"))
    assert store.state == 10
    store.shutdown()


def test_a_reducer_result_of_init_runs_its_sagas_too():
    def saga():
        yield Put(Action("add", 10))

    store = Store(lambda s, a: ReducerResult(0, (saga,)) if s is None else count(s, a))
    assert store.state == 10
    store.shutdown()


def test_quit_brings_a_state_and_is_remembered():
    store = Store(lambda s, a: Quit(7, 3) if a.type == "quit" else count(s, a))
    assert store.quitting is None
    store.dispatch(Action("quit"))
    assert (store.state, store.quitting) == (7, Quit(7, 3))


def test_a_reducer_that_dispatches_is_told_that_it_must_not():
    def reducer(state, action):
        if action.type == "nested":
            store.dispatch(ADD)
        return count(state, action)

    store = Store(reducer)
    with pytest.raises(StoreError, match="reducer"):
        store.dispatch(Action("nested"))
    store.dispatch(ADD)
    assert store.state == 1


# ---------------------------------------------------------------------- combined


def test_combined_reducers_each_have_their_own_part():
    store = Store(combine_reducers(a=count, b=lambda s, x: "b"))
    assert store.state == {"a": 0, "b": "b"}
    before = store.state
    store.dispatch(Action("other"))
    assert store.state is before
    store.dispatch(ADD)
    assert store.state == {"a": 1, "b": "b"}


def test_combined_reducers_pass_on_sagas_and_quit():
    def saga():
        yield Put(ADD)

    def starts(state, action):
        return ReducerResult(state, (saga,)) if action.type == "start" else state or 0

    def quits(state, action):
        return Quit(state, 2) if action.type == "quit" else state or 0

    store = Store(combine_reducers(n=count, starts=starts, quits=quits))
    store.dispatch(Action("start"))
    assert store.state["n"] == 1
    store.dispatch(Action("quit"))
    assert store.quitting == Quit(store.state, 2)
    store.shutdown()


def test_a_part_that_is_new_begins_with_none():
    reduce = combine_reducers(a=count, b=count)
    assert reduce({"a": 3}, Action("other")) == {"a": 3, "b": 0}
