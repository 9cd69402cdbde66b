"""A pipeline's state as plain data."""

import json

from milo_nb.declare.graph import PhaseGraph
from milo_nb.declare.phase import Phase
from milo_nb.state.actions import PHASE_COMPLETE, PHASE_FAILED, PHASE_LOG, PHASE_START, PIPELINE_START, Action
from milo_nb.state.model import PhaseLog, PhaseStatus, PipelineState
from milo_nb.state.reducer import PipelineReducer
from milo_nb.state.timeline import pipeline_to_timeline
from tests.strategies import nothing


def test_the_timeline_says_where_everything_is():
    reduce = PipelineReducer("site", PhaseGraph([Phase("a", nothing), Phase("b", nothing, "", "a")]))
    state = reduce(None, Action("@@INIT"))
    for action in (
        Action(PIPELINE_START, {"session_id": "s1"}, 10.0),
        Action(PHASE_START, {"name": "a", "attempt": 1}, 10.5),
        Action(PHASE_LOG, {"name": "a", "line": "hello"}, 11.0),
        Action(PHASE_COMPLETE, {"name": "a"}, 12.0),
        Action(PHASE_START, {"name": "b", "attempt": 1}, 12.0),
        Action(PHASE_FAILED, {"name": "b", "error": "boom"}, 15.0),
    ):
        state = reduce(state, action)
    assert pipeline_to_timeline(state) == {
        "pipeline": "site",
        "status": "failed",
        "elapsed": 5.0,
        "progress": 0.5,
        "session_id": "s1",
        "started_at": 10.0,
        "phases": [
            {
                "name": "a", "status": "completed", "elapsed": 1.5, "attempt": 1, "error": None, "log_count": 1,
                "origin": "ran", "reason": "", "started_at": 10.5,
            },
            {
                "name": "b", "status": "failed", "elapsed": 3.0, "attempt": 1, "error": "boom", "log_count": 0,
                "origin": "ran", "reason": "", "started_at": 12.0,
            },
        ],
    }  # fmt: skip
    assert json.loads(json.dumps(pipeline_to_timeline(state))) == pipeline_to_timeline(state)


def test_the_log_count_is_never_below_the_lines_that_are_there():
    phase = PhaseStatus("a", logs=(PhaseLog("x"), PhaseLog("y")), log_count=1)
    assert pipeline_to_timeline(PipelineState("p", (phase,)))["phases"][0]["log_count"] == 2


def test_an_empty_state_has_an_empty_timeline():
    assert pipeline_to_timeline(PipelineState())["phases"] == []
