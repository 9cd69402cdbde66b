"""Where bars stand in the timeline of a report, and what they stand for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milo_nb.declare.graph import PhaseGraph
from milo_nb.declare.phase import Phase
from milo_nb.show.report.timeline import LEAST_GAP_S, Scale, make_timeline
from milo_nb.state.model import AttemptRecord, PhaseStatus, PipelineState

TIMES = st.floats(1.0, 1e7, allow_nan=False)
SPANS = st.lists(st.tuples(TIMES, st.floats(0.0, 1e4, allow_nan=False)).map(lambda s: (s[0], s[0] + s[1])), max_size=12)


def chain(*phases: PhaseStatus, review: bool = False) -> tuple[PipelineState, PhaseGraph]:
    """Phases, each after the one before."""
    names = [phase.name for phase in phases]
    declared = [Phase(n, int, depends_on=names[max(i - 1, 0) : i], review=review) for i, n in enumerate(names)]
    return PipelineState("x", phases, started_at=1.0, status="completed", stopped_at=9.0), PhaseGraph(declared)


def kinds(state: PipelineState, graph: PhaseGraph, now: float = 9.0) -> list[list[tuple[str, float, float]]]:
    rows = make_timeline(state, graph, now).rows
    return [[(bar.kind, round(bar.start, 6), round(bar.end, 6)) for bar in row] for row in rows]


@given(SPANS, st.lists(TIMES, min_size=2, max_size=8))
def test_later_times_never_stand_before_earlier_ones_and_all_stand_in_the_picture(
    spans: list[tuple[float, float]], times: list[float]
) -> None:
    scale = Scale(spans)
    places = [scale.at(t) for t in sorted(times)]
    assert places == sorted(places)
    assert all(0 <= place <= 100 for place in places)
    ticks = scale.ticks()
    assert len(ticks) <= 30
    assert all(0 <= place <= 100.001 for place, _ in ticks)


@given(SPANS)
def test_whatever_ran_takes_at_least_its_part_of_the_work(spans: list[tuple[float, float]]) -> None:
    scale = Scale(spans)
    for start, end in spans:
        whole = scale.end - scale.start
        assert scale.at(end) - scale.at(start) >= 100 * (end - start) / whole - 0.001


def test_a_night_in_which_nothing_ran_is_shortened_and_named() -> None:
    night = 8 * 3600.0
    scale = Scale([(10.0, 20.0), (20.0 + night, 30.0 + night)])
    assert scale.gaps == [(20.0, 20.0 + night)]
    assert scale.at(20.0 + night) - scale.at(20.0) < 5
    assert [t for _, t in scale.ticks()] == sorted(t for _, t in scale.ticks())


def test_short_breaks_stay_as_long_as_they_were() -> None:
    assert Scale([(1.0, 1.1), (2.0, 2.1)]).gaps == []
    assert Scale([(1.0, 2.0), (2.0 + LEAST_GAP_S, 9.0)]).gaps == []


def test_each_attempt_has_a_bar_with_the_delays_between() -> None:
    history = (AttemptRecord(1, "failed", 1.0, 1.0, "boom"), AttemptRecord(2, "failed", 3.0, 1.0, "boom"))
    state, graph = chain(PhaseStatus("a", "completed", 6.0, 2.0, attempt=3, history=history))
    assert kinds(state, graph) == [
        [("work", 1, 2), ("delay", 2, 3), ("work", 3, 4), ("delay", 4, 6), ("work", 6, 8)]
    ]  # fmt: skip


def test_waiting_for_a_turn_and_for_approval_are_told_apart() -> None:
    state, graph = chain(PhaseStatus("a", "completed", 1.0, 1.0), PhaseStatus("b", "completed", 4.0, 1.0))
    assert kinds(state, graph)[1] == [("wait", 2, 4), ("work", 4, 5)]
    state, graph = chain(PhaseStatus("a", "completed", 1.0, 1.0), PhaseStatus("b", "completed", 4.0, 1.0), review=True)
    assert kinds(state, graph)[0] == [("work", 1, 2), ("review", 2, 4)]


def test_what_runs_and_what_waits_to_try_again_reach_until_now() -> None:
    state, graph = chain(
        PhaseStatus("a", "running", 2.0),
        PhaseStatus("b", "retrying", 3.0, attempt=2, history=(AttemptRecord(1, "failed", 3.0, 1.0),)),
    )
    assert kinds(state, graph, 7.0)[0] == [("work", 2, 7)]
    assert kinds(state, graph, 7.0)[1][-1] == ("delay", 4, 7)


def test_the_phases_that_bounded_the_end_are_known_once_there_is_one() -> None:
    phases = [Phase("a", int), Phase("b", int), Phase("c", int, depends_on=["a", "b"]), Phase("d", int)]
    graph = PhaseGraph(phases)
    known = {"a": (1.0, 1.0), "b": (1.0, 3.0), "c": (4.0, 2.0), "d": (1.0, 2.0)}
    rows = tuple(PhaseStatus(name, "completed", *known[name]) for name in graph.names)
    state = PipelineState("x", rows, started_at=1.0, status="completed", stopped_at=6.0)
    critical = make_timeline(state, graph, 9.0).critical
    assert {graph.names[i] for i in critical} == {"b", "c"}
    assert make_timeline(PipelineState("x", rows, started_at=1.0, status="running"), graph, 9.0).critical == set()


@pytest.mark.parametrize("n", [0, 3])
def test_nothing_that_ran_makes_an_empty_timeline(n: int) -> None:
    state, graph = chain(*(PhaseStatus(f"p{i}") for i in range(n)))
    timeline = make_timeline(state, graph, 5.0)
    assert timeline.rows == ((),) * n
    assert timeline.scale.at(3.0) in (0.0, 100.0)
