"""Phases and policies: defaults, what is refused and in which words."""

import functools
from dataclasses import FrozenInstanceError, replace

import pytest

from milo_nb.declare.phase import Phase, PhasePolicy, parameters
from milo_nb.errors import DeclarationError, MiloError, PipelineError


def handler():
    return 1


# ---------------------------------------------------------------------- defaults


def test_a_phase_has_the_defaults_of_the_design():
    phase = Phase("load", handler)
    assert (phase.name, phase.handler, phase.description, phase.depends_on) == ("load", handler, "", ())
    assert (phase.parallel, phase.weight, phase.policy, phase.max_logs) == (False, 1, PhasePolicy(), 200)
    assert (phase.timeout, phase.cache, phase.validate, phase.review) == (None, None, None, False)
    assert (phase.checkpoint, phase.backend) == (True, None)


def test_a_phase_takes_its_fields_in_the_order_of_the_design():
    policy = PhasePolicy("skip")
    phase = Phase("load", handler, "Load it", ("a", "b"), True, 2, policy, 10, timeout=3)
    assert (phase.description, phase.depends_on, phase.parallel, phase.weight) == ("Load it", ("a", "b"), True, 2)
    assert (phase.policy, phase.max_logs, phase.timeout) == (policy, 10, 3)


def test_a_policy_has_the_defaults_of_the_design():
    policy = PhasePolicy()
    assert (policy.on_fail, policy.max_retries, policy.retry_delay, policy.retry_backoff, policy.retry_if) == (
        "stop", 0, 1.0, "fixed", None,
    )  # fmt: skip
    assert PhasePolicy("retry", 3, 2.0, "exponential").max_retries == 3


def test_phases_and_policies_are_frozen_and_can_be_replaced():
    phase = Phase("load", handler)
    with pytest.raises(FrozenInstanceError):
        phase.name = "other"
    with pytest.raises(FrozenInstanceError):
        phase.policy.on_fail = "skip"
    assert replace(phase, weight=3).weight == 3


def test_a_phase_can_be_called_as_its_handler():
    assert Phase("add", lambda a, b=1: a + b)(2, b=3) == 5


def test_depends_on_takes_names_and_phases_alone_or_several_and_each_once():
    load = Phase("load", handler)
    assert Phase("a", handler, depends_on="load").depends_on == ("load",)
    assert Phase("a", handler, depends_on=load).depends_on == ("load",)
    assert Phase("a", handler, depends_on=["load", load, "other"]).depends_on == ("load", "other")
    assert Phase("a", handler, depends_on=(n for n in ("x", "y"))).depends_on == ("x", "y")


# ---------------------------------------------------------------------- refused


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"name": ""}, "A phase needs a name: a string that is not empty; got ''"),
        ({"name": "  "}, "A phase needs a name"),
        ({"name": 3}, "A phase needs a name: a string that is not empty; got 3"),
        ({"handler": 7}, "Phase 'load' needs a handler that can be called; got 7"),
        ({"handler": None}, "Phase 'load' needs a handler that can be called; got None"),
        ({"weight": -1}, "Phase 'load': weight must be a number, 0 or more; got -1"),
        ({"weight": float("nan")}, "weight must be a number, 0 or more; got nan"),
        ({"weight": float("inf")}, "weight must be a number, 0 or more; got inf"),
        ({"weight": "2"}, "weight must be a number, 0 or more; got '2'"),
        ({"weight": True}, "weight must be a number, 0 or more; got True"),
        ({"max_logs": -1}, "Phase 'load': max_logs must be a whole number, 0 or more; got -1"),
        ({"max_logs": 1.5}, "max_logs must be a whole number, 0 or more; got 1.5"),
        ({"max_logs": True}, "max_logs must be a whole number, 0 or more; got True"),
        ({"policy": "retry"}, "Phase 'load': policy must be a PhasePolicy; got 'retry'"),
        ({"timeout": 0}, "Phase 'load': timeout must be seconds, more than 0; got 0"),
        ({"timeout": -1}, "timeout must be seconds, more than 0; got -1"),
        ({"timeout": "1s"}, "timeout must be seconds, more than 0; got '1s'"),
        ({"validate": 1}, "Phase 'load': validate must be callable with the result; got 1"),
        ({"depends_on": 3}, "Phase 'load': depends_on must be names of phases; got 3"),
        ({"depends_on": ["a", 3]}, "Phase 'load': depends_on must be names of phases; got 3"),
        ({"depends_on": [""]}, "Phase 'load': depends_on must be names of phases; got ''"),
    ],
)
def test_a_wrong_value_is_refused_with_what_would_be_right(wrong, words):
    with pytest.raises(DeclarationError) as refused:
        Phase(**{"name": "load", "handler": handler, **wrong})
    assert words in str(refused.value)
    assert isinstance(refused.value, ValueError)
    assert isinstance(refused.value, MiloError)


