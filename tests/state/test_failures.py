"""What a failing phase does to the others, by its policy, and what the session says at its end."""

import pytest

from milo_nb.declare.phase import Phase, PhasePolicy
from milo_nb.errors import PhaseError, PhaseLostError, PhaseTimeoutError
from tests.strategies import Hand, nothing


def par(name, *after, on_fail="stop", **options):
    policy = options.pop("policy", PhasePolicy(on_fail))
    return Phase(name, nothing, "", after, parallel=True, policy=policy, **options)


def test_stop_starts_no_new_phase_and_ends_failed_when_nothing_runs():
    with Hand([par("a"), par("b"), par("c", "b"), par("d", "a")]) as hand:
        hand.fail("a")
        assert (hand.state.status, hand.session.ended.is_set()) == ("failed", False)
        hand.finish("b")
        assert hand.session.ended.is_set()
        assert hand.statuses() == {"a": "failed", "b": "completed", "c": "pending", "d": "pending"}
        assert (hand.state.status, hand.state.requested) == ("failed", "")


def test_continue_goes_on_beside_and_blocks_what_depends_on_the_failure():
    with Hand([par("load", on_fail="continue"), par("x", "load"), par("y", "x"), par("b"), par("c", "b")]) as hand:
        hand.fail("load")
        hand.finish("b", "c")
        assert hand.session.ended.is_set()
        assert hand.statuses() == {"load": "failed", "b": "completed", "c": "completed", "x": "pending", "y": "pending"}
        assert (hand.phase("x").reason, hand.phase("y").reason) == ("blocked by load", "blocked by load")
        assert hand.state.status == "failed"


def test_skip_goes_on_with_none_and_keeps_the_error():
    with Hand([par("a", on_fail="skip"), par("b", "a")]) as hand:
        hand.fail("a", ValueError("too bad"))
        assert (hand.status("a"), hand.phase("a").error) == ("skipped", "too bad")
        assert hand.session.results["a"] is None
        hand.finish("b")
        assert hand.state.status == "completed"
        assert hand.state.progress == 1.0


def test_retry_waits_its_delay_then_tries_again_then_stops():
    with Hand([par("a", policy=PhasePolicy("retry", 2, 3.0)), par("b", "a")]) as hand:
        hand.fail("a", ValueError("one"))
        assert (hand.status("a"), hand.phase("a").attempt, hand.phase("a").error) == ("retrying", 2, "one")
        assert hand.phase("a").reason == "tries again in 3 s"
        hand.clock.advance(2.9)
        assert hand.backend.started == [("a", 1)]
        hand.clock.advance(0.1)
        assert hand.backend.started == [("a", 1), ("a", 2)]
        assert (hand.status("a"), hand.phase("a").error) == ("running", "")
        hand.fail("a", ValueError("two"))
        hand.clock.advance(3.0)
        hand.fail("a", ValueError("three"))
        assert (hand.status("a"), hand.phase("a").error, hand.state.status) == ("failed", "three", "failed")
        assert [(h.attempt, h.status, h.error) for h in hand.phase("a").history] == [
            (1, "failed", "one"),
            (2, "failed", "two"),
        ]
        assert hand.status("b") == "pending"


def test_exponential_delays_double_from_the_first_up_to_thirty_seconds():
    policy = PhasePolicy("retry", 9, 4.0, "exponential")
    with Hand([par("a", policy=policy)]) as hand:
        reasons = []
        for _ in range(5):
            hand.fail("a")
            reasons.append(hand.phase("a").reason)
            hand.clock.advance(30.0)
        assert reasons == [f"tries again in {s} s" for s in (4, 8, 16, 30, 30)]


def test_back_off_counts_tries_since_the_last_command():
    with Hand([par("a", policy=PhasePolicy("retry", 1, 2.0, "exponential"))]) as hand:
        hand.fail("a")
        hand.clock.advance(2.0)
        hand.fail("a")
        assert hand.status("a") == "failed"
        hand.command("retry", "a")
        assert (hand.phase("a").attempt, hand.backend.started[-1]) == (3, ("a", 3))
        hand.fail("a")
        assert (hand.status("a"), hand.phase("a").reason) == ("retrying", "tries again in 2 s")
        hand.clock.advance(2.0)
        hand.fail("a")
        assert hand.status("a") == "failed"


def test_retry_if_decides_on_the_exception_itself():
    asked = []

    def only_timeouts(error):
        asked.append(error)
        return isinstance(error, TimeoutError)

    with Hand([par("a", policy=PhasePolicy("retry", 5, 0.0, retry_if=only_timeouts))]) as hand:
        one, two = TimeoutError("slow"), ValueError("wrong")
        hand.fail("a", one)
        assert hand.status("a") == "retrying"
        hand.clock.advance()
        hand.fail("a", two)
        assert asked == [one, two]
        assert hand.status("a") == "failed"


