"""The snapshot: how a session stands, as plain JSON."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milo_nb.declare.graph import PhaseGraph
from milo_nb.declare.phase import Phase
from milo_nb.persist.snapshot import encode_snapshot, read_snapshot, to_snapshot, write_snapshot
from milo_nb.state import actions as a
from milo_nb.state.actions import Action
from milo_nb.state.reducer import PipelineReducer
from tests.strategies import nothing

REDUCE = PipelineReducer("p", PhaseGraph([Phase(name, nothing) for name in "abcd"]))
STORY = [
    Action(a.PIPELINE_START, {"session_id": "s-1"}, 10.0),
    Action(a.PHASE_START, {"name": "a", "attempt": 1}, 11.0),
    Action(a.PHASE_COMPLETE, {"name": "a", "attempt": 1, "result": ""}, 12.5),
    Action(a.PHASE_SAVED, {"name": "a", "attempt": 1}, 12.5),
    Action(a.PHASE_START, {"name": "b", "attempt": 1}, 13.0),
    Action(a.PHASE_FAILED, {"name": "b", "attempt": 1, "error": 'no "ü"\n'}, 13.25),
    Action(a.PHASE_START, {"name": "c", "attempt": 1}, 14.0),
]
STATE = REDUCE.batch(None, STORY)


def test_it_says_what_people_and_programs_ask_for():
    told = to_snapshot(STATE, wall_offset=1000.0, owner={"host": "here", "pid": 7})

    assert (told["schema"], told["pipeline"], told["session_id"]) == (1, "p", "s-1")
    assert (told["status"], told["completed_phases"]) == ("failed", ["a"])
    assert (told["current_phase"], told["running"], told["phases"]) == ("c", ["c"], 4)
    assert told["started_at"] == "1970-01-01T00:16:50.000+00:00"
    assert told["owner"] == {"host": "here", "pid": 7}
    a_, b_ = told["results"]
    assert a_ | {"phase": "a", "success": True, "duration_s": 1.5, "error": None, "saved": True} == a_
    assert b_ | {"phase": "b", "success": False, "duration_s": 0.25, "error": 'no "ü"\n', "saved": False} == b_


def test_a_session_that_has_not_started_has_no_times():
    told = to_snapshot(REDUCE(None, Action(a.INIT)))

    assert (told["started_at"], told["stopped_at"], told["results"]) == (None, None, [])


def test_it_comes_back_as_it_was_written(tmp_path):
    told = to_snapshot(STATE)
    write_snapshot(tmp_path / "x.json", told)

    assert read_snapshot(tmp_path / "x.json") == told


@given(st.text(), st.text(), st.floats(allow_nan=False, allow_infinity=False), st.booleans(), st.integers(1, 10**9))
def test_results_written_by_hand_are_what_json_would_write(name, error, took, flag, attempt):
    result = {
        "phase": name,
        "success": flag,
        "duration_s": took,
        "error": error or None,
        "status": name,
        "attempt": attempt,
        "origin": error,
        "saved": not flag,
    }

    told = json.loads(encode_snapshot({"schema": 1, "results": [result, result]}))

    assert told == {"schema": 1, "results": [result, result]}


@pytest.mark.parametrize("took", [float("inf"), float("nan")])
def test_a_time_that_is_no_number_is_told_as_none(took):
    result = to_snapshot(STATE)["results"][0] | {"duration_s": took}

    told = json.loads(encode_snapshot({"results": [result]}))
    assert told["results"][0]["duration_s"] == 0.0


def test_people_find_a_result_on_each_line():
    lines = encode_snapshot(to_snapshot(STATE)).decode().splitlines()

    assert sum('"phase": ' in line for line in lines) == 2
