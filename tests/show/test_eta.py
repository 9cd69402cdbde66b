"""When a session will have ended: what remains is played through, with what earlier sessions took."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milo_nb import Phase, PhasePolicy, Pipeline
from milo_nb.execute.attaching import attach
from milo_nb.persist.history import Range
from milo_nb.show.notebook import eta as rules
from milo_nb.show.notebook.eta import UNKNOWN, Outlook, play, remaining, root_of, slots_of, time_left
from milo_nb.show.notebook.told import Told
from milo_nb.show.notebook.turns import Errands
from milo_nb.state.frontier import Frontier
from milo_nb.state.model import PhaseStatus
from tests.strategies import DEADLINE_S, Hand, give, nothing, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path


def usual(seconds: float, spread: float = 0.0) -> Range:
    return Range(seconds - spread, seconds, seconds + spread)


def diamond(*, parallel: bool = True) -> list[Phase]:
    left, right = (Phase(name, nothing, depends_on=("load",), parallel=parallel) for name in ("left", "right"))
    return [Phase("load", nothing), left, right, Phase("write", nothing, depends_on=("left", "right"))]


TIMES = {"load": usual(1), "left": usual(4, 1), "right": usual(2), "write": usual(1)}


def left(hand: Hand, known: Mapping[str, Range] = TIMES, slots: int = 4) -> tuple[float, float] | None:
    return remaining(hand.graph, hand.state, known, hand.session.now(), slots)


def test_what_can_run_at_the_same_time_counts_once() -> None:
    with Hand(diamond()) as hand:
        hand.finish("load")
        assert left(hand) == (pytest.approx(4), pytest.approx(6))
    with Hand(diamond()) as hand:
        assert left(hand, slots=1) == (pytest.approx(7), pytest.approx(9))


def test_what_runs_alone_counts_one_after_the_other() -> None:
    with Hand(diamond(parallel=False)) as hand:
        hand.finish("load")
        assert left(hand) == (pytest.approx(6), pytest.approx(8))


def test_time_passes_and_what_is_done_no_longer_counts() -> None:
    with Hand(diamond()) as hand:
        hand.finish("load")
        hand.clock.advance(2.0)
        assert left(hand) == (pytest.approx(2), pytest.approx(4))
        hand.finish("left", "right")
        assert left(hand) == (pytest.approx(1), pytest.approx(1))


def test_what_takes_longer_than_ever_is_not_over_at_once() -> None:
    assert time_left(PhaseStatus("a", "running", started_at=10.0), usual(4, 1), 30.0) == (0.0, 5.0)


def test_a_phase_that_tells_its_progress_needs_no_history() -> None:
    running = PhaseStatus("a", "running", started_at=10.0, fraction=0.5)
    assert time_left(running, None, 18.0) == (6.0, 10.0)
    assert time_left(PhaseStatus("a", "running", started_at=10.0, fraction=0.01), None, 18.0) is None


def test_without_a_history_of_each_phase_that_will_run_nothing_is_known() -> None:
    with Hand(diamond()) as hand:
        assert left(hand, {name: of for name, of in TIMES.items() if name != "write"}) is None
        hand.finish("load")
        assert left(hand, {name: of for name, of in TIMES.items() if name != "load"}) is not None


def test_what_is_blocked_takes_no_time_and_a_retry_that_waits_does() -> None:
    phases = [
        Phase("load", nothing, policy=PhasePolicy("retry", 2)),
        Phase("write", nothing, depends_on=("load",)),
        Phase("other", nothing, parallel=True),
    ]
    with Hand(phases) as hand:
        hand.fail("load")
        assert hand.status("load") == "retrying"
        assert left(hand, {"load": usual(3), "write": usual(5), "other": usual(1)}, 1)[1] >= 8  # type: ignore[index]
    phases = [
        Phase("load", nothing, parallel=True, policy=PhasePolicy("continue")),
        Phase("write", nothing, depends_on=("load",)),
    ]
    with Hand([*phases, Phase("other", nothing, parallel=True)]) as hand:
        hand.fail("load")
        assert left(hand, {"other": usual(7)}) == (pytest.approx(7), pytest.approx(7))


@given(st.lists(st.integers(0, 9), min_size=1, max_size=12), st.integers(1, 4))
def test_it_takes_no_less_than_the_longest_and_no_more_than_all_one_after_the_other(
    seconds: list[int], slots: int
) -> None:
    hand = Hand([Phase(f"p{i}", nothing, parallel=True) for i in range(len(seconds))], slots=slots)
    takes = dict(zip(hand.graph.names, seconds, strict=True))
    whole = play(Frontier(hand.graph), slots, lambda i: takes[hand.graph.names[i]])
    assert max(*seconds, sum(seconds) / slots) <= whole <= sum(seconds)
    hand.close()


# ---------------------------------------------------------------------- of a session


class AtOnce(Errands):
    def __init__(self) -> None:
        super().__init__("at-once")

    def add(self, job: Callable[[], None]) -> bool:
        job()
        return True


def run(folder: Path) -> Pipeline:
    pipeline = Pipeline("site", Phase("load", give(1)), Phase("write", lambda load: load))
    executor = pipeline.run(work_dir=folder)
    executor.wait(DEADLINE_S)
    executor.close()
    return pipeline


def test_a_pipeline_that_ran_before_is_known_before_it_runs_again(tmp_path: Path) -> None:
    pipeline = run(tmp_path)
    held = threading.Event()
    slow = Pipeline("site", Phase("load", held.wait), *pipeline.phases[1:])
    executor = slow.run(work_dir=tmp_path)
    outlook = Outlook(executor.session, AtOnce())
    assert outlook.usual.keys() == {"load", "write"}
    low, high = outlook.eta()
    assert 0 <= low <= high
    assert high > 0
    held.set()
    executor.wait(DEADLINE_S)
    assert outlook.eta() == UNKNOWN
    executor.close()


def test_a_session_without_a_disk_or_a_past_knows_nothing(tmp_path: Path) -> None:
    for folder in (None, tmp_path / "new"):
        with Hand([Phase("load", nothing)], work_dir=folder) as hand:
            outlook = Outlook(hand.session, AtOnce())
            assert (dict(outlook.usual), outlook.eta()) == ({}, UNKNOWN)


def test_a_history_that_cannot_be_read_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise PermissionError("no")

    monkeypatch.setattr(rules, "durations", fail)
    with Hand([Phase("load", nothing)], work_dir=tmp_path) as hand:
        assert Outlook(hand.session, AtOnce()).usual == {}


def test_it_is_played_through_only_so_often_and_ticks_between(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "durations", lambda *_: TIMES)
    now = [100.0]
    with Hand(diamond(), work_dir=tmp_path) as hand:
        outlook = Outlook(hand.session, AtOnce(), timer=lambda: now[0])
        assert outlook.eta() == (pytest.approx(5), pytest.approx(7))
        hand.clock.advance(0.5)
        hand.finish("load")
        assert outlook.eta() == (pytest.approx(4.5), pytest.approx(6.5))
        now[0] += rules.LEAST_S
        assert outlook.eta() == (pytest.approx(4), pytest.approx(6))


def test_all_views_of_a_session_share_one_outlook(tmp_path: Path) -> None:
    with Hand([Phase("load", nothing)], work_dir=tmp_path) as hand:
        assert Outlook.of(hand.session) is Outlook.of(hand.session)


def test_a_session_that_is_only_looked_at_has_a_history_too(tmp_path: Path) -> None:
    run(tmp_path)
    executor = attach(work_dir=tmp_path)
    assert root_of(executor.session) == tmp_path
    assert slots_of(executor.session) > 0
    outlook = Outlook.of(executor.session)
    wait_until(lambda: outlook.usual.keys() == {"load", "write"})
    executor.close()


# ---------------------------------------------------------------------- as views are told


def test_views_are_told_how_long_phases_take_as_soon_as_that_is_known() -> None:
    with Hand(diamond()) as hand:
        told = Told(hand.session)
        state = told.snapshot(1)["state"]
        assert ([phase["usual"] for phase in state["phases"]], state["eta"]) == ([0.0] * 4, [0.0, 0.0])
        assert not told.is_behind
        Outlook.of(hand.session).usual = {"load": 1.0, "gone": 7.0}
        assert told.is_behind
        delta = told.delta(2)
        assert delta is not None
        assert delta["phases"] == [[0, {"usual": 1.0}]]
        assert not told.is_behind


def test_that_time_passes_is_no_news(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(rules, "durations", lambda *_: TIMES)
    with Hand(diamond(), work_dir=tmp_path) as hand:
        outlook = Outlook.of(hand.session)
        wait_until(lambda: outlook.usual)
        told = Told(hand.session)
        assert told.snapshot(1)["state"]["eta"] == [pytest.approx(5), pytest.approx(7)]
        hand.clock.advance(1.0)
        assert told.delta(2) is None
        hand.finish("load")
        delta = told.delta(2)
        assert delta is not None
        assert delta["pipeline"]["eta"] != [5.0, 7.0]
