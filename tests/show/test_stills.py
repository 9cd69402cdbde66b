"""Who keeps the stills up to date: seldom, only what changed, always the end, in the right cell, in real kernels too."""

from __future__ import annotations

import gc
import re
import threading
import weakref
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from milo_nb import Phase, PhasePolicy, Pipeline
from milo_nb.show.notebook import close_view
from milo_nb.show.notebook.stills import GAP_S, LAST_LOOKS, MOST_LINES, Spot, Still, show_still, take_last_still
from tests.strategies import DEADLINE_S, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from milo_nb import PipelineExecutor


class Session:
    """Notes what goes to the kernel's socket."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, dict[str, Any], Any]] = []

    def send(self, socket: str, kind: str, content: dict[str, Any], *, parent: Any, ident: Any) -> None:
        assert (socket, ident) == ("iopub", b"topic")
        self.sent.append((kind, content, parent))

    def lines(self) -> list[str]:
        return [content["data"]["text/plain"].partition("\n")[0] for _, content, _ in self.sent]


class DisplayPublisher:
    """A kernel's publisher of displays, in a cell of its own."""

    pub_socket, topic = "iopub", b"topic"

    def __init__(self, cell: str = "cell 1", session: Session | None = None) -> None:
        self.parent_header = {"msg_id": cell}
        self.session = session or Session()
        self.shown: list[tuple[dict[str, str], dict[str, str]]] = []

    def publish(self, data: dict[str, str], *, transient: dict[str, str]) -> None:
        self.shown.append((data, transient))


class Hand:
    """A publisher that ticks when told; notes who asked to be woken."""

    def __init__(self) -> None:
        self.feeds: list[Any] = []
        self.woken = threading.Event()

    def add(self, feed: Any) -> None:
        self.feeds.append(feed)

    def remove(self, feed: Any) -> None:
        self.feeds.remove(feed)

    def wake(self, feed: Any) -> None:
        self.woken.set()


def until(gate: threading.Event) -> None:
    while not gate.wait(0.01):  # short waits: a cancelled phase is to end at once
        pass


@pytest.fixture
def gates() -> dict[str, threading.Event]:
    return {name: threading.Event() for name in ("load", "parse")}


@pytest.fixture
def executor(gates: dict[str, threading.Event]) -> Iterator[PipelineExecutor]:
    load, parse = gates.values()
    made = Pipeline(
        "site",
        Phase("load", lambda: until(load)),
        Phase("parse", lambda: until(parse), depends_on=["load"]),
    ).run(work_dir=None)
    yield made
    for gate in gates.values():
        gate.set()
    close_view(made)
    made.close()


@pytest.fixture
def display() -> DisplayPublisher:
    return DisplayPublisher()


def reach(executor: PipelineExecutor, gate: threading.Event, phase: str) -> None:
    gate.set()
    wait_until(lambda: executor[phase].status == "completed")


def test_it_is_shown_as_it_is_and_changed_in_place(
    executor: PipelineExecutor, display: DisplayPublisher, gates: dict[str, threading.Event]
) -> None:
    still = Still(executor, Spot(), Hand())
    still.show(display)
    ((data, transient),) = display.shown
    assert data["text/plain"] == "site: running (1 running, 1 pending)"
    reach(executor, gates["load"], "load")
    wait_until(lambda: executor["parse"].status == "running")
    still.tick(100.0)
    ((kind, content, parent),) = display.session.sent
    assert (kind, parent) == ("update_display_data", {"msg_id": "cell 1"})
    assert content["transient"] == transient
    assert content["data"]["text/plain"] == "site: running (1 completed, 1 running)"
    still.close()


def test_it_changes_at_most_once_a_second_and_only_if_it_looks_different(
    executor: PipelineExecutor, display: DisplayPublisher, gates: dict[str, threading.Event]
) -> None:
    still = Still(executor, Spot(), Hand())
    still.show(display)
    assert still.tick(100.0) is None
    assert display.session.sent == []
    reach(executor, gates["load"], "load")
    wait_until(lambda: executor["parse"].status == "running")
    assert still.tick(100.1) is None
    assert len(display.session.sent) == 1
    executor.pause()
    assert still.tick(100.2) == 100.1 + GAP_S
    assert len(display.session.sent) == 1
    assert still.tick(100.1 + GAP_S) is None
    assert display.session.lines()[1:] == ["site: pausing (1 completed, 1 running)"]
    still.close()


def test_the_end_is_told_at_once(
    executor: PipelineExecutor, display: DisplayPublisher, gates: dict[str, threading.Event]
) -> None:
    still = Still(executor, Spot(), Hand())
    still.show(display)
    reach(executor, gates["load"], "load")
    still.tick(100.0)
    reach(executor, gates["parse"], "parse")
    executor.wait(DEADLINE_S)
    still.tick(100.01)
    assert display.session.lines()[-1] == "site: completed (2 completed)"
    still.tick(100.02)
    assert display.session.lines().count("site: completed (2 completed)") == 1
    still.close()


