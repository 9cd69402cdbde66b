"""The one thread that speaks to browsers: it calls what is due and ends when nothing is."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import pytest

from milo_nb.declare.phase import Phase
from milo_nb.show.notebook import publisher as module
from milo_nb.show.notebook.feed import GAP_S, Feed
from milo_nb.show.notebook.publisher import Publisher
from milo_nb.state.wire_browser import Ack, Hello
from tests.strategies import Hand, Watch, nothing, wait_until

if TYPE_CHECKING:
    from collections.abc import Mapping


class Bell:
    """Says when it wants to be called next, and notes that it was."""

    def __init__(self, *due: float | None) -> None:
        self.called = Watch()
        self._due = list(due)

    def tick(self, now: float) -> float | None:
        self.called(now)
        due = self._due.pop(0) if self._due else None
        return None if due is None else now + due


class Broken:
    def __init__(self) -> None:
        self.called = Watch()

    def tick(self, now: float) -> float | None:
        self.called(now)
        raise RuntimeError("the comm is closed")


@pytest.fixture(autouse=True)
def no_linger(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LINGER_S", 0.02)


def test_a_feed_is_called_when_it_is_added_and_when_it_wants_to_be() -> None:
    publisher, bell = Publisher(), Bell(0.001, 0.001)
    publisher.add(bell)
    times = bell.called.until(lambda seen: len(seen) == 3)
    assert times == sorted(times)


def test_the_thread_ends_when_nothing_is_due_and_comes_back() -> None:
    publisher, bell = Publisher(), Bell()
    publisher.add(bell)
    bell.called.until(lambda seen: len(seen) == 1)
    wait_until(lambda: not publisher.is_alive)
    publisher.wake(bell)
    bell.called.until(lambda seen: len(seen) == 2)
    wait_until(lambda: not publisher.is_alive)


def test_one_thread_serves_all() -> None:
    publisher, bells = Publisher(), [Bell(0.01) for _ in range(20)]
    for bell in bells:
        publisher.add(bell)
    assert len([t for t in threading.enumerate() if t.name == "milo-publisher"]) <= 1
    for bell in bells:
        bell.called.until(lambda seen: len(seen) == 2)


def test_one_that_fails_harms_no_other() -> None:
    publisher, broken, bell = Publisher(), Broken(), Bell(0.001)
    publisher.add(broken)
    publisher.add(bell)
    broken.called.until(lambda seen: seen)
    bell.called.until(lambda seen: len(seen) == 2)
    publisher.remove(broken)


def test_one_that_fails_is_called_again_and_warned_of_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "AGAIN_S", 0.005)
    publisher, broken = Publisher(), Broken()
    with caplog.at_level("WARNING", "milo_nb"):
        publisher.add(broken)
        broken.called.until(lambda seen: len(seen) == 4)
    publisher.remove(broken)
    assert [record.message for record in caplog.records] == ["a view could not be told; it is tried again in 0.005 s"]


def test_the_last_one_to_go_takes_the_thread_with_it() -> None:
    publisher, bell = Publisher(), Bell(1_000.0)
    publisher.add(bell)
    bell.called.until(lambda seen: seen)
    publisher.remove(bell)
    wait_until(lambda: not publisher.is_alive)
    publisher.wake(bell)
    assert not publisher.is_alive


def test_a_wake_during_the_call_is_not_lost() -> None:
    publisher = Publisher()

    class Again(Bell):
        def tick(self, now: float) -> float | None:
            if not self.called.seen:
                publisher.wake(self)
            super().tick(now)
            return now + 1_000.0

    again = Again()
    publisher.add(again)
    again.called.until(lambda seen: len(seen) == 2)
    publisher.remove(again)


def test_the_thread_takes_nothing_over_from_the_phase_that_started_it() -> None:
    variable: ContextVar[str] = ContextVar("variable", default="none")
    variable.set("of the phase")
    publisher, seen = Publisher(), Watch()

    class Reader:
        def tick(self, now: float) -> None:
            seen(variable.get())

    publisher.add(Reader())
    assert seen.until(lambda values: values) == ["none"]


class Counter:
    """A port whose views acknowledge at once what they are told, and count it."""

    def __init__(self) -> None:
        self.seq = 0
        self.types: list[str] = []

    def send(self, content: dict[str, Any], buffers: list[bytes] | None = None) -> None:
        self.types.append(content["type"])
        self.seq = content["seq"]

    def show_traits(self, traits: Mapping[str, Any]) -> None:
        self.types.append("traits")


def tell(executors: int, seconds: int) -> list[Counter]:
    """Have the phases of so many executors end one after the other, which is news at any time, and return who heard."""
    publisher = Publisher()
    ports = [Counter() for _ in range(executors)]
    with ExitStack() as hands:
        running = [
            hands.enter_context(Hand([Phase(f"p{i:03}", nothing, parallel=True) for i in range(50 * seconds)]))
            for _ in ports
        ]
        feeds = [Feed(port, hand.session) for port, hand in zip(ports, running, strict=True)]
        for feed in feeds:
            publisher._due[feed] = None  # as `add` does, without a thread: the clock is ours
            feed.share = lambda now, feed=feed: publisher.share(feed, now)
            feed.heard(Hello("a"))
            feed.tick(999.0)
        for port in ports:
            port.types.clear()
        for step in range(50 * seconds):
            for hand, feed, port in zip(running, feeds, ports, strict=True):
                hand.finish(min(hand.running))
                feed.heard(Ack(port.seq))
                feed.tick(1_000.0 + step / 50)
    return ports


def test_a_change_is_told_after_a_moment_with_what_happens_in_it() -> None:
    now = [10.0]
    publisher, bell = Publisher(lambda: now[0]), Bell()
    publisher._thread = threading.current_thread()  # no other is to take what is due
    publisher._due[bell] = None
    publisher.wake(bell, 0.004)
    assert publisher._due[bell] == 10.004
    publisher.wake(bell, 0.004)
    assert publisher._due[bell] == 10.004, "who changes without end is not put off without end"
    publisher.wake(bell)
    assert publisher._due[bell] == 10.0


def test_one_busy_executor_is_told_of_as_often_as_the_eye_sees() -> None:
    (port,) = tell(1, 4)
    assert 0.7 / GAP_S <= port.types.count("delta") / 4 <= 1 / GAP_S + 1


@pytest.mark.parametrize("executors", [4, 20])
def test_many_busy_executors_share_one_budget_of_messages_fairly(executors: int) -> None:
    ports = tell(executors, 4)
    assert sum(len(port.types) for port in ports) / 4 < 100
    counts = [port.types.count("delta") for port in ports]
    assert min(counts) >= 4
    assert max(counts) <= 1.5 * min(counts)


def test_who_has_gone_quiet_leaves_his_share_to_the_others() -> None:
    publisher, one, other = Publisher(), Bell(), Bell()
    publisher._due |= {one: None, other: None}
    assert publisher.share(one, 0.0) == 1 / module.TURNS_PER_S
    assert publisher.share(other, 1.0) == 2 / module.TURNS_PER_S
    assert publisher.share(other, 2.5) == 1 / module.TURNS_PER_S
