"""Exceptions whose words are hard to come by: nobody waits for them for long, and all readers have the same ones."""

import contextlib
import sys
import threading

import pytest

from milo_nb.declare.phase import Phase, PhasePolicy
from milo_nb.errors import MOST_WORDS, PhaseError, describe, in_words, remembered_words
from milo_nb.execute import wording
from milo_nb.execute.attached import attach
from milo_nb.execute.executor import PipelineExecutor
from milo_nb.execute.patience import Patience
from milo_nb.execute.wording import has_hung, is_plain, put_in_words, text_of
from milo_nb.persist.journal import read
from milo_nb.pipeline import Pipeline
from milo_nb.store.workers import Job, Workers
from tests.strategies import DEADLINE_S, wait_until


class StuckError(Exception):
    """Its words never come, until the test lets go of them."""

    let_go = threading.Event()

    def __str__(self):
        assert self.let_go.wait(DEADLINE_S)
        return "at last"


class EndlessError(Exception):
    def __str__(self):  # noqa: PLE0307 - it never returns
        while True:
            pass


class WrongError(Exception):
    def __str__(self):
        raise SystemExit("not me")


class NumberError(Exception):
    def __str__(self):
        return 3  # noqa: PLE0307 - that is what is tried


class Text(str):
    __slots__ = ()

    def __len__(self):
        raise ValueError("no length")

    def __bool__(self):
        raise ValueError("no truth")


class OddError(Exception):
    def __str__(self):
        return Text("odd")


class LongError(Exception):
    def __str__(self):
        return "x" * 50_000_000


class LoudError(Exception):
    def __str__(self):
        print("said aloud")
        sys.stderr.write("and written\n")
        return "loud"


class FrozenError(Exception):
    def __setattr__(self, name, value):
        raise AttributeError(name)

    def __getattribute__(self, name):
        raise AttributeError(name)

    def __str__(self):
        return "frozen"


@pytest.fixture(autouse=True)
def _alone(monkeypatch):
    patience = Patience("milo-words")
    monkeypatch.setattr(wording, "_PATIENCE", patience)
    monkeypatch.setattr(wording, "SAY_S", 0.2)
    StuckError.let_go.clear()
    yield
    StuckError.let_go.set()
    wait_until(lambda: not patience.left_alone())


def fail(error, root=None, **options):
    def handler():
        raise error

    phase = Phase("load", handler, **options)
    executor = PipelineExecutor(Pipeline("shop", phase), work_dir=root).start()
    executor.wait(DEADLINE_S)
    return executor


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (KeyError("x"), "KeyError: 'x'"),
        (ValueError("boom"), "ValueError: boom"),
        (ValueError(), "ValueError"),
        (WrongError(), "WrongError"),
        (NumberError(), "NumberError"),
        (OddError(), "OddError: odd"),
        (FileNotFoundError(2, "gone", "a.csv"), "FileNotFoundError: [Errno 2] gone: 'a.csv'"),
        (ValueError(OddError()), "ValueError: odd"),
    ],
)
def test_a_failure_is_said_in_one_line_that_names_its_type(error, said):
    executor = fail(error)
    known = executor["load"].known
    assert known.failure == in_words(error) == said
    assert known.error in said
    executor.close()


def test_an_exception_that_forbids_everything_still_has_words():
    executor = fail(FrozenError())
    assert executor["load"].known.failure == "FrozenError: frozen"
    executor.close()


def test_an_earlier_attempt_names_the_type_of_its_error_too():
    tries = []

    def handler():
        tries.append(1)
        raise KeyError("x") if len(tries) == 1 else ValueError("y")

    executor = PipelineExecutor(
        Pipeline("shop", Phase("load", handler, policy=PhasePolicy("retry", 1, 0.0))), work_dir=None
    )
    executor.start().wait(DEADLINE_S)
    assert [one.failure for one in executor["load"].attempts] == ["KeyError: 'x'", "ValueError: y"]
    executor.close()


def test_the_type_of_an_error_is_still_known_when_the_session_is_read_from_disk(tmp_path):
    fail(KeyError("x"), tmp_path).close()
    seen = attach(None, tmp_path)
    assert seen["load"].known.failure == "KeyError: 'x'"
    seen.close()


