"""Figures without a kernel: each phase has its own, and those left open are shown at its end."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest
from matplotlib import _pylab_helpers

from milo_nb.capture.router import Sink, installed

if TYPE_CHECKING:
    from milo_nb.capture.outputs import Output
    from tests.capture.conftest import Phase

mpl.use("agg")
helpers: Any = _pylab_helpers


@pytest.fixture
def shown(phase: Phase) -> list[Output]:
    outputs: list[Output] = []
    phase.sink = Sink(phase._emit, lambda: 0.0, lambda output, _late: outputs.append(output))
    return outputs


@pytest.mark.usefixtures("capture")
def test_figures_left_open_become_outputs_and_are_closed(phase: Phase, shown: list[Output]) -> None:
    def body() -> None:
        plt.plot([1, 2])
        plt.figure(figsize=(1, 1))
        plt.close(plt.figure())

    phase.run(body)
    assert plt.get_fignums() == []
    phase.finish(lambda: None)
    assert [str(output.data["text/plain"]) for output in shown] == ["Figure(640x480)", "Figure(100x100)"]
    assert all(output.data["image/png"][:4] == b"\x89PNG" for output in shown)


@pytest.mark.usefixtures("capture")
def test_show_makes_outputs_at_once_and_neither_warns_nor_waits(phase: Phase, shown: list[Output]) -> None:
    counts: list[int] = []

    def body() -> None:
        plt.plot([1, 2])
        plt.show()
        counts.append(len(shown))
        plt.show()
        assert plt.get_fignums() == []

    phase.finish(body)
    assert counts == [1]
    assert len(shown) == 1
    assert phase.all == []


def test_outside_of_phases_show_is_matplotlibs_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plt, "show", lambda: "theirs")
    with installed():
        assert plt.show() == "theirs"


@pytest.mark.usefixtures("capture")
def test_two_phases_and_a_cell_have_figures_of_their_own(phase: Phase, new_phase: type[Phase]) -> None:
    other, mine = new_phase(), plt.figure(num=7)
    seen: list[object] = []
    phase.run(lambda: plt.title("a"))
    other.run(lambda: plt.title("b"))
    phase.finish(lambda: seen.append((plt.get_fignums(), plt.gca().get_title())))
    other.finish(lambda: seen.append((plt.get_fignums(), plt.gca().get_title())))
    assert seen == [([1], "a"), ([1], "b")]
    assert plt.get_fignums() == [7]
    assert plt.gcf() is mine
    plt.close("all")


@pytest.mark.usefixtures("capture")
def test_a_figure_that_cannot_be_drawn_is_a_line_of_the_log(phase: Phase, shown: list[Output]) -> None:
    def body() -> None:
        plt.title("$\\nonsense$")
        plt.figure(figsize=(1, 1))

    phase.finish(body)
    assert [output.data["text/plain"] for output in shown] == ["Figure(100x100)"]
    assert phase.all[0][:2] == ("log", "ERROR")
    assert "could not be drawn" in phase.all[0][2]


@pytest.mark.usefixtures("capture")
def test_a_phase_can_use_the_registry_in_all_ways_that_pyplot_does(phase: Phase) -> None:
    def body() -> None:
        plt.figure()
        plt.figure()
        plt.figure(1)
        figures = helpers.Gcf.figs
        assert list(figures) == [2, 1]
        assert list(reversed(figures)) == [1, 2]
        assert len(figures) == 2
        assert 1 in figures
        assert next(reversed(figures.values())) is figures[1]
        manager = figures[2]
        del figures[2]
        figures[2] = manager
        plt.close("all")
        assert not figures

    phase.finish(body)


def test_figures_of_an_attempt_that_ends_after_capture_are_its_own_still(phase: Phase, shown: list[Output]) -> None:
    mine = plt.figure(num=7)
    with installed():
        phase.run(lambda: plt.figure(figsize=(1, 1)))
    phase.finish()
    assert [output.data["text/plain"] for output in shown] == ["Figure(100x100)"]
    assert plt.get_fignums() == [7]
    plt.close(mine)


def test_the_registry_is_matplotlibs_own_again_afterwards() -> None:
    before = helpers.Gcf.figs
    with installed():
        assert helpers.Gcf.figs is not before
    assert helpers.Gcf.figs is before
    assert isinstance(before, OrderedDict)
