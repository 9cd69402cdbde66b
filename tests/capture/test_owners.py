"""Whose output it is that comes from no context."""

import gc
import weakref

import pytest

from milo_nb.capture import owners
from milo_nb.capture.router import Sink, add_unattributed, find_owner, remove_unattributed


@pytest.fixture
def sink():
    owners.forget_sinks()  # other tests leave some behind
    made = []

    def make():
        made.append(Sink(lambda blocks, late: None, float))
        return made[-1]

    yield make
    for one in made:
        one.close()
        remove_unattributed(one)
    made.clear()
    owners.forget_sinks()


def test_without_phases_it_is_nobodys(sink):
    add_unattributed(sink())
    assert find_owner() is None


def test_of_one_phase_it_is_that_phases(sink):
    add_unattributed(sink())
    phase = sink()
    assert find_owner() is phase


def test_of_several_phases_it_goes_to_the_pane_if_there_is_one(sink):
    sink(), sink()
    assert find_owner() is None
    pane = sink()
    add_unattributed(pane)
    assert find_owner() is pane
    remove_unattributed(pane)
    assert find_owner() is None


def test_of_several_panes_the_latest_of_the_busy_ones_has_it(sink):
    sink(), sink()
    busy = {}
    panes = [sink() for _ in range(3)]
    for pane in panes:
        add_unattributed(pane, lambda pane=pane: pane in busy)
    busy.update(dict.fromkeys(panes[:2]))
    assert find_owner() is panes[1]
    busy.clear()
    assert find_owner() is panes[2]


def test_for_a_moment_it_is_the_last_phases_own(sink, monkeypatch):
    pane, phase = sink(), sink()
    add_unattributed(pane)
    phase.close()
    pane.close()  # no attempt, so its end is none
    assert owners.has_last_words()
    assert find_owner() is phase
    monkeypatch.setattr(owners, "SURFACING_S", 0)
    assert not owners.has_last_words()
    assert find_owner() is None


def test_nothing_is_kept_of_who_has_ended(sink):
    phase = Sink(lambda blocks, late: None, float)
    gone = weakref.ref(phase.own(Part))
    phase.close()
    owners.forget_latest()
    del phase
    gc.collect()
    assert gone() is None


class Part:
    """Something that lives as long as its sink."""

    def __init__(self, shown):
        self.shown = shown

    def end(self):
        """Nothing to do."""
