"""The executor: starting, waiting, results, several at once, editing, what is refused."""

import asyncio
import threading
from datetime import datetime
from uuid import UUID

import pytest

from milo_nb.declare.phase import Phase, PhasePolicy
from milo_nb.errors import (
    DeclarationError,
    InvalidStateError,
    ResultNotAvailableError,
    UnknownPhaseError,
)
from milo_nb.execute import executor as executor_module
from milo_nb.execute.executor import PipelineExecutor, register_display
from milo_nb.execute.result import ExecutionState
from milo_nb.pipeline import Pipeline
from milo_nb.state.commands import Command
from tests.strategies import DEADLINE_S, Gate, boom, give, nothing, wait_until


def par(name, handler, *after, **options):
    return Phase(name, handler, "", after, parallel=True, **options)


# ---------------------------------------------------------------------- starting and waiting


def test_run_returns_a_started_executor_and_wait_its_result(run):
    gate = Gate(3)
    executor = run(Phase("a", gate))
    assert executor.state is ExecutionState.EXECUTING
    assert isinstance(executor.session_id, UUID)
    gate.open.set()
    result = executor.wait(DEADLINE_S)
    assert (executor.state, result.success, result.status, result.results) == (
        ExecutionState.COMPLETED, True, "completed", {"a": 3},
    )  # fmt: skip
    assert executor.results == {"a": 3}


def test_an_executor_that_was_not_started_is_idle():
    executor = PipelineExecutor(Pipeline("p", Phase("a", give())), work_dir=None)
    assert executor.state is ExecutionState.IDLE
    with pytest.raises(InvalidStateError, match=r"'p' has not been started. Possible: start, execute"):
        executor.wait()
    assert executor.execute().success
    with pytest.raises(InvalidStateError, match="The session has been started already: it is completed"):
        executor.start()
    executor.close()


def test_pipeline_execute_waits_for_the_result():
    assert Pipeline("p", Phase("a", give(4))).execute(work_dir=None).results == {"a": 4}


def test_wait_gives_up_after_its_timeout_and_the_session_goes_on(run):
    gate = Gate()
    executor = run(Phase("a", gate))
    with pytest.raises(TimeoutError, match="'p' has not ended within 0 s; it goes on"):
        executor.wait(0)
    gate.open.set()
    assert executor.wait(DEADLINE_S).success


def test_an_executor_can_be_awaited(run):
    gate = Gate(5)
    executor = run(Phase("a", gate))

    async def both():
        asyncio.get_running_loop().call_soon(gate.open.set)
        return await executor

    assert asyncio.run(both()).results == {"a": 5}


def test_a_pipeline_without_phases_completes_at_once(run):
    result = run().wait(DEADLINE_S)
    assert (result.success, result.data, result.metrics.counts) == (True, {}, {})


def test_execution_states_are_strings():
    assert ExecutionState.COMPLETED == "completed"
    assert [s.name for s in ExecutionState] == [
        "IDLE", "INITIALIZING", "EXECUTING", "PAUSED", "COMPLETED", "FAILED", "CANCELLED",
    ]  # fmt: skip


def test_an_executor_shows_what_it_runs_and_where_it_is(run):
    executor = run(Phase("a", give()), name="site")
    executor.wait(DEADLINE_S)
    assert repr(executor) == "<PipelineExecutor site: completed>"
    assert repr(executor["a"]) == "<phase a: completed>"
    assert executor._repr_mimebundle_() == {"text/plain": "<PipelineExecutor site: completed>"}


def test_how_an_executor_is_displayed_is_registered_from_above(run):
    before, executor = executor_module._display, run(Phase("a", give()))
    try:
        register_display(lambda shown: {"text/html": f"<b>{shown.pipeline.name}</b>"})
        assert executor._repr_mimebundle_(include=None) == {"text/html": "<b>p</b>"}
        register_display(lambda _: None)
        assert list(executor._repr_mimebundle_()) == ["text/plain"]
    finally:
        register_display(before)


# ---------------------------------------------------------------------- the result


def test_the_result_says_what_the_execution_came_to(run):
    phases = [
        Phase("load", give(1)),
        Phase("odd", boom, policy=PhasePolicy("skip")),
        Phase("bad", boom, "", "load", policy=PhasePolicy("continue")),
        Phase("after", lambda bad: bad),
        Phase("end", lambda load, odd: (load, odd)),
    ]
    result = run(*phases).wait(DEADLINE_S)
    assert (result.success, result.status, result.pipeline) == (False, "failed", "p")
    assert result.results == {"load": 1, "odd": None, "end": (1, None)}
    assert result.data == {"end": (1, None)}
    assert result.degraded == ("odd",)
    (failed,) = result.failed
    assert (failed.name, str(failed.root_cause), failed.attempt, failed.error.phase) == ("bad", "boom", 1, "bad")
    assert result.blocked == ("after",)
    assert result.metrics.counts == {"completed": 2, "skipped": 1, "failed": 1, "pending": 1}
    assert result.metrics.attempts == {"load": 1, "odd": 1, "bad": 1, "after": 0, "end": 1}
    assert set(result.metrics.phase_duration_s) == {"load", "odd", "bad", "end"}
    assert isinstance(result.started, datetime)
    assert result.ended >= result.started
    assert result.started.tzinfo is not None
    assert (
        str(result)
        == result.summary
        == (
            "p: failed (2 completed, 1 skipped, 1 failed, 1 pending)\n"
            "  [FAIL] bad: ValueError: boom\n"
            "  [SKIP] odd\n"
            "  [WAIT] after"
        )
    )


