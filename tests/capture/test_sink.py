"""A sink: complete lines in order, nothing lost, late after its end."""

from __future__ import annotations

import contextvars
import logging
import sys
import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milo_nb.capture.drain import DRAINER
from milo_nb.capture.router import CURRENT_SINK, Block, Sink, drain_now, installed
from milo_nb.capture.sink import new_source

if TYPE_CHECKING:
    from tests.capture.conftest import Phase


def collect() -> tuple[list[Block], Sink]:
    blocks: list[Block] = []
    return blocks, Sink(lambda new, _late: blocks.extend(new), lambda: 0.0)


@given(st.lists(st.tuples(st.sampled_from(["stdout", "stderr"]), st.text("ab\n", max_size=5), st.booleans())))
def test_each_stream_has_the_lines_of_its_text_however_it_is_cut_and_drained(
    writes: list[tuple[str, str, bool]],
) -> None:
    with installed():
        blocks, sink = collect()
        for stream, text, is_drained in writes:
            sink.write(stream, text)
            if is_drained:
                drain_now()
        sink.close()
    for stream in ("stdout", "stderr"):
        whole = "".join(text for name, text, _ in writes if name == stream)
        lines = [line for block in blocks if block.stream == stream for line in block.lines]
        assert lines == (whole.removesuffix("\n").split("\n") if whole else [])


@pytest.mark.usefixtures("capture")
def test_lines_of_all_streams_keep_their_order(phase: Phase) -> None:
    def body() -> None:
        print("one")
        print("two", file=sys.stderr)
        logging.getLogger("t").warning("three")
        print("four")

    assert [line.split()[-1] for *_, line in phase.finish(body).all] == ["one", "two", "three", "four"]


@pytest.mark.usefixtures("capture")
def test_a_record_does_not_join_an_unfinished_line(phase: Phase) -> None:
    def body() -> None:
        print("load...", end="")
        phase.sink.record("INFO", "a\nb")
        print("done")

    assert phase.finish(body).all == [("log", "INFO", "a"), ("log", "INFO", "b"), ("stdout", "", "load...done")]


@pytest.mark.usefixtures("capture")
def test_close_flushes_the_last_partial_line_before_it_returns(phase: Phase) -> None:
    phase.run(lambda: print("half", end=""))
    drain_now()
    assert phase.blocks == []
    assert phase.finish().lines() == ["half"]


@pytest.mark.usefixtures("capture")
def test_blocks_carry_the_time_of_their_drain(phase: Phase) -> None:
    phase.clock = 3.0
    phase.run(lambda: print("a"))
    drain_now()
    phase.clock = 4.0
    phase.finish(lambda: print("b"))
    assert [(block.timestamp, block.lines) for block in phase.blocks] == [(3.0, ["a"]), (4.0, ["b"])]


@pytest.mark.usefixtures("capture")
def test_what_comes_after_close_is_late(phase: Phase) -> None:
    phase.run(lambda: print("in time"))
    phase.sink.close()
    phase.run(lambda: print("late, unfinished", end=""))
    phase.run(lambda: print("late error", file=sys.stderr))
    drain_now()
    drain_now()
    assert phase.lines() == ["in time"]
    assert sorted(line for block in phase.late for line in block.lines) == ["late error", "late, unfinished"]


@pytest.mark.usefixtures("capture")
def test_a_context_that_outlives_its_attempt_is_heard_until_it_goes(phase: Phase) -> None:
    context = contextvars.Context()
    context.run(CURRENT_SINK.set, phase.sink)
    context.run(print, "first")
    phase.sink.close()
    drain_now()
    drain_now()
    context.run(print, "later")
    drain_now()
    assert [block.lines for block in phase.late] == [["later"]]


def test_a_sink_nobody_wrote_to_emits_nothing_and_starts_no_thread() -> None:
    with installed():
        before = set(threading.enumerate())  # one that drained for others may go on a while
        blocks, sink = collect()
        sink.close()
        assert not set(threading.enumerate()) - before
    assert blocks == []


