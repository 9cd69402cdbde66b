"""Displays, progress and parts of a sink."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from milo_nb.capture.outputs import Output
from milo_nb.capture.router import CURRENT_SINK, Sink, drain_now, installed

if TYPE_CHECKING:
    from tests.capture.conftest import Phase

SHOWN = Output({"text/plain": "two\nlines"})


def test_without_a_taker_a_display_becomes_lines_of_its_text(phase: Phase) -> None:
    phase.sink.write("stdout", "half ")
    phase.sink.output(SHOWN)
    phase.sink.output(Output({"image/png": b""}))
    phase.sink.progress(0.5, "nobody asks")
    phase.sink.write("stdout", "done\n")
    assert phase.finish().all == [("stdout", "", "two"), ("stdout", "", "lines"), ("stdout", "", "half done")]


def test_a_taker_has_displays_at_once_and_late_ones_marked() -> None:
    taken: list[tuple[Output, bool]] = []
    sink = Sink(lambda *_: None, lambda: 0.0, lambda output, late: taken.append((output, late)))
    sink.output(SHOWN)
    sink.close()
    sink.output(SHOWN)
    assert taken == [(SHOWN, False), (SHOWN, True)]


@pytest.mark.usefixtures("capture")
def test_a_taker_runs_outside_of_the_phase_and_its_failure_harms_nobody(
    phase: Phase, caplog: pytest.LogCaptureFixture
) -> None:
    sinks: list[object] = []

    def take(_output: Output, _late: bool) -> None:
        sinks.append(CURRENT_SINK.get())
        raise OSError("disk full")

    phase.sink = Sink(phase._emit, lambda: 0.0, take)
    phase.finish(lambda: phase.sink.output(SHOWN))
    assert sinks == [None]
    assert phase.all == []
    assert "could not be delivered" in caplog.text


@pytest.mark.usefixtures("capture")
def test_progress_is_told_ten_times_a_second_and_the_last_word_is_never_lost() -> None:
    told: list[tuple[float, str]] = []
    clock = [0.0]
    sink = Sink(lambda *_: None, lambda: clock[0], None, lambda *values: told.append(values))
    for n in range(1, 101):
        clock[0] = n * 0.01
        sink.progress(n / 100, f"{n}/100")
        drain_now()
    assert len(told) == 10
    assert told[0] == (0.01, "1/100")
    clock[0] += 0.2
    drain_now()
    assert told[-1] == (1.0, "100/100")
    sink.progress(0.5, "again")
    sink.close()
    assert told[-1] == (0.5, "again")
    sink.progress(0.6, "late")
    drain_now()
    assert told[-1] == (0.5, "again")


def test_the_drain_thread_tells_progress() -> None:
    told = threading.Event()
    threads: list[str] = []

    def take(_fraction: float, _message: str) -> None:
        threads.append(threading.current_thread().name)
        told.set()

    with installed():
        sink = Sink(lambda *_: None, lambda: 0.0, None, take)
        sink.progress(0.5, "half")
        assert told.wait(60)
        sink.close()
    assert threads == ["milo-nb-drain"]


def test_a_part_is_made_once_and_ends_with_the_attempt() -> None:
    ended: list[object] = []

    class Part:
        def __init__(self, sink: object) -> None:
            self.sink = sink

        def end(self) -> None:
            ended.append(self)

    sink = Sink(lambda *_: None, lambda: 0.0)
    part = sink.own(Part)
    assert sink.own(Part) is part
    assert part.sink is sink
    sink.close()
    sink.close()
    assert ended == [part]