def test_a_run_with_a_skipped_failure_is_a_success_and_lists_it_as_degraded(run):
    result = run(Phase("a", boom, policy=PhasePolicy("skip"))).wait(DEADLINE_S)
    assert (result.success, result.degraded, result.failed) == (True, ("a",), ())


def test_the_result_while_it_runs_says_how_far_it_is(run):
    gate = Gate()
    executor = run(Phase("a", give(1)), Phase("b", gate, "", "a"))
    assert gate.began.wait(DEADLINE_S)
    result = executor.result()
    assert (result.success, result.status, result.ended, result.results) == (False, "running", None, {"a": 1})
    gate.open.set()


def test_what_is_known_of_a_phase_can_be_asked(run):
    def talks(ctx):
        print("hello")
        if ctx.attempt == 1:
            raise ValueError("first")
        return "done"

    executor = run(Phase("a", give(1)), Phase("b", talks, "", "a", policy=PhasePolicy("retry", 1, 0)))
    executor.wait(DEADLINE_S)
    view = executor["b"]
    assert (view.status, view.result, view.error, view.outputs, dict(view.inputs)) == (
        "completed",
        "done",
        None,
        (),
        {"a": 1},
    )
    assert [(a.attempt, a.status, a.error) for a in view.attempts] == [(1, "failed", "first"), (2, "completed", "")]
    assert [line.line for line in view.logs()] == ["hello", "hello"]
    assert executor["a"].logs() == []
    with pytest.raises(UnknownPhaseError, match=r"There is no phase 'bb'\. Available phases: a, b\.") as unknown:
        executor["bb"]
    assert isinstance(unknown.value, LookupError)


def test_a_phase_without_a_result_says_why(run):
    executor = run(Phase("a", boom))
    executor.wait(DEADLINE_S)
    with pytest.raises(ResultNotAvailableError, match="Phase 'a' has no result: it is failed") as missing:
        _ = executor["a"].result
    assert isinstance(missing.value, LookupError)


# ---------------------------------------------------------------------- commands


def test_commands_return_the_executor_and_do_what_they_say(run):
    tries = []

    def flaky():
        tries.append(1)
        if len(tries) == 1:
            raise ValueError("once")
        return len(tries)

    executor = run(Phase("a", flaky), Phase("b", lambda a: a * 10))
    assert executor.wait(DEADLINE_S).status == "failed"
    assert executor.retry("a") is executor
    assert executor.wait(DEADLINE_S).results == {"a": 2, "b": 20}
    assert executor.rerun("a").wait(DEADLINE_S).results == {"a": 3, "b": 30}
    assert executor.skip("a", 7, replace=True).wait(DEADLINE_S).results == {"a": 7, "b": 70}
    with pytest.raises(InvalidStateError, match="rerun needs the name of a phase"):
        executor.rerun()


def test_another_value_for_a_skipped_phase_runs_again_what_failed_with_the_one_before():
    executor = Pipeline("shop", Phase("a", lambda: 1 / 0), Phase("b", lambda a: a * 10, depends_on=["a"])).run(
        work_dir=None
    )
    executor.wait(DEADLINE_S)
    assert executor.skip("a").wait(DEADLINE_S).status == "failed"  # nothing times ten

    assert executor.skip("a", 7, replace=True).wait(DEADLINE_S).results == {"a": 7, "b": 70}


def test_retry_without_names_takes_all_that_failed(run):
    values = iter([ValueError("x"), 3])

    def pops():
        value = next(values)
        if isinstance(value, Exception):
            raise value
        return value

    executor = run(Phase("a", pops))
    executor.wait(DEADLINE_S)
    assert executor.retry().wait(DEADLINE_S).results == {"a": 3}


def test_pause_resume_and_cancel(run):
    first, second = Gate(1), Gate(2)
    executor = run(Phase("a", first), Phase("b", second, "", "a"))
    assert first.began.wait(DEADLINE_S)
    assert executor.pause() is executor
    first.open.set()
    wait_until(lambda: executor.state is ExecutionState.PAUSED)
    assert not second.began.is_set()
    assert executor.resume(executor.session_id) is executor
    assert second.began.wait(DEADLINE_S)
    assert executor.cancel() is executor
    second.open.set()
    assert executor.wait(DEADLINE_S).status in ("cancelled", "completed")


