"""What a phase tells of its progress, and when."""

from milo_nb.execute.invoke import PhaseContext
from milo_nb.store.workers import Token
from milo_nb.testing import FakeClock


def context(clock, told):
    return PhaseContext(
        "a",
        1,
        {},
        token=Token(),
        progress=lambda fraction, message: told.append((fraction, message)),
        now=clock.now,
        later=clock.call_later,
    )


def test_the_last_word_before_a_silence_is_told_when_the_gap_is_over():
    clock, told = FakeClock(), []
    ctx = context(clock, told)
    for i in range(1, 24):
        ctx.progress(i / 40, f"{i}/40")
    assert told == [(1 / 40, "1/40")]
    clock.advance(0.1)
    assert told == [(1 / 40, "1/40"), (23 / 40, "23/40")]
    clock.advance(10)
    assert len(told) == 2


def test_at_most_ten_a_second_are_told():
    clock, told = FakeClock(), []
    ctx = context(clock, told)
    for i in range(1000):
        ctx.progress(i / 1001)
        clock.advance(0.001)
    assert len(told) <= 12


def test_the_end_is_told_at_once():
    clock, told = FakeClock(), []
    ctx = context(clock, told)
    ctx.progress(0.5)
    ctx.progress(1)
    assert told == [(0.5, ""), (1, "")]
    clock.advance(1)
    assert len(told) == 2