def test_an_exception_with_a_cause_of_its_own_is_judged_as_itself():
    class BrokenError(Exception):
        cause = "disk full"

    asked = []
    policy = PhasePolicy("retry", 1, 0.0, retry_if=lambda e: asked.append(type(e)))
    with Hand([par("a", policy=policy)]) as hand:
        hand.fail("a", BrokenError("no room"))
        assert (asked, hand.phase("a").error) == ([BrokenError], "no room")


def test_a_failed_phase_without_a_message_shows_its_exceptions_name():
    with Hand([par("a")]) as hand:
        hand.fail("a", KeyboardInterrupt())
        assert hand.phase("a").error == "KeyboardInterrupt"


def test_a_lost_worker_fails_the_phase_with_the_reason():
    with Hand([par("a")]) as hand:
        hand.backend.lose("a", "the worker was killed")
        assert hand.phase("a").error == "the worker was killed"
        assert isinstance(hand.session.errors["a"], PhaseLostError)


def test_a_timeout_asks_the_phase_to_stop_and_counts_as_a_failure():
    with Hand([par("a", timeout=5.0)]) as hand:
        hand.clock.advance(4.9)
        assert hand.backend.asked_to_stop() == set()
        hand.clock.advance(0.1)
        assert hand.backend.asked_to_stop() == {"a"}
        hand.backend.cancelled("a")
        assert (hand.status("a"), hand.phase("a").error) == ("failed", "ran longer than 5 s")
        error = hand.session.errors["a"]
        assert isinstance(error, PhaseTimeoutError)
        assert isinstance(error, TimeoutError)
        assert hand.state.status == "failed"


def test_a_timeout_can_be_retried():
    with Hand([par("a", timeout=5.0, policy=PhasePolicy("retry", 1, 1.0))]) as hand:
        hand.clock.advance(5.0)
        hand.backend.cancelled("a")
        assert hand.status("a") == "retrying"
        hand.clock.advance(1.0)
        hand.finish("a")
        assert hand.state.status == "completed"
        hand.clock.advance()
        assert hand.clock.timers == 0


def test_a_phase_that_ends_in_time_leaves_no_timer():
    with Hand([par("a", timeout=3600.0)]) as hand:
        hand.finish("a")
        hand.clock.advance()
        assert hand.clock.timers == 0


def test_fail_fast_also_cancels_what_runs():
    with Hand([par("a", on_fail="continue"), par("b"), par("c", "b")], fail_fast=True) as hand:
        hand.fail("a")
        assert hand.backend.asked_to_stop() == {"b"}
        hand.backend.cancelled("b")
        assert hand.statuses() == {"a": "failed", "b": "cancelled", "c": "pending"}
        assert hand.state.status == "failed"


def test_stop_cancels_what_waits_to_be_tried_again():
    with Hand([par("a"), par("b", policy=PhasePolicy("retry", 3, 10.0))]) as hand:
        hand.fail("b")
        hand.fail("a")
        assert hand.statuses() == {"a": "failed", "b": "cancelled"}
        assert hand.session.ended.is_set()
        assert hand.state.status == "failed"


def test_an_abandoned_phase_keeps_its_slot_until_its_code_ends():
    with Hand([par("a", on_fail="continue"), par("b"), par("c"), par("d")], slots=2) as hand:
        hand.command("cancel", "a")
        hand.backend.cancelled("a", still_runs=True)
        assert (hand.status("a"), hand.phase("a").error) == ("cancelled", "abandoned, still running")
        assert hand.running == {"b"}
        hand.backend.free("a")
        assert hand.running == {"b", "c"}
        hand.finish("b")
        assert hand.running == {"c", "d"}
        hand.finish("c", "d")
        assert hand.session.ended.is_set()


def test_a_session_whose_slots_are_all_held_waits_for_one():
    with Hand([par("a"), par("b")], slots=1) as hand:
        hand.command("cancel", "a")
        hand.backend.cancelled("a", still_runs=True)
        assert not hand.session.ended.is_set()
        assert hand.running == set()
        hand.backend.free("a")
        assert hand.running == {"b"}


@pytest.mark.parametrize("on_fail", ["stop", "continue"])
def test_a_pipeline_with_a_failed_phase_is_never_completed(on_fail):
    with Hand([par("a", on_fail=on_fail), par("b")]) as hand:
        hand.finish("b")
        hand.fail("a")
        assert hand.state.status == "failed"


def test_an_error_type_of_the_pipeline_wraps_the_phases_errors():
    class LoadError(PhaseError):
        pass

    with Hand([par("a"), par("b")], error_types={"a": LoadError}) as hand:
        hand.fail("a", OSError("gone"))
        hand.fail("b", OSError("gone"))
        assert type(hand.session.errors["a"]) is LoadError
        assert type(hand.session.errors["b"]) is PhaseError
        error = hand.session.errors["a"]
        assert (error.phase, error.attempt, str(error.cause)) == ("a", 1, "gone")
        assert str(error) == "Phase 'a' failed in attempt 1: OSError: gone"