def test_a_command_for_what_is_not_there_is_refused(run):
    executor = run(Phase("load", give()))
    executor.wait(DEADLINE_S)
    for ask in (executor.retry, executor.skip, executor.rerun, executor.cancel, executor.approve):
        with pytest.raises(UnknownPhaseError, match=r"There is no phase 'laod'\..*Did you mean 'load'\?"):
            ask("laod")
    with pytest.raises(UnknownPhaseError):
        executor.plan("retry", "laod")
    with pytest.raises(InvalidStateError, match="Nothing waits for approval"):
        executor.approve("load")


@pytest.mark.parametrize("word", ["explode", "", None, 3])
def test_an_unknown_command_word_is_refused_with_those_that_exist(run, word):
    executor = run(Phase("load", give()))
    executor.wait(DEADLINE_S)
    with pytest.raises((DeclarationError, InvalidStateError, ValueError), match="start, pause, resume"):
        executor.command(word)


def test_a_plan_is_free(run):
    executor = run(Phase("a", boom), Phase("b", nothing, "", "a"))
    executor.wait(DEADLINE_S)
    before = executor.store.state
    assert executor.plan("retry", "a").runs == ("a", "b")
    assert executor.plan(Command("retry", ("a",))).runs == ("a", "b")
    assert executor.plan("pause").refused
    assert executor.store.state is before


def test_without_a_work_directory_there_is_nothing_to_resume_from(run):
    executor = run(Phase("a", give()))
    executor.wait(DEADLINE_S)
    with pytest.raises(ValueError, match=r"There is nothing to resume: 'p' keeps nothing on disk \(work_dir=None\)"):
        executor.resume("other")
    with pytest.raises(InvalidStateError, match="There is nothing to resume"):
        executor.resume()


def test_run_again_is_a_new_session(run):
    told = []
    executor = run(Phase("a", give(1)))
    executor.sessions.append(lambda: told.append(executor.session_id))
    executor.wait(DEADLINE_S)
    first, store = executor.session_id, executor.store
    executor.run_again().wait(DEADLINE_S)
    assert executor.session_id != first
    assert executor.store is not store
    assert told == [executor.session_id]


def test_run_again_waits_for_the_end(run):
    gate = Gate()
    executor = run(Phase("a", gate))
    with pytest.raises(InvalidStateError, match=r"The session has not ended. Possible: cancel, wait"):
        executor.run_again()
    gate.open.set()


def test_after_close_nothing_can_be_started(run):
    executor = run(Phase("a", boom))
    executor.wait(DEADLINE_S)
    executor.close()
    executor.close()
    with pytest.raises(InvalidStateError):
        executor.retry("a")
    assert executor.result().status == "failed"


def test_close_cancels_what_runs(run):
    began, stopped = threading.Event(), threading.Event()

    def waits(ctx):
        began.set()
        try:
            while True:
                ctx.sleep(DEADLINE_S)
        finally:
            stopped.set()

    executor = run(Phase("a", waits))
    assert began.wait(DEADLINE_S)
    executor.close()
    assert stopped.wait(DEADLINE_S)
    assert executor.wait(DEADLINE_S).status == "cancelled"


# ---------------------------------------------------------------------- Ctrl-C


class InterruptedEvent:
    """An event whose first waits are interrupted, as the main thread's are by Ctrl-C."""

    def __init__(self, event, interrupts):
        self.event, self.left = event, interrupts

    def wait(self, timeout=None):
        if self.left:
            self.left -= 1
            raise KeyboardInterrupt
        return self.event.wait(timeout)

    def __getattr__(self, name):
        return getattr(self.event, name)


def waits_for_cancel(ctx):
    ctx.sleep(DEADLINE_S)


def test_the_first_interrupt_cancels_and_goes_on_waiting(run):
    executor = run(Phase("a", waits_for_cancel))
    executor.session.ended = InterruptedEvent(executor.session.ended, 1)
    assert executor.wait(DEADLINE_S).status == "cancelled"


def test_the_second_interrupt_is_raised(run):
    gate = Gate()
    executor = run(Phase("a", gate))
    assert gate.began.wait(DEADLINE_S)
    executor.session.ended = InterruptedEvent(executor.session.ended, 2)
    with pytest.raises(KeyboardInterrupt):
        executor.wait(DEADLINE_S)
    assert executor.store.state.requested == "cancelling"
    gate.open.set()


def test_an_interrupt_when_there_is_nothing_to_cancel_is_raised(run):
    executor = run(Phase("a", give()))
    executor.wait(DEADLINE_S)
    executor.session.ended = InterruptedEvent(executor.session.ended, 1)
    with pytest.raises(KeyboardInterrupt):
        executor.wait(DEADLINE_S)
