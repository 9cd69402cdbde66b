"""Commands in every state: what they do, what they refuse and with which words."""

import pytest

from milo_nb.declare.phase import Phase, PhasePolicy
from milo_nb.errors import InvalidStateError
from tests.strategies import Hand, nothing


def par(name, *after, on_fail="stop", **options):
    policy = options.pop("policy", PhasePolicy(on_fail))
    return Phase(name, nothing, "", after, parallel=True, policy=policy, **options)


CHAIN = [par("a"), par("b", "a"), par("c", "b")]


# ---------------------------------------------------------------------- pause and resume


def test_pause_lets_what_runs_finish_and_starts_nothing():
    with Hand(CHAIN) as hand:
        hand.command("pause")
        assert (hand.state.status, hand.state.requested) == ("running", "pausing")
        hand.finish("a")
        assert (hand.state.status, hand.state.requested, hand.running) == ("paused", "", set())
        assert not hand.session.ended.is_set()
        hand.command("resume")
        assert (hand.state.status, hand.running) == ("running", {"b"})


def test_resume_before_the_pause_came_about_goes_on_as_if_nothing_was():
    with Hand(CHAIN) as hand:
        hand.command("pause")
        hand.command("resume")
        assert (hand.state.status, hand.state.requested) == ("running", "")
        hand.finish("a")
        assert hand.running == {"b"}


def test_the_time_of_a_pause_does_not_count():
    with Hand(CHAIN) as hand:
        hand.clock.advance(2)
        hand.command("pause")
        hand.finish("a")
        hand.clock.advance(100)
        hand.command("resume")
        hand.clock.advance(3)
        hand.finish("b", "c")
        assert hand.state.elapsed == 5


def test_a_pause_when_all_is_done_ends_completed():
    with Hand([par("a")]) as hand:
        hand.command("pause")
        hand.finish("a")
        assert (hand.state.status, hand.state.requested) == ("completed", "")


def test_resume_after_a_failure_runs_what_failed_and_what_never_ran():
    with Hand(CHAIN) as hand:
        hand.finish("a")
        hand.fail("b")
        assert hand.session.ended.is_set()
        hand.command("resume")
        assert not hand.session.ended.is_set()
        assert (hand.running, hand.phase("b").attempt) == ({"b"}, 2)
        hand.finish("b", "c")
        assert (hand.state.status, hand.backend.started) == (
            "completed",
            [("a", 1), ("b", 1), ("b", 2), ("c", 1)],
        )


def test_a_resume_does_not_lift_a_stop_while_the_failed_phase_stands():
    with Hand([par("a"), par("b"), par("c", "b")]) as hand:
        hand.fail("a")
        hand.command("pause")
        hand.command("resume")
        assert hand.state.status == "failed"
        hand.finish("b")
        assert hand.statuses() == {"a": "failed", "b": "completed", "c": "pending"}
        assert hand.state.status == "failed"


def test_a_phase_whose_delay_ends_during_a_pause_is_tried_again_after_it():
    with Hand([par("a", policy=PhasePolicy("retry", 1, 5.0))]) as hand:
        hand.fail("a")
        hand.command("pause")
        hand.clock.advance(5.0)
        assert hand.running == set()
        assert not hand.session.ended.is_set()
        hand.command("resume")
        hand.clock.advance(5.0)
        assert hand.backend.started == [("a", 1), ("a", 2)]
        hand.finish("a")
        assert (hand.state.status, hand.status("a")) == ("completed", "completed")


def test_a_phase_whose_delay_ended_while_no_slot_was_free_outlives_other_commands():
    phases = [par("a", policy=PhasePolicy("retry", 1, 5.0)), par("b"), par("c"), par("d", "b")]
    with Hand(phases, slots=2) as hand:
        hand.fail("a")
        assert hand.running == {"b", "c"}
        hand.clock.advance(5.0)
        hand.command("skip", "d")
        hand.finish("b", "c")
        assert hand.running == {"a"}
        hand.finish("a")
        assert hand.state.status == "completed"


# ---------------------------------------------------------------------- cancel


def test_cancel_is_cancelling_until_the_code_has_stopped():
    with Hand([par("a"), par("b"), par("c", "a")]) as hand:
        hand.command("cancel")
        assert (hand.state.status, hand.state.requested) == ("running", "cancelling")
        assert hand.backend.asked_to_stop() == {"a", "b"}
        hand.backend.cancelled("a")
        assert not hand.session.ended.is_set()
        hand.finish("b")
        assert (hand.state.status, hand.state.requested) == ("cancelled", "")
        assert hand.session.ended.is_set()
        assert hand.statuses() == {"a": "cancelled", "b": "completed", "c": "pending"}


