"""@phase in all its forms."""

import functools

import pytest

from milo_nb.declare.phase import Phase, PhasePolicy, phase
from milo_nb.errors import DeclarationError, PipelineError


def test_a_bare_decorator_takes_name_and_first_line_of_the_docstring():
    @phase
    def load():
        """Load the data.

        In detail.
        """
        return 3

    assert isinstance(load, Phase)
    assert (load.name, load.description, load()) == ("load", "Load the data.", 3)
    assert (load.parallel, load.parallel_unset) == (False, True)
    assert load.policy == PhasePolicy()


def test_the_decorator_leaves_parallel_unset_unless_it_is_said():
    assert not phase(parallel=False)(lambda: 1).parallel_unset
    said = phase(parallel=True)(lambda: 1)
    assert (said.parallel, said.parallel_unset) == (True, False)


def test_after_and_depends_on_are_the_same():
    @phase
    def load():
        pass

    made = phase(after=load, depends_on=["other", "load"])(lambda: None)
    assert made.depends_on == ("load", "other")


def test_all_options_reach_the_phase():
    made = phase(
        name="x", description="d", weight=2, timeout=3, max_logs=4, review=False, checkpoint=False, validate=len
    )(lambda: None)
    assert (made.name, made.description, made.weight, made.timeout, made.max_logs) == ("x", "d", 2, 3, 4)
    assert (made.checkpoint, made.validate) == (False, len)


def test_retry_is_short_for_a_policy():
    assert phase(retry=3)(lambda: None).policy == PhasePolicy("retry", 3)
    assert phase(retry=2, retry_delay=5, retry_backoff="exponential")(lambda: None).policy == PhasePolicy(
        "retry", 2, 5, "exponential"
    )
    assert phase(on_fail="skip")(lambda: None).policy == PhasePolicy("skip")
    assert phase(policy=PhasePolicy("continue"))(lambda: None).policy.on_fail == "continue"
    assert phase(retry=1, retry_if=callable)(lambda: None).policy.retry_if is callable


def test_a_policy_and_its_short_forms_do_not_go_together():
    with pytest.raises(DeclarationError, match="@phase takes either policy= or on_fail, max_retries, not both"):
        phase(policy=PhasePolicy(), retry=3)


def test_an_unknown_option_is_named_with_those_that_exist():
    with pytest.raises(
        DeclarationError, match=r"@phase has no option 'retries'\. Its options: name, description, after"
    ):
        phase(retries=3)


def test_what_cannot_be_called_is_refused():
    with pytest.raises(DeclarationError, match="@phase needs a function; got 3"):
        phase(retry=1)(3)


def test_a_callable_without_a_name_needs_one():
    nameless = functools.partial(print)
    with pytest.raises(PipelineError, match="A phase needs a name"):
        phase(nameless)
    assert phase(name="p")(nameless).name == "p"


def test_a_lambda_has_no_description():
    assert phase(name="p")(lambda: None).description == ""


@pytest.mark.parametrize("on_fail", ["stop", "continue", "skip"])
def test_retry_beside_a_policy_that_does_not_retry_is_refused(on_fail):
    with pytest.raises(DeclarationError, match="give one of them"):
        phase(retry=2, on_fail=on_fail)
