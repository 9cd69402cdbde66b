"""The graph of phases: order, levels, circles, ancestors, the critical path."""

import itertools
import re
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milo_nb.declare.graph import PhaseGraph
from milo_nb.declare.phase import Phase, phase
from milo_nb.errors import CycleError, DeclarationError, PipelineError
from tests.strategies import nothing, phase_lists


def p(name, *after, handler=nothing, **options):
    return Phase(name, handler, "", after, **options)


CLASSIC = [
    p("write", "render", "assets"),
    p("render", "parse"),
    p("assets", "discover"),
    p("parse", "discover"),
    p("discover"),
]


# ---------------------------------------------------------------------- order


def test_the_order_goes_by_levels_and_by_name_within_a_level():
    graph = PhaseGraph(
        [
            p("discover"),
            p("parse", "discover"),
            p("assets", "parse"),
            p("render", "parse"),
            p("write", "render", "assets"),
        ]
    )
    assert graph.names == ("discover", "parse", "assets", "render", "write")
    assert graph.level == (0, 1, 2, 2, 3)


def test_the_order_does_not_depend_on_the_order_of_declaration():
    assert (
        PhaseGraph(CLASSIC).names
        == PhaseGraph(CLASSIC[::-1]).names
        == ("discover", "assets", "parse", "render", "write")
    )


def test_the_graph_knows_positions_dependencies_and_dependants():
    graph = PhaseGraph(CLASSIC)
    assert graph.index == {"discover": 0, "assets": 1, "parse": 2, "render": 3, "write": 4}
    assert graph.depends_on == ((), (0,), (0,), (2,), (3, 1))
    assert graph.dependants == ((1, 2), (4,), (3,), (4,), ())
    assert len(graph) == 5


def test_no_phases_make_an_empty_graph():
    graph = PhaseGraph([])
    assert (len(graph), graph.names, graph.total_weight, graph.critical_path({})) == (0, (), 0, ((), 0.0))


@given(phase_lists())
def test_every_phase_comes_after_what_it_depends_on_and_its_level_is_the_longest_way(phases):
    graph = PhaseGraph(phases)
    assert sorted(graph.names) == sorted(q.name for q in phases)
    for i, needed in enumerate(graph.depends_on):
        assert all(d < i for d in needed)
        assert graph.level[i] == max((graph.level[d] + 1 for d in needed), default=0)
        assert all(i in graph.dependants[d] for d in needed)
    assert [(graph.level[i], graph.names[i]) for i in range(len(graph))] == sorted(
        (graph.level[i], graph.names[i]) for i in range(len(graph))
    )


@given(phase_lists(), st.data())
def test_ancestors_and_descendants_are_the_two_sides_of_the_same(phases, data):
    graph = PhaseGraph(phases)
    i = data.draw(st.integers(0, len(graph) - 1))
    assert all(i in graph.descendants([k]) for k in graph.ancestors([i]))
    assert all(i in graph.ancestors([k]) for k in graph.descendants([i]))
    assert i not in graph.ancestors([i]) | graph.descendants([i])


# ---------------------------------------------------------------------- circles


@pytest.mark.parametrize(
    ("phases", "words"),
    [
        ([p("a", "a")], "Circular dependency: a → a"),
        ([p("a", "b"), p("b", "a")], "Circular dependency: a → b → a"),
        ([p("s"), p("b", "s", "a"), p("c", "b"), p("a", "c"), p("z", "a")], "Circular dependency: b → a → c → b"),
    ],
)
def test_a_circle_is_shown_from_its_first_declared_phase(phases, words):
    with pytest.raises(CycleError) as refused:
        PhaseGraph(phases)
    assert str(refused.value) == words
    assert refused.value.cycle == tuple(words.removeprefix("Circular dependency: ").split(" → "))
    assert isinstance(refused.value, PipelineError)


@pytest.mark.slow
def test_a_chain_of_fifty_thousand_and_a_circle_of_as_many_need_no_deeper_recursion():
    assert sys.getrecursionlimit() <= 3000
    names = [f"n{i:05}" for i in range(50_000)]
    chain = [p(names[0]), *(p(name, before) for before, name in itertools.pairwise(names))]
    graph = PhaseGraph(chain)
    assert (graph.names, graph.level[-1]) == (tuple(names), 49_999)
    assert len(graph.ancestors([49_999])) == len(graph.descendants([0])) == 49_999
    assert graph.critical_path(dict.fromkeys(names, 1.0))[1] == 50_000
    with pytest.raises(CycleError) as refused:
        PhaseGraph([p(names[0], names[-1]), *chain[1:]])
    assert len(refused.value.cycle) == 50_001