def test_cancelling_one_phase_blocks_only_what_depends_on_it():
    with Hand([par("a"), par("b"), par("c", "a"), par("d", "b")]) as hand:
        hand.command("cancel", "a")
        assert (hand.backend.asked_to_stop(), hand.state.requested) == ({"a"}, "")
        hand.backend.cancelled("a")
        assert hand.phase("c").reason == "blocked by a"
        hand.finish("b", "d")
        assert hand.state.status == "cancelled"
        assert hand.statuses() == {"a": "cancelled", "b": "completed", "c": "pending", "d": "completed"}


def test_a_pending_phase_can_be_cancelled():
    with Hand(CHAIN) as hand:
        hand.command("cancel", "b")
        assert hand.status("b") == "cancelled"
        hand.finish("a")
        assert (hand.state.status, hand.running) == ("cancelled", set())


def test_a_phase_that_waits_to_be_tried_again_can_be_cancelled():
    with Hand([par("a", policy=PhasePolicy("retry", 1, 5.0))]) as hand:
        hand.fail("a")
        hand.command("cancel", "a")
        assert (hand.status("a"), hand.state.status) == ("cancelled", "cancelled")
        hand.clock.advance()
        assert hand.clock.timers == 0
        hand.clock.advance(60)
        assert hand.running == set()


@pytest.mark.parametrize("word", ["skip", "cancel"])
def test_a_delay_that_ends_with_the_command_does_not_bring_the_phase_back(word):
    with Hand([par("a", policy=PhasePolicy("retry", 1, 5.0)), par("b")]) as hand:
        hand.fail("a")
        with hand.session.store.loop.hold():  # the delay ends before the command is carried out
            hand.command(word, "a")
            hand.clock.advance(5.0)
        assert hand.running == {"b"}
        assert hand.status("a") == ("skipped" if word == "skip" else "cancelled")
        hand.finish("b")
        assert hand.session.ended.is_set()


def test_cancel_of_a_paused_session_ends_it():
    with Hand(CHAIN) as hand:
        hand.command("pause")
        hand.finish("a")
        hand.command("cancel")
        assert (hand.state.status, hand.session.ended.is_set()) == ("cancelled", True)


def test_a_cancelled_session_can_be_resumed_where_it_was():
    with Hand(CHAIN) as hand:
        hand.finish("a")
        hand.command("cancel")
        hand.backend.cancelled("b")
        assert hand.state.status == "cancelled"
        hand.command("resume")
        assert (hand.state.status, hand.running, hand.phase("b").attempt) == ("running", {"b"}, 2)
        hand.finish("b", "c")
        assert hand.state.status == "completed"


# ---------------------------------------------------------------------- retry and rerun


def test_retry_runs_a_failed_phase_with_a_new_attempt_and_then_what_waited_for_it():
    with Hand(CHAIN) as hand:
        hand.finish("a")
        hand.fail("b")
        assert hand.phase("c").reason == "blocked by b"
        hand.command("retry", "b")
        assert (hand.state.status, hand.status("b"), hand.phase("b").attempt) == ("running", "running", 2)
        assert (hand.phase("c").reason, hand.phase("b").error) == ("", "")
        hand.finish("b", "c")
        assert (hand.state.status, hand.state.progress) == ("completed", 1.0)


def test_a_failed_phase_can_be_retried_while_others_run():
    with Hand([par("a"), par("b"), par("c", "a", "b")]) as hand:
        hand.fail("a")
        hand.command("retry", "a")
        assert (hand.running, hand.state.status) == ({"a", "b"}, "running")
        hand.finish("a", "b")
        assert hand.running == {"c"}


def test_retry_failed_takes_all_that_failed_or_was_cancelled():
    with Hand([par("a", on_fail="continue"), par("b", on_fail="continue"), par("c")]) as hand:
        hand.fail("a")
        hand.command("cancel", "b")
        hand.backend.cancelled("b")
        hand.finish("c")
        plan = hand.command("retry-failed")
        assert plan.runs == ("a", "b")
        assert hand.running == {"a", "b"}


def test_rerun_runs_the_phase_and_its_completed_descendants_in_the_same_session():
    with Hand([*CHAIN, par("z")]) as hand:
        hand.finish("a", "b", "c", "z")
        session_id = hand.state.session_id
        hand.command("rerun", "b")
        assert hand.statuses() == {"a": "completed", "b": "running", "c": "pending", "z": "completed"}
        assert (hand.state.progress, hand.state.session_id) == (0.5, session_id)
        hand.finish("b", "c")
        assert (hand.state.status, hand.phase("c").attempt) == ("completed", 2)


