"""Subprocesses and forked children of a phase write to its sink."""

from __future__ import annotations

import logging
import multiprocessing
import os
import subprocess
import sys
import threading
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from milo_nb.capture.router import CURRENT_SINK, Output, install, installed, uninstall

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.capture.conftest import Phase

pytestmark = [
    pytest.mark.usefixtures("capture"),
    pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning"),
]


def shell(command: str, **options: object) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(command, shell=True, check=False, **options)


def fork(function: Callable[[], object]) -> None:
    child = os.fork()
    if child == 0:
        try:
            function()
        finally:
            os._exit(0)
    os.waitpid(child, 0)


def test_a_subprocess_that_inherits_the_streams_writes_lines_in_order(phase: Phase) -> None:
    def body() -> None:
        print("before")
        shell("echo out; echo err >&2")
        print("after")

    phase.finish(body)
    assert phase.lines() == ["before", "out", "after"]
    assert phase.lines("stderr") == ["err"]


@pytest.mark.parametrize("stream", ["stdout", "__stdout__", 1])
def test_a_subprocess_given_our_stream_writes_lines(phase: Phase, stream: str | int) -> None:
    def body() -> None:
        shell("echo out", stdout=stream if isinstance(stream, int) else getattr(sys, stream))

    assert phase.finish(body).lines() == ["out"]


def test_stderr_sent_to_stdout_stays_in_order_with_it(phase: Phase) -> None:
    phase.finish(lambda: shell("echo a; echo b >&2; echo c", stderr=subprocess.STDOUT))
    phase_two = phase.lines()
    assert phase_two == ["a", "b", "c"]


def test_both_streams_may_share_ours(phase: Phase) -> None:
    phase.finish(lambda: shell("echo a; echo b >&2; echo c", stderr=sys.stdout))
    assert phase.lines() == ["a", "b", "c"]


def test_pipes_and_files_of_a_persons_own_are_theirs(phase: Phase) -> None:
    def body() -> None:
        assert shell("echo mine", capture_output=True).stdout == b"mine\n"
        assert shell("echo gone", stdout=subprocess.DEVNULL).stdout is None

    assert phase.finish(body).all == []


def test_binary_output_is_shown_as_text(phase: Phase) -> None:
    phase.finish(lambda: shell(r"printf 'caf\303\251 \377\n'"))
    assert phase.lines() == ["café \ufffd"]


def test_more_than_a_pipe_holds_arrives_before_the_attempt_ends(phase: Phase) -> None:
    phase.finish(lambda: shell("seq 200000"))
    assert phase.lines() == [str(number) for number in range(1, 200_001)]


def test_what_a_child_has_written_when_the_attempt_ends_is_in_time_and_the_rest_is_late(phase: Phase) -> None:
    processes: list[subprocess.Popen[bytes]] = []

    def body() -> None:
        processes.append(subprocess.Popen("echo one; read line; echo $line", shell=True, stdin=subprocess.PIPE))
        phase.wait_for(phase.blocks)

    phase.finish(body)
    assert phase.lines() == ["one"]
    processes[0].communicate(b"two\n")
    phase.wait_for(phase.late)
    assert [block.lines for block in phase.late] == [["two"]]


def test_a_program_that_does_not_exist_leaves_no_descriptor_open(phase: Phase) -> None:
    def body() -> None:
        before = set(Path("/proc/self/fd").iterdir())
        with pytest.raises(FileNotFoundError):
            subprocess.run(["no-such-program"], check=False)
        assert set(Path("/proc/self/fd").iterdir()) <= before

    phase.finish(body)


def test_a_subprocess_of_a_cell_is_untouched(capfd: pytest.CaptureFixture[str], phase: Phase) -> None:
    shell("echo cell")
    phase.finish()
    assert capfd.readouterr().out == "cell\n"


def test_a_forked_child_writes_to_its_parents_phase(phase: Phase) -> None:
    def child() -> None:
        print("out")
        print("err", file=sys.stderr)
        sys.stdout.write("x" * 10_000 + "\n")
        logging.Logger("t").error("two\nlines")  # noqa: LOG001 - outside of pytest's handlers
        warnings.showwarning("careful", UserWarning, "file.py", 1)
        run = threading.Thread(target=print, args=("thread",))
        run.start()
        run.join()
        shell("echo program")

    phase.finish(lambda: fork(child))
    assert phase.lines() == ["out", "x" * 10_000, "thread", "program"]
    assert phase.lines("stderr") == ["err"]
    assert ("log", "ERROR", "lines") in phase.all
    assert phase.lines("warning")[0] == "file.py:1: UserWarning: careful"


def test_a_display_in_a_forked_child_is_a_line_of_its_text_and_its_progress_goes_nowhere(phase: Phase) -> None:
    def child() -> None:
        sink = CURRENT_SINK.get()
        assert sink is not None
        sink.output(Output({"text/plain": "<Figure>", "image/png": b""}))
        sink.progress(0.5, "half")
        print("after")

    phase.finish(lambda: fork(child))
    assert phase.lines() == ["<Figure>", "after"]


def test_a_grandchild_writes_there_too(phase: Phase) -> None:
    phase.finish(lambda: fork(lambda: fork(lambda: print("grandchild"))))
    assert phase.lines() == ["grandchild"]


def test_a_process_pool_made_in_a_phase_writes_to_it(phase: Phase) -> None:
    def body() -> None:
        with multiprocessing.get_context("fork").Pool(2) as pool:
            pool.map(print, ["a", "b", "c"])
            pool.close()
            pool.join()

    assert sorted(phase.finish(body).lines()) == ["a", "b", "c"]


def test_a_child_forked_by_a_cell_prints_where_the_cell_does(capfd: pytest.CaptureFixture[str], phase: Phase) -> None:
    with installed():
        fork(lambda: print("cell", flush=True))
    phase.finish()
    assert capfd.readouterr().out == "cell\n"


def test_a_forked_child_whose_parent_does_not_listen_goes_on(phase: Phase) -> None:
    done_reader, done_writer = os.pipe()

    def child() -> None:
        sink = phase_in_child()
        os.close(sink._writer)
        print("nobody")
        os.write(done_writer, b"!")

    def phase_in_child():
        from milo_nb.capture.router import CURRENT_SINK  # noqa: PLC0415

        return CURRENT_SINK.get()

    phase.finish(lambda: fork(child))
    assert os.read(done_reader, 1) == b"!"
    os.close(done_reader)
    os.close(done_writer)


def test_uninstall_restores_popen() -> None:
    uninstall()
    before = vars(subprocess.Popen).copy()
    install()
    assert vars(subprocess.Popen)["wait"] is not before["wait"]
    uninstall()
    assert {name: vars(subprocess.Popen)[name] for name in ("__init__", "wait", "poll")} == {
        name: before[name] for name in ("__init__", "wait", "poll")
    }
    install()


def test_os_system_writes_to_the_log_and_returns_what_it_always_does(phase: Phase) -> None:
    codes: list[int] = []
    commands = ("echo a", b"echo b >&2", "exit 3", "kill -9 $$")
    phase.finish(lambda: codes.extend(map(os.system, commands)))
    assert phase.all == [("stdout", "", "a"), ("stderr", "", "b")]
    assert codes == [0, 0, 3 << 8, 9]
    assert [os.system(command) for command in commands[2:]] == codes[2:]
