"""Commands that are repeated or refused, and with which words."""

import pytest

from milo_nb.declare.phase import Phase, PhasePolicy
from milo_nb.errors import InvalidStateError
from milo_nb.state.actions import COMMAND, Action
from milo_nb.state.commands import Command
from tests.strategies import Hand, nothing


def par(name, *after, on_fail="stop", **options):
    policy = options.pop("policy", PhasePolicy(on_fail))
    return Phase(name, nothing, "", after, parallel=True, policy=policy, **options)


CHAIN = [par("a"), par("b", "a"), par("c", "b")]


# ---------------------------------------------------------------------- repeated, refused


def test_a_repeated_command_changes_nothing():
    with Hand(CHAIN) as hand:
        hand.fail("a")
        hand.command("retry", "a", id="one")
        hand.fail("a")
        before = hand.state
        said = {"command": "retry", "phases": ["a"], "id": "one", "reset": ["a"], "goes_on": True}
        hand.session.store.dispatch(Action(COMMAND, said))
        assert hand.state is before


REFUSALS = [
    ("running", "start", (), "The session has been started already: it is running. Run again makes a new one."),
    ("running", "retry", ("a",), "Phase 'a' is running; only failed, cancelled and skipped phases can be retried."),
    ("running", "retry", ("b",), "Phase 'b' is pending; only failed, cancelled and skipped phases can be retried."),
    ("running", "rerun", ("a",), "Phase 'a' is running; only a phase that has ended can be run again."),
    (
        "running",
        "pause",
        ("a",),
        "'pause' is about the whole session and takes no phases. Of a phase: retry, rerun, skip, cancel, approve.",
    ),
    (
        "running",
        "resume",
        ("a",),
        "'resume' is about the whole session and takes no phases. Of a phase: retry, rerun, skip, cancel, approve.",
    ),
    ("running", "resume", (), "There is nothing to resume: the session is running. Possible: pause, cancel."),
    ("running", "retry-failed", (), "No phase has failed; there is nothing to retry."),
    ("running", "approve", (), "Nothing waits for approval."),
    ("completed", "retry", ("a",), "Phase 'a' is completed; there is nothing to retry. Possible: rerun."),
    ("completed", "pause", (), "There is nothing to pause: the session is completed. Possible: rerun, run again."),
    ("completed", "resume", (), "There is nothing to resume: the session is completed. Possible: rerun, run again."),
    ("completed", "cancel", (), "There is nothing to cancel: the session is completed. Possible: rerun, run again."),
    ("completed", "cancel", ("a",), "Phase 'a' is completed; only a phase that has not ended can be cancelled."),
    (
        "failed",
        "pause",
        (),
        "There is nothing to pause: the session is failed. Possible: retry, skip, resume, run again.",
    ),
    (
        "failed",
        "cancel",
        (),
        "There is nothing to cancel: the session is failed. Possible: retry, skip, resume, run again.",
    ),
    (
        "failed",
        "cancel",
        ("b",),
        "There is nothing to cancel: the session is failed. Possible: retry, skip, resume, run again.",
    ),
    ("paused", "pause", (), "The session is paused already. Possible: resume, cancel."),
    ("cancelling", "pause", (), "The session is being cancelled; it cannot be paused."),
    ("cancelling", "cancel", (), "The session is being cancelled already."),
    ("cancelling", "resume", (), "The session is being cancelled; resume when it has stopped."),
]


def bring_to(hand, state):
    if state == "completed":
        hand.finish("a", "b", "c")
    elif state == "failed":
        hand.fail("a")
    elif state == "paused":
        hand.command("pause")
        hand.finish("a")
    elif state == "cancelling":
        hand.command("cancel")


@pytest.mark.parametrize(("state", "word", "phases", "words"), REFUSALS)
def test_a_command_in_the_wrong_state_says_what_is_possible_and_does_nothing(state, word, phases, words):
    with Hand(CHAIN) as hand:
        bring_to(hand, state)
        before, started = hand.state, list(hand.backend.started)
        assert hand.plan(word, *phases).refused == words
        with pytest.raises(InvalidStateError) as refused:
            hand.command(word, *phases)
        assert str(refused.value) == words
        assert isinstance(refused.value, RuntimeError)
        assert (hand.state, hand.backend.started) == (before, started)


@pytest.mark.parametrize("word", ["retry", "rerun", "cancel"])
def test_a_phase_that_others_build_on_just_now_is_not_run_again_under_them(word):
    with Hand([par("a"), par("b", "a")]) as hand:
        hand.finish("a")
        if word == "rerun":
            with pytest.raises(InvalidStateError, match=r"Phase 'b' depends on it and is running\. Cancel 'b' first\."):
                hand.command("rerun", "a")
            with pytest.raises(InvalidStateError, match="Phase 'b' depends on 'a' and is running"):
                hand.command("skip", "a", replace=True)
        else:
            assert hand.plan(word, "a").refused


@pytest.mark.parametrize(("word", "phases"), [("pause", ()), ("cancel", ()), ("resume", ()), ("retry-failed", ())])
def test_before_the_start_only_start_and_skip_are_possible(word, phases):
    hand = Hand(CHAIN)
    with pytest.raises(InvalidStateError):
        hand.session.command(Command(word, phases))
    assert hand.state.status == "pending"
    hand.start().close()


def test_a_closed_session_takes_no_commands():
    hand = Hand(CHAIN).start()
    hand.fail("a")
    hand.close()
    with pytest.raises(InvalidStateError, match="closed"):
        hand.command("retry", "a")
    assert hand.state.status == "failed"
