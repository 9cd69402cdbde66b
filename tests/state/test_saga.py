"""Sagas stepped by hand: exactly which effects they yield, without a thread."""

import pytest

from milo_nb.declare.graph import PhaseGraph
from milo_nb.declare.phase import Phase, PhasePolicy
from milo_nb.errors import PhaseCancelled
from milo_nb.pipeline import Pipeline
from milo_nb.state import actions as a
from milo_nb.state.actions import Action
from milo_nb.state.commands import Command, Commanded
from milo_nb.state.effects import Call, Cancel, Delay, Fork, Put, Race, Retry, Select, Timeout, Wait
from milo_nb.state.model import PhaseStatus, PipelineState
from milo_nb.state.plan import plan
from milo_nb.state.saga import Reference, Script, pipeline_saga, session_saga
from milo_nb.store.task import Task
from tests.strategies import Hand


def load():
    return 3


def double(load):
    return load * 2


def put(kind, **payload):
    return Put(Action(kind, payload or None))


def ends(saga, value=None):
    with pytest.raises(StopIteration) as stop:
        saga.send(value)
    return stop.value.value


def test_a_sequential_pipeline_yields_exactly_these_effects():
    saga = Pipeline("p", Phase("load", load), Phase("double", double)).build_saga()()
    assert next(saga) == put(a.PIPELINE_START)
    assert saga.send(None) == put(a.PHASE_START, name="load", attempt=1)
    call = saga.send(None)
    assert isinstance(call, Call)
    assert (call.fn, call.args, dict(call.kwargs), call.phase, call.attempt, call.timeout) == (
        load,
        (),
        {},
        "load",
        1,
        None,
    )
    assert saga.send(call.fn(*call.args, **call.kwargs)) == put(a.PHASE_COMPLETE, name="load", result=3, attempt=1)
    assert saga.send(None) == put(a.PHASE_START, name="double", attempt=1)
    call = saga.send(None)
    assert (call.fn, dict(call.kwargs)) == (double, {"load": 3})
    assert saga.send(call.fn(*call.args, **call.kwargs)) == put(a.PHASE_COMPLETE, name="double", result=6, attempt=1)
    assert saga.send(None) == put(a.PIPELINE_COMPLETE)
    ends(saga)


def test_a_thrown_exception_gives_phase_failed_and_the_end():
    saga = Pipeline("p", Phase("load", load), Phase("double", double)).build_saga()()
    for _ in range(3):
        call = next(saga)
    assert isinstance(call, Call)
    assert saga.throw(ValueError("boom")) == put(a.PHASE_FAILED, name="load", error="boom", attempt=1)
    ends(saga)


def test_an_exception_without_words_is_told_by_its_name():
    saga = Pipeline("p", Phase("load", load)).build_saga()()
    for _ in range(3):
        next(saga)
    assert saga.throw(KeyError()).action.payload["error"] == "KeyError"


def test_each_saga_of_a_pipeline_is_its_own():
    make = Pipeline("p", Phase("load", load)).build_saga()
    one, other = make(), make()
    for saga in (one, other):
        assert next(saga) == put(a.PIPELINE_START)
        assert next(saga).action.type == a.PHASE_START


def test_a_pipeline_without_phases_starts_and_completes():
    saga = Pipeline("p").build_saga()()
    assert [next(saga), next(saga)] == [put(a.PIPELINE_START), put(a.PIPELINE_COMPLETE)]
    ends(saga)


def test_retry_yields_phase_retry_then_a_delay_then_another_start():
    policy = PhasePolicy("retry", 1, 5.0)
    saga = Pipeline("p", Phase("load", load, policy=policy)).build_saga()()
    for _ in range(3):
        next(saga)
    retry = saga.throw(ValueError("boom"))
    assert retry.action.type == a.PHASE_RETRY
    payload = retry.action.payload
    assert (payload["name"], payload["attempt"], payload["error"], payload["delay"]) == ("load", 2, "boom", 5.0)
    assert next(saga) == Delay(5.0)
    assert next(saga) == put(a.PHASE_START, name="load", attempt=2)
    call = next(saga)
    assert call.attempt == 2
    assert saga.throw(ValueError("again")) == put(a.PHASE_FAILED, name="load", error="again", attempt=2)
    ends(saga)