@pytest.mark.usefixtures("capture")
def test_closing_twice_emits_once(phase: Phase) -> None:
    phase.finish(lambda: print("a"))
    phase.sink.close()
    assert phase.lines() == ["a"]


def test_without_capture_a_write_drains_itself() -> None:
    blocks, sink = collect()
    sink.write("stdout", "a\nb")
    assert [block.lines for block in blocks] == [["a"]]
    sink.close()
    assert [block.lines for block in blocks] == [["a"], ["b"]]


def test_the_drain_thread_emits_while_the_phase_runs_and_ends_with_capture() -> None:
    emitted = threading.Event()
    thread: list[threading.Thread] = []

    def emit(_blocks: list[Block], _late: bool) -> None:
        thread.append(threading.current_thread())
        emitted.set()

    with installed():
        sink = Sink(emit, lambda: 0.0)
        sink.write("stdout", "a\n")
        assert emitted.wait(60)
        assert thread[0].name == "milo-nb-drain"
        sink.close()
    thread[0].join(60)
    assert not thread[0].is_alive()


@pytest.mark.usefixtures("capture")
def test_an_emit_that_fails_is_logged_outside_of_the_phase_and_harms_no_other_sink(
    caplog: pytest.LogCaptureFixture,
    new_phase: type[Phase],
) -> None:
    def fail(_blocks: list[Block], _late: bool) -> None:
        raise OSError("disk full")

    broken, whole = Sink(fail, lambda: 0.0), new_phase()
    broken.write("stdout", "lost\n")
    whole.run(lambda: print("kept"))
    drain_now()
    assert whole.lines() == ["kept"]
    assert "could not be delivered" in caplog.text
    broken.close()
    whole.finish()


@pytest.mark.usefixtures("capture")
def test_bytes_are_decoded_across_writes_and_invalid_ones_replaced(phase: Phase) -> None:
    piece = "né\n".encode()
    phase.sink.write_bytes("stdout", piece[:2])
    phase.sink.write_bytes("stdout", piece[2:])
    phase.sink.write_bytes("stdout", b"\xff\n")
    assert phase.finish().lines() == ["né", "\ufffd"]


@pytest.mark.usefixtures("capture")
def test_sources_do_not_break_each_others_lines(phase: Phase) -> None:
    one, two = new_source(), new_source()
    phase.sink.write_from(one, "stdout", "a")
    phase.sink.write_from(two, "stdout", "x\n")
    phase.sink.write_from(one, "stdout", "b\n")
    assert phase.finish().lines() == ["x", "ab"]


@pytest.mark.usefixtures("capture")
def test_threads_that_print_and_a_drain_that_never_rests_lose_and_tear_no_line(phase: Phase) -> None:
    def shout(name: str) -> None:
        for number in range(5_000):
            print(name, number)

    def body() -> None:
        threads = [threading.Thread(target=shout, args=(name,)) for name in "abcd"]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            drain_now()

    assert sorted(phase.finish(body).lines()) == sorted(
        f"{name} {number}" for name in "abcd" for number in range(5_000)
    )


@pytest.mark.usefixtures("capture")
def test_ten_thousand_lines_in_one_write_and_a_line_of_100_mb_arrive_whole(phase: Phase) -> None:
    def body() -> None:
        print("\n".join(map(str, range(10_000))))
        print("x" * 100_000_000)

    lines = phase.finish(body).lines()
    lengths = [len(line) for line in lines]
    assert lengths == [*(len(str(number)) for number in range(10_000)), 100_000_000]


def test_an_attempt_that_has_ended_is_let_go_at_once_and_what_its_context_prints_then_is_late(
    capture: None, phase: Phase
) -> None:
    def body() -> None:
        print("in time")
        assert phase.sink in DRAINER._watched
        phase.sink.close()
        assert phase.sink not in DRAINER._watched
        print("late")
        print("later")

    phase.run(body)
    drain_now()
    assert phase.lines() == ["in time"]
    assert [line for block in phase.late for line in block.lines] == ["late", "later"]
