"""What a pipeline declares, as JSON: all but the code comes back."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milo_nb.declare.graph import PhaseGraph
from milo_nb.declare.phase import Phase, PhasePolicy
from milo_nb.errors import InvalidStateError, WireError
from milo_nb.persist.declared import declared_from_json, declared_to_json
from tests.strategies import nothing, phase_lists


@given(phase_lists(), st.booleans())
def test_a_graph_declares_after_its_way_through_json_what_it_did_before(phases, parallel):
    graph = PhaseGraph(phases, parallel=parallel)

    again = declared_from_json(declared_to_json(graph))

    assert declared_to_json(again) == declared_to_json(graph)
    for field in ("names", "depends_on", "dependants", "parallel", "weights", "level"):
        assert getattr(again, field) == getattr(graph, field)
    assert [p.policy for p in again.phases] == [p.policy for p in graph.phases]


def test_every_field_of_a_phase_comes_back_but_its_functions():
    policy = PhasePolicy("retry", 3, 0.5, "exponential", retry_if=bool)
    phase = Phase(
        "ü",
        nothing,
        "what it does",
        weight=2.5,
        policy=policy,
        max_logs=7,
        timeout=1.5,
        validate=print,
        review=True,
        checkpoint=False,
        backend="threads",
        parallel=True,
    )

    (again,) = declared_from_json(json.loads(json.dumps(declared_to_json(PhaseGraph([phase]))))).phases

    for field in (
        "name",
        "description",
        "weight",
        "max_logs",
        "timeout",
        "review",
        "checkpoint",
        "backend",
        "parallel",
    ):
        assert getattr(again, field) == getattr(phase, field)
    assert again.policy == PhasePolicy("retry", 3, 0.5, "exponential")
    assert again.validate is None


def test_dependencies_by_parameter_are_told_as_dependencies():
    graph = PhaseGraph([Phase("a", nothing), Phase("b", lambda a: a)])

    assert declared_from_json(declared_to_json(graph)).depends_on == ((), (0,))


def test_phases_read_from_disk_refuse_to_run():
    graph = declared_from_json(declared_to_json(PhaseGraph([Phase("a", nothing)])))

    with pytest.raises(InvalidStateError, match="Phase 'a' is not defined in this kernel"):
        graph.phases[0].handler(1, x=2)


@pytest.mark.parametrize(
    "value",
    [
        None,
        {},
        {"phases": 3},
        {"phases": [3]},
        {"phases": [{}]},
        {"phases": [{"name": "a", "depends_on": ["b"]}]},
        {"phases": [{"name": "a", "weight": -1}]},
        {"phases": [{"name": "a", "policy": {"on_fail": "x"}}]},
        {"phases": [{"name": "a", "policy": {"unknown": 1}}]},
        {"phases": [{"name": "a", "depends_on": ["a"]}]},
    ],
)
def test_what_tells_of_no_graph_is_refused(value):
    with pytest.raises(WireError, match="declared: it tells of no graph"):
        declared_from_json(value)
