"""The rules: what each action does to the state, and what changes nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milo_nb.declare.graph import PhaseGraph
from milo_nb.declare.phase import Phase, PhasePolicy
from milo_nb.state import actions as a
from milo_nb.state.actions import Action
from milo_nb.state.model import PhaseLog, PhaseStatus, PipelineState
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


# ---------------------------------------------------------------------- the beginning


def test_init_makes_all_phases_pending_in_execution_order():
    state = Story().state
    assert state.phases == (PhaseStatus("a"), PhaseStatus("b"), PhaseStatus("c"))
    assert (state.name, state.status, state.progress, state.current_phase) == ("p", "pending", 0.0, "")


def test_no_state_is_the_same_as_init():
    story = Story()
    assert story.reduce(None, Action("unknown")) == story.state
    assert running("a").tell(a.INIT).state == story.state


def test_a_state_built_by_hand_with_a_tuple_of_phases_is_taken():
    story = Story()
    state = PipelineState("p", (PhaseStatus("a"), PhaseStatus("b"), PhaseStatus("c")))
    state = story.reduce(state, Action(a.PHASE_START, "a", 3.0))
    assert state.phases[0] == PhaseStatus("a", "running", 3.0, origin="ran")


def test_pipeline_start_sets_status_session_and_the_time():
    state = Story().tell(a.PIPELINE_START, {"session_id": "s"}).state
    assert (state.status, state.session_id, state.started_at) == ("running", "s", 11.0)


def test_a_number_as_payload_of_pipeline_start_is_the_time():
    assert Story().tell(a.PIPELINE_START, 4.5).state.started_at == 4.5


def test_starting_again_begins_anew_but_remembers_the_commands():
    story = running("a").tell(a.COMMAND, {"command": "pause", "id": "one"})
    story.tell(a.PIPELINE_START)
    assert (story.state.status, story.state.requested, story.phase("a").status) == ("running", "", "pending")
    assert story.ignores(a.COMMAND, {"command": "pause", "id": "one"})


# ---------------------------------------------------------------------- phases


@pytest.mark.parametrize("payload", ["a", {"name": "a"}, {"name": "a", "attempt": 1}])
def test_phase_start_takes_a_name_or_a_dict(payload):
    story = Story().tell(a.PIPELINE_START).tell(a.PHASE_START, payload)
    assert story.phase("a") == PhaseStatus("a", "running", 12.0, origin="ran")
    assert (story.state.current_phase, story.state.running) == ("a", ("a",))


def test_complete_sets_progress_by_weight():
    story = running("a").tell(a.PHASE_COMPLETE, {"name": "a", "result": object()})
    assert (story.phase("a").status, story.phase("a").elapsed, story.phase("a").fraction) == ("completed", 1.0, 1.0)
    assert (story.state.progress, story.state.current_phase, story.state.done_weight) == (0.25, "", 1)
    assert story.tell(a.PHASE_COMPLETE, {"name": "b"}).state.progress == 1.0


def test_the_progress_of_a_pipeline_without_weight_is_full_with_the_first_phase():
    story = Story([Phase("a", nothing, weight=0), Phase("b", nothing, weight=0)])
    assert story.tell(a.PHASE_COMPLETE, "a").state.progress == 1.0


def test_a_result_never_gets_into_the_state():
    secret = object()
    story = running("a").tell(a.PHASE_COMPLETE, {"name": "a", "result": secret})
    assert repr(secret) not in repr(story.state)


def test_failed_keeps_the_error_and_fails_the_pipeline_at_once():
    story = running("a").tell(a.PHASE_FAILED, {"name": "a", "error": "boom"}, after=2.5)
    assert (story.phase("a").status, story.phase("a").error, story.phase("a").elapsed) == ("failed", "boom", 2.5)
    assert (story.state.status, story.state.stopped_at, story.state.halted) == ("failed", 0.0, True)
    assert (story.phase("b").reason, story.phase("c").reason) == ("blocked by a", "blocked by a")


def test_only_what_continue_does_not_cover_halts():
    assert not running("b").tell(a.PHASE_FAILED, "b").state.halted
    assert Story(fail_fast=True).tell(a.PHASE_START, "b").tell(a.PHASE_FAILED, "b").state.halted


def test_skipped_counts_as_done_and_keeps_error_origin_and_reason():
    payload = {"name": "b", "error": "boom", "reason": "because", "origin": "substitute"}
    story = running("b").tell(a.PHASE_SKIPPED, payload)
    skipped = story.phase("b")
    assert (skipped.status, skipped.error, skipped.reason, skipped.origin) == (
        "skipped",
        "boom",
        "because",
        "substitute",
    )
    assert story.state.progress == 0.75


def test_a_result_is_replaced_only_if_the_skip_says_so_and_counts_once():
    story = running("b").tell(a.PHASE_COMPLETE, "b")
    assert story.ignores(a.PHASE_SKIPPED, {"name": "b"})
    story.tell(a.PHASE_SKIPPED, {"name": "b", "replace": True})
    assert (story.phase("b").status, story.state.progress) == ("skipped", 0.75)


def test_skipping_what_failed_frees_what_it_blocked():
    story = running("a").tell(a.PHASE_FAILED, {"name": "a"}).tell(a.PHASE_SKIPPED, {"name": "a", "replace": True})
    assert (story.phase("b").reason, story.phase("c").reason) == ("", "")


def test_a_phase_stays_blocked_by_another_that_failed():
    story = Story([Phase("x", nothing), Phase("y", nothing), Phase("z", nothing, "", ["x", "y"])]).tell(
        a.PIPELINE_START
    )
    story.tell(a.PHASE_CANCELLED, "x").tell(a.PHASE_FAILED, "y")
    assert story.phase("z").reason == "blocked by x"
    story.tell(a.PHASE_SKIPPED, {"name": "x", "replace": True})
    assert story.phase("z").reason == "blocked by y"


def test_cancelled_blocks_and_does_not_fail_the_pipeline():
    story = running("a").tell(a.PHASE_CANCELLED, {"name": "a", "error": "abandoned"})
    assert (story.phase("a").status, story.phase("a").error, story.phase("b").reason) == (
        "cancelled",
        "abandoned",
        "blocked by a",
    )
    assert story.state.status == "running"


def test_retry_keeps_the_attempt_that_failed_in_the_history():
    story = running("a").tell(a.PHASE_RETRY, {"name": "a", "attempt": 2, "error": "boom", "reason": "tries again"})
    retrying = story.phase("a")
    assert (retrying.status, retrying.attempt, retrying.error, retrying.reason) == (
        "retrying",
        2,
        "boom",
        "tries again",
    )
    (record,) = retrying.history
    assert (record.attempt, record.status, record.started_at, record.elapsed, record.error) == (
        1,
        "failed",
        12.0,
        1.0,
        "boom",
    )
    assert story.state.current_phase == ""
    story.tell(a.PHASE_START, {"name": "a", "attempt": 2})
    again = story.phase("a")
    assert (again.status, again.attempt, again.error, again.reason, len(again.history)) == ("running", 2, "", "", 1)


def test_the_current_phase_is_the_latest_started_that_still_runs():
    story = running("a", "b", "c")
    assert story.state.current_phase == "c"
    assert story.tell(a.PHASE_COMPLETE, "c").state.current_phase == "b"
    assert story.tell(a.PHASE_COMPLETE, "a").state.current_phase == "b"
    assert story.tell(a.PHASE_COMPLETE, "b").state.current_phase == ""


def test_a_later_attempt_may_start_over_an_earlier_one():
    story = running("a").tell(a.PHASE_START, {"name": "a", "attempt": 2})
    assert (story.phase("a").attempt, story.phase("a").status, story.state.running) == (2, "running", ("a",))
    assert [r.status for r in story.phase("a").history] == ["failed"]


def test_a_later_attempt_of_a_completed_phase_gives_its_weight_back():
    story = running("a").tell(a.PHASE_COMPLETE, "a").tell(a.PHASE_START, {"name": "a", "attempt": 2})
    assert story.state.progress == 0.0
    assert story.tell(a.PHASE_COMPLETE, {"name": "a"}).state.progress == 0.25


def test_review_edited_and_saved_are_noted():
    story = (
        running("a")
        .tell(a.PHASE_COMPLETE, "a")
        .tell(a.PHASE_REVIEW, "a")
        .tell(a.PHASE_EDITED, "a")
        .tell(a.PHASE_SAVED, {"name": "a", "attempt": 1})
    )
    assert (story.state.waiting_for, story.phase("a").edited, story.phase("a").saved) == ("a", True, True)
    assert story.ignores(a.PHASE_EDITED, "a")
    assert story.ignores(a.PHASE_SAVED, "a")
    assert story.tell(a.COMMAND, {"command": "approve", "by": "view"}).state.waiting_for == ""
    assert story.phase("a").reason == "approved by view"
    assert story.tell(a.COMMAND, {"command": "approve", "phases": ["b", "?"]}).phase("b").reason == ""


def test_only_what_is_done_is_reviewed_or_saved():
    story = running("a")
    assert story.ignores(a.PHASE_REVIEW, "a")
    assert story.ignores(a.PHASE_SAVED, {"name": "a", "attempt": 1})


def test_a_completion_may_say_where_the_result_comes_from():
    story = running("a").tell(a.PHASE_COMPLETE, {"name": "a", "origin": "cache", "reason": "cached 3 min ago"})
    assert (story.phase("a").origin, story.phase("a").reason) == ("cache", "cached 3 min ago")


def test_what_could_not_be_saved_is_said_on_its_phase_until_it_is():
    story = running("a").tell(a.PHASE_COMPLETE, "a")
    story.tell(a.CHECKPOINT_FAILED, {"name": "a", "attempt": 1, "reason": "no space left"})
    assert (story.phase("a").reason, story.state.notice) == ("not saved: no space left", "")
    assert story.tell(a.PHASE_SAVED, {"name": "a", "attempt": 1}).phase("a").reason == ""
    assert story.tell(a.CHECKPOINT_FAILED, {"reason": "disk full"}).state.notice == "disk full"


def test_what_was_said_of_a_phase_before_stays_when_it_cannot_be_saved():
    story = running("a").tell(a.PHASE_COMPLETE, {"name": "a", "origin": "cache", "reason": "cached 3 min ago"})
    assert story.ignores(a.CHECKPOINT_FAILED, {"name": "a", "reason": "no space left"})
    assert story.tell(a.PHASE_SAVED, "a").phase("a").reason == "cached 3 min ago"


def test_a_display_adds_its_reference():
    story = (
        running("a")
        .tell(a.PHASE_OUTPUT, {"name": "a", "output": "o1"})
        .tell(a.PHASE_OUTPUT, {"name": "a", "output": "o2"})
    )
    assert story.phase("a").outputs == ("o1", "o2")
    assert story.ignores(a.PHASE_OUTPUT, {"name": "a"})


def test_progress_is_kept_within_its_bounds_and_only_while_running():
    story = running("a").tell(a.PHASE_PROGRESS, {"name": "a", "fraction": 0.5, "message": "half"})
    assert (story.phase("a").fraction, story.phase("a").message) == (0.5, "half")
    assert story.tell(a.PHASE_PROGRESS, {"name": "a", "fraction": 7}).phase("a").fraction == 1.0
    assert story.tell(a.PHASE_PROGRESS, {"name": "a", "fraction": -1}).phase("a").fraction == 0.0
    assert story.phase("a").message == "half"
    assert story.ignores(a.PHASE_PROGRESS, {"name": "b", "fraction": 0.5})


def test_a_checkpoint_that_failed_is_a_visible_notice():
    assert running("a").tell(a.CHECKPOINT_FAILED, {"reason": "disk full"}).state.notice == "disk full"
    assert running("a").tell(a.CHECKPOINT_FAILED, "no room").state.notice == "no room"


# ---------------------------------------------------------------------- logs


def test_log_lines_are_kept_up_to_max_logs_and_all_are_counted():
    story = running("a")
    for n in range(5):
        story.tell(a.PHASE_LOG, {"name": "a", "line": f"line {n}", "stream": "stderr", "timestamp": n, "level": "INFO"})
    kept = story.phase("a")
    assert kept.logs == tuple(PhaseLog(f"line {n}", "stderr", n, "INFO") for n in (2, 3, 4))
    assert kept.log_count == 5


def test_a_line_without_more_has_the_actions_time_and_is_stdout():
    assert running("a").tell(a.PHASE_LOG, {"name": "a", "line": "x"}).phase("a").logs == (
        PhaseLog("x", "stdout", 13.0),
    )


def test_logs_come_in_batches_with_the_count_of_those_that_were_dropped():
    lines = (PhaseLog("x"), PhaseLog("y"))
    story = running("a").tell(a.PHASE_LOGS, {"name": "a", "lines": lines, "count": 100, "dropped": 98})
    assert (story.phase("a").logs, story.phase("a").log_count) == (lines, 100)
    story.tell(a.PHASE_LOGS, {"name": "a", "lines": lines})
    assert (len(story.phase("a").logs), story.phase("a").log_count) == (3, 102)
    assert story.ignores(a.PHASE_LOGS, {"name": "a", "lines": ()})


def test_without_max_logs_lines_are_only_counted():
    story = running("c").tell(a.PHASE_LOG, {"name": "c", "line": "x"})
    assert (story.phase("c").logs, story.phase("c").log_count) == ((), 1)


# ---------------------------------------------------------------------- what changes nothing


OUTCOMES = [a.PHASE_COMPLETE, a.PHASE_FAILED, a.PHASE_SKIPPED, a.PHASE_CANCELLED]
OF_A_PHASE = [*OUTCOMES, a.PHASE_START, a.PHASE_RETRY, a.PHASE_LOG, a.PHASE_PROGRESS, a.PHASE_REVIEW, a.PHASE_EDITED,
              a.PHASE_SAVED, a.PHASE_OUTPUT, a.PHASE_LOGS]  # fmt: skip


@pytest.mark.parametrize("first", OUTCOMES)
@pytest.mark.parametrize("second", OUTCOMES)
def test_a_second_outcome_of_an_attempt_changes_nothing(first, second):
    story = running("a").tell(first, {"name": "a", "attempt": 1})
    assert story.ignores(second, {"name": "a", "attempt": 1})
    assert story.ignores(second, {"name": "a"})


@pytest.mark.parametrize("kind", [k for k in OF_A_PHASE if k not in (a.PHASE_REVIEW, a.PHASE_EDITED)])
def test_an_action_of_an_older_attempt_changes_nothing(kind):
    story = (
        running("a").tell(a.PHASE_RETRY, {"name": "a", "attempt": 2}).tell(a.PHASE_START, {"name": "a", "attempt": 2})
    )
    old = {"name": "a", "attempt": 1, "line": "x", "lines": (PhaseLog("x"),), "output": 1, "fraction": 0.5}
    assert story.ignores(kind, old)


@pytest.mark.parametrize("kind", OF_A_PHASE)
@pytest.mark.parametrize("payload", [{"name": "nope"}, "nope", None, {}, 7, {"name": 7}, {"name": ["a"]}, []])
def test_an_action_of_an_unknown_phase_changes_nothing(kind, payload):
    assert running("a").ignores(kind, payload)


@pytest.mark.parametrize("kind", ["", "@@UNKNOWN", "phase_start", a.KEY])
def test_an_unknown_action_changes_nothing(kind):
    assert running("a").ignores(kind, {"name": "a"})


def test_a_repeated_start_of_an_attempt_changes_nothing():
    assert running("a").ignores(a.PHASE_START, {"name": "a", "attempt": 1})
    assert running("a").tell(a.PHASE_COMPLETE, "a").ignores(a.PHASE_START, {"name": "a", "attempt": 1})


def test_a_retry_of_an_attempt_that_has_ended_changes_nothing():
    assert running("a").tell(a.PHASE_COMPLETE, "a").ignores(a.PHASE_RETRY, {"name": "a", "attempt": 1})


def test_complete_log_and_retry_of_a_pending_phase_are_accepted():
    story = Story().tell(a.PHASE_LOG, {"name": "a", "line": "early"}).tell(a.PHASE_RETRY, {"name": "a", "attempt": 1})
    assert (story.phase("a").status, story.phase("a").log_count, story.phase("a").history) == ("retrying", 1, ())
    story.tell(a.PHASE_COMPLETE, "b")
    assert (story.phase("b").status, story.phase("b").elapsed, story.phase("b").origin) == ("completed", 0.0, "ran")


def test_a_retrying_phase_may_fail():
    story = (
        running("a").tell(a.PHASE_RETRY, {"name": "a", "attempt": 2}).tell(a.PHASE_FAILED, {"name": "a", "error": "no"})
    )
    assert (story.phase("a").status, story.phase("a").attempt) == ("failed", 2)


def test_what_comes_late_for_an_ended_phase_still_shows():
    story = running("a").tell(a.PHASE_COMPLETE, "a").tell(a.PHASE_LOG, {"name": "a", "attempt": 1, "line": "late"})
    assert story.phase("a").log_count == 1


@given(st.lists(st.tuples(st.sampled_from(OF_A_PHASE), st.sampled_from("abc"), st.integers(1, 3)), max_size=30))
def test_a_batch_comes_to_what_its_actions_come_to_one_by_one(told):
    story = Story()
    actions = [
        Action(kind, {"name": name, "attempt": attempt, "line": "x", "output": 1, "lines": (PhaseLog("y"),)}, float(t))
        for t, (kind, name, attempt) in enumerate(told, 1)
    ]
    batched = story.reduce.batch(story.state, actions)
    state = story.state
    for action in actions:
        state = story.reduce(state, action)
    assert batched == state
    total = sum(w for w, p in zip((1, 3, 0), state.phases, strict=True) if p.status in ("completed", "skipped"))
    assert state.progress == total / 4


def test_that_a_session_is_not_saved_is_said_until_it_is_whatever_it_goes_on_after():
    story = running("a").tell(a.CHECKPOINT_FAILED, {"reason": "Not saved: disk full."}).tell(a.PIPELINE_CANCELLED)
    assert story.tell(a.PIPELINE_RESUMED).state.notice == "Not saved: disk full."