@pytest.mark.parametrize("kind", [StuckError, EndlessError])
def test_a_message_that_never_comes_is_given_up_and_nobody_waits_for_it_again(kind, tmp_path):
    error = kind()
    executor = fail(error, tmp_path)
    assert has_hung(error)
    said = "its message is not known: asking for it took longer than 0.2 s"
    assert executor["load"].known.failure == f"{kind.__name__}: {said}"
    assert describe(error) == said
    assert said in executor.wait(DEADLINE_S).summary
    text = text_of(error, 10_000)
    assert "raise error" in text
    assert text.endswith(f"{kind.__name__}: {said}\n")
    run_dir = executor.session.disk.keeper.run_dir
    executor.close()
    assert said in str(next(iter(read(run_dir.journal).extras.values()))["traceback"])


def test_one_that_loops_for_ever_leaves_no_thread():
    put_in_words(EndlessError())
    wait_until(lambda: not [t for t in threading.enumerate() if t.name == "milo-words"])


def test_however_many_hang_only_a_few_threads_are_left_alone():
    errors = [StuckError() for _ in range(wording.MOST_LEFT_ALONE + 5)]
    for error in errors:
        put_in_words(error)
    assert wording._PATIENCE.left_alone() == wording.MOST_LEFT_ALONE
    assert describe(errors[-1]) == "its message is not known: asking for messages has hung several times"
    assert describe(ValueError("plain")) == "plain"


def test_what_led_to_an_error_is_asked_for_its_words_once_too():
    error = ValueError("outer")
    error.__cause__ = StuckError()
    executor = fail(error)
    assert executor["load"].known.failure == "ValueError: outer"
    assert has_hung(error.__cause__)
    assert "StuckError: its message is not known" in executor.wait(DEADLINE_S).summary
    executor.close()


def test_a_message_of_fifty_megabytes_is_cut_where_the_state_would_have_to_hold_it(tmp_path):
    executor = fail(LongError(), tmp_path)
    error = executor["load"].known.error
    assert len(error) < MOST_WORDS + 100
    assert error.endswith("… [49,980,000 more characters]")
    run_dir = executor.session.disk.keeper.run_dir
    executor.close()
    assert run_dir.journal.stat().st_size < 200_000
    text = next(iter(read(run_dir.journal).extras.values()))["traceback"]
    assert text.startswith("Traceback (most recent call last):")
    assert len(text) < 21_000


def test_what_an_exception_prints_when_asked_is_a_line_of_its_phase(capsys):
    executor = fail(LoudError())
    lines = [log.line for log in executor["load"].logs()]
    assert lines == ["said aloud", "and written"]
    assert executor["load"].known.failure == "LoudError: loud"
    executor.close()
    assert capsys.readouterr() == ("", "")


def test_plain_errors_are_asked_on_the_spot():
    assert all(map(is_plain, (ValueError("x"), KeyError(1), RuntimeError("a", None), ZeroDivisionError())))
    assert not any(map(is_plain, (ValueError(OddError()), OSError(2, OddError()), OddError(), KeyError(("x",)))))
    error = ValueError("x")
    put_in_words(error)
    assert remembered_words(error) is None


def test_hints_and_notes_that_hang_cost_the_traceback_nothing_else():
    class Slow:
        def __dir__(self):
            StuckError.let_go.wait(DEADLINE_S)
            return []

    try:
        Slow().missing  # noqa: B018 - that is what is asked for
    except AttributeError as error:
        text = text_of(error, 10_000)
    assert "Slow().missing" in text
    assert "has no attribute 'missing'" in text


def test_where_no_thread_is_to_be_had_a_message_is_not_known(monkeypatch):
    def refuse(*_):
        raise RuntimeError("can't start new thread")

    error = OddError()
    with monkeypatch.context() as patched, contextlib.suppress(RuntimeError):
        patched.setattr(threading.Thread, "start", refuse)
        put_in_words(error)
    assert describe(error) == "its message is not known: there is no thread to ask on"


