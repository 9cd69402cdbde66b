"""The Now tab tells at which line of the person's code a phase is, and what it costs."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from milo_nb import Phase, Pipeline, attach
from milo_nb.show.notebook import watching
from milo_nb.show.notebook.watching import to_now
from tests.show.test_errands import FIXTURES
from tests.strategies import DEADLINE_S, Gate, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from milo_nb import PipelineExecutor


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.open.set()


@pytest.fixture(params=["in memory", "on disk"])
def start(gate: Gate, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[..., PipelineExecutor]]:
    executors: list[PipelineExecutor] = []
    work_dir = tmp_path / "work" if request.param == "on disk" else None

    def start(*phases: Phase, **options: Any) -> PipelineExecutor:
        executors.append(Pipeline("shop", *phases).run(**{"work_dir": work_dir, "capture": True, **options}))
        assert gate.began.wait(DEADLINE_S)
        return executors[-1]

    yield start
    gate.open.set()
    for executor in executors:
        executor.wait(DEADLINE_S)
        executor.close()


def functions(now: dict[str, Any]) -> list[list[str]]:
    return [[frame["function"] for frame in stack["frames"]] for stack in now["stacks"]]


def test_a_running_phase_shows_its_own_lines_and_where_it_waits(
    start: Callable[..., PipelineExecutor], gate: Gate
) -> None:
    def inner() -> None:
        gate()

    def load() -> None:
        inner()

    now = to_now(start(Phase("load", load)).session, 0)
    (stack,) = functions(now)
    assert stack[:3] == ["load", "inner", "__call__"]
    assert stack[-1] == "wait"
    line = next(text for n, text in now["stacks"][0]["frames"][0]["code"] if n == now["stacks"][0]["frames"][0]["line"])
    assert line.strip() == "inner()"
    assert now["why"] == ""
    assert now["thread"].startswith("milo-shop")
    json.dumps(now)
    expected = FIXTURES["answer-now"]["message"]["body"]
    assert now.keys() == expected.keys()
    assert now["stacks"][0].keys() == expected["stacks"][0].keys()


def test_a_parallel_phase_shows_its_own_thread(start: Callable[..., PipelineExecutor], gate: Gate) -> None:
    other = Gate()

    def left() -> None:
        gate()

    def right() -> None:
        other()

    executor = start(Phase("left", left, parallel=True), Phase("right", right, parallel=True))
    try:
        assert other.began.wait(DEADLINE_S)
        names = [functions(to_now(executor.session, i))[0][0] for i in range(2)]
        assert names == ["left", "right"]
    finally:
        other.open.set()


def test_an_async_phase_shows_where_each_of_its_tasks_waits(start: Callable[..., PipelineExecutor], gate: Gate) -> None:
    async def fetch(event: asyncio.Event) -> None:
        await event.wait()

    async def crawl() -> None:
        event = asyncio.Event()
        tasks = [asyncio.ensure_future(fetch(event)) for _ in range(2)]
        await asyncio.sleep(0)
        loop = asyncio.get_running_loop()
        loop.run_in_executor(None, lambda: (gate(), loop.call_soon_threadsafe(event.set)))
        await asyncio.gather(*tasks)

    now = to_now(start(Phase("crawl", crawl)).session, 0)
    stacks = functions(now)
    assert stacks[0][0] == "crawl"
    assert [stack[0] for stack in stacks[1:]] == ["fetch", "fetch"]
    assert {stack[-1] for stack in stacks[1:]} == {"wait"}


def test_the_task_that_computes_shows_its_running_line(start: Callable[..., PipelineExecutor], gate: Gate) -> None:
    def compute() -> None:
        gate()

    async def crawl() -> None:
        await asyncio.sleep(0)
        compute()

    (stack,) = functions(to_now(start(Phase("crawl", crawl)).session, 0))
    assert stack[:2] == ["crawl", "compute"]


def test_what_does_not_run_is_said_so(start: Callable[..., PipelineExecutor], gate: Gate) -> None:
    def last() -> None:
        """Nothing."""

    executor = start(Phase("load", gate), Phase("last", last, depends_on=("load",)))
    assert to_now(executor.session, 1)["why"] == "'last' does not run now."
    gate.open.set()
    executor.wait(DEADLINE_S)
    now = to_now(executor.session, 0)
    assert now["why"] == "'load' does not run now."
    assert now["stacks"] == []


def test_the_age_of_the_last_line_is_known(start: Callable[..., PipelineExecutor], gate: Gate) -> None:
    def load() -> None:
        print("reading")
        gate()

    def mute(load: None) -> None:
        """Nothing."""

    executor = start(Phase("load", load), Phase("mute", mute))
    wait_until(lambda: to_now(executor.session, 0)["last_line_at"] >= 0)
    now = to_now(executor.session, 0)
    assert 0 <= now["at"] - now["last_line_at"] < DEADLINE_S
    assert to_now(executor.session, 1)["last_line_at"] == -1


def test_processor_time_and_memory_are_those_of_the_process(start: Callable[..., PipelineExecutor], gate: Gate) -> None:
    session = start(Phase("load", gate)).session
    first, second = to_now(session, 0), to_now(session, 0)
    assert second["cpu"] >= first["cpu"] > 0
    assert second["clock"] > first["clock"]
    assert first["memory"] > 10_000_000
    assert first["cores"] >= 1


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells of single threads")
def test_the_time_and_the_state_of_the_phase_s_thread_are_told(
    start: Callable[..., PipelineExecutor], gate: Gate
) -> None:
    session = start(Phase("load", gate)).session
    wait_until(lambda: to_now(session, 0)["thread_state"] == "waits")
    assert to_now(session, 0)["thread_cpu"] >= 0


def test_processes_that_were_started_are_counted(start: Callable[..., PipelineExecutor], gate: Gate) -> None:
    session = start(Phase("load", gate)).session
    before = to_now(session, 0)["children"]
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        now = to_now(session, 0)
        assert now["children"] == before + 1
        assert now["child_memory"] > 0
    finally:
        child.communicate(b"\n", timeout=DEADLINE_S)


def test_a_session_of_another_process_says_that_its_lines_are_not_known(
    start: Callable[..., PipelineExecutor], gate: Gate, tmp_path: Path
) -> None:
    start(Phase("load", gate), work_dir=tmp_path)
    attached = attach(None, tmp_path)
    try:
        wait_until(lambda: attached.session.state.phases[0].status == "running")
        now = to_now(attached.session, 0)
        assert now["why"] == "It runs in another process: what it is doing is not known here."
        assert now["stacks"] == []
    finally:
        attached.close()


def test_a_phase_of_another_backend_says_so(
    start: Callable[..., PipelineExecutor], gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = start(Phase("load", gate)).session
    monkeypatch.setattr(watching, "handle_of", lambda session, i: None)
    assert to_now(session, 0)["why"] == "It is about to start, or has just ended."
    monkeypatch.setattr(session, "_backend", type("Elsewhere", (), {"name": "dask", "close": lambda self: None})())
    assert "by the backend 'dask'" in to_now(session, 0)["why"]


def test_where_the_system_tells_nothing_of_threads_that_is_unknown() -> None:
    assert watching._of_native(None) == ("", -1.0)
    assert watching._of_native(threading.get_native_id())[0] in ("runs", "waits", "")
