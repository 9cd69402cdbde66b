"""The face that people hold: making pipelines, and what the front door exports."""

import pickle
import subprocess
import sys
import threading

import pytest

import milo_nb
import milo_nb.pipeline as module
from milo_nb import errors
from milo_nb.declare.phase import Phase, PhasePolicy, phase
from milo_nb.errors import CycleError, DeclarationError, NotAvailableError, PhaseError, PipelineError
from milo_nb.pipeline import Pipeline
from tests.strategies import DEADLINE_S, nothing


def p(name, *after, **options):
    return Phase(name, nothing, "", after, **options)


class LoadError(PhaseError):
    pass


def test_a_pipeline_has_the_defaults_of_the_design():
    pipeline = Pipeline("site", p("a"))
    assert (pipeline.name, pipeline.capture_output, pipeline.fail_fast, pipeline.parallel) == (
        "site",
        False,
        False,
        False,
    )
    assert (pipeline.error_types, pipeline.backend) == ({}, "threads")


def test_phases_can_be_read_as_declared_and_in_order():
    b, a = p("b", "a"), p("a")
    pipeline = Pipeline("site", b, a)
    assert pipeline.phases == (b, a)
    assert pipeline.execution_order() == ["a", "b"]
    assert repr(pipeline) == "<Pipeline site: a b>"
    assert repr(Pipeline("big", *[p(f"n{i:02}") for i in range(20)])).endswith("n10 n11 ...>")


def test_the_classic_example_has_the_classic_order():
    pipeline = Pipeline(
        "site",
        p("discover"),
        p("parse", "discover"),
        p("render", "parse"),
        p("assets", "parse"),
        p("write", "render", "assets"),
    )
    assert pipeline.execution_order() == ["discover", "parse", "assets", "render", "write"]


def test_one_more_phase_keeps_all_options_and_adds_no_dependency():
    pipeline = Pipeline(
        "site",
        p("a"),
        capture_output=True,
        fail_fast=True,
        parallel=True,
        error_types={"a": LoadError},
        backend="threads",
    )
    more = pipeline >> p("b")
    assert more is not pipeline
    assert [q.name for q in more.phases] == ["a", "b"]
    assert more.graph.depends_on == ((), ())
    for option in ("name", "capture_output", "fail_fast", "parallel", "error_types", "backend"):
        assert getattr(more, option) == getattr(pipeline, option)
    assert len(pipeline.phases) == 1


def test_a_phase_that_needs_what_comes_later_is_refused_by_rshift():
    with pytest.raises(PipelineError):
        Pipeline("site") >> p("b", "a")
    with pytest.raises(TypeError):
        Pipeline("site") >> nothing


def test_a_wrong_cache_option_is_refused_when_the_pipeline_is_made():
    with pytest.raises(ValueError, match="Invalid TTL: 'tomorrow'"):
        Pipeline("site", Phase("a", nothing, cache="tomorrow"))


@pytest.mark.parametrize("name", ["", "  ", None, 3])
def test_a_pipeline_needs_a_name(name):
    with pytest.raises(PipelineError, match="A pipeline needs a name: a string that is not empty; got"):
        Pipeline(name)


@pytest.mark.parametrize(
    ("phases", "kind"),
    [
        ([p("a"), p("a")], PipelineError),
        ([p("a", "x")], PipelineError),
        ([p("a", "b"), p("b", "a")], CycleError),
        ([1], PipelineError),
    ],
)
def test_what_makes_no_graph_is_refused(phases, kind):
    with pytest.raises(kind) as refused:
        Pipeline("site", *phases)
    assert isinstance(refused.value, ValueError)


def test_an_unknown_backend_is_refused():
    with pytest.raises(DeclarationError, match="backend must be one of threads, processes, dask; got 'magic'"):
        Pipeline("site", backend="magic")


@pytest.mark.parametrize("types", [{"nope": LoadError}, {"a": ValueError}, {"a": "LoadError"}])
def test_error_types_map_phases_to_phase_errors(types):
    with pytest.raises(PipelineError, match="error_types maps names of phases to PhaseError classes; got"):
        Pipeline("site", p("a"), error_types=types)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"backend": "dask"}, "Phase 'a': backend='dask' comes with a later version"),
    ],
)
def test_options_of_phases_that_are_not_there_yet_say_so(options, words):
    with pytest.raises(NotAvailableError) as refused:
        Pipeline("site", p("a", **options))
    assert words in str(refused.value)
    assert isinstance(refused.value, NotImplementedError)