def test_skip_yields_phase_skipped_and_dependants_get_none():
    phases = [Phase("load", load, policy=PhasePolicy("skip")), Phase("double", double)]
    saga = Pipeline("p", *phases).build_saga()()
    for _ in range(3):
        next(saga)
    skipped = saga.throw(ValueError("boom"))
    assert (skipped.action.type, skipped.action.payload["error"]) == (a.PHASE_SKIPPED, "boom")
    assert next(saga) == put(a.PHASE_START, name="double", attempt=1)
    assert dict(next(saga).kwargs) == {"load": None}


def test_continue_goes_on_with_other_branches_and_says_no_more_at_the_end():
    phases = [Phase("a", load, policy=PhasePolicy("continue")), Phase("b", load), Phase("c", load, "", "a")]
    saga = Pipeline("p", *phases).build_saga()()
    for _ in range(3):
        next(saga)
    assert saga.throw(ValueError("boom")).action.type == a.PHASE_FAILED
    assert next(saga) == put(a.PHASE_START, name="b", attempt=1)
    next(saga)
    assert saga.send(1).action.type == a.PHASE_COMPLETE
    ends(saga)


def test_a_cancelled_call_gives_phase_cancelled():
    saga = Pipeline("p", Phase("load", load)).build_saga()()
    for _ in range(3):
        next(saga)
    cancelled = saga.throw(PhaseCancelled())
    assert (cancelled.action.type, cancelled.action.payload["name"]) == (a.PHASE_CANCELLED, "load")
    ends(saga)


def test_closing_a_saga_yields_nothing_more():
    saga = Pipeline("p", Phase("load", load)).build_saga()()
    for _ in range(3):
        next(saga)
    saga.close()


def ended_task(fork, value=None, error=None):
    task = Task(None, None, lambda _: None)
    task.tag = fork.tag
    task.end(value, error)
    return task


def test_parallel_phases_are_forked_never_more_than_there_are_slots_and_joined_by_wait():
    phases = [Phase(n, load, parallel=True) for n in "abc"]
    saga = Pipeline("p", *phases).build_saga(max_workers=2)()
    assert next(saga) == put(a.PIPELINE_START)
    forks = []
    for name in "ab":
        assert next(saga) == put(a.PHASE_START, name=name, attempt=1)
        forks.append(next(saga))
        assert isinstance(forks[-1], Fork)
        if name == "a":
            first = saga.send
    assert first(object()) == Wait()
    effect = saga.send([ended_task(forks[0], 1)])
    assert effect == put(a.PHASE_COMPLETE, name="a", result=1, attempt=1)
    assert next(saga) == put(a.PHASE_START, name="c", attempt=1)
    forks.append(next(saga))
    assert isinstance(forks[-1], Fork)
    assert saga.send(object()) == Wait()
    effects = [saga.send([ended_task(forks[1], 2), ended_task(forks[2], 3)]), next(saga), next(saga)]
    assert [e.action.type for e in effects] == [a.PHASE_COMPLETE, a.PHASE_COMPLETE, a.PIPELINE_COMPLETE]
    ends(saga)


def test_a_failure_with_fail_fast_cancels_the_forks_that_run():
    phases = [Phase(n, load, parallel=True) for n in "ab"]
    saga = Pipeline("p", *phases, fail_fast=True).build_saga(max_workers=2)()
    next(saga)
    next(saga)
    fork_a = next(saga)
    saga.send("task a")
    next(saga)
    assert saga.send("task b") == Wait()
    assert saga.send([ended_task(fork_a, None, ValueError("boom"))]) == put(
        a.PHASE_FAILED, name="a", error="boom", attempt=1
    )
    assert next(saga) == Cancel("task b")
    assert next(saga) == Wait()


