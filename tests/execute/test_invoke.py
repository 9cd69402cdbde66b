"""Handlers: what they are given, how they are awaited and validated, and what their errors become."""

import asyncio
import traceback

import pytest

from milo_nb.declare.phase import Phase, phase
from milo_nb.errors import ParameterError, PhaseError, ValidationError
from milo_nb.pipeline import Pipeline
from tests.strategies import DEADLINE_S


def give(value=1):
    return lambda: value


# ---------------------------------------------------------------------- arguments


def test_a_parameter_named_after_a_phase_gets_its_result(run):
    result = run(Phase("load", give(3)), Phase("double", lambda load: load * 2)).wait(DEADLINE_S)
    assert result.results == {"load": 3, "double": 6}
    assert result.data == {"double": 6}


def test_context_gets_the_results_of_the_dependencies(run):
    phases = [Phase("a", give(1)), Phase("b", give(2)), Phase("c", lambda context: {**context}, "", ["b", "a"])]
    assert run(*phases).wait(DEADLINE_S).results["c"] == {"a": 1, "b": 2}


def test_a_parameter_named_after_a_run_parameter_gets_it(run):
    result = run(Phase("a", lambda n, more=2: (n, more)), params={"n": 1}).wait(DEADLINE_S)
    assert result.results["a"] == (1, 2)
    result = run(Phase("a", lambda n, more=2: (n, more)), params={"n": 1, "more": 5}).wait(DEADLINE_S)
    assert result.results["a"] == (1, 5)


def test_positional_only_parameters_are_given_by_position(run):
    def use(load, n, /, *, ctx):
        return load, n, ctx.attempt

    assert run(Phase("load", give(3)), Phase("use", use), params={"n": 4}).wait(DEADLINE_S).results["use"] == (3, 4, 1)


def test_ctx_tells_attempt_params_and_work_dir(run):
    result = run(Phase("a", lambda ctx: (ctx.attempt, dict(ctx.params), ctx.work_dir)), params={"n": 1}).wait(
        DEADLINE_S
    )
    assert result.results["a"] == (1, {"n": 1}, None)


def test_the_work_dir_is_made_when_asked_for(run, tmp_path):
    def write(ctx):
        (ctx.work_dir / "out.txt").write_text("hello")
        return ctx.work_dir

    executor = run(Phase("a", write), Phase("b", lambda ctx: ctx.work_dir), work_dir=tmp_path)
    result = executor.wait(DEADLINE_S)
    assert result.results["a"] == result.results["b"]
    assert (result.results["a"] / "out.txt").read_text() == "hello"
    assert result.results["a"].is_relative_to(tmp_path)
    assert str(executor.session_id) in str(result.results["a"])


def test_the_work_dir_has_a_place_for_each_kind_of_file(run, tmp_path):
    result = run(Phase("a", lambda ctx: sorted(p.name for p in ctx.work_dir.iterdir())), work_dir=tmp_path)
    assert {"raw", "structured", "intermediate", "reports"} <= set(result.wait(DEADLINE_S).results["a"])


@pytest.mark.parametrize(
    ("phases", "params", "words"),
    [
        (
            [Phase("load", give()), Phase("parse", lambda laod: laod)],
            {"n": 1},
            "Available phases: load, parse. Did you mean 'load'? Run parameters: n.",
        ),
        ([Phase("a", lambda x: x)], {}, "Run parameters: none."),
        ([Phase("a", give())], {"a": 1}, "'a' is both a run parameter and a phase. Give one of them another name."),
        ([Phase("a", give())], {"ctx": 1}, "'ctx' is both a run parameter and a parameter with a meaning of its own"),
        ([Phase("a", give())], {"context": 1}, "'context' is both a run parameter and a parameter with a meaning"),
    ],
)
def test_parameters_that_do_not_fit_are_refused_before_anything_runs(phases, params, words):
    pipeline = Pipeline("p", *phases)
    for attempt in (lambda: pipeline.run(params, work_dir=None), lambda: pipeline.build_saga(params)):
        with pytest.raises(ParameterError) as refused:
            attempt()
        assert words in str(refused.value)
        assert isinstance(refused.value, ValueError)