def test_every_change_of_the_session_wakes_it_and_so_does_a_new_session(
    executor: PipelineExecutor, display: DisplayPublisher, gates: dict[str, threading.Event]
) -> None:
    hand = Hand()
    still = Still(executor, Spot(), hand)
    still.show(display)
    for gate in gates.values():
        hand.woken.clear()
        gate.set()
        assert hand.woken.wait(DEADLINE_S)
    executor.wait(DEADLINE_S)
    hand.woken.clear()
    executor.run_again()
    assert hand.woken.is_set()
    executor.wait(DEADLINE_S)
    still.close()


def test_closing_shows_how_it_stands_and_leaves_no_listener(
    executor: PipelineExecutor, display: DisplayPublisher, gates: dict[str, threading.Event]
) -> None:
    hand = Hand()
    still = Still(executor, Spot(), hand)
    still.show(display)
    executor.cancel()
    executor.wait(DEADLINE_S)
    still.close()
    assert display.session.lines() == ["site: cancelled (1 cancelled, 1 pending)"]
    assert hand.feeds == []
    assert executor.sessions == []
    hand.woken.clear()
    gates["load"].set()
    executor.run_again()
    assert not hand.woken.is_set()


def test_a_closed_one_still_looks_for_the_end_for_some_seconds(
    executor: PipelineExecutor, display: DisplayPublisher, gates: dict[str, threading.Event]
) -> None:
    hand = Hand()
    still = Still(executor, Spot(), hand)
    still.show(display)
    still.close()
    assert still.tick(100.0) == 100.0 + GAP_S
    executor.close()  # its store tells nobody any more
    executor.wait(DEADLINE_S)
    assert still.tick(101.0) is None
    assert display.session.lines() == ["site: cancelled (1 cancelled, 1 pending)"]
    assert hand.feeds == executor.sessions == []


def test_a_closed_one_does_not_look_for_ever(executor: PipelineExecutor, display: DisplayPublisher) -> None:
    hand = Hand()
    still = Still(executor, Spot(), hand)
    still.close()
    for now in range(LAST_LOOKS):
        assert hand.feeds == [still]
        still.tick(float(now))
    assert hand.feeds == executor.sessions == []


def test_it_does_not_keep_an_executor_that_nobody_has(display: DisplayPublisher) -> None:
    made = Pipeline("site", Phase("load", lambda: 1)).run(work_dir=None)
    made.wait(DEADLINE_S)
    hand = Hand()
    still = Still(made, Spot(), hand)
    still.show(display)
    made.close()
    gone = weakref.ref(made)
    del made
    gc.collect()
    assert gone() is None
    still.tick(1.0)
    assert hand.feeds == []


def test_one_still_serves_all_cells_that_show_it(executor: PipelineExecutor, display: DisplayPublisher) -> None:
    again = DisplayPublisher("cell 2", display.session)
    show_still(executor, display)
    show_still(executor, again)
    assert display.shown[0][1] == again.shown[0][1]
    executor.cancel()
    wait_until(lambda: "site: cancelled (1 cancelled, 1 pending)" in display.session.lines())
    assert {parent["msg_id"] for _, _, parent in display.session.sent} == {"cell 2"}


def test_its_text_ends_as_the_summary_of_the_run(display: DisplayPublisher) -> None:
    def work(n: int) -> None:
        raise ValueError(f"{work} has no title")

    policy = PhasePolicy("continue")
    phases = [Phase(f"p{n:02}", lambda n=n: work(n), policy=policy) for n in range(MOST_LINES + 3)]
    made = Pipeline("site", *phases, Phase("last", lambda p00: p00)).run(work_dir=None)
    made.wait(DEADLINE_S)
    head, *lines, more = take_last_still(made)["text/plain"].splitlines()
    assert head == made.result().summary.splitlines()[0]
    assert len(lines) == MOST_LINES
    assert all(
        re.fullmatch(r"  \[FAIL\] p\d\d: ValueError: <function .*work at 0x…> has no title", line) for line in lines
    )
    assert more == "  and 4 more lines"
    made.close()


def test_what_a_cell_keeps_to_itself_is_not_changed(executor: PipelineExecutor) -> None:
    shown: list[Any] = []
    still = Still(executor, Spot(), Hand())
    still.show(SimpleNamespace(publish=lambda data, transient: shown.append(data)))
    executor.cancel()
    executor.wait(DEADLINE_S)
    still.tick(1.0)
    still.close()
    assert len(shown) == 1


def test_the_last_still_is_given_once_and_not_before_the_end(
    executor: PipelineExecutor, gates: dict[str, threading.Event]
) -> None:
    assert take_last_still(executor) == {}
    for gate in gates.values():
        gate.set()
    executor.wait(DEADLINE_S)
    assert take_last_still(executor)["text/plain"] == "site: completed (2 completed)"
    assert take_last_still(executor) == {}