def test_options_left_at_no_are_fine():
    Pipeline("site", p("a", cache=None), p("b", cache=False, review=False, backend="threads", checkpoint=False))


def test_steps_each_depend_on_the_one_before():
    class Step:
        def __init__(self, name):
            self.name, self.label = name, f"Step {name}"

        def execute(self, config, work_dir):
            return config, work_dir

    pipeline = Pipeline.from_steps("guideline", [Step("z"), Step("a"), Step("m")], {"k": 1})
    assert pipeline.execution_order() == ["z", "a", "m"]
    assert [q.description for q in pipeline.phases] == ["Step z", "Step a", "Step m"]
    assert pipeline.execute(work_dir=None).results["m"] == ({"k": 1}, None)
    assert Pipeline.from_steps("empty", []).execution_order() == []


def test_the_pipelines_parallel_holds_for_phases_that_did_not_say(run_together):
    @phase
    def a():
        return run_together()

    @phase
    def b():
        return run_together()

    executor = Pipeline("p", a, b, parallel=True).run(work_dir=None)
    assert executor.wait(DEADLINE_S).success
    executor.close()


@pytest.fixture
def run_together():
    barrier = threading.Barrier(2)
    return lambda: barrier.wait(DEADLINE_S)


def test_the_module_exports_what_the_design_names():
    names = [
        "Pipeline",
        "Phase",
        "PhasePolicy",
        "PhaseLog",
        "PhaseStatus",
        "PipelineState",
        "PipelineViewState",
        "CycleError",
        "make_detail_reducer",
        "set_active_pipeline",
        "get_active_pipeline",
        "pipeline_to_timeline",
        "Key",
        "SpecialKey",
    ]
    constants = ["PHASE_START", "PHASE_COMPLETE", "PHASE_FAILED", "PHASE_SKIPPED", "PHASE_RETRY", "PHASE_LOG"]
    constants += ["PIPELINE_START", "PIPELINE_COMPLETE", "PIPELINE_FAILED"]
    for home in (milo_nb, module):
        for name in [*names, *constants]:
            assert hasattr(home, name), name
            assert name in home.__all__, name
    assert (milo_nb.PHASE_START, milo_nb.PIPELINE_COMPLETE) == ("@@PHASE_START", "@@PIPELINE_COMPLETE")
    assert sorted(milo_nb.__all__) == list(milo_nb.__all__)


def test_the_front_door_exports_store_effects_executor_and_errors():
    names = [
        "Store",
        "Action",
        "combine_reducers",
        "ReducerResult",
        "Quit",
        "Call",
        "Put",
        "Select",
        "Take",
        "Fork",
        "Cancel",
        "Wait",
        "Delay",
        "All",
        "Race",
        "Timeout",
        "Retry",
        "PipelineExecutor",
        "ExecutionState",
        "ExecutionResult",
        "ExecutionObserver",
        "phase",
        "MiloError",
        "PhaseError",
    ]
    for name in names:
        assert hasattr(milo_nb, name), name


def test_every_error_of_ours_is_a_milo_error():
    kinds = [k for k in vars(errors).values() if isinstance(k, type) and issubclass(k, Exception)]
    assert all(issubclass(k, errors.MiloError) for k in kinds)
    assert not issubclass(errors.PhaseCancelled, Exception)
    for kind in kinds:
        assert kind.__name__ in errors.__doc__, f"{kind.__name__} is not drawn in the tree"
        assert hasattr(milo_nb, kind.__name__)


def test_errors_survive_pickling_and_describe_themselves():
    for error in (
        CycleError(("a", "b", "a")),
        PhaseError("a", 2, ValueError("boom")),
        errors.UnknownPhaseError("x", ("a", "b")),
    ):
        again = pickle.loads(pickle.dumps(error))
        assert str(again) == str(error)
    assert errors.describe(None) == ""
    assert errors.describe(KeyError()) == "KeyError"
    assert str(PhaseError("a", 2)) == "Phase 'a' failed in attempt 2"


@pytest.mark.slow
def test_the_front_door_imports_neither_jupyter_nor_heavy_libraries():
    code = "import sys, milo_nb, milo_nb.testing; print([m for m in ('IPython','anywidget','numpy','dask','mcp','textual','rich') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


def test_policies_of_the_front_door_are_those_of_declare():
    assert milo_nb.PhasePolicy is PhasePolicy
