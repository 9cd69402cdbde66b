"""What views ask for: once each, answered always, refused in words."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from milo_nb import Phase, Pipeline
from milo_nb.capture.sink import Block
from milo_nb.show.notebook import errands
from milo_nb.show.notebook.errands import Desk, Errands
from milo_nb.show.notebook.turns import MOST_WAITING
from milo_nb.state.wire_browser import CommandRequest, DetailRequest, LogsRequest
from tests.strategies import DEADLINE_S, Watch, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from milo_nb import PipelineExecutor

FIXTURES = {f.stem: json.loads(f.read_text("utf-8")) for f in Path(__file__).parents[1].glob("wire/*.json")}


class AtOnce(Errands):
    """Does what it is given in the caller's thread."""

    def __init__(self) -> None:
        super().__init__("at-once")

    def add(self, job: Callable[[], None]) -> bool:
        job()
        return True


class Counter:
    """Somebody who sits at the desk, and what he is told."""

    def __init__(self, executor: PipelineExecutor) -> None:
        self.executor = executor
        self.answers: list[dict[str, Any]] = []
        self.desk = Desk(executor, self.answers.append, commands=AtOnce(), details=AtOnce(), slow=AtOnce())

    def ask(self, request: Any) -> dict[str, Any]:
        before = len(self.answers)
        self.desk.take(request)
        assert len(self.answers) == before + 1
        return self.answers[-1]


class Unprintable:
    def __repr__(self) -> str:
        raise RuntimeError("no words")


def load() -> dict[str, int]:
    return {"anyio": 4}


def fail(load: object) -> None:
    try:
        int("x")
    except ValueError as wrong:
        raise KeyError("title") from wrong


def odd() -> object:
    return Unprintable()


@pytest.fixture
def counter() -> Iterator[Counter]:
    pipeline = Pipeline("site", Phase("fail", fail), Phase("load", load), Phase("odd", odd))
    executor = pipeline.run(work_dir=None)
    executor.wait(DEADLINE_S)
    yield Counter(executor)
    executor.close()


def position(counter: Counter, name: str) -> int:
    return counter.executor.session.graph.index[name]


def test_a_command_is_carried_out_and_confirmed(counter: Counter) -> None:
    answer = counter.ask(CommandRequest("1", "retry", ("fail",)))
    assert answer == {"type": "reply", "id": "1", "ok": True, "message": ""}
    counter.executor.wait(DEADLINE_S)
    assert counter.executor["fail"].known.attempt == 2
    assert answer.keys() == FIXTURES["reply-ok"]["message"].keys()


def test_a_command_that_comes_twice_is_carried_out_once_and_answered_twice(counter: Counter) -> None:
    first = counter.ask(CommandRequest("1", "retry", ("fail",)))
    counter.executor.wait(DEADLINE_S)
    assert counter.ask(CommandRequest("1", "retry", ("fail",))) == first
    counter.executor.wait(DEADLINE_S)
    assert counter.executor["fail"].known.attempt == 2


def test_ids_are_forgotten_in_the_order_they_came(counter: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(errands, "REMEMBERED", 2)
    for k in range(4):
        counter.ask(CommandRequest(str(k), "pause"))
    assert list(counter.desk._done) == ["2", "3"]


def test_of_ten_thousand_commands_at_once_those_that_would_come_too_late_are_refused_in_a_sentence() -> None:
    held, began = threading.Event(), threading.Event()
    executor = Pipeline("site", Phase("load", load)).run(work_dir=None)
    executor.wait(DEADLINE_S)
    queue, all_done = Errands("flood"), threading.Event()

    def hold() -> None:
        began.set()
        held.wait(DEADLINE_S)

    queue.add(hold)
    assert began.wait(DEADLINE_S)
    answers: list[dict[str, Any]] = []
    desk = Desk(executor, answers.append, commands=queue)
    for k in range(10_000):
        desk.take(CommandRequest(str(k), "pause"))
    desk.take(LogsRequest("logs", 0, 0, 10))
    assert [a["id"] for a in answers] == [str(k) for k in range(MOST_WAITING, 10_000)]
    assert {a["message"] for a in answers} == {errands.TOO_MANY}
    held.set()
    while not queue.add(all_done.set):
        pass
    assert all_done.wait(DEADLINE_S)
    assert len(answers) == 10_000

    desk.take(CommandRequest("9999", "pause"))  # it was passed over, so it is taken as new
    wait_until(lambda: len(answers) == 10_001)
    assert "There is nothing to pause" in answers[-1]["message"]
    executor.close()


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        (CommandRequest("1", "retry", ("load",)), "Phase 'load' is completed; there is nothing to retry."),
        (CommandRequest("1", "retry", ("lod",)), "There is no phase 'lod'."),
        (CommandRequest("1", "retry", ("\ud83d",)), "There is no phase '?'."),
        (CommandRequest("1", "pause"), "There is nothing to pause"),
        (CommandRequest("1", "approve", ("load",)), "Nothing waits for approval."),
    ],
)
def test_a_command_that_cannot_be_done_is_refused_in_words(counter: Counter, request_: Any, says: str) -> None:
    answer = counter.ask(request_)
    assert not answer["ok"]
    assert says in answer["message"]


