"""When views are told what: numbers, acknowledgements, silence, room. The clock is the test's own, and no thread runs."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milo_nb.capture.outputs import Output
from milo_nb.capture.sink import Block
from milo_nb.declare.phase import Phase
from milo_nb.show.notebook import feed as rules
from milo_nb.show.notebook import told
from milo_nb.show.notebook.feed import Feed
from milo_nb.state.wire import to_snapshot
from milo_nb.state.wire_browser import Ack, Bye, Hello, Sync
from tests.strategies import Hand, nothing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FIXTURES = {f.stem: json.loads(f.read_text("utf-8")) for f in Path(__file__).parents[1].glob("wire/*.json")}


class Browser:
    """A port that applies what it hears as the front end does, and acknowledges it if it is told to."""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []
        self.buffers: list[bytes] = []
        self.traits: dict[str, Any] = {}
        self.trait_updates = 0
        self.state: dict[str, Any] | None = None
        self.lines: dict[int, int] = {}
        self.seq = 0

    def send(self, content: dict[str, Any], buffers: list[bytes] | None = None) -> None:
        self.buffers += buffers or []
        assert len(json.dumps(content, ensure_ascii=False).encode()) <= 256_000 or content["type"] == "snapshot"
        self.heard.append(content)
        match content["type"]:
            case "snapshot":
                self.state, self.seq = content["state"], content["seq"]
            case "delta":
                assert self.state is not None
                assert content["seq"] == self.seq + 1
                self.seq = content["seq"]
                self.state = {**self.state, **content["pipeline"]}
                for i, fields in content["phases"]:
                    self.state["phases"][i] |= fields
                for batch in content["logs"]:
                    self.lines[batch["phase"]] = batch["start"] + len(batch["lines"])

    def show_traits(self, traits: Mapping[str, Any]) -> None:
        self.traits.update(traits)
        self.trait_updates += 1

    def types(self) -> list[str]:
        return [content["type"] for content in self.heard]

    def deltas(self) -> list[dict[str, Any]]:
        return [content for content in self.heard if content["type"] == "delta"]


class Stage:
    """A session, its feed and a browser, and the time that all of them share."""

    def __init__(self, hand: Hand) -> None:
        self.hand = hand
        self.browser = Browser()
        self.feed = Feed(self.browser, hand.session)
        self.now = 1_000.0

    def tick(self, after_s: float = rules.GAP_S) -> float | None:
        self.now += after_s
        return self.feed.tick(self.now)

    def open(self, view: str = "a") -> Stage:
        self.feed.heard(Hello(view))
        self.tick()
        return self.ack()

    def ack(self) -> Stage:
        self.feed.heard(Ack(self.browser.seq))
        self.tick()
        return self

    def progress(self, fraction: float, name: str = "p000") -> None:
        self.hand.backend.running[name].emit.progress(fraction, "")

    def print(self, *lines: str, name: str = "p000") -> None:
        self.hand.backend.running[name].emit.lines([Block("stdout", "", 1.0, list(lines))], False)

    def show(self, text: str, name: str = "p000", **how: Any) -> None:
        """Have a phase display something, which changes no state if it is an update or late."""
        is_late = how.pop("late", False)
        self.hand.backend.running[name].emit.output(Output({"text/plain": text}, **how), is_late)

    def agrees(self) -> None:
        """The browser knows of the phases what the kernel knows."""
        outputs = told.outputs_of(self.hand.session)
        truth = to_snapshot(self.hand.state, self.hand.graph, now=0, seq=0, interactive=True, outputs=outputs)
        assert self.browser.state is not None
        assert self.browser.state["phases"] == truth["phases"]
        assert {k: v for k, v in self.browser.state.items() if k in ("status", "requested", "progress")} == {
            k: truth[k] for k in ("status", "requested", "progress")
        }


def phases(count: int) -> list[Phase]:
    return [Phase(f"p{i:03}", nothing, parallel=True) for i in range(count)]


@pytest.fixture
def stage() -> Iterator[Stage]:
    with Hand(phases(3)) as hand:
        yield Stage(hand)


@pytest.fixture
def large() -> Iterator[Stage]:
    with Hand(phases(400), slots=400) as hand:
        yield Stage(hand)


def test_until_a_view_says_hello_only_traits_change(stage: Stage) -> None:
    stage.tick()
    stage.hand.finish("p000")
    assert stage.tick(2.0) is None
    assert stage.browser.types() == []
    assert stage.browser.traits["status"] == "running"
    assert stage.browser.traits["progress"] == pytest.approx(1 / 3)
    assert stage.browser.traits["snapshot"].keys() == FIXTURES["snapshot-running"]["message"]["state"].keys()


def test_nothing_is_to_come_when_nobody_looks_and_nothing_happens(stage: Stage) -> None:
    stage.tick()
    assert stage.tick(5.0) is None


def test_hello_is_answered_by_a_snapshot(stage: Stage) -> None:
    stage.open()
    assert stage.browser.types()[0] == "snapshot"
    stage.agrees()


def test_hello_by_both_lanes_is_answered_once(stage: Stage) -> None:
    stage.feed.heard(Hello("a"))
    stage.feed.heard(Hello("a"))
    stage.tick()
    assert stage.browser.types().count("snapshot") == 1


def test_a_change_is_a_delta_with_what_differs(stage: Stage) -> None:
    stage.open()
    stage.hand.finish("p001")
    stage.tick()
    (delta,) = stage.browser.deltas()
    assert delta.keys() == FIXTURES["delta-status"]["message"].keys()
    assert [i for i, _ in delta["phases"]] == [1]
    assert delta["phases"][0][1]["status"] == "completed"
    assert "description" not in delta["phases"][0][1]
    stage.agrees()


def test_time_alone_is_no_news(stage: Stage) -> None:
    stage.open()
    for _ in range(10):
        stage.hand.clock.advance(1.0)
        stage.tick(0.1)
    assert stage.browser.deltas() == []


def test_changes_that_come_fast_are_few_messages(stage: Stage) -> None:
    stage.open()
    for k in range(1, 100):
        stage.progress(k / 100)
        stage.tick(0.001)
    assert len(stage.browser.deltas()) <= 2 + rules.BURST
    stage.ack()
    assert stage.tick() is not None
    stage.agrees()


def test_twenty_changes_a_second_are_told_at_once_each_of_them(stage: Stage) -> None:
    stage.open()
    stage.tick(1.0)
    for k in range(1, 60):
        stage.progress(k / 100)
        before = len(stage.browser.deltas())
        stage.tick(0.05)
        assert len(stage.browser.deltas()) == before + 1
        stage.feed.heard(Ack(stage.browser.seq))


def test_a_change_that_had_to_wait_is_due_as_soon_as_it_may(stage: Stage) -> None:
    stage.open()
    stage.tick(1.0)
    stage.progress(0.1)
    stage.tick()
    stage.hand.command("pause")
    due = stage.tick(0.001)
    assert due is not None
    assert due - stage.now <= rules.GAP_S
    stage.tick()
    assert stage.browser.state is not None
    assert stage.browser.state["requested"] == "pausing"


def test_no_more_than_four_messages_are_on_their_way(stage: Stage) -> None:
    stage.open()
    for k in range(1, 20):
        stage.progress(k / 20)
        stage.tick(0.1)
    assert len(stage.browser.deltas()) == rules.MAX_UNACKED
    stage.ack()
    stage.tick()
    stage.agrees()


def test_who_stays_silent_gets_a_snapshot_when_he_is_heard_again(stage: Stage) -> None:
    stage.open()
    stage.progress(0.1)
    stage.tick()
    for k in range(2, 50):
        stage.progress(k / 50)
        stage.tick(0.1)
    assert len(stage.browser.deltas()) <= rules.MAX_UNACKED
    assert "heartbeat" in stage.browser.types()
    stage.ack()
    stage.tick()
    assert stage.browser.heard[-1]["type"] in ("snapshot", "heartbeat")
    assert stage.browser.types().count("snapshot") == 2
    stage.agrees()


def test_the_end_is_told_until_it_is_acknowledged(stage: Stage) -> None:
    stage.open()
    for name in ("p000", "p001", "p002"):
        stage.hand.finish(name)
    assert stage.hand.session.ended.is_set()
    for _ in range(90):
        stage.tick(0.1)
    ends = [c for c in stage.browser.heard if c["type"] == "snapshot" and c["state"]["status"] == "completed"]
    assert len(ends) >= 2
    stage.ack()
    before = len(stage.browser.heard)
    stage.tick(0.5)
    stage.ack()
    stage.tick(0.5)
    assert "delta" not in stage.browser.types()[before:]
    assert stage.browser.types()[before:].count("snapshot") <= 1


def test_the_end_that_nobody_acknowledges_is_told_ever_more_seldom(stage: Stage) -> None:
    stage.open()
    for name in ("p000", "p001", "p002"):
        stage.hand.finish(name)
    began, told = stage.now, []
    while stage.now - began < 300.0:
        before = stage.browser.types().count("snapshot")
        stage.tick(1.0)
        if stage.browser.types().count("snapshot") > before:
            told.append(stage.now)
    gaps = [after - before for before, after in itertools.pairwise(told)]
    assert gaps == [4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0]


def test_a_view_that_is_silent_for_long_has_gone(stage: Stage) -> None:
    stage.open()
    stage.progress(0.5)
    stage.tick()
    assert stage.tick(rules.GIVE_UP_S - 1.0) is not None
    assert stage.feed.views
    assert stage.tick(2.0) is None
    assert not stage.feed.views
    stage.open("a")
    stage.agrees()


def test_a_view_that_went_without_a_word_is_found_out(stage: Stage) -> None:
    stage.open()
    stage.tick(rules.PROBE_S)
    assert stage.browser.types()[-2:] == ["snapshot", "heartbeat"]
    stage.tick(rules.GIVE_UP_S + 1.0)
    assert not stage.feed.views


def test_while_a_cell_keeps_the_views_from_answering_the_heart_beats_on(stage: Stage) -> None:
    stage.open()
    stage.progress(0.5)
    before = len(stage.browser.heard)
    for _ in range(240):
        stage.tick(1.0)
    beats = [c for c in stage.browser.heard[before:] if c["type"] == "heartbeat"]
    assert len(beats) >= 120
    stage.ack()
    stage.agrees()


def test_a_quiet_view_stays_as_long_as_it_answers(stage: Stage) -> None:
    stage.open()
    for _ in range(1_000):
        stage.tick(0.2)
        if "snapshot" in stage.browser.types()[-2:]:
            stage.feed.heard(Ack(stage.browser.seq))
    assert stage.feed.views == {"a"}


def test_the_heart_beats_every_two_seconds(stage: Stage) -> None:
    stage.open()
    for _ in range(101):
        stage.tick(0.1)
    beats = [c for c in stage.browser.heard if c["type"] == "heartbeat"]
    assert 5 <= len(beats) <= 6
    assert beats[0].keys() == FIXTURES["heartbeat"]["message"].keys()
    assert beats[-1]["seq"] == stage.browser.seq


def test_bye_ends_it(stage: Stage) -> None:
    stage.open("a").open("b")
    stage.feed.heard(Bye("a"))
    assert stage.tick() is not None
    stage.feed.heard(Bye("b"))
    stage.progress(0.5)
    stage.tick(2.0)
    before = len(stage.browser.heard)
    stage.progress(0.6)
    stage.tick(3.0)
    assert len(stage.browser.heard) == before


def test_sync_is_answered_by_a_snapshot(stage: Stage) -> None:
    stage.open()
    stage.feed.heard(Sync())
    stage.tick()
    assert stage.browser.heard[-1]["type"] == "snapshot"


def test_an_answer_goes_out_with_the_next_tick(stage: Stage) -> None:
    stage.feed.answer({"type": "reply", "id": "1", "ok": True, "message": ""})
    stage.tick()
    assert stage.browser.types() == ["reply"]


def test_new_lines_come_with_their_numbers(stage: Stage) -> None:
    stage.open()
    stage.print("one", "two")
    stage.tick()
    stage.ack()
    stage.print("three")
    stage.tick()
    first, second = stage.browser.deltas()
    assert first["logs"] == [
        {"phase": 0, "start": 0, "lines": [[1.0, "stdout", "", "one"], [1.0, "stdout", "", "two"]]}
    ]
    assert (second["logs"][0]["start"], second["phases"]) == (2, [[0, {"log_count": 3}]])


def test_of_more_lines_than_fit_the_last_ones_come_and_all_are_counted(stage: Stage) -> None:
    stage.open()
    stage.print(*[f"line {k}" for k in range(100_000)])
    stage.print("x" * 50_000, name="p001")
    stage.tick()
    (delta,) = stage.browser.deltas()
    first, second = delta["logs"]
    assert first["start"] + len(first["lines"]) == 100_000
    assert first["lines"][-1][3] == "line 99999"
    assert sum(len(batch["lines"]) for batch in delta["logs"]) <= told.MAX_LINES
    assert second["lines"][0][3].endswith("more characters]")
    assert dict(map(tuple, delta["phases"]))[0]["log_count"] == 100_000


def test_late_lines_are_told_with_the_next_heartbeat_at_the_latest(stage: Stage) -> None:
    stage.open()
    stage.hand.session.book("p000").extend([Block("stdout", "", 1.0, ["late"])], late=True)
    stage.tick(rules.HEARTBEAT_S)
    assert stage.browser.lines == {0: 1}


def test_many_changes_go_in_messages_that_fit(large: Stage) -> None:
    large.open()
    for i in range(400):
        large.hand.fail(f"p{i:03}", ValueError("é" * 5_000))
    sent = []
    for _ in range(40):
        large.tick()
        sent.append(len(large.browser.heard))
        large.ack()
    assert len(large.browser.deltas()) > 1
    large.agrees()


def test_a_state_too_large_for_a_trait_is_told_by_message_only() -> None:
    with Hand(phases(1_000), slots=1) as hand:
        stage = Stage(hand)
        stage.tick()
        assert stage.browser.traits["snapshot"] is None
        stage.open()
        stage.agrees()


def test_looking_for_changes_among_many_phases_looks_only_where_there_are_some(large: Stage) -> None:
    large.open()
    large.progress(0.5, "p399")
    before = list(large.feed._told._leaves)
    large.tick()
    same = [a is b for a, b in zip(before, large.feed._told._leaves, strict=True)]
    assert same == [True] * (len(same) - 1) + [False]


def test_a_new_session_is_told_by_a_snapshot(stage: Stage) -> None:
    stage.open()
    with Hand(phases(3)) as other:
        stage.feed.follow(other.session)
        stage.tick()
        assert stage.browser.state is not None
        assert stage.browser.state["session_id"] == str(other.session.id)


def test_traits_change_at_most_once_a_second_but_for_news(stage: Stage) -> None:
    stage.progress(0.001)
    stage.tick()
    before = stage.browser.trait_updates
    for k in range(1, 10):
        stage.progress(k / 100)
        stage.tick(0.05)
    assert stage.browser.trait_updates == before
    stage.hand.finish("p000")
    stage.tick(0.05)
    assert stage.browser.traits["progress"] == pytest.approx(1 / 3)


@given(st.data())
def test_whatever_is_lost_or_late_a_browser_that_is_heard_knows_the_truth(data: st.DataObject) -> None:
    with Hand(phases(3)) as hand:
        stage = Stage(hand)
        stage.open()
        for _ in range(data.draw(st.integers(1, 25))):
            happen(stage, data)
            stage.tick(data.draw(st.sampled_from([0.0, 0.01, 0.1, 1.0, 3.0])))
        for _ in range(6):
            stage.feed.heard(Sync() if not stage.feed.views else Ack(stage.browser.seq))
            stage.tick(0.2)
        if not stage.feed.views:
            stage.open()
        stage.agrees()


def happen(stage: Stage, data: st.DataObject) -> None:
    """Have something happen in the kernel, or a view say something."""
    kinds = ["ack", "old ack", "wait"]
    if stage.hand.running:
        kinds += ["finish", "fail", "progress", "print", "show"]
        name = data.draw(st.sampled_from(sorted(stage.hand.running)))
    match data.draw(st.sampled_from(kinds)):
        case "finish":
            stage.hand.finish(name)
        case "fail":
            stage.hand.fail(name, ValueError("no"))
        case "progress":
            stage.progress(data.draw(st.floats(0, 1)), name)
        case "print":
            stage.print("x", name=name)
        case "show":
            stage.show("x", name, display_id="d", update=data.draw(st.booleans()))
        case "ack":
            stage.feed.heard(Ack(stage.browser.seq))
        case "old ack":
            stage.feed.heard(Ack(data.draw(st.integers(0, 10**6))))
