"""Real pipelines in real processes that are killed: no saved phase runs again, no result is wrong, nothing is forgotten."""

import itertools
import os
import random
from typing import Final

import pytest

from milo_nb.persist.crashing import CRASH_POINTS
from tests.crash.story import Story

KILLS: Final = int(os.environ.get("MILO_NB_STRESS_KILLS", "40"))
"""How many kills there are in all; `make stress` asks for 400."""
AT_POINTS: Final = max(KILLS // 2, len(CRASH_POINTS))


def test_undisturbed_it_comes_to_its_end(tmp_path):
    for seed in range(3):
        Story(tmp_path / str(seed), seed).finish()


@pytest.mark.slow
def test_killed_at_each_crash_point_a_session_goes_on_and_runs_nothing_twice(tmp_path):
    chance, reached, kills = random.Random(3), set(), 0
    for seed in itertools.count(100):
        story = Story(tmp_path / str(seed), seed)
        for point in [
            chance.choice(sorted({*CRASH_POINTS} - reached) or CRASH_POINTS),
            *chance.choices(CRASH_POINTS, k=3),
        ]:
            if (
                not story.is_completed()
                and story.live(MILO_NB_CRASH_AT=f"{point}:{chance.choice((1, 1, 2, 3, 6))}").killed
            ):
                reached.add(point)
        kills += story.kills
        story.finish()
        if kills >= AT_POINTS and (seed > 200 or reached == {*CRASH_POINTS}):
            break
    assert reached == set(CRASH_POINTS)


@pytest.mark.slow
def test_killed_at_any_time_again_and_again_a_session_comes_to_the_same_end(tmp_path):
    chance, kills, seeds = random.Random(5), 0, itertools.count(1000)
    while kills < KILLS - AT_POINTS:
        story = Story(tmp_path / str(seed := next(seeds)), seed)
        for _ in range(8):
            if not story.is_completed():
                story.live(kill_after_s=chance.uniform(0.0, 0.3))
        kills += story.kills
        story.finish()
