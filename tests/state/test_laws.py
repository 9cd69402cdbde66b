"""Laws of the engine, on random pipelines to which random things happen. Real sessions, driven by hand."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from milo_nb.declare.phase import Phase, PhasePolicy
from milo_nb.state.frontier import Frontier
from milo_nb.state.model import DONE, ENDED, UNFINISHED
from tests.strategies import Hand, nothing, phase_lists

WORDS = ["pause", "resume", "retry", "rerun", "skip", "cancel", "retry-failed", "approve"]
ALWAYS_FINE = st.just(PhasePolicy())


class Checked(Hand):
    """A session whose laws are checked after everything that happens to it."""

    def __init__(self, phases, slots, **options):
        super().__init__(phases, slots=slots, **options)
        self.slots = slots
        self.seen = 0

    def drive(self):
        saga = self.session.task.saga
        while "drive" not in saga.gi_frame.f_locals:
            saga = saga.gi_yieldfrom
        return saga.gi_frame.f_locals["drive"]

    def held(self):
        return len(self.backend.given_up)

    def check(self):
        self.agrees()
        self.keeps_its_slots()
        self.starts_after_dependencies()
        self.says_the_truth()
        self.frontier_law()
        self.wastes_no_slot()

    def keeps_its_slots(self):
        running = [self.graph.index[n] for n in self.running]
        assert len(running) + self.held() <= self.slots or not running
        assert len(running) == 1 or all(self.graph.parallel[i] for i in running)

    def starts_after_dependencies(self):
        for name, _ in self.backend.started[self.seen :]:
            if name in self.running:
                needed = [self.graph.names[d] for d in self.graph.depends_on[self.graph.index[name]]]
                assert all(self.status(d) in DONE for d in needed), f"{name} started before {needed}"
        self.seen = len(self.backend.started)

    def says_the_truth(self):
        state = self.state
        done = sum(self.graph.weights[i] for i, p in enumerate(state.phases) if p.status in DONE)
        total = self.graph.total_weight
        assert state.done_weight == done
        assert state.progress == (done / total if total else state.progress)
        words = {p.status for p in state.phases}
        if state.status == "completed":
            assert words <= DONE, f"completed with {words}"
        if state.stopped_at:
            assert not self.running
        assert self.session.ended.is_set() == (state.status in ENDED and bool(state.stopped_at))
        if self.session.ended.is_set():
            assert (state.requested, state.waiting_for) == ("", "")
            if "failed" in words:
                assert state.status in UNFINISHED

    def frontier_law(self):
        drive = self.drive()
        made = Frontier.from_state(self.graph, self.state, held=self.held(), only=drive.only)
        for i in sorted(made.waiting - drive.tasks.keys()):
            made.due(i)  # its delay is over: it waits for a slot
        assert drive.frontier == made, f"{drive.frontier._key()} kept up, {made._key()} made from state"

    def wastes_no_slot(self):
        """Whatever may start has started: nothing waits for a wave to end, and nothing exclusive is passed by."""
        state = self.state
        if state.halted or state.requested or state.stopped_at or state.waiting_for:
            return
        drive = self.drive()
        frontier = Frontier.from_state(self.graph, state, held=self.held(), only=drive.only)
        for i in sorted(frontier.waiting - drive.tasks.keys()):
            frontier.due(i)
        assert frontier.take(self.slots) is None, f"could start: {frontier.ready()}"

    def settle_all(self):
        """Let everything that runs or waits come to its end."""
        for _ in range(2000):
            if self.state.waiting_for:
                self.command("approve")
            elif self.state.status == "paused":
                self.command("resume")
            elif self.backend.given_up:
                self.backend.free(next(iter(self.backend.given_up)))
            elif self.backend.running:
                name = next(iter(self.backend.running))
                if name in self.backend.asked_to_stop():
                    self.backend.cancelled(name)
                else:
                    self.finish(name)
            elif self.session.ended.is_set():
                return
            else:
                assert self.clock.timers, f"it hangs: {self.state.status} {self.state.requested} {self.statuses()}"
                self.clock.advance(40.0)
            self.check()
        raise AssertionError("no end")


def something_happens(data, hand):
    """One thing that may happen now."""
    running = sorted(hand.running)
    choices = ["finish", "fail", "fail"] if running else []
    stopping = sorted(hand.backend.asked_to_stop())
    choices += ["cancelled", "cancelled", "abandoned"] if stopping else []
    choices += ["free"] if hand.backend.given_up else []
    choices += ["advance"] if hand.clock.timers else []
    what = data.draw(st.sampled_from([*choices, "command", "command"]))
    if what == "finish":
        hand.finish(data.draw(st.sampled_from(running)))
    elif what == "fail":
        hand.fail(data.draw(st.sampled_from(running)))
    elif what in ("cancelled", "abandoned"):
        hand.backend.cancelled(data.draw(st.sampled_from(stopping)), still_runs=what == "abandoned")
    elif what == "free":
        hand.backend.free(data.draw(st.sampled_from(sorted(hand.backend.given_up))))
    elif what == "advance":
        hand.clock.advance(data.draw(st.sampled_from([1.0, 2.0, 5.0])))
    else:
        word, phases, options = data.draw(commands(hand))
        if hand.plan(word, *phases, **options).refused:
            return f"refused {word} {phases}"
        hand.command(word, *phases, **options)
        return f"{word} {phases} {options}"
    return what


@st.composite
def commands(draw, hand):
    word = draw(st.sampled_from(WORDS))
    options, names = {}, ()
    if word in ("retry", "rerun", "skip") or (word == "cancel" and draw(st.booleans())):
        names = tuple(draw(st.lists(st.sampled_from(hand.graph.names), min_size=1, max_size=2, unique=True)))
    if word in ("retry", "rerun"):
        options["downstream"] = draw(st.booleans())
    if word == "skip":
        options["replace"] = draw(st.booleans())
    if word == "resume" and draw(st.integers(0, 3)) == 0:
        options["only"] = (draw(st.sampled_from(hand.graph.names)),)
    return word, names, options


@settings(max_examples=150)
@given(phase_lists(), st.integers(1, 4), st.booleans(), st.data())
def test_whatever_happens_the_laws_hold_and_there_is_an_end(phases, slots, fail_fast, data):
    with Checked(phases, slots, fail_fast=fail_fast) as hand:
        hand.check()
        for _ in range(data.draw(st.integers(0, 12))):
            something_happens(data, hand)
            hand.check()
        hand.settle_all()


@given(phase_lists(policies=ALWAYS_FINE), st.integers(1, 4), st.randoms(use_true_random=False))
def test_without_failures_every_phase_runs_once_after_what_it_depends_on(phases, slots, random):
    with Checked(phases, slots, is_attended=lambda: False) as hand:
        order = []
        while hand.running:
            hand.check()
            name = random.choice(sorted(hand.running))
            hand.finish(name)
            order.append(name)
        assert sorted(order) == sorted(hand.graph.names)
        assert (hand.state.status, hand.state.progress) == ("completed", 1.0)
        for i, needed in enumerate(hand.graph.depends_on):
            assert all(order.index(hand.graph.names[d]) < order.index(hand.graph.names[i]) for d in needed)


@given(phase_lists(policies=ALWAYS_FINE))
def test_with_one_slot_phases_run_in_the_execution_order_of_the_ready_ones(phases):
    with Checked(phases, 1, is_attended=lambda: False) as hand:
        order = hand.finish_all()
    done, expected = set(), []
    while len(expected) < len(hand.graph):
        ready = [i for i in range(len(hand.graph)) if i not in done and done >= set(hand.graph.depends_on[i])]
        done.add(ready[0])
        expected.append(hand.graph.names[ready[0]])
    assert order == expected


@settings(max_examples=150)
@given(phase_lists(), st.integers(1, 3), st.data())
def test_what_a_plan_says_is_what_happens(phases, slots, data):
    with Checked(phases, slots) as hand:
        for _ in range(data.draw(st.integers(0, 6))):
            something_happens(data, hand)
            hand.check()
        if hand.session.ended.is_set() or data.draw(st.booleans()):
            settle(hand)
            hand.check()
        word, names, options = data.draw(commands(hand))
        state_before, plan = hand.state, hand.plan(word, *names, **options)
        assert hand.state is state_before, "planning changes nothing"
        if plan.refused or word == "pause" or state_before.requested:
            return
        begun = len(hand.backend.started)
        ran_already = set(hand.running)
        hand.command(word, *names, **options)
        hand.check()
        hand.settle_all()
        ran = {name for name, _ in hand.backend.started[begun:]} | (ran_already - set(names))
        decided = {e.phase: e.decision for e in plan.entries}
        assert [e.phase for e in plan.entries] == list(hand.graph.names), "a line per phase, in execution order"
        kept = {n for n, d in decided.items() if d == "keep"}
        assert not kept & {name for name, _ in hand.backend.started[begun:]}, f"kept phases ran: {plan}"
        for name in kept:
            assert state_before.phases[hand.graph.index[name]].status in DONE | UNFINISHED
        blocked = {n for n, d in decided.items() if d == "blocked"}
        assert not blocked & ran, f"blocked phases ran: {plan}"
        if not state_before.halted and word != "cancel":
            assert set(plan.runs) <= ran, f"{set(plan.runs) - ran} did not run: {plan}"
            assert ran <= set(plan.runs), f"{ran - set(plan.runs)} ran too: {plan}"


def settle(hand):
    while hand.running or hand.clock.timers:
        for name in sorted(hand.running):
            if name in hand.running:
                hand.backend.cancelled(name) if name in hand.backend.asked_to_stop() else hand.finish(name)
        hand.clock.advance(40.0)


@given(phase_lists(policies=ALWAYS_FINE), st.data())
def test_a_plan_never_takes_failed_cancelled_or_running_phases_as_done(phases, data):
    with Checked(phases, 3) as hand:
        for _ in range(data.draw(st.integers(1, 8))):
            something_happens(data, hand)
        word, names, options = data.draw(commands(hand))
        plan = hand.plan(word, *names, **options)
        decided = {e.phase: e for e in plan.entries}
        for name, entry in decided.items():
            assert entry.reason
            if entry.decision in ("run", "invalidate") and hand.status(name) not in ("running", "retrying"):
                for d in hand.graph.depends_on[hand.graph.index[name]]:
                    before = decided[hand.graph.names[d]]
                    fine = before.decision in ("run", "invalidate", "skip")
                    assert fine or hand.status(before.phase) in DONE, f"{name} would run on {before}"


def test_an_exclusive_phase_runs_alone_and_is_not_starved():

    phases = [Phase(n, nothing, parallel=True) for n in ("a", "b", "d", "e")] + [Phase("c", nothing)]
    with Checked(phases, 2) as hand:
        assert hand.running == {"a", "b"}
        hand.finish("a")
        assert hand.running == {"b"}, "what comes after the exclusive phase waits for it"
        hand.finish("b")
        assert hand.running == {"c"}
        hand.finish("c")
        assert hand.running == {"d", "e"}


@pytest.mark.parametrize("slots", [1, 2, 3])
def test_there_are_no_waves(slots):

    phases = [Phase("fast", nothing, parallel=True), Phase("slow", nothing, parallel=True)]
    phases.append(Phase("next", nothing, "", "fast", parallel=True))
    with Checked(phases, slots) as hand:
        hand.finish("fast")
        assert ("next" in hand.running) == (slots > 1)