# ---------------------------------------------------------------------- async


def test_async_handlers_are_awaited(run):
    async def load():
        await asyncio.sleep(0)
        return 3

    class Caller:
        async def __call__(self, load):
            return load + 1

    assert run(Phase("load", load), Phase("more", Caller())).wait(DEADLINE_S).results == {"load": 3, "more": 4}


def test_a_handler_that_returns_something_awaitable_is_awaited(run):
    class Later:
        def __call__(self):
            return self.later()

        async def later(self):
            return 5

    assert run(Phase("a", Later())).wait(DEADLINE_S).results["a"] == 5


def test_an_async_handler_that_raises_fails_its_phase(run):
    async def bad():
        raise ValueError("async boom")

    assert run(Phase("a", bad)).wait(DEADLINE_S).failed[0].root_cause.args == ("async boom",)


# ---------------------------------------------------------------------- validate


@pytest.mark.parametrize(
    ("validate", "value", "warnings"),
    [
        (lambda _: None, 3, []),
        (lambda _: ["odd", "strange"], 3, ["odd", "strange"]),
        (lambda _: [], 3, []),
        (lambda data: (data + 1, []), 4, []),
        (lambda data: (data + 1, ["moved"]), 4, ["moved"]),
        (lambda data: (data + 1, None), 4, []),
    ],
)
def test_validate_says_nothing_warns_or_replaces_the_result(run, validate, value, warnings):
    executor = run(Phase("a", give(3), validate=validate), Phase("b", lambda a: a))
    assert executor.wait(DEADLINE_S).results == {"a": value, "b": value}
    said = [line.line for line in executor["a"].logs()]  # a handler of the host may put a prefix before them
    assert [line.rpartition(" ")[2] for line in said] == warnings
    assert {line.level for line in executor["a"].logs()} <= {"WARNING"}


def test_a_result_that_validate_refuses_fails_the_phase_with_a_validation_error(run):
    def refuse(data):
        raise ValueError(f"{data} is too small")

    result = run(Phase("a", give(3), validate=refuse)).wait(DEADLINE_S)
    (failed,) = result.failed
    assert isinstance(failed.error, ValidationError)
    assert (failed.error.phase, str(failed.root_cause)) == ("a", "3 is too small")
    assert "a" not in result.results


@pytest.mark.parametrize("said", [3, "fine", (1, 2, 3), True])
def test_a_validate_that_returns_something_else_is_told_what_it_returns(run, said):
    result = run(Phase("a", give(3), validate=lambda _: said)).wait(DEADLINE_S)
    assert f"validate returned {said!r}; it returns None, a list of warnings, or (data, warnings)" in str(
        result.failed[0].error
    )


# ---------------------------------------------------------------------- errors


class OddError(Exception):
    def __str__(self):
        raise RuntimeError("cannot say")


def boom():
    raise ValueError("boom")


def test_an_error_is_wrapped_once_with_phase_attempt_and_cause(run):
    executor = run(Phase("a", boom))
    error = executor.wait(DEADLINE_S).failed[0].error
    assert type(error) is PhaseError
    assert (error.phase, error.attempt, str(error)) == ("a", 1, "Phase 'a' failed in attempt 1: ValueError: boom")
    assert isinstance(error.cause, ValueError)
    assert executor["a"].error is error


def test_the_traceback_begins_and_ends_at_the_persons_lines(run):
    error = run(Phase("a", boom)).wait(DEADLINE_S).failed[0].error
    frames = traceback.extract_tb(error.cause.__traceback__)
    assert [f.name for f in frames] == ["boom"]
    assert frames[0].filename == __file__


def test_the_traceback_of_an_async_handler_ends_at_the_persons_line(run):
    async def bad():
        raise ValueError("async")

    error = run(Phase("a", bad)).wait(DEADLINE_S).failed[0].error
    frames = traceback.extract_tb(error.cause.__traceback__)
    assert frames[-1].name == "bad"
    assert [f.name for f in frames] == ["bad"]