# ---------------------------------------------------------------------- made from State


def script(graph, kept):
    def call(i, attempt):
        return Call(load, (), {}, graph.names[i], attempt)

    return Script(graph, call, lambda i, value: kept.append((i, value)), lambda *_: "ref", 4, commands=True)


GRAPH = PhaseGraph([Phase("a", load), Phase("b", load, "", "a")])


def test_with_commands_on_the_saga_begins_with_what_state_says():
    saga = pipeline_saga(script(GRAPH, []))
    assert next(saga) == put(a.PIPELINE_START)
    assert next(saga) == Select()
    skipped = PipelineState("p", (PhaseStatus("a", "skipped"), PhaseStatus("b", attempt=3)), status="running")
    assert saga.send(skipped) == put(a.PHASE_START, name="b", attempt=3)
    fork = next(saga)
    assert isinstance(fork, Fork)
    assert (fork.saga.phase, fork.saga.attempt) == ("b", 3)


def test_a_saga_made_for_a_session_that_has_ended_waits_for_commands():
    kept = []
    saga = session_saga(script(GRAPH, kept), started=True)
    assert next(saga) == Select()
    ended = PipelineState(
        "p", (PhaseStatus("a", "completed"), PhaseStatus("b", "failed")), status="failed", stopped_at=9.0
    )
    assert saga.send(ended) == Wait()
    command = Command("skip", ("b",), value=7)
    assert isinstance(saga.send([Commanded(command, plan(command, GRAPH, ended))]), Select)
    told = saga.send("")
    assert (told.action.type, told.action.payload["command"]) == (a.COMMAND, "skip")
    assert next(saga).action.type == a.PHASE_SKIPPED
    assert kept == [(1, 7)]


@pytest.mark.parametrize("asked_to_skip", [False, True])
def test_a_completion_says_where_its_result_comes_from_if_it_was_not_made(asked_to_skip):
    hand, from_cache = Hand([Phase("a", load, parallel=True)]), Reference("a.1", "cache", "cached 3 min ago")
    object.__setattr__(hand.session._script, "reference", lambda *_: from_cache)
    with hand:
        if asked_to_skip:
            hand.command("skip", "a")
        hand.finish("a")
        assert (hand.phase("a").origin, hand.phase("a").reason) == ("cache", "cached 3 min ago")


# ---------------------------------------------------------------------- Timeout and Retry


def test_timeout_races_the_effect_against_a_delay():
    effect = Call(load)
    saga = Timeout(effect, 5)
    assert next(saga) == Race({"result": effect, "timeout": Delay(5)})
    assert ends(saga, {"result": 7}) == 7
    saga = Timeout(effect, 2.5)
    next(saga)
    with pytest.raises(TimeoutError, match=r"no result within 2\.5 s"):
        saga.send({"timeout": None})


def test_retry_calls_until_it_returns():
    saga = Retry(load, 1, attempts=3, delay=2.0, key=3)
    assert next(saga) == Call(load, (1,), {"key": 3})
    assert saga.throw(ValueError()) == Delay(2.0)
    assert next(saga) == Call(load, (1,), {"key": 3})
    assert ends(saga, 9) == 9


def test_retry_raises_what_the_last_call_raised():
    saga = Retry(load, attempts=2, delay=1.0)
    next(saga)
    saga.throw(ValueError("one"))
    next(saga)
    with pytest.raises(ValueError, match="two"):
        saga.throw(ValueError("two"))


def test_retry_doubles_its_delays_if_told_to_up_to_the_longest():
    saga = Retry(load, attempts=5, delay=4.0, backoff="exponential", max_delay=10.0)
    delays = []
    for _ in range(4):
        next(saga)
        delays.append(saga.throw(ValueError()).seconds)
    assert delays == [4.0, 8.0, 10.0, 10.0]


def test_retry_of_no_attempts_gives_nothing():
    assert ends(Retry(load, attempts=0)) is None