def _raising(wrong):
    def method(*_):
        raise wrong

    return method


def _endless(*_):
    while True:
        pass


@pytest.mark.parametrize(
    "own",
    [
        {"__getattribute__": _raising(ValueError("no"))},
        {"__class__": property(_raising(RuntimeError("no")))},
        {"__getattr__": _raising(KeyError("no"))},
        {"__len__": _raising(IndexError("no"))},
        {"__len__": lambda _: 0},
        {"__bool__": _endless},
    ],
)
def test_an_exception_whose_class_misbehaves_ends_its_phase_and_stands_in_the_journal_as_it_is(own, tmp_path):
    executor = fail(type("OwnError", (Exception,), own)("boom"), tmp_path)
    assert executor["load"].status == "failed"
    executor.session.close()
    seen = attach(str(executor.session_id), tmp_path).session
    assert seen.state.phases[0].status == "failed"
    assert seen.errors["load"].cause.kind == "OwnError"


def test_what_ran_with_an_exception_whose_truth_is_asked_wrongly_is_on_disk(tmp_path):
    class SizedError(Exception):
        def __len__(self):
            raise IndexError("no")

    def wrong():
        raise SizedError("boom")

    phases = [Phase(f"p{i}", int, parallel=True) for i in range(30)]
    policy = PhasePolicy(on_fail="continue")
    pipeline = Pipeline("shop", *phases, Phase("wrong", wrong, parallel=True, policy=policy))
    executor = PipelineExecutor(pipeline, work_dir=tmp_path).start()
    executor.wait(DEADLINE_S)
    executor.session.close()
    seen = attach(str(executor.session_id), tmp_path).session
    assert [phase.status for phase in seen.state.phases] == ["completed"] * 30 + ["failed"]


@pytest.mark.parametrize("wrong", [ValueError, SystemExit, KeyboardInterrupt])
def test_an_error_class_of_the_person_that_cannot_be_made_ends_its_phase_with_ours(wrong):
    class OwnPhaseError(PhaseError):
        def __init__(self, *_):
            raise wrong("not made")

    phase = Phase("load", _raising(RuntimeError("boom")))
    executor = PipelineExecutor(Pipeline("shop", phase, error_types={"load": OwnPhaseError})).start()
    executor.wait(DEADLINE_S)
    assert executor["load"].status == "failed"
    assert executor["load"].error is not None
    executor.close()


def test_after_one_that_hung_the_others_of_a_chain_are_asked_too(monkeypatch):
    monkeypatch.setattr(wording, "SAY_S", 2.0)  # the second is to be heard on a busy machine, too
    stuck = StuckError()
    stuck.__cause__ = LoudError()
    executor = fail(stuck)
    assert remembered_words(executor["load"].error.cause.__cause__) == "loud"
    executor.close()


def test_python_s_own_errors_have_words_also_when_nothing_more_is_asked(monkeypatch):
    monkeypatch.setattr(wording, "MOST_LEFT_ALONE", 0)
    plain = [
        FileNotFoundError(2, "No such file", "x.csv"),
        ImportError("no module", name="x"),
        SyntaxError("bad", ("x.py", 1, 2, "a b", 1, 3)),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
        UnicodeEncodeError("ascii", "\xe9", 0, 1, "ordinal not in range"),
    ]
    for error in plain:
        put_in_words(error)
        assert describe(error) == str(error)
    assert not is_plain(OSError(2, "x", OddError()))


def test_a_job_that_could_not_be_settled_is_settled_with_an_error_of_ours(caplog):
    over, heard = threading.Event(), []

    def settle(job, value, error):
        heard.append((value, error))
        if len(heard) == 1:
            raise SystemExit(3)
        over.set()

    pool = Workers(1, "milo-settle")
    pool.submit(Job(lambda _: 7, settle))
    pool.wake()
    assert over.wait(DEADLINE_S)
    pool.close()
    assert heard[0] == (7, None)
    assert heard[1][0] is None
    assert str(heard[1][1]) == "It came to int, which could not be taken in: SystemExit."
    assert "could not be taken in" in caplog.text