def test_rerun_without_downstream_keeps_what_was_built_on_it_and_says_so():
    with Hand(CHAIN) as hand:
        hand.finish("a", "b", "c")
        hand.command("rerun", "b", downstream=False)
        hand.finish("b")
        assert hand.statuses() == dict.fromkeys("abc", "completed")
        assert hand.phase("c").reason == "built on attempt 1 of b"
        assert hand.backend.started[-1] == ("b", 2)
        assert hand.state.status == "completed"


def test_what_waits_for_a_phase_that_runs_again_waits_for_its_new_result():
    with Hand([par("a"), par("b"), par("c", "a", "b")]) as hand:
        hand.finish("a")
        hand.command("rerun", "a")
        hand.finish("b")
        assert hand.running == {"a"}
        hand.finish("a")
        assert hand.running == {"c"}


# ---------------------------------------------------------------------- skip


def test_a_skipped_phase_gives_its_dependants_the_value():
    with Hand(CHAIN) as hand:
        hand.command("skip", "b", value={"df": 1})
        assert (hand.status("b"), hand.phase("b").origin, hand.session.results["b"]) == (
            "skipped",
            "substitute",
            {"df": 1},
        )
        assert hand.phase("b").reason == "skipped by program"
        hand.finish("a")
        assert hand.running == {"c"}


def test_a_running_phase_is_cancelled_before_it_is_skipped():
    with Hand(CHAIN) as hand:
        hand.command("skip", "a", value=7)
        assert (hand.status("a"), hand.backend.asked_to_stop()) == ("running", {"a"})
        hand.backend.cancelled("a")
        assert (hand.status("a"), hand.running, hand.session.results["a"]) == ("skipped", {"b"}, 7)


def test_a_phase_that_completes_before_the_skip_took_hold_keeps_its_result():
    with Hand(CHAIN) as hand:
        hand.command("skip", "a", value=7)
        hand.finish("a")
        assert (hand.status("a"), hand.session.results["a"], hand.running) == ("completed", "result of a", {"b"})


def test_skipping_a_failed_phase_lets_the_session_go_on():
    with Hand(CHAIN) as hand:
        hand.fail("a")
        assert hand.session.ended.is_set()
        hand.command("skip", "a", value=1)
        assert (hand.state.status, hand.running) == ("running", {"b"})
        hand.finish("b", "c")
        assert hand.state.status == "completed"


def test_skipping_the_failed_phase_while_others_run_lifts_the_stop():
    with Hand([par("a"), par("b"), par("c", "a"), par("d", "b")]) as hand:
        hand.fail("a")
        hand.command("skip", "a", value=1)
        hand.finish_all()
        assert hand.statuses() == {"a": "skipped", "b": "completed", "c": "completed", "d": "completed"}
        assert hand.state.status == "completed"


def test_a_session_with_phases_that_never_ran_is_not_completed():
    with Hand([par("a"), par("b"), par("c", "a")]) as hand:
        hand.fail("a")
        hand.command("skip", "a", value=1)
        hand.finish("b")
        if hand.session.ended.is_set():
            assert "pending" not in hand.statuses().values()


def test_skip_refuses_to_replace_a_result_unless_told_to():
    with Hand(CHAIN) as hand:
        hand.finish("a", "b", "c")
        with pytest.raises(InvalidStateError, match=r"Phase 'b' is completed and has a result\..*replace=True"):
            hand.command("skip", "b", value=1)
        hand.command("skip", "b", value=1, replace=True)
        assert hand.statuses() == {"a": "completed", "b": "skipped", "c": "running"}
        assert hand.phase("c").attempt == 2
        hand.finish("c")
        assert (hand.state.status, hand.state.progress) == ("completed", 1.0)


def test_a_substitute_with_a_load_method_is_handed_on_as_it_is():
    class Dataset:
        native = True

        def load(self):
            raise AssertionError("not ours to load")

    dataset = Dataset()
    with Hand(CHAIN) as hand:
        hand.command("skip", "b", value=dataset)
        assert hand.session.results["b"] is dataset


def test_a_phase_can_be_skipped_before_the_start():
    hand = Hand(CHAIN)
    hand.command("skip", "a", value=5)
    hand.start()
    assert (hand.running, hand.session.results["a"]) == ({"b"}, 5)
    hand.finish("b", "c")
    assert (hand.state.status, hand.state.progress) == ("completed", 1.0)
    hand.close()
