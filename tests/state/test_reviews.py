"""Reviews and partial runs: what the session does while a person looks, and where it stops."""

import pytest

from milo_nb.declare.phase import Phase
from milo_nb.errors import InvalidStateError
from tests.strategies import Hand, nothing


def par(name, *after, **options):
    return Phase(name, nothing, "", after, parallel=True, **options)


CHAIN = [par("a"), par("b", "a", review=True), par("c", "b")]


def test_after_a_review_phase_the_session_pauses_until_it_is_approved():
    with Hand(CHAIN) as hand:
        hand.finish("a", "b")
        assert (hand.state.status, hand.state.waiting_for, hand.running) == ("paused", "b", set())
        assert hand.phase("b").reason == "waits for approval"
        hand.command("approve", by="view")
        assert (hand.state.status, hand.state.waiting_for, hand.running) == ("running", "", {"c"})
        assert hand.phase("b").reason == "approved by view"


def test_a_review_after_the_last_phase_waits_too():
    with Hand([par("a", review=True)]) as hand:
        hand.finish("a")
        assert (hand.state.status, hand.session.ended.is_set()) == ("paused", False)
        hand.command("approve")
        assert hand.state.status == "completed"


def test_what_runs_beside_a_review_goes_on_and_nothing_new_starts():
    with Hand([*CHAIN, par("side"), par("later", "side")]) as hand:
        hand.finish("a", "b")
        assert (hand.state.status, hand.running) == ("running", {"side"})
        hand.finish("side")
        assert (hand.state.status, hand.running) == ("paused", set())
        hand.command("approve", "b")
        assert hand.running == {"c", "later"}


def test_an_approval_while_something_runs_lets_the_next_start_at_once():
    with Hand([*CHAIN, par("side")]) as hand:
        hand.finish("a", "b")
        hand.command("approve")
        assert (hand.state.status, hand.running) == ("running", {"side", "c"})


def test_two_reviews_are_approved_one_after_the_other():
    with Hand([par("a", review=True), par("b", review=True), par("c", "a", "b")]) as hand:
        hand.finish("b", "a")
        assert hand.state.waiting_for == "b"
        hand.command("approve", "a")
        assert (hand.state.waiting_for, hand.state.status) == ("b", "paused")
        hand.command("approve")
        assert (hand.state.waiting_for, hand.running) == ("", {"c"})


def test_without_a_person_reviews_are_passed_by():
    with Hand(CHAIN, is_attended=lambda: False) as hand:
        assert hand.finish_all() == ["a", "b", "c"]
        assert hand.state.status == "completed"


def test_resume_is_no_approval():
    with Hand(CHAIN) as hand:
        hand.finish("a", "b")
        with pytest.raises(InvalidStateError, match="'b' waits for approval"):
            hand.command("resume")


def test_a_reviewed_phase_that_runs_again_is_reviewed_again():
    with Hand(CHAIN) as hand:
        hand.finish("a", "b")
        hand.command("rerun", "b")
        assert (hand.state.waiting_for, hand.running) == ("", {"b"})
        hand.finish("b")
        assert (hand.state.waiting_for, hand.state.status) == ("b", "paused")


def test_a_value_in_place_of_what_is_reviewed_needs_no_approval():
    with Hand(CHAIN) as hand:
        hand.finish("a", "b")
        hand.command("skip", "b", replace=True, value=1)
        assert (hand.state.waiting_for, hand.state.status, hand.running) == ("", "running", {"c"})


def test_a_review_outlives_a_failure_beside_it_and_still_comes_before_anything_new():
    with Hand([*CHAIN, par("side")]) as hand:
        hand.finish("a", "b")
        hand.fail("side")
        assert (hand.state.status, hand.state.waiting_for) == ("failed", "")
        hand.command("retry", "side")
        assert (hand.state.status, hand.state.waiting_for, hand.running) == ("paused", "b", set())
        hand.command("approve")
        assert hand.running == {"c", "side"}


def test_a_session_that_waits_for_approval_can_be_cancelled_and_still_waits_when_it_is_resumed():
    with Hand(CHAIN) as hand:
        hand.finish("a", "b")
        hand.command("cancel")
        assert hand.state.status == "cancelled"
        hand.command("resume")
        assert (hand.state.status, hand.state.waiting_for) == ("paused", "b")


def test_a_phase_that_is_done_before_it_can_be_skipped_is_reviewed_all_the_same():
    with Hand(CHAIN) as hand:
        hand.finish("a")
        hand.command("skip", "b")
        hand.finish("b")
        assert hand.state.waiting_for == "b"


def test_a_run_of_only_some_phases_ends_unfinished_and_a_resume_runs_the_rest():
    with Hand([par("a"), par("b", "a"), par("c", "b"), par("side")]) as hand:
        hand.fail("a")
        hand.finish("side")
        hand.command("resume", only=("b",))
        assert hand.finish_all() == ["a", "b"]
        assert (hand.state.status, hand.status("c")) == ("cancelled", "pending")
        assert hand.state.notice == "Only a, b was asked for; resume runs the rest."
        hand.command("resume")
        assert hand.state.notice == "", "it goes on"
        assert hand.finish_all() == ["c"]
        assert hand.state.status == "completed"
