"""The rules for the whole session: its end, its time, commands."""

import pytest

from milo_nb.declare.graph import PhaseGraph
from milo_nb.declare.phase import Phase, PhasePolicy
from milo_nb.state import actions as a
from milo_nb.state.actions import Action
from milo_nb.state.reducer import PipelineReducer
from tests.strategies import nothing

PHASES = [
    Phase("a", nothing, weight=1, max_logs=3),
    Phase("b", nothing, "", "a", weight=3, policy=PhasePolicy("continue")),
    Phase("c", nothing, "", "b", weight=0, max_logs=0),
]


class Story:
    """A state and the rules that change it."""

    def __init__(self, phases=PHASES, **options):
        self.reduce = PipelineReducer("p", PhaseGraph(phases), **options)
        self.state = self.reduce(None, Action(a.INIT))
        self.t = 10.0

    def tell(self, kind, payload=None, *, after=1.0):
        self.t += after
        self.state = self.reduce(self.state, Action(kind, payload, self.t))
        return self

    def phase(self, name):
        return next(p for p in self.state.phases if p.name == name)

    def ignores(self, kind, payload):
        before = self.state
        after = self.reduce(before, Action(kind, payload, self.t + 1))
        return after is before


def running(*names):
    story = Story().tell(a.PIPELINE_START)
    for name in names:
        story.tell(a.PHASE_START, {"name": name, "attempt": 1})
    return story


# ---------------------------------------------------------------------- the whole


def test_complete_sets_the_progress_to_one():
    state = running().tell(a.PIPELINE_COMPLETE).state
    assert (state.status, state.progress, state.stopped_at) == ("completed", 1.0, 12.0)


def test_a_pipeline_with_a_failed_phase_is_never_completed():
    state = running("b").tell(a.PHASE_FAILED, "b").tell(a.PIPELINE_COMPLETE).state
    assert (state.status, state.progress) == ("failed", 0.0)


def test_an_end_stays_as_it_was_said_first():
    assert running().tell(a.PIPELINE_CANCELLED).tell(a.PIPELINE_COMPLETE).state.status == "cancelled"
    assert running().tell(a.PIPELINE_FAILED).tell(a.PIPELINE_COMPLETE).state.status == "failed"
    done = running().tell(a.PIPELINE_COMPLETE)
    for kind in (a.PIPELINE_FAILED, a.PIPELINE_CANCELLED, a.PIPELINE_PAUSED, a.PIPELINE_COMPLETE):
        assert done.ignores(kind, None), kind


def test_a_phase_that_fails_after_the_end_leaves_completed_and_cancelled_as_they_are():
    assert running("a").tell(a.PIPELINE_CANCELLED).tell(a.PHASE_FAILED, "a").state.status == "cancelled"
    assert running("a").tell(a.PIPELINE_COMPLETE).tell(a.PHASE_FAILED, "a").state.status == "completed"


def test_time_does_not_count_while_paused_or_ended():
    story = running("a").tell(a.PHASE_COMPLETE, "a", after=3)
    story.tell(a.PIPELINE_PAUSED)
    assert (story.state.status, story.state.elapsed) == ("paused", 5.0)
    story.tell(a.PIPELINE_RESUMED, after=100)
    assert (story.state.status, story.state.elapsed, story.state.stopped_at) == ("running", 5.0, 0.0)
    story.tell(a.PIPELINE_COMPLETE, after=2)
    assert story.state.elapsed == 7.0
    story.tell(a.PHASE_LOG, {"name": "a", "line": "late"}, after=50)
    assert story.state.elapsed == 7.0


def test_resuming_before_the_pause_came_about_takes_the_request_back():
    story = running("a").tell(a.COMMAND, {"command": "pause"}).tell(a.PIPELINE_RESUMED)
    assert (story.state.status, story.state.requested) == ("running", "")
    cancelling = running("a").tell(a.COMMAND, {"command": "cancel"}).tell(a.PIPELINE_RESUMED)
    assert cancelling.state.requested == "cancelling"


