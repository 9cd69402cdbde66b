"""The one thread that speaks to browsers: it calls what is due and ends when nothing is."""

from __future__ import annotations

import threading
from contextvars import ContextVar

import pytest

from milo_nb.show.notebook import publisher as module
from milo_nb.show.notebook.publisher import Publisher
from tests.strategies import Watch, wait_until


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
