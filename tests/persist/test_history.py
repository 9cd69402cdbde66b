"""How long phases have taken, from what earlier sessions left."""

import json
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milo_nb.persist.history import Range, durations, range_of
from milo_nb.persist.rundir import RunDir
from milo_nb.persist.snapshot import SCHEMA


def session(root, number, *results, pipeline="shop", **more):
    run_dir = RunDir.make(root, pipeline, str(uuid4()), 1e9 + number)
    content = {"schema": SCHEMA, "pipeline": pipeline, "results": list(results), **more}
    run_dir.snapshot.write_text(json.dumps(content))
    return run_dir


def result(phase="load", seconds=1.0, **more):
    return {"phase": phase, "success": True, "duration_s": seconds, "error": None, **more}


def test_without_sessions_nothing_is_known(tmp_path):
    assert durations(tmp_path, "shop") == {}
    assert durations(tmp_path / "never", "shop") == {}


def test_a_phase_takes_what_it_took(tmp_path):
    for number, seconds in enumerate([4.0, 1.0, 2.0]):
        session(tmp_path, number, result(seconds=seconds), result("train", 10 * seconds))

    assert durations(tmp_path, "shop") == {"load": Range(1.0, 2.0, 4.0), "train": Range(10.0, 20.0, 40.0)}


def test_only_code_that_ran_to_its_end_counts(tmp_path):
    session(
        tmp_path,
        1,
        result("ran", 3.0, origin="ran"),
        result("served", 0.0, origin="cache"),
        result("kept", 0.0, origin="checkpoint"),
        result("given", 0.0, origin="substitute"),
        result("failed", 2.0) | {"success": False, "error": "boom"},
    )

    assert list(durations(tmp_path, "shop")) == ["ran"]


def test_the_newest_sessions_count(tmp_path):
    for number in range(30):
        session(tmp_path, number, result(seconds=float(number)))

    assert durations(tmp_path, "shop", limit=3)["load"] == Range(27.0, 28.0, 29.0)
    assert durations(tmp_path, "shop")["load"] == Range(12.0, 19.5, 27.0)


def test_other_pipelines_do_not_count_even_in_the_same_folder(tmp_path):
    session(tmp_path, 1, result(seconds=5.0), pipeline="a:b")
    session(tmp_path, 2, result(seconds=1.0), pipeline="a/b")

    assert durations(tmp_path, "a:b") == {"load": Range(5.0, 5.0, 5.0)}


@pytest.mark.parametrize(
    "bad",
    [
        *(
            None,
            3,
            {},
            {"phase": "load"},
            result(seconds=None),
            result(seconds="1"),
            result(seconds=-1),
            result(seconds=True),
        ),
        *(result(phase=3), result(seconds=float("nan")), result(seconds=float("inf"))),
    ],
)
def test_a_damaged_record_says_nothing(tmp_path, bad):
    session(tmp_path, 1, bad, result("train", 2.0))

    assert list(durations(tmp_path, "shop")) == ["train"]


def test_a_session_that_cannot_be_read_says_nothing(tmp_path):
    session(tmp_path, 1, result(seconds=2.0))
    session(tmp_path, 2, schema=SCHEMA + 1)
    session(tmp_path, 3).snapshot.write_text("{")
    session(tmp_path, 4).snapshot.write_text(json.dumps({"schema": SCHEMA, "pipeline": "shop", "results": 3}))
    session(tmp_path, 5).snapshot.unlink()

    assert durations(tmp_path, "shop") == {"load": Range(2.0, 2.0, 2.0)}


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=50))
def test_a_range_is_in_order_and_within_what_was_measured(seconds):
    found = range_of(seconds)

    assert min(seconds) <= found.low <= found.typical <= found.high <= max(seconds)