def test_the_root_cause_is_the_first_in_the_chain(run):
    def chained():
        try:
            boom()
        except ValueError as inner:
            raise RuntimeError("outer") from inner

    failed = run(Phase("a", chained)).wait(DEADLINE_S).failed[0]
    assert str(failed.error.cause) == "outer"
    assert str(failed.root_cause) == "boom"


def test_an_error_of_our_own_tree_passes_unchanged(run):
    own = PhaseError("a", 7, OSError("inside"))

    def raises():
        raise own

    assert run(Phase("a", raises)).wait(DEADLINE_S).failed[0].error is own


def test_an_error_that_cannot_say_what_it_is_is_told_by_its_name(run):
    def odd():
        raise OddError

    executor = run(Phase("a", odd))
    assert executor.wait(DEADLINE_S).status == "failed"
    assert executor["a"].known.error == "OddError"


def test_error_types_of_the_pipeline_are_used(run):
    class LoadError(PhaseError):
        pass

    error = run(Phase("a", boom), pipeline_options={"error_types": {"a": LoadError}}).wait(DEADLINE_S).failed[0].error
    assert type(error) is LoadError


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit(), BaseException("base")])
def test_whatever_a_handler_raises_fails_its_phase_and_harms_nobody(run, error):
    def raises():
        raise error

    result = run(Phase("a", raises, parallel=True), Phase("b", give(2), parallel=True)).wait(DEADLINE_S)
    assert (result.status, result.failed[0].root_cause) == ("failed", error)
    assert run(Phase("c", give(3))).wait(DEADLINE_S).success


@pytest.mark.parametrize("error", [StopIteration(4), StopAsyncIteration(), asyncio.CancelledError()])
def test_exceptions_that_mean_something_to_generators_are_errors_like_others(run, error):
    def raises():
        raise error

    result = run(Phase("a", raises)).wait(DEADLINE_S)
    assert (result.status, result.failed[0].root_cause) == ("failed", error)


# ---------------------------------------------------------------------- ctx


def test_progress_and_track_reach_the_state(run):
    def work(ctx):
        ctx.progress(0.0, "begin")
        kept = list(ctx.track([1, 2, 3]))
        ctx.progress(1.0, "end")
        ctx.check_cancelled()
        ctx.checkpoint()
        ctx.sleep(0)
        return kept

    seen = []
    executor = Pipeline("p", Phase("a", work)).run(work_dir=None)
    executor.store.subscribe(lambda: seen.append(executor["a"].known.message))
    assert executor.wait(DEADLINE_S).results["a"] == [1, 2, 3]
    assert (executor["a"].known.fraction, executor["a"].known.message) == (1.0, "end")
    executor.close()


def test_track_takes_what_has_no_length(run):
    def work(ctx):
        return list(ctx.track(iter("ab"))), list(ctx.track((c for c in "cd"), total=2, message="letters"))

    executor = run(Phase("a", work))
    assert executor.wait(DEADLINE_S).results["a"] == (["a", "b"], ["c", "d"])
    assert executor["a"].known.message == "letters"


def test_the_contexts_logger_writes_to_the_phases_log(run):
    def work(ctx):
        ctx.logger.info("hello %s", "there")
        ctx.logger.debug("not shown")

    executor = run(Phase("a", work))
    executor.wait(DEADLINE_S)
    (line,) = executor["a"].logs()
    assert line.line.endswith("hello there")
    assert line.level == "INFO"


def test_a_step_runs_with_the_parameters_of_the_run_as_config(run, tmp_path):
    class Step:
        name, label = "step", "A step"

        def execute(self, config, work_dir):
            return dict(config), work_dir.is_dir()

    assert run(Phase.from_step(Step()), params={"n": 1}, work_dir=tmp_path).wait(DEADLINE_S).results["step"] == (
        {"n": 1},
        True,
    )


def test_the_decorated_function_runs_as_a_phase(run):
    @phase
    def load():
        return 2

    @phase(after=load)
    def write(load):
        return load + 1

    assert run(write, load).wait(DEADLINE_S).data == {"write": 3}