def test_run_again_makes_a_new_session(counter: Counter) -> None:
    before = counter.executor.session_id
    assert counter.ask(CommandRequest("1", "run"))["ok"]
    counter.executor.wait(DEADLINE_S)
    assert counter.executor.session_id != before


def test_options_of_a_command_are_passed_on(counter: Counter) -> None:
    assert counter.ask(CommandRequest("1", "rerun", ("load",), {"downstream": False}))["ok"]
    counter.executor.wait(DEADLINE_S)
    assert not counter.ask(CommandRequest("2", "skip", ("load",), {"replace": False}))["ok"]
    assert counter.ask(CommandRequest("3", "skip", ("load",), {"replace": True}))["ok"]


def test_what_is_wrong_inside_is_told_and_not_raised(counter: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(counter.executor, "command", broken)
    assert counter.ask(CommandRequest("1", "pause"))["message"] == "pause failed: ZeroDivisionError"


def test_lines_come_in_pages(counter: Counter) -> None:
    i = position(counter, "odd")
    counter.executor.session.book("odd").extend([Block("stdout", "", 1.0, [f"line {k}" for k in range(50)])])
    page = counter.ask(LogsRequest("1", i, 10, 5))
    assert page.keys() == FIXTURES["logs-page"]["message"].keys()
    assert (page["start"], page["total"], page["first"]) == (10, 50, 0)
    assert [line[3] for line in page["lines"]] == [f"line {k}" for k in range(10, 15)]


def test_a_phase_without_lines_has_an_empty_page(counter: Counter) -> None:
    page = counter.ask(LogsRequest("1", 0, 0, 100))
    assert (page["total"], page["lines"]) == (0, [])


def test_a_page_that_would_be_too_large_is_shorter(counter: Counter) -> None:
    counter.executor.session.book("odd").extend([Block("stdout", "", 1.0, ["x" * 10_000] * 1_000)])
    page = counter.ask(LogsRequest("1", position(counter, "odd"), 0, 1_000))
    assert 0 < len(page["lines"]) < 30
    assert len(json.dumps(page)) <= 256_000


def test_a_page_ends_where_lines_were_cut(counter: Counter) -> None:
    book = counter.executor.session.book("odd")
    book.extend([Block("stdout", "", 1.0, [str(k) for k in range(200_000)])])
    page = counter.ask(LogsRequest("1", position(counter, "odd"), 9_999, 5))
    assert [line[3] for line in page["lines"]] == ["9999"]
    assert page["first"] == book.first


def test_a_request_about_a_phase_that_is_not_there_gets_no_answer(counter: Counter) -> None:
    counter.desk.take(LogsRequest("1", 99, 0, 10))
    counter.desk.take(DetailRequest("2", 99))
    assert counter.answers == []


def test_an_error_is_told_with_the_persons_own_lines(counter: Counter) -> None:
    answer = counter.ask(DetailRequest("1", position(counter, "fail")))
    shape = FIXTURES["detail-error"]["message"]
    error = answer["error"]
    assert answer.keys() == shape.keys()
    assert error.keys() == shape["error"].keys()
    assert error["causes"][0].keys() == shape["error"]["causes"][0].keys()
    assert (error["type"], error["message"], error["attempt"]) == ("KeyError", "'title'", 1)
    (frame,) = error["frames"]
    assert frame["function"] == "fail"
    assert dict(map(tuple, frame["code"]))[frame["line"]].strip() == 'raise KeyError("title") from wrong'
    assert [cause["type"] for cause in error["causes"]] == ["ValueError"]
    assert "milo_nb" not in error["text"].replace("milo_nb/tests", "")


def test_a_result_is_not_looked_at_beside_the_error(counter: Counter) -> None:
    answer = counter.ask(DetailRequest("1", position(counter, "odd")))
    assert answer["error"] is None


def test_errands_are_done_in_order_and_their_thread_ends() -> None:
    errands_, done = Errands("milo-test-errands"), Watch()
    gate = threading.Event()
    errands_.add(lambda: gate.wait(DEADLINE_S) and None)
    errands_.add(lambda: done(1))
    errands_.add(lambda: 1 / 0)
    errands_.add(lambda: done(2))
    gate.set()
    assert done.until(lambda seen: len(seen) == 2) == [1, 2]
    thread = next((t for t in threading.enumerate() if t.name == "milo-test-errands"), None)
    if thread is not None:
        thread.join(DEADLINE_S)
        assert not thread.is_alive()