def test_an_empty_name_is_a_pipeline_error():
    with pytest.raises(PipelineError):
        Phase("", handler)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"on_fail": "explode"}, "on_fail must be one of stop, continue, skip, retry; got 'explode'"),
        ({"on_fail": None}, "on_fail must be one of stop, continue, skip, retry; got None"),
        ({"retry_backoff": "linear"}, "retry_backoff must be one of fixed, exponential; got 'linear'"),
        ({"max_retries": -1}, "max_retries must be a whole number, 0 or more; got -1"),
        ({"max_retries": 1.5}, "max_retries must be a whole number, 0 or more; got 1.5"),
        ({"max_retries": True}, "max_retries must be a whole number, 0 or more; got True"),
        ({"retry_delay": -0.1}, "retry_delay must be a number of seconds, 0 or more; got -0.1"),
        ({"retry_delay": float("inf")}, "retry_delay must be a number of seconds, 0 or more; got inf"),
        ({"retry_delay": "1"}, "retry_delay must be a number of seconds, 0 or more; got '1'"),
        ({"retry_if": 3}, "retry_if must be callable with the exception; got 3"),
    ],
)
def test_a_wrong_policy_is_refused_with_what_would_be_right(wrong, words):
    with pytest.raises(DeclarationError) as refused:
        PhasePolicy(**wrong)
    assert str(refused.value) == words
    assert isinstance(refused.value, ValueError)


def test_zero_is_a_weight_a_delay_and_a_number_of_logs_and_retries():
    policy = PhasePolicy("retry", 0, 0)
    phase = Phase("load", handler, weight=0, max_logs=0, policy=policy)
    assert (phase.weight, phase.max_logs, policy.delay_s(1)) == (0, 0, 0.0)
    assert Phase("load", handler, weight=0.5).weight == 0.5


# ---------------------------------------------------------------------- policies


def test_fixed_delays_stay_the_same():
    assert [PhasePolicy("retry", 9, 2.0).delay_s(n) for n in (1, 2, 9)] == [2.0, 2.0, 2.0]


def test_exponential_delays_double_up_to_thirty_seconds_whatever_the_attempt():
    policy = PhasePolicy("retry", 9, 1.5, "exponential")
    assert [policy.delay_s(n) for n in (1, 2, 3, 4, 5, 6, 10_000)] == [1.5, 3, 6, 12, 24, 30, 30]


@pytest.mark.parametrize("on_fail", ["stop", "continue", "skip"])
def test_only_the_retry_policy_retries(on_fail):
    assert not PhasePolicy(on_fail, 3).wants_retry(1, ValueError())


def test_retry_tries_again_max_retries_times():
    policy = PhasePolicy("retry", 2)
    assert [policy.wants_retry(n, ValueError()) for n in (1, 2, 3)] == [True, True, False]


def test_retry_if_that_fails_means_no_retry():
    def broken(error):
        raise RuntimeError(error)

    assert not PhasePolicy("retry", 3, retry_if=broken).wants_retry(1, ValueError())
    assert PhasePolicy("retry", 3, retry_if=lambda e: isinstance(e, OSError)).wants_retry(1, OSError())
    assert not PhasePolicy("retry", 3, retry_if=lambda e: isinstance(e, OSError)).wants_retry(1, ValueError())


# ---------------------------------------------------------------------- signatures


def positional_only(a, b=1, /, c=2, *rest, d, e=3, **more):
    return a, b, c, rest, d, e, more


def test_the_parameters_of_a_function_are_read_with_their_kinds():
    takes = parameters(positional_only)
    assert (takes.positional, takes.named) == (("a", "b"), ("c", "d", "e"))
    assert takes.required == {"a", "d"}


def test_the_parameters_of_what_is_no_plain_function_are_read_by_its_signature():
    class Callable:
        def __call__(self, load, /, *rest, ctx=None, **more):
            return load, rest, ctx, more

    class Method:
        def run(self, load):
            return load

    takes = parameters(Callable())
    assert (takes.positional, takes.named, takes.required) == (("load",), ("ctx",), {"load"})
    assert parameters(Method().run).named == ("load",)


def test_a_wrapped_function_is_read_as_the_one_it_wraps():
    @functools.wraps(positional_only)
    def wrapper(*args, **kwargs):
        return positional_only(*args, **kwargs)

    assert parameters(wrapper).named == ("c", "d", "e")


def test_a_builtin_without_a_signature_takes_nothing():
    takes = parameters(dict)
    assert (takes.positional, takes.named) == ((), ())
    assert parameters(handler).required == frozenset()


# ---------------------------------------------------------------------- steps


class Step:
    name = "load"
    label = "Load the data"

    def execute(self, config, work_dir):
        return config, work_dir


class Ctx:
    work_dir = "/somewhere"

    def __init__(self):
        self.params = {"n": 1}


def test_a_step_becomes_a_phase_with_its_label_as_description():
    phase = Phase.from_step(Step(), {"own": 2}, depends_on=["before"])
    assert (phase.name, phase.description, phase.depends_on) == ("load", "Load the data", ("before",))
    assert phase.handler(ctx=Ctx()) == ({"own": 2}, "/somewhere")


def test_a_step_without_a_config_gets_the_parameters_of_the_run():
    assert Phase.from_step(Step()).handler(ctx=Ctx()) == ({"n": 1}, "/somewhere")


def test_what_lacks_a_part_of_a_step_is_refused_with_what_is_missing():
    class Half:
        name = "half"

        def __repr__(self):
            return "<half>"

    with pytest.raises(DeclarationError, match="<half> is no step: it has no label, execute"):
        Phase.from_step(Half())


def test_a_name_may_be_in_any_script_but_must_be_text():
    assert Phase("чистить", int).name == "чистить"
    with pytest.raises(PipelineError, match="text that can be written"):
        Phase("\ud800", int)


def test_a_phase_made_of_a_phase_has_its_function():
    def load(source):
        return source

    first = Phase("load", load)
    again = Phase("again", first)
    assert again.handler is load


def test_a_phase_shows_as_its_name():
    assert repr(Phase("load", print)) == "<phase load>"