def test_a_failed_pipeline_that_still_runs_can_pause():
    story = running("a", "b").tell(a.PHASE_FAILED, "b").tell(a.PHASE_COMPLETE, "a").tell(a.PIPELINE_PAUSED)
    assert story.state.status == "paused"
    assert running().tell(a.PIPELINE_FAILED).ignores(a.PIPELINE_PAUSED, None)


# ---------------------------------------------------------------------- commands


def test_commands_say_what_is_requested():
    assert running("a").tell(a.COMMAND, {"command": "pause"}).state.requested == "pausing"
    assert running("a").tell(a.COMMAND, {"command": "cancel"}).state.requested == "cancelling"
    assert running("a").tell(a.COMMAND, {"command": "cancel", "phases": ["a"]}).state.requested == ""
    assert (
        running("a").tell(a.COMMAND, {"command": "pause"}).tell(a.COMMAND, {"command": "resume"}).state.requested == ""
    )


def test_a_repeated_command_id_changes_nothing():
    story = running("a").tell(a.COMMAND, {"command": "pause", "id": "one"})
    assert story.ignores(a.COMMAND, {"command": "cancel", "id": "one"})


def test_only_the_latest_ids_are_remembered():
    story = running("a")
    for n in range(65):
        story.tell(a.COMMAND, {"command": "pause", "id": f"id{n}"})
    assert len(story.state.commands) == 64
    assert story.ignores(a.COMMAND, {"command": "pause", "id": "id1"})
    assert not story.ignores(a.COMMAND, {"command": "pause", "id": "id0"})


@pytest.mark.parametrize("payload", [None, "pause", 3])
def test_a_command_that_is_no_dict_changes_nothing(payload):
    assert running("a").ignores(a.COMMAND, payload)


def test_a_refused_command_does_nothing_but_count_its_id():
    story = running("a").tell(a.COMMAND, {"command": "cancel", "id": "no", "refused": "cannot"})
    assert (story.state.requested, story.state.commands) == ("", ("no",))


def test_a_reset_makes_a_new_attempt_and_keeps_logs_and_history():
    story = (
        running("a").tell(a.PHASE_LOG, {"name": "a", "line": "x"}).tell(a.PHASE_FAILED, {"name": "a", "error": "boom"})
    )
    story.tell(a.PIPELINE_FAILED).tell(
        a.COMMAND, {"command": "retry", "phases": ["a"], "reset": ["a"], "goes_on": True}
    )
    fresh = story.phase("a")
    assert (fresh.status, fresh.attempt, fresh.first_attempt, fresh.error) == ("pending", 2, 2, "")
    assert (fresh.log_count, [r.error for r in fresh.history]) == (1, ["boom"])
    assert (story.state.status, story.state.halted, story.phase("b").reason) == ("running", False, "")


def test_a_reset_of_a_completed_phase_gives_its_weight_back():
    story = running("a").tell(a.PHASE_COMPLETE, "a").tell(a.COMMAND, {"command": "rerun", "reset": ["a"]})
    assert (story.state.progress, story.phase("a").status) == (0.0, "pending")


def test_a_reset_of_a_pending_phase_keeps_its_attempt():
    story = running().tell(a.COMMAND, {"command": "retry", "reset": ["b"]})
    assert (story.phase("b").attempt, story.phase("b").history) == (1, ())


def test_a_reset_or_mark_of_an_unknown_phase_is_passed_over():
    story = running("a").tell(
        a.COMMAND, {"command": "rerun", "reset": ["nope"], "marks": {"nope": "x", "b": "built on it"}}
    )
    assert story.phase("b").reason == "built on it"


def test_a_paused_session_stays_paused_through_a_reset():
    story = running("a").tell(a.PHASE_FAILED, "a").tell(a.PIPELINE_PAUSED)
    story.tell(a.COMMAND, {"command": "retry", "reset": ["a"]})
    assert (story.state.status, story.phase("a").status) == ("paused", "pending")


def test_another_graph_of_the_same_names_changes_weights_and_policies():
    story = running("a")
    story.reduce.adopt(
        PhaseGraph([Phase("a", nothing, weight=1), Phase("b", nothing, "", "a"), Phase("c", nothing, "", "b")])
    )
    assert story.tell(a.PHASE_COMPLETE, "a").state.progress == pytest.approx(1 / 3)
