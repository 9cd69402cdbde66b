"""Threads and pools of a phase write to its sink, and only theirs."""

from __future__ import annotations

import contextvars
import logging
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from milo_nb.capture import children
from milo_nb.capture.router import CURRENT_SINK, drain_now, install, is_installed, uninstall

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.capture.conftest import Phase

pytestmark = pytest.mark.usefixtures("capture")


def run_thread(function: Callable[[], object], **options: bool) -> None:
    thread = threading.Thread(target=function, **options)
    thread.start()
    thread.join()


def test_a_child_thread_prints_and_logs_into_its_phase(phase: Phase) -> None:
    def child() -> None:
        print("out")
        print("err", file=sys.stderr)
        logging.Logger("t").warning("logged")  # noqa: LOG001 - outside of pytest's handlers
        run_thread(lambda: print("grandchild"))

    phase.finish(lambda: run_thread(child))
    assert phase.all == [
        ("stdout", "", "out"),
        ("stderr", "", "err"),
        ("log", "WARNING", "logged"),
        ("stdout", "", "grandchild"),
    ]


def test_a_thread_of_a_cell_inherits_nothing(phase: Phase) -> None:
    seen: list[object] = []
    run_thread(lambda: seen.append(CURRENT_SINK.get()))
    assert seen == [None]
    phase.finish()


def test_an_overridden_run_and_a_timer_inherit_too(phase: Phase) -> None:
    class Worker(threading.Thread):
        def run(self) -> None:
            print("overridden", "run" in vars(self))

    def body() -> None:
        for thread in (Worker(), threading.Timer(0, print, ["timer"])):
            thread.start()
            thread.join()

    assert phase.finish(body).lines() == ["overridden False", "timer"]


def test_an_exception_in_a_child_thread_is_shown_in_its_phase_without_our_frames(
    phase: Phase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threading, "excepthook", threading.__excepthook__)

    def fail() -> None:
        raise ValueError("in a thread")

    phase.finish(lambda: run_thread(fail))
    assert phase.lines("stderr")[-1] == "ValueError: in a thread"
    assert not [
        line for line in phase.lines("stderr") if "milo_nb" in line and "File" in line and "capture/child" in line
    ]


def test_sys_exit_in_a_child_thread_is_as_silent_as_in_python(phase: Phase) -> None:
    assert phase.finish(lambda: run_thread(sys.exit)).all == []


def test_a_thread_that_cannot_start_leaves_nothing_behind(phase: Phase) -> None:
    def body() -> None:
        thread = threading.Thread(target=print)
        thread.start()
        thread.join()
        with pytest.raises(RuntimeError, match="once"):
            thread.start()
        assert "run" not in vars(thread)

    phase.finish(body)
    uninstall()
    assert not is_installed()
    install()


def test_a_child_thread_that_goes_on_after_its_attempt_is_late_and_keeps_the_hooks_until_it_ends(phase: Phase) -> None:
    go, done = threading.Event(), threading.Event()

    def child() -> None:
        go.wait(60)
        print("late", file=sys.stderr)
        done.set()

    threads: list[threading.Thread] = []

    def body() -> None:
        threads.append(threading.Thread(target=child))
        threads[0].start()

    phase.finish(body)
    uninstall()
    assert is_installed()
    go.set()
    assert done.wait(60)
    threads[0].join(60)
    assert not is_installed()
    install()
    drain_now()
    assert phase.all == []
    assert [line for block in phase.late for line in block.lines] == ["late"]


def test_a_daemon_thread_holds_nothing(phase: Phase) -> None:
    go = threading.Event()
    phase.finish(lambda: threading.Thread(target=go.wait, args=(10,), daemon=True).start())
    uninstall()
    assert not is_installed()
    install()
    go.set()


def test_a_pools_tasks_belong_to_who_submits_them(new_phase: type[Phase]) -> None:
    one, two = new_phase(), new_phase()
    with ThreadPoolExecutor(1) as pool:  # its only thread is started by the first phase
        one.finish(lambda: pool.submit(print, "one").result())
        two.finish(lambda: list(pool.map(print, ["two", "too"])))
        seen = pool.submit(CURRENT_SINK.get).result()
    assert (one.lines(), two.lines(), seen) == (["one"], ["two", "too"], None)


def test_only_our_variables_are_handed_on(phase: Phase) -> None:
    mine = contextvars.ContextVar("mine", default="default")
    ours = contextvars.ContextVar("ours", default="default")
    children.inherit(ours)
    seen: list[str] = []

    def look() -> None:
        seen.append(f"{mine.get()} {ours.get()}")

    def body() -> None:
        mine.set("set")
        ours.set("set")
        run_thread(look)
        with ThreadPoolExecutor(1) as pool:
            pool.submit(look).result()

    phase.finish(body)
    assert seen == ["default set", "default set"]


def test_a_tasks_arguments_and_result_pass_through(phase: Phase) -> None:
    def task(*args: int, **kwargs: int) -> tuple[tuple[int, ...], dict[str, int]]:
        return args, kwargs

    def body() -> None:
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(task, 1, 2, fn=3).result() == ((1, 2), {"fn": 3})

    phase.finish(body)


def test_uninstall_restores_start_and_submit() -> None:
    uninstall()
    before = threading.Thread.start, ThreadPoolExecutor.submit
    assert "milo_nb" not in before[0].__module__
    install()
    assert threading.Thread.start is not before[0]
    uninstall()
    assert (threading.Thread.start, ThreadPoolExecutor.submit) == before
    install()


def as_nobodys_daemon(thread: threading.Thread) -> None:
    """Leave the thread as it was made."""


def as_a_daemon(thread: threading.Thread) -> None:
    thread.daemon = True


@pytest.mark.parametrize(
    ("made", "then", "is_held"),
    [
        ({}, as_nobodys_daemon, True),
        ({"daemon": False}, as_nobodys_daemon, True),
        ({"daemon": True}, as_nobodys_daemon, False),
        ({}, as_a_daemon, False),
    ],
)
def test_threads_of_a_phase_hold_the_hooks_unless_somebody_made_them_daemons(
    phase: Phase, made: dict[str, bool], then: Callable[[threading.Thread], None], is_held: bool
) -> None:
    ended, threads = threading.Event(), []

    def start() -> None:
        threads.append(threading.Thread(target=ended.wait, args=(30,), **made))  # type: ignore[arg-type]
        then(threads[0])
        threads[0].start()

    worker = threading.Thread(target=phase.finish, args=(start,), daemon=True)  # as the workers of sessions are
    worker.start()
    worker.join(60)
    uninstall()
    try:
        assert is_installed() is is_held
    finally:
        ended.set()
        threads[0].join(60)
        assert not is_installed()
        install()
