"""Bars of a phase: one line each, the outermost one drives the progress; others are as before."""

from __future__ import annotations

import contextvars
import io
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest
import tqdm
from tqdm import notebook, std

from milo_nb.capture.router import Sink, drain_now, installed
from milo_nb.store.shield import LOCAL

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.capture.conftest import Phase

pytestmark = pytest.mark.usefixtures("capture")


@pytest.fixture
def told(phase: Phase) -> list[tuple[float, str]]:
    """What the phase's progress is told; each step, because time stands at a later hour each time it is asked."""
    steps: list[tuple[float, str]] = []
    now = iter(range(1_000_000))
    phase.sink = Sink(phase._emit, lambda: next(now), None, lambda *step: steps.append(step))
    return steps


def shown(phase: Phase) -> list[str]:
    """The lines of the bars, without the bars."""
    return [line.split("|")[0] for line in phase.lines("stderr")]


@pytest.mark.parametrize("make", [std.tqdm, tqdm.tqdm, notebook.tqdm_notebook], ids=["std", "tqdm", "notebook"])
def test_a_bar_is_one_line_and_drives_the_progress(
    phase: Phase, told: list[tuple[float, str]], make: Callable[..., Any]
) -> None:
    def body() -> None:
        for _ in make(range(4), desc="load", mininterval=0, miniters=1):
            drain_now()

    phase.finish(body)
    assert shown(phase) == ["load: 100%"]
    assert told == [(0.0, "0/4"), (0.25, "1/4"), (0.5, "2/4"), (0.75, "3/4"), (1.0, "4/4")]


def test_of_nested_bars_the_outer_one_drives_and_each_is_a_line(phase: Phase, told: list[tuple[float, str]]) -> None:
    def body() -> None:
        for _ in tqdm.tqdm(range(2), desc="outer", mininterval=0, miniters=1):
            for _ in tqdm.tqdm(range(3), desc="inner", mininterval=0, miniters=1):
                drain_now()
        drain_now()
        for _ in tqdm.tqdm(range(1), desc="then"):
            drain_now()

    phase.finish(body)
    assert shown(phase) == ["inner: 100%", "inner: 100%", "outer: 100%", "then: 100%"]
    assert dict.fromkeys(message for _, message in told) == dict.fromkeys(["0/2", "1/2", "2/2", "0/1", "1/1"])


def test_bars_that_are_taken_away_leave_no_line(phase: Phase) -> None:
    def body() -> None:
        for _ in tqdm.tqdm(range(2), desc="outer", leave=None):
            for _ in tqdm.tqdm(range(3), desc="inner", leave=None):
                pass
        list(tqdm.tqdm(range(3), leave=False))
        list(tqdm.tqdm(range(3), disable=True))

    assert shown(phase.finish(body)) == ["outer: 100%"]


def test_a_bar_that_is_never_closed_leaves_its_last_line(phase: Phase) -> None:
    bars: list[Any] = []

    def body() -> None:
        bars.append(tqdm.tqdm(total=4, desc="half"))
        bars[0].update(2)
        bars[0].refresh()

    assert shown(phase.finish(body)) == ["half:  50%"]
    bars[0].close()
    drain_now()
    assert [line.split("|")[0] for block in phase.late for line in block.lines] == ["half:  50%"]


def test_child_threads_have_bars_of_the_phase(phase: Phase, told: list[tuple[float, str]]) -> None:
    def body() -> None:
        with tqdm.tqdm(total=2, desc="outer") as bar:
            for _ in range(2):
                thread = threading.Thread(target=lambda: list(tqdm.tqdm(range(5), desc="child")))
                thread.start()
                thread.join()
                bar.update()

    assert shown(phase.finish(body)) == ["child: 100%", "child: 100%", "outer: 100%"]
    assert told[-1] == (1.0, "2/2")


def test_totals_may_be_unknown_or_scaled(phase: Phase, told: list[tuple[float, str]]) -> None:
    def body() -> None:
        list(tqdm.tqdm(iter("abc")))
        drain_now()
        with tqdm.tqdm(total=2_500_000, unit="B", unit_scale=True) as bar:
            bar.update(1_250_000)

    phase.finish(body)
    assert told == [(0.0, "3"), (0.5, "1.25MB/2.50MB")]


def test_files_decide_where_a_bar_goes(phase: Phase) -> None:
    file = io.StringIO()

    def body() -> None:
        list(tqdm.tqdm(range(2), file=sys.stdout))
        list(tqdm.tqdm(range(2), None, 2, True, sys.stdout))
        list(tqdm.tqdm(range(2), file=file))

    phase.finish(body)
    assert [line[:4] for line in phase.lines("stdout")] == ["100%", "100%"]
    assert shown(phase) == []
    assert "100%" in file.getvalue()


def test_bars_of_notebooks_take_what_only_widgets_understand(phase: Phase) -> None:
    def body() -> None:
        list(notebook.tqdm_notebook(range(2), ncols="100%", colour="green", display=False, file=io.StringIO()))
        list(notebook.tqdm_notebook(range(2), "positional", 2, True, sys.stdout))
        list(notebook.tqdm_notebook(range(2), disable=True))
        list(notebook.tqdm_notebook(range(2), disable=None))

    assert shown(phase.finish(body)) == ["100%", "positional: 100%", "100%"]


def test_a_persons_own_kind_of_bar_keeps_what_it_overrides(phase: Phase) -> None:
    updates: list[int] = []

    class Mine(notebook.tqdm_notebook):  # type: ignore[misc]
        def update(self, n: int = 1) -> object:
            updates.append(n)
            return super().update(n)

    def body() -> None:
        with Mine(total=2, desc="mine") as bar:
            bar.update(2)
            bar.set_description("still mine")
            bar.reset(total=4)
            bar.update(4)
            assert isinstance(bar, Mine)

    assert shown(phase.finish(body)) == ["still mine: 100%"]
    assert updates == [2, 4]


def test_while_a_phase_holds_the_lock_of_all_bars_it_cannot_be_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    changes: list[int] = []

    class Job:
        def shield(self, change: int) -> None:
            changes.append(change)

    monkeypatch.setattr(LOCAL, "job", Job())
    lock = std.tqdm.get_lock()
    with lock:
        assert changes == [1]
        with lock:
            assert changes == [1, 1]
    assert changes == [1, 1, -1, -1]
    with pytest.raises(TypeError):
        lock.acquire(no_such_option=1)
    assert sum(changes) == 0
    monkeypatch.setattr(LOCAL, "job", None)
    with lock:
        assert sum(changes) == 0


def test_bars_outside_of_phases_are_as_before_and_make_no_room_for_ours(phase: Phase) -> None:
    inner: list[str] = []

    def body() -> None:
        ours = tqdm.tqdm(total=1)

        def outside() -> None:
            file = io.StringIO()
            bar = tqdm.tqdm(range(2), file=file)
            list(bar)
            inner.append(file.getvalue())
            assert type(bar) is std.tqdm
            assert bar.pos == 0

        contextvars.Context().run(outside)
        ours.close()

    phase.finish(body)
    assert "\n" not in inner[0].rstrip("\n")
    assert inner[0].endswith("\n")


def test_after_capture_the_constructors_are_tqdms_own_and_old_bars_still_close(new_phase: type[Phase]) -> None:
    bars: list[Any] = []
    with installed():
        pass
    phase = new_phase()
    phase.finish(lambda: bars.append(notebook.tqdm_notebook(total=2)))
    bars[0].update(1)
    bars[0].close()
    assert bars[0].n == 1
