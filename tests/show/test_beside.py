"""What views are told beside the state: who runs a session, what is kept, what people should know, what belongs to no phase."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from milo_nb import attach
from milo_nb.capture.sink import Block
from milo_nb.declare.phase import Phase
from milo_nb.execute.executor import PipelineExecutor
from milo_nb.pipeline import Pipeline
from milo_nb.show.notebook import detail, interactive
from milo_nb.show.notebook.beside import SessionBeside
from milo_nb.show.notebook.errands import Desk
from milo_nb.show.notebook.feed import GAP_S, Feed
from milo_nb.show.notebook.widget import PipelineWidget
from milo_nb.state.commands import Command
from milo_nb.state.wire_browser import Ack, CommandRequest, Hello, LogsRequest
from tests.show.test_errands import AtOnce
from tests.show.test_feed import Browser
from tests.strategies import DEADLINE_S, Gate, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from milo_nb.execute.attached import AttachedExecutor


def load() -> list[int]:
    return [1, 2, 3]


def fail(load: list[int]) -> None:
    raise ValueError(f"no title in {load}")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / ".milo"


@pytest.fixture
def run(root: Path) -> Iterator[Callable[..., PipelineExecutor]]:
    executors: list[PipelineExecutor] = []

    def start(*phases: Phase, **options: Any) -> PipelineExecutor:
        executor = PipelineExecutor(Pipeline("shop", *phases), **{"work_dir": root, "capture": False, **options})
        executors.append(executor)
        return executor.start()

    yield start
    for executor in executors:
        executor.close()


@pytest.fixture
def look(root: Path) -> Iterator[Callable[[], AttachedExecutor]]:
    seen: list[AttachedExecutor] = []

    def at() -> AttachedExecutor:
        seen.append(attach(None, root))
        return seen[-1]

    yield at
    for attached in seen:
        attached.close()


def ended(executor: PipelineExecutor) -> PipelineExecutor:
    executor.wait(DEADLINE_S)
    executor.close()
    return executor


def taken_up(before: PipelineExecutor, root: Path) -> PipelineExecutor:
    """Stand in a session that has ended; nothing of it runs."""
    executor = PipelineExecutor(before.pipeline, work_dir=root, capture=False)
    executor._take_up(before.session_id)
    return executor


def ask(executor: Any, request: Any) -> dict[str, Any]:
    answers: list[dict[str, Any]] = []
    at_once = AtOnce()
    Desk(executor, answers.append, commands=at_once, details=at_once, slow=at_once).take(request)
    return answers[-1]


def first_snapshot(session: Any) -> dict[str, Any]:
    browser = Browser()
    feed = Feed(browser, session)
    feed.heard(Hello("a"))
    feed.tick(1.0)
    assert browser.state is not None
    return browser.state


# ---------------------------------------------------------------------- here


def test_a_session_in_memory_keeps_nothing_and_has_nothing_to_say(run: Callable[..., PipelineExecutor]) -> None:
    executor = run(Phase("load", load), work_dir=None)
    executor.wait(DEADLINE_S)
    beside = SessionBeside(executor.session).now()
    assert (beside.keeps, beside.owner, beside.locked, beside.banners, beside.other) == (False, "here", "", (), 0)
    assert not first_snapshot(executor.session)["phases"][0]["unsaved"]


def test_the_time_of_a_session_is_told_by_the_clock_on_the_wall(
    run: Callable[..., PipelineExecutor], look: Callable[[], AttachedExecutor]
) -> None:
    before = time.time()
    executor = run(Phase("load", load))
    executor.wait(DEADLINE_S)
    for session in (executor.session, look().session):
        told = first_snapshot(session)
        assert before - 0.1 <= told["epoch"] + told["started_at"] <= time.time() + 0.1
        assert SessionBeside(session).now().epoch == pytest.approx(told["epoch"], abs=0.1)


def test_a_checkpoint_that_fails_is_a_banner_and_leaves_the_phase_marked(run: Callable[..., PipelineExecutor]) -> None:
    executor = run(Phase("load", load, checkpoint=False), Phase("after", lambda load: 1))
    executor.wait(DEADLINE_S)
    wait_until(lambda: executor.session.state.phases[1].saved)
    told = first_snapshot(executor.session)
    assert [p["unsaved"] for p in told["phases"]] == [False, False]
    executor.session.disk.trouble("No space left on device.")
    told = first_snapshot(executor.session)
    said = "Not saved: No space left on device. The session goes on in memory."
    assert told["banners"] == [["failed", said, ""]]
    executor.session.disk.trouble("")
    assert first_snapshot(executor.session)["banners"] == []


def test_what_waits_for_approval_is_told_with_what_to_look_at(run: Callable[..., PipelineExecutor]) -> None:
    def write(ctx: Any) -> dict[str, int]:
        (ctx.work_dir / "report.txt").write_text("three")
        return {"orders": 3}

    executor = run(Phase("write", write, review=True), Phase("send", lambda write: 1))
    executor.session._reviews._is_attended = lambda: True
    wait_until(lambda: executor.session.state.waiting_for or executor.session.ended.is_set())
    if executor.session.state.waiting_for:
        wait_until(lambda: executor.session.state.phases[0].saved)
        ((kind, said, command),) = SessionBeside(executor.session).now().banners
        assert (kind, command) == ("waiting", "")
        assert said.startswith("'write' waits for approval. Look at report.txt in ")
        assert said.endswith("its result, dict.")
        executor.approve("write")
        executor.wait(DEADLINE_S)
        assert SessionBeside(executor.session).now().banners == ()


def test_who_goes_on_in_a_session_of_another_day_is_told_what_was_kept(run: Callable[..., PipelineExecutor]) -> None:
    broken, gate = [True], Gate()

    def fragile(load: list[int]) -> int:
        if broken:
            raise ValueError("no title")
        return gate() or len(load)

    phases = Phase("load", load), Phase("fragile", fragile)
    first = ended(run(*phases))
    broken.clear()
    executor = run(*phases, resume=first.session_id)
    wait_until(lambda: executor["fragile"].status == "running")
    banners = SessionBeside(executor.session).now().banners
    assert banners == (("told", f"Continued {str(executor.session_id)[:8]}: 1 kept.", "run"),)

    gate.open.set()
    executor.wait(DEADLINE_S)
    assert SessionBeside(executor.session).now().banners == ()  # that it has ended is newer


def test_start_anew_stops_what_runs_first(run: Callable[..., PipelineExecutor]) -> None:
    gate = Gate()

    def wait(ctx: Any) -> None:
        while not gate.open.is_set():
            ctx.sleep(0.01)

    executor = run(Phase("wait", wait), work_dir=None)
    first = executor.session
    wait_until(lambda: executor["wait"].status == "running")
    refused = ask(executor, CommandRequest("1", "run"))
    assert not refused["ok"]
    assert "has not ended" in refused["message"]
    assert ask(executor, CommandRequest("2", "run", (), {"replace": True}))["ok"]
    assert first.state.status == "cancelled"
    assert executor.session is not first
    gate.open.set()
    executor.wait(DEADLINE_S)


def test_lines_that_belong_to_no_phase_are_counted_and_come_on_request(run: Callable[..., PipelineExecutor]) -> None:
    executor = run(Phase("load", load), work_dir=None)
    executor.wait(DEADLINE_S)
    browser = Browser()
    feed = Feed(browser, executor.session)
    feed.heard(Hello("a"))
    feed.tick(1.0)
    feed.heard(Ack(feed.seq))
    executor.session.logs.unattributed.extend([Block("stdout", "", 1.0, ["one", "two"])])
    feed.tick(1.0 + GAP_S)
    assert browser.deltas()[-1]["pipeline"] == {"other": 2}
    page = ask(executor, LogsRequest("1", 1, 0, 10))
    assert (page["phase"], page["total"], [line[3] for line in page["lines"]]) == (1, 2, ["one", "two"])


def say_what_belongs_to_nobody(session: Any, *lines: str) -> None:
    session.logs.take_unattributed([Block("stdout", "", 1.0, list(lines))])
    session.logs.flush()


def test_lines_that_belonged_to_no_phase_are_there_when_a_session_goes_on_or_is_looked_at(
    run: Callable[..., PipelineExecutor], look: Callable[[], AttachedExecutor], root: Path
) -> None:
    first = run(Phase("load", load), Phase("fail", fail))
    say_what_belongs_to_nobody(first.session, "one", "two")
    ended(first)
    attached = look()
    assert SessionBeside(attached.session).now().other == 2
    assert repr(attached.unattributed) == "<unattributed: 2 lines>"
    page = ask(attached, LogsRequest("1", 2, 0, 10))
    assert (page["total"], [line[3] for line in page["lines"]]) == (2, ["one", "two"])

    second = taken_up(first, root)
    say_what_belongs_to_nobody(second.session, "three")
    assert SessionBeside(second.session).now().other == 3
    assert [log.line for log in second.unattributed.logs()] == ["one", "two", "three"]
    second.close()
    assert [log.line for log in look().unattributed.logs()] == ["one", "two", "three"]


def test_lines_that_belong_to_no_phase_are_followed(
    run: Callable[..., PipelineExecutor], look: Callable[[], AttachedExecutor]
) -> None:
    gate = Gate()
    owner = run(Phase("wait", gate))
    wait_until(lambda: owner["wait"].status == "running")
    attached = look()
    assert (attached.unattributed.logs(), repr(attached.unattributed)) == ([], "<unattributed: 0 lines>")
    for count, line in enumerate(("one", "two"), 1):
        say_what_belongs_to_nobody(owner.session, line)
        wait_until(lambda: SessionBeside(attached.session).now().other == count)  # noqa: B023 - called at once
    gate.open.set()
    owner.wait(DEADLINE_S)


# ---------------------------------------------------------------------- only looked at


def test_a_past_session_is_read_only_and_says_the_way_out(
    run: Callable[..., PipelineExecutor], look: Callable[[], AttachedExecutor]
) -> None:
    executor = ended(run(Phase("load", load), Phase("fail", fail)))
    attached = look()
    told = first_snapshot(attached.session)
    short = str(executor.session_id)[:8]
    assert (told["owner"], told["banners"]) == ("nobody", [["told", f"Past session {short}, read-only.", ""]])
    assert "resume it: executor.resume(" in told["locked"]
    assert [p["unsaved"] for p in told["phases"]] == [False, False]
    refused = ask(attached, CommandRequest("1", "retry", ("fail",)))
    assert (refused["ok"], refused["message"]) == (False, told["locked"])
    assert ask(attached, LogsRequest("2", 2, 0, 10))["lines"] == []


def test_a_session_of_another_kernel_takes_what_is_asked_for_here(
    run: Callable[..., PipelineExecutor], look: Callable[[], AttachedExecutor]
) -> None:
    gate = Gate()
    owner = run(Phase("wait", gate), Phase("after", lambda wait: 1))
    wait_until(lambda: owner["wait"].status == "running")
    attached = look()
    beside = SessionBeside(attached.session).now()
    assert beside.owner == "elsewhere"
    assert "is run by another kernel" in beside.banners[0][1]
    assert ask(attached, CommandRequest("1", "pause"))["ok"]
    assert owner.session.state.requested == "pausing"
    refused = ask(attached, CommandRequest("2", "run"))
    assert not refused["ok"]
    gate.open.set()
    owner.session.command(Command("resume"))
    owner.wait(DEADLINE_S)


def test_errors_of_a_past_session_are_told_as_they_were_recorded(
    run: Callable[..., PipelineExecutor], look: Callable[[], AttachedExecutor]
) -> None:
    ended(run(Phase("load", load), Phase("fail", fail)))
    error = detail.to_detail(look().session, 1)["error"]
    assert (error["type"], error["message"], error["attempt"]) == ("ValueError", "no title in [1, 2, 3]", 1)
    assert error["text"].startswith("Traceback")
    assert error["text"].endswith("ValueError: no title in [1, 2, 3]\n")
    assert (error["frames"], error["causes"]) == ([], [])


# ---------------------------------------------------------------------- stills


def test_a_page_is_told_the_still_as_it_changes_and_again_when_it_comes_back(
    run: Callable[..., PipelineExecutor], built: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    executor = run(Phase("load", load), work_dir=None)
    executor.wait(DEADLINE_S)
    widget = PipelineWidget.of(executor)
    heard: list[tuple[dict[str, Any], list[bytes] | None]] = []
    monkeypatch.setattr(widget, "send", lambda content, buffers=None: heard.append((content, buffers)))
    told = ({"type": "still", "bundle": {"text/html": "<div>"}}, None)
    try:
        PipelineWidget.show_still(executor, {"text/html": "<div>"})
        wait_until(lambda: told in heard)
        heard.clear()
        widget.take({"type": "hello", "view": "a"})
        wait_until(lambda: told in heard)
    finally:
        PipelineWidget.close_of(executor)
        interactive._heard = False