@given(phase_lists(), st.data())
def test_a_graph_with_an_edge_back_is_refused_with_a_real_circle(phases, data):
    graph = PhaseGraph(phases)
    linked = [i for i in range(len(graph)) if graph.depends_on[i]]
    if not linked:
        return
    low = data.draw(st.sampled_from(sorted(graph.ancestors(linked))))
    high = data.draw(st.sampled_from(sorted(graph.descendants([low]))))
    back = graph.names[high]
    looped = [p(q.name, *q.depends_on, *([back] if q.name == graph.names[low] else [])) for q in phases]
    with pytest.raises(CycleError) as refused:
        PhaseGraph(looped)
    cycle = refused.value.cycle
    needs = {q.name: q.depends_on for q in looped}
    assert cycle[0] == cycle[-1]
    assert len(set(cycle)) == len(cycle) - 1
    assert all(after in needs[name] for name, after in itertools.pairwise(cycle))


# ---------------------------------------------------------------------- refused


def test_an_unknown_dependency_is_named_with_what_there_is_and_the_nearest():
    with pytest.raises(PipelineError) as refused:
        PhaseGraph([p("a"), p("b", "typo")])
    assert str(refused.value) == "Phase 'b' depends on 'typo', which does not exist. Available phases: a, b."
    with pytest.raises(PipelineError) as refused:
        PhaseGraph([p("discover"), p("parse"), p("render", "pares")])
    assert str(refused.value) == (
        "Phase 'render' depends on 'pares', which does not exist. "
        "Available phases: discover, parse, render. Did you mean 'parse'?"
    )


def test_a_long_list_of_phases_is_cut():
    phases = [p(f"q{i:02}") for i in range(30)]
    with pytest.raises(PipelineError, match=re.escape("q19, ....")):
        PhaseGraph([*phases, p("b", "?")])


def test_two_phases_of_one_name_are_refused():
    with pytest.raises(PipelineError, match=r"Two phases are named 'a'\. Each phase needs a name of its own\."):
        PhaseGraph([p("a"), p("a")])


@pytest.mark.parametrize("name", ["context", "ctx"])
def test_a_phase_cannot_have_the_name_of_a_special_parameter(name):
    with pytest.raises(PipelineError, match=f"No phase can be named '{name}'"):
        PhaseGraph([p(name)])


def test_what_is_no_phase_is_refused_with_how_to_make_one():
    with pytest.raises(PipelineError, match=r"A pipeline is made of phases; got <built-in.*@phase"):
        PhaseGraph([len])
    assert issubclass(PipelineError, DeclarationError)


# ---------------------------------------------------------------------- inference


def test_a_parameter_named_after_a_phase_declares_the_dependency():
    @phase
    def load():
        return 1

    @phase
    def parse(load, ctx, limit=3):
        return load, ctx, limit

    @phase(after="parse")
    def write(load, context):
        return load, context

    graph = PhaseGraph([write, parse, load])
    assert graph.names == ("load", "parse", "write")
    assert graph.depends_on == ((), (0,), (1, 0))


def test_a_parameter_that_has_a_default_and_is_a_phase_is_a_dependency_too():
    graph = PhaseGraph([p("z"), p("a", handler=lambda z=None: z)])
    assert graph.names == ("z", "a")


def test_a_positional_only_parameter_is_a_dependency_too():
    def use(load, /):
        return load

    assert PhaseGraph([p("load"), p("a", handler=use)]).depends_on == ((), (0,))


def test_a_handler_that_takes_its_own_name_is_a_circle():
    with pytest.raises(CycleError, match="Circular dependency: a → a"):
        PhaseGraph([p("a", handler=lambda a: a)])


def test_a_parameter_that_is_no_phase_declares_nothing():
    assert PhaseGraph([p("load"), p("a", handler=lambda ctx, n: (ctx, n))]).depends_on == ((), ())


def test_kwargs_declare_nothing():
    assert PhaseGraph([p("load"), p("a", handler=lambda *load, **rest: (load, rest))]).depends_on == ((), ())


# ---------------------------------------------------------------------- parallel, weights, critical path


def test_unset_parallel_is_resolved_by_the_pipelines_own():
    phases = [p("a", parallel=True), p("b"), phase(name="c")(nothing), phase(name="d", parallel=False)(nothing)]
    assert PhaseGraph(phases).parallel == (True, False, False, False)
    assert PhaseGraph(phases, parallel=True).parallel == (True, False, True, False)


def test_the_total_weight_is_the_sum():
    graph = PhaseGraph([p("a", weight=2), p("b", weight=0), p("c", weight=0.5)])
    assert (graph.weights, graph.total_weight) == ((2, 0, 0.5), 2.5)


def test_the_critical_path_is_the_longest_chain_in_seconds():
    graph = PhaseGraph(CLASSIC)
    seconds = {"discover": 1.0, "parse": 2.0, "render": 4.0, "assets": 3.0, "write": 1.0}
    assert graph.critical_path(seconds) == (("discover", "parse", "render", "write"), 8.0)
    assert graph.critical_path({"assets": 50.0}) == (("discover", "assets"), 50.0)
