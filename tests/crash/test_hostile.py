"""Hostile values, names, clocks and directories, at the level of executors: each costs what it must, and says so."""

import os
import threading
import time

import pytest

from milo_nb.declare.phase import Phase, PhasePolicy
from milo_nb.errors import WorkDirError
from milo_nb.execute.attached import attach
from milo_nb.execute.executor import PipelineExecutor
from milo_nb.persist.journal import read
from milo_nb.persist.replay import replay
from milo_nb.persist.rundir import sessions
from milo_nb.pipeline import Pipeline
from tests.crash import driver
from tests.strategies import DEADLINE_S, Gate, boom, give, wait_until


@pytest.fixture
def make(tmp_path):
    """Make executors of one work directory; they are closed in the end."""
    made = []

    def make(*phases, name="p", **options):
        made.append(PipelineExecutor(Pipeline(name, *phases), work_dir=tmp_path / "work", **options))
        return made[-1]

    make.root = tmp_path / "work"
    yield make
    for executor in made:
        executor.close()


def told(make):
    """Return the state that the journal of the only session tells of, and its own account of damage."""
    (run,) = sessions(make.root)
    journalled = read(run.journal)
    return replay(journalled), journalled.damage


def agrees(make, executor):
    """The journal tells the state that the session had."""
    executor.close()
    state, damage = told(make)
    assert (driver.bare(state), damage) == (driver.bare(executor.store.state), "")


# ---------------------------------------------------------------------- values


class Raises:
    """Raises what it is made with when it is to be pickled."""

    def __init__(self, error):
        self.error = error

    def __reduce__(self):
        raise self.error


class OwnBaseError(BaseException):
    """No Exception."""


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("no"), OSError(28, "no space, it says"), MemoryError(), RecursionError(), SystemExit(3),
        KeyboardInterrupt(), GeneratorExit(), StopIteration(), OwnBaseError(),
    ],
    ids=lambda e: type(e).__name__,
)  # fmt: skip
def test_whatever_pickling_raises_the_phase_is_completed_and_the_reason_is_said(make, error):
    executor = make(Phase("a", lambda: Raises(error)), Phase("b", give(2), "", "a"), Phase("c", give(3))).start()
    assert executor.wait(DEADLINE_S).success
    assert executor["a"].known.reason.startswith("not saved: ")
    assert not executor["a"].known.saved
    wait_until(lambda: executor["b"].known.saved and executor["c"].known.saved)
    assert any("not saved" in log.line for log in executor["a"].logs())
    assert executor.store.state.notice == ""
    agrees(make, executor)


def test_a_value_whose_pickling_waits_does_not_keep_other_phases_or_the_end_of_the_kernel(make):
    waits, go = threading.Event(), threading.Event()

    class Slow:
        def __reduce__(self):
            waits.set()
            assert go.wait(DEADLINE_S)
            return (list, ())

    executor = make(Phase("a", Slow, parallel=True), Phase("b", give({2}), parallel=True), max_workers=2).start()
    assert waits.wait(DEADLINE_S)
    wait_until(lambda: executor["b"].known.saved)
    executor.close()  # returns while it waits: what lets it go comes after
    go.set()
    assert executor.wait(DEADLINE_S).status in ("cancelled", "completed")
    wait_until(lambda: executor.session.disk.recorder is None)
    agrees(make, executor)


def test_a_result_is_saved_as_it_was_when_its_phase_ended(make):
    data = {"rows": [1] * 50_000}

    def use(a):
        a["rows"].append("more")

    executor = make(Phase("a", lambda: data), Phase("b", use), Phase("c", boom, "", "b"))
    executor.execute()
    executor.close()
    seen = attach(None, make.root)
    assert seen.results["a"] == {"rows": [1] * 50_000}
    seen.close()


# ---------------------------------------------------------------------- names

NAMES = [
    "a/b", "..", ".", "a\x00b", "emoji\N{GRINNING FACE}", "\u202eabc", "x" * 300, "CON", "a\nb", "-rf", "~", "%s{0}",
    "A", "a", "\u00e9", "e\u0301", "unattributed", "*", "events.jsonl", "a\\b", "$(touch x)", "'\"",
]  # fmt: skip


def test_phases_and_pipelines_of_any_name_are_saved_within_the_work_directory_and_taken_up(make, tmp_path):
    def phases(last):
        each = [Phase(name, lambda ctx: (ctx.name, print(ctx.name), {1})) for name in NAMES]
        return [*each, Phase("last", last, "", tuple(NAMES))]

    name = "../../x\x00/\N{GRINNING FACE}\u202e" + "y" * 300
    first = make(*phases(boom), name=name)
    assert not first.execute().success
    first.close()
    second = make(*phases(give(5)), name=name, resume=True, stale="reuse")
    assert second.execute().success
    assert {p.attempt for p in second.store.state.phases} == {1, 2}
    agrees(make, second)
    seen = attach(None, make.root)
    assert {n: seen.results[n] for n in NAMES} == {n: (n, None, {1}) for n in NAMES}
    assert all([row.line for row in seen[n].logs()] == n.split("\n") for n in NAMES)
    seen.close()
    assert [path.name for path in tmp_path.iterdir()] == ["work"]


