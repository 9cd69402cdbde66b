"""The threads backend keeps the contract of every backend."""

import threading

import pytest

from milo_nb.execute.backend import Cancelled
from milo_nb.execute.threads import ThreadsBackend
from milo_nb.store.clock import SYSTEM_CLOCK
from milo_nb.store.workers import Workers
from milo_nb.testing import BACKEND_RULES, BackendRule, FakeClock, HandBackend, check_backend

SLOTS = 2


class OnItsOwn(ThreadsBackend):
    """The threads backend without a store's loop, which would wake the workers after each step."""

    def submit(self, call, emit):
        handle = super().submit(call, emit)
        self._workers.wake()
        return handle


@pytest.mark.parametrize("sentence", BACKEND_RULES)
def test_threads_keep_the_contract(sentence: str) -> None:
    clock = FakeClock()
    workers = Workers(SLOTS, "milo-contract")
    try:
        rules = {sentence: BACKEND_RULES[sentence]}
        check_backend(lambda: OnItsOwn(workers, clock), slots=SLOTS, let_pass=clock.advance, rules=rules)
    finally:
        workers.close()


def test_threads_keep_the_contract_on_the_machines_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("milo_nb.store.workers.GIVE_UP_S", 0.05)
    monkeypatch.setattr("milo_nb.store.workers.GRACE_S", 0.01)
    workers = Workers(SLOTS, "milo-contract")
    try:
        wanted = "code that will not stop is given up and frees its slot once"
        check_backend(lambda: OnItsOwn(workers, SYSTEM_CLOCK), slots=SLOTS, rules={wanted: BACKEND_RULES[wanted]})
    finally:
        workers.close()


def test_a_backend_that_breaks_a_rule_is_named_with_the_rule() -> None:
    def broken(_: object) -> None:
        raise AssertionError("it did something else")

    rule: BackendRule = broken
    with pytest.raises(AssertionError, match=r"The backend 'hand' breaks a rule: it must work\. it did something else"):
        check_backend(HandBackend, rules={"it must work": rule})


def test_a_cancelled_loop_retires_its_thread_and_another_takes_over() -> None:
    clock, seen = FakeClock(), []
    workers = Workers(1, "milo-contract")

    def remember(contract: object) -> None:
        BACKEND_RULES["a handler that loops is cancelled"](contract)
        outcome, _ = contract.run(threading.get_ident)
        seen.append(outcome.ref.load())

    try:
        check_backend(lambda: OnItsOwn(workers, clock), let_pass=clock.advance, rules={"it goes on": remember})
    finally:
        workers.close()
    assert seen


def test_a_backend_that_was_finished_by_hand_says_what_it_was_given() -> None:
    backend = HandBackend()
    backend.open()
    assert (backend.started, backend.running, backend.open_count) == ([], {}, 1)
    backend.close()
    assert backend.open_count == 0
    assert Cancelled() == Cancelled(still_runs=False)
