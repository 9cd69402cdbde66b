"""How results and plans read in a notebook: the same each time, for people."""

from __future__ import annotations

from io import StringIO

import pytest
from IPython.lib.pretty import PrettyPrinter, pretty

from milo_nb import Phase, Pipeline
from milo_nb.errors import ParameterError

DEADLINE_S = 60


def raising(error: BaseException):
    def fail():
        raise error

    return fail


def run(*phases: Phase, **params):
    executor = Pipeline("shop", *phases).run(params, work_dir=None)
    executor.wait(DEADLINE_S)
    return executor


def test_what_a_cell_returns_is_the_summary():
    executor = run(Phase("bad", raising(ValueError("no title"))), Phase("after", int, "", "bad"))
    result = executor.result()
    assert pretty(result) == result.summary
    assert result.summary.splitlines() == [
        "shop: failed (1 failed, 1 pending)",
        "  [FAIL] bad: ValueError: no title",
        "  [WAIT] after",
    ]
    assert repr(result) == "<ExecutionResult shop: failed (1 failed, 1 pending)>"
    assert repr(result.metrics) == "<Metrics 1 failed, 1 pending>"
    assert repr(result.failed) == "(<bad failed in attempt 1: ValueError: no title>,)"
    shown = StringIO()
    printer = PrettyPrinter(shown)
    result._repr_pretty_(printer, cycle=True)
    printer.flush()
    assert shown.getvalue() == repr(result)


def test_two_runs_of_the_same_read_the_same():
    one, other = (run(Phase("a", int)).result() for _ in range(2))
    assert one.session_id != other.session_id
    assert (repr(one), pretty(one)) == (repr(other), pretty(other))
    assert pretty(Pipeline("empty").run(work_dir=None).wait(DEADLINE_S)) == "empty: completed (no phases)"


class UnspeakableError(Exception):
    def __str__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (ValueError("first\nsecond"), "ValueError: first ..."),
        (ValueError("x" * 100_000), f"ValueError: {'x' * 300} ..."),
        (ValueError(), "ValueError"),
        (UnspeakableError(), "UnspeakableError"),
    ],
)
def test_an_error_is_one_line_of_the_summary(error: Exception, says: str):
    assert run(Phase("a", raising(error))).result().summary.splitlines()[1:] == [f"  [FAIL] a: {says}"]


def test_a_plan_to_retry_without_names_is_what_retry_does():
    executor = run(Phase("good", int), Phase("bad", raising(ValueError()), "", "good"))
    assert executor.plan("retry").runs == ("bad",)
    assert pretty(executor.plan("retry")).splitlines()[0] == "retry: 1 kept, 1 to run"


def test_run_again_takes_other_parameters_and_keeps_those_it_is_not_told():
    executor = run(Phase("a", lambda rate, limit: (rate, limit)), rate=1, limit=2)
    assert executor.run_again({"rate": 5}, max_workers=1).wait(DEADLINE_S).results == {"a": (5, 2)}
    with pytest.raises(ParameterError, match="'a' is both a run parameter and a phase"):
        executor.run_again({"a": 5})
    assert executor.run_again().wait(DEADLINE_S).results == {"a": (5, 2)}