# ---------------------------------------------------------------------- what was before, and what is in the way


def test_a_phase_that_was_skipped_before_the_start_is_in_the_journal_with_its_value(make):
    executor = make(Phase("a", boom), Phase("b", lambda a: [*sorted(a)]), Phase("c", boom, "", "b"))
    executor.skip("a", value={3, 1})
    assert not executor.start().wait(DEADLINE_S).success
    wait_until(lambda: executor["a"].known.saved)
    agrees(make, executor)
    second = make(Phase("a", boom), Phase("b", lambda a: [*sorted(a)]), Phase("c", give(1), "", "b"), resume=True)
    assert dict(second.execute().results) == {"a": {1, 3}, "b": [1, 3], "c": 1}


def test_directories_that_are_no_sessions_are_in_nobodys_way(make):
    first = make(Phase("a", boom))
    first.execute()
    first.close()
    runs = sessions(make.root)[0].path.parent
    (runs / "20300101T000000Z-12345678-1234-1234-1234-123456789abc").mkdir()  # its owner died before the first line
    seen = attach(None, make.root)
    assert seen.session_id == first.session_id
    seen.close()
    second = make(Phase("a", boom), resume=True).start()
    assert second.session_id == first.session_id
    second.close()
    whole = next(run.path for run in sessions(make.root) if run.journal.exists())
    whole.rename(runs / "20310101T000000Z-not an id")
    for look in (lambda: attach("not an id", make.root), lambda: make(Phase("a", boom)).resume("not an id")):
        with pytest.raises(WorkDirError, match="its name ends in no session's id"):
            look()


@pytest.mark.parametrize("shift", [-5 * 86_400, 400 * 86_400, -40_000 * 86_400])
def test_a_clock_that_jumps_between_owners_turns_no_time_back_and_loses_nothing(make, monkeypatch, shift):
    first = make(Phase("a", give({1})), Phase("b", boom, "", "a"))
    first.execute()
    wait_until(lambda: first["a"].known.saved)
    first.close()
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + shift)
    second = make(Phase("a", give({1})), Phase("b", give(2), "", "a"), resume=True, stale="reuse")
    assert second.execute().success
    assert second["a"].known.attempt == 1
    assert second.store.state.elapsed < DEADLINE_S
    agrees(make, second)
    times = [action.timestamp for action in read(sessions(make.root)[0].journal).actions]
    assert times == sorted(times)


def test_a_thousand_retries_are_all_in_the_journal(make):
    count = iter(range(10_000))

    def nearly():
        if next(count) < 1000:
            raise ValueError("not yet")
        return "done"

    executor = make(Phase("a", nearly, policy=PhasePolicy("retry", 1000, 0.0))).start()
    assert executor.wait(DEADLINE_S * 3).success
    assert executor["a"].known.attempt == 1001
    agrees(make, executor)


def test_a_skip_that_comes_as_its_phase_ends_never_puts_its_value_in_the_place_of_the_result(make):
    began, go = threading.Event(), threading.Event()

    class Slow:
        def __reduce__(self):
            began.set()
            assert go.wait(DEADLINE_S)
            return (set, ((1,),))

    executor = make(Phase("a", Slow), Phase("b", boom, "", "a")).start()
    assert began.wait(DEADLINE_S)  # the handler has returned, its result is being saved
    executor.skip("a", value={"skipped"})
    go.set()
    executor.wait(DEADLINE_S)
    executor.close()
    assert type(executor.results["a"]) is Slow
    seen = attach(None, make.root)
    assert seen.results["a"] == {1}
    seen.close()


def test_a_child_that_a_phase_forks_writes_nothing_of_the_session(make):
    def fork():
        if (pid := os.fork()) == 0:
            os._exit(0)
        return os.waitpid(pid, 0)[1]

    executor = make(Phase("a", fork), Phase("b", give({1}), "", "a"))
    assert executor.execute().results["a"] == 0
    agrees(make, executor)


def test_a_session_that_is_closed_twice_from_many_threads_ends_once(make):
    gate = Gate()
    executor = make(Phase("a", gate)).start()
    assert gate.began.wait(DEADLINE_S)
    threads = [threading.Thread(target=executor.close) for _ in range(8)]
    for thread in threads:
        thread.start()
    gate.open.set()
    for thread in threads:
        thread.join(DEADLINE_S)
    wait_until(lambda: executor.session.disk.recorder is None)
    agrees(make, executor)
