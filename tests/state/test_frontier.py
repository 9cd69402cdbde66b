"""The frontier: which phases may start, and in which order."""

from milo_nb.declare.graph import PhaseGraph
from milo_nb.declare.phase import Phase
from milo_nb.state.frontier import Frontier
from milo_nb.state.model import PhaseStatus, PipelineState
from tests.strategies import nothing


def graph(*phases):
    return PhaseGraph([Phase(n, nothing, "", after, parallel=parallel) for n, after, parallel in phases])


FAN = graph(("a", (), True), ("b", (), True), ("c", (), False), ("d", (), True), ("e", ("a", "b"), True))


def taken(frontier, slots):
    names = []
    while (i := frontier.take(slots)) is not None:
        names.append(FAN.names[i])
    return names


def test_ready_phases_are_taken_in_execution_order_up_to_the_slots():
    assert taken(Frontier(FAN), 1) == ["a"]
    assert taken(Frontier(FAN), 2) == ["a", "b"]


def test_an_exclusive_phase_at_the_head_holds_back_all_later_starts():
    frontier = Frontier(FAN)
    assert taken(frontier, 9) == ["a", "b"]
    frontier.done(0)
    assert taken(frontier, 9) == []
    frontier.done(1)
    assert taken(frontier, 9) == ["c"]
    assert taken(frontier, 9) == []
    frontier.done(FAN.index["c"])
    assert taken(frontier, 9) == ["d", "e"]


def test_slots_held_by_code_that_would_not_stop_are_not_given_away():
    frontier = Frontier(FAN)
    frontier.held = 1
    assert taken(frontier, 1) == []
    assert taken(frontier, 2) == ["a"]


def test_a_delayed_phase_gives_its_slot_back_and_comes_again():
    frontier = Frontier(FAN)
    taken(frontier, 2)
    frontier.delayed(0)
    assert (frontier.running, frontier.waiting) == ({1}, {0})
    frontier.due(0)
    assert frontier.ready()[0] == 0
    assert taken(frontier, 2) == ["a"]


def test_what_stopped_never_starts_and_what_waits_for_it_stays():
    frontier = Frontier(FAN)
    frontier.stopped(0)
    assert not frontier.is_open(0)
    assert [FAN.names[i] for i in frontier.ready()] == ["b", "c", "d"]
    frontier.done(1)
    assert FAN.index["e"] not in frontier.ready()
    assert not frontier.all_done()


def test_has_ready_looks_past_what_was_stopped():
    alone = graph(("a", (), True))
    frontier = Frontier(alone)
    assert frontier.has_ready()
    frontier.stopped(0)
    assert not frontier.has_ready()
    assert frontier.take(4) is None


def test_all_done_when_everything_was_completed_or_skipped():
    alone = graph(("a", (), True))
    frontier = Frontier(alone)
    frontier.take(1)
    frontier.done(0)
    assert frontier.all_done()
    assert Frontier.from_state(alone, PipelineState("p", (PhaseStatus("a", "skipped"),))).all_done()


def test_it_is_made_from_state():
    words = {"a": "completed", "b": "running", "c": "retrying", "d": "failed", "e": "pending"}
    state = PipelineState("p", tuple(PhaseStatus(n, words[n]) for n in FAN.names))
    frontier = Frontier.from_state(FAN, state, held=1)
    assert (frontier.running, frontier.waiting, frontier.held) == ({FAN.index["b"]}, {FAN.index["c"]}, 1)
    assert frontier.ready() == []
    assert not frontier.all_done()


def test_frontiers_are_compared_by_what_they_say():
    one, other = Frontier(FAN), Frontier(FAN)
    assert one == other
    other.take(1)
    assert one != other
    assert one != "frontier"
