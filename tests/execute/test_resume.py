"""Sessions that outlive their owner: taken up where they were, with what is saved kept, and every reason said."""

import os
import shutil
import threading
import time
from pathlib import Path
from uuid import uuid4

import pytest

from milo_nb.declare.phase import Phase, PhasePolicy
from milo_nb.errors import (
    InvalidStateError,
    NothingToResumeError,
    ResultNotAvailableError,
    SessionOwnedError,
    StaleCodeError,
    UnknownSessionError,
    WorkDirError,
)
from milo_nb.execute import executor as executor_module
from milo_nb.execute import mail
from milo_nb.execute.attached import attach
from milo_nb.execute.executor import PipelineExecutor
from milo_nb.execute.taking_up import last_sign
from milo_nb.persist.declared import declared_to_json
from milo_nb.persist.journal import Journal, make_header, read
from milo_nb.persist.replay import current_snapshot, replay
from milo_nb.persist.rundir import RunDir, find, sessions
from milo_nb.pipeline import Pipeline
from milo_nb.state import actions as a
from tests.strategies import DEADLINE_S, Gate, boom, give, wait_until


class Counter:
    """Handlers that count their calls by name, whatever session calls them."""

    def __init__(self):
        self.calls = []

    def __milo_hash__(self):
        """What is counted is no part of the code."""
        return "counter"

    def __call__(self, name, value=None, *, fails=lambda: False):
        def handler():
            self.calls.append(name)
            if fails():
                raise ValueError("boom")
            return value

        return handler


class Bench:
    """Pipelines of one name in one work directory."""

    def __init__(self, root):
        self.root = root
        self.count = Counter()
        self.broken = True
        self.executors = []

    def __milo_hash__(self):
        """Whether it is broken is no part of the code."""
        return "bench"

    def phases(self):
        return [
            Phase("load", self.count("load", [3, 1, 2])),
            Phase("clean", lambda load: sorted(load)),  # noqa: PLW0108 - its parameter is the dependency
            Phase("train", self.count("train", 6, fails=lambda: self.broken), "", "clean"),
            Phase("report", lambda clean, train: (clean, train)),
        ]

    def make(self, *phases, name="shop", **options):
        executor = PipelineExecutor(Pipeline(name, *(phases or self.phases())), work_dir=self.root, **options)
        self.executors.append(executor)
        return executor

    def fail(self, *phases, **options):
        """Run until a phase fails, and end as a kernel does that is shut down."""
        executor = self.make(*phases, **options).start()
        assert not executor.wait(DEADLINE_S).success
        executor.close()
        return executor

    def close(self):
        for executor in self.executors:
            executor.close()


@pytest.fixture
def bench(tmp_path):
    bench = Bench(tmp_path / ".milo")
    yield bench
    bench.close()


def statuses(executor):
    return {p.name: p.status for p in executor.store.state.phases}


def saved(executor, *names):
    wait_until(lambda: all(executor[n].known.saved for n in names))


# ---------------------------------------------------------------------- going on


def test_a_failed_session_goes_on_where_it_was_and_runs_nothing_twice(bench):
    first = bench.fail()
    bench.broken = False
    second = bench.make()
    result = second.resume(first.session_id).wait(DEADLINE_S)
    assert result.success
    assert result.results == {"load": [3, 1, 2], "clean": [1, 2, 3], "train": 6, "report": ([1, 2, 3], 6)}
    assert bench.count.calls == ["load", "train", "train"]
    assert second.session_id == first.session_id
    assert [r.attempt for r in second["train"].attempts] == [1, 2]


def test_the_latest_unfinished_session_is_taken_up_if_none_is_named(bench):
    bench.fail()
    latest = bench.fail()
    bench.broken = False
    second = bench.make(resume=True).start()
    assert second.wait(DEADLINE_S).success
    assert second.session_id == latest.session_id


def test_a_run_that_resumes_what_there_is_starts_anew_where_there_is_nothing(bench):
    bench.broken = False
    assert bench.make(resume=True).start().wait(DEADLINE_S).success
    bench.executors[-1].close()
    assert bench.make(resume=False).start().wait(DEADLINE_S).success
    bench.executors[-1].close()
    with pytest.raises(NothingToResumeError, match="There is nothing to resume"):
        bench.make(resume="latest").start()


def test_the_beginning_of_an_id_will_do(bench):
    first = bench.fail()
    bench.broken = False
    assert bench.make().resume(str(first.session_id)[:8]).wait(DEADLINE_S).success


def test_elapsed_goes_on_and_the_time_between_does_not_count(bench):
    first = bench.fail()
    before = first.store.state
    bench.broken = False
    second = bench.make().resume(first.session_id)
    second.wait(DEADLINE_S)
    after = second.store.state
    assert after.started_at == before.started_at
    assert before.elapsed <= after.elapsed < before.elapsed + DEADLINE_S
    assert after.stopped_at > before.stopped_at


def hours_later(monkeypatch, hours=3):
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 3600 * hours)


def interrupted(bench, *, prints=False):
    """Leave a session as a killed kernel does while a phase runs."""
    gate = Gate(7)

    def work():
        if prints:
            print("at work")
        return gate()

    first = bench.make(Phase("a", give(1)), Phase("b", work, "", "a")).start()
    assert gate.began.wait(DEADLINE_S)
    if prints:
        wait_until(first["b"].logs)
        assert first.session.logs.flush(DEADLINE_S)
    saved(first, "a")
    forget_owner(first)
    gate.open.set()
    return first


def mended():
    return Phase("a", boom), Phase("b", give(8), "", "a")


def test_the_time_between_a_crash_and_the_resume_is_neither_the_sessions_nor_the_phases(bench, monkeypatch):
    first = interrupted(bench)
    hours_later(monkeypatch)
    second = bench.make(*mended()).resume(first.session_id, stale="reuse")
    assert second.wait(DEADLINE_S).success
    state = second.store.state
    assert state.elapsed < 3600 < 3 * 3600 - 60 < state.idle
    assert second["b"].attempts[0].elapsed < 3600
    assert state.stopped_at - state.started_at > 3 * 3600 - 60
    second.close()
    journalled = read(find(bench.root, str(first.session_id)).journal)
    times = [action.timestamp for action in journalled.actions]
    assert times == sorted(times)
    assert [(o["clock"] - times[0]) > 3 * 3600 - 60 for o in journalled.owners] == [True]
    told = replay(journalled)
    assert (told.elapsed, told.idle, told.stopped_at) == (state.elapsed, state.idle, state.stopped_at)
    assert [(p.name, p.elapsed, p.history) for p in told.phases] == [
        (p.name, p.elapsed, p.history) for p in state.phases
    ]


def test_who_looks_at_a_session_sees_no_time_pass_after_its_kernel_has_died(bench, monkeypatch):
    interrupted(bench)
    hours_later(monkeypatch)
    seen = attach(None, bench.root)
    assert seen.store.state.elapsed < 3600
    assert seen["b"].known.elapsed < 3600
    seen.close()


def test_a_session_that_lived_on_without_a_word_is_known_to_have_run_until_then(bench, monkeypatch):
    first = interrupted(bench)
    real = time.time()
    os.utime(first.session.disk.keeper.run_dir.snapshot, (real + 7200, real + 7200))  # as its owner does while it lives
    hours_later(monkeypatch)
    second = bench.make(*mended()).resume(first.session_id, stale="reuse")
    assert second.wait(DEADLINE_S).success
    assert 3600 < second.store.state.elapsed < 3 * 3600
    assert 3600 < second["b"].attempts[0].elapsed < 3 * 3600


def test_a_session_that_runs_shows_that_it_lives_though_nothing_happens_in_it(bench, monkeypatch):
    monkeypatch.setattr(mail, "BEAT_S", 0.01)
    gate = Gate(7)
    executor = bench.make(Phase("a", gate)).start()
    assert gate.began.wait(DEADLINE_S)
    assert executor.session.disk.recorder.flush(DEADLINE_S)
    snapshot = executor.session.disk.keeper.run_dir.snapshot
    os.utime(snapshot, (0, 0))
    wait_until(lambda: snapshot.stat().st_mtime > 0)
    gate.open.set()


def test_the_last_line_of_a_phase_is_a_sign_of_life(bench, monkeypatch):
    first = interrupted(bench, prints=True)
    run_dir = first.session.disk.keeper.run_dir
    journalled = read(run_dir.journal)
    hours_later(monkeypatch)
    seen = attach(None, bench.root)
    spoken = seen["b"].known.logs[-1].timestamp
    assert journalled.last_clock <= spoken
    os.utime(run_dir.snapshot, (0, 0))
    assert last_sign(journalled, run_dir, seen.store.state) == spoken
    run_dir.snapshot.unlink()
    assert last_sign(journalled, run_dir, seen.store.state) == spoken
    seen.close()


@pytest.mark.parametrize("off_s", [-1e12, 1e12])
def test_a_clock_that_is_wrong_moves_no_end_into_the_future_or_before_what_happened(bench, off_s):
    first = interrupted(bench)
    run_dir = first.session.disk.keeper.run_dir
    journalled = read(run_dir.journal)
    wrong = max(time.time() + off_s, 0)
    os.utime(run_dir.snapshot, (wrong, wrong))
    assert last_sign(journalled, run_dir, replay(journalled)) == journalled.last_clock


def test_a_session_taken_up_twice_tells_all_of_its_story(bench):
    first = bench.fail()
    bench.make().resume(first.session_id).wait(DEADLINE_S)
    bench.executors[-1].close()
    bench.broken = False
    third = bench.make().resume(first.session_id)
    assert third.wait(DEADLINE_S).success
    assert [(r.attempt, r.status) for r in third["train"].attempts] == [(1, "failed"), (2, "failed"), (3, "completed")]
    third.close()
    journalled = read(find(bench.root, str(first.session_id)).journal)
    assert len(journalled.owners) == 2
    assert not journalled.damage


def test_what_ran_when_the_kernel_ended_runs_again_from_its_start(bench, monkeypatch):
    gate = Gate(7)
    first = bench.make(Phase("a", give(1)), Phase("b", gate, "", "a")).start()
    assert gate.began.wait(DEADLINE_S)
    saved(first, "a")
    forget_owner(first)
    second = bench.make(Phase("a", boom), Phase("b", give(8), "", "a")).resume(first.session_id, stale="reuse")
    assert second.wait(DEADLINE_S).results == {"a": 1, "b": 8}
    assert second["b"].attempts[0].status == "cancelled"
    assert second["b"].known.attempt == 2
    gate.open.set()


def test_a_result_that_was_not_saved_is_made_anew(bench):
    made = []
    lock = threading.Lock()

    def load():
        made.append(1)
        return lock

    phases = [Phase("load", load), Phase("next", lambda load: boom() if len(made) < 2 else "fine")]
    first = bench.fail(*phases)
    assert first["load"].known.reason.startswith("not saved: result is a lock")
    assert any("not saved" in log.line for log in first["load"].logs())
    second = bench.make(*phases)
    assert "its result was not saved" in str(second_plan(second, first))
    assert second.resume().wait(DEADLINE_S).results["next"] == "fine"
    assert len(made) == 2


def second_plan(executor, first):
    executor._take_up(first.session_id)
    return executor.plan("resume")


def test_a_phase_without_a_checkpoint_is_never_saved(bench):
    phases = [
        Phase("a", bench.count("a", 1), checkpoint=False),
        Phase("b", bench.count("b", 2, fails=lambda: bench.broken), "", "a"),
    ]
    first = bench.fail(*phases)
    assert not first["a"].known.saved
    bench.broken = False
    assert bench.make(*phases).resume(first.session_id).wait(DEADLINE_S).success
    assert bench.count.calls == ["a", "b", "a", "b"]


@pytest.mark.parametrize(("only", "done"), [((), {"a": 1, "b": 2}), (("a",), {"a": 1})])
def test_a_session_whose_owner_was_killed_before_it_could_start_goes_on_from_there(bench, only, done):
    phases = [Phase("a", give(1)), Phase("b", give(2), "", "a")]
    run_dir = RunDir.make(bench.root, "shop", str(uuid4()), time.time())
    graph = declared_to_json(Pipeline("shop", *phases).graph)
    Journal.create(run_dir.journal, make_header("shop", run_dir.session_id, graph, wall=time.time(), clock=1.0)).close()
    assert attach(None, bench.root).state.value == "cancelled"
    executor = bench.make(*phases).resume(only=only)
    assert dict(executor.wait(DEADLINE_S).results) == done
    assert executor.store.state.session_id == run_dir.session_id == str(executor.session_id)


def test_only_some_phases_can_be_resumed(bench):
    first = bench.fail()
    bench.broken = False
    second = bench.make().resume(first.session_id, only=["train"])
    assert not second.wait(DEADLINE_S).success
    assert statuses(second) == {"load": "completed", "clean": "completed", "train": "completed", "report": "pending"}
    assert second.resume().wait(DEADLINE_S).success


def test_the_value_that_a_phase_was_skipped_with_is_kept(bench):
    first = bench.make()
    first.start().wait(DEADLINE_S)
    first.skip("train", value={"made": "up"})
    first.wait(DEADLINE_S)
    first.close()
    assert first["report"].known.reason == "built on the substitute for train"
    second = bench.make()
    second._take_up(first.session_id)
    assert second.results["train"] == {"made": "up"}
    assert second["train"].known.origin == "substitute"
    assert second.session.substitutes.below(second.session.graph.index["report"]) == "train"


@pytest.mark.parametrize("before_start", [False, True])
def test_a_phase_that_was_skipped_with_nothing_stays_skipped_when_the_session_is_resumed(bench, before_start):
    first = bench.make()
    if before_start:
        first.skip("train")
    first.start()
    if not before_start:
        first.wait(DEADLINE_S)
        first.skip("train")
    assert first.wait(DEADLINE_S).success
    bench.count.calls.clear()
    first.rerun("load")
    assert first.wait(DEADLINE_S).success
    first.close()
    second = bench.make()
    second._take_up(first.session_id)
    assert second.session.state.phases[second.session.graph.index["train"]].saved
    assert "not saved" not in str(second.plan("rerun", "report"))
    second.rerun("report").wait(DEADLINE_S)
    assert second.results["report"] == ([1, 2, 3], None)
    assert second["train"].status == "skipped"
    assert "train" not in bench.count.calls


# ---------------------------------------------------------------------- damage


def forget_owner(executor):
    """Let the session go as a killed process does: without a word."""
    session = executor.session
    session.disk.recorder.flush(DEADLINE_S)
    keeper = session.disk.keeper
    session.disk.recorder = None
    session.disk._stop_mail()
    keeper.recorder.close()
    keeper._lock.release()


def result_files(executor):
    return list(executor.session.disk.keeper.run_dir.results.iterdir())


@pytest.mark.parametrize("damage", ["flip", "cut", "remove"])
def test_a_damaged_result_counts_as_not_saved_and_the_reason_is_shown(bench, damage):
    first = bench.fail()
    run_dir = find(bench.root, str(first.session_id))
    big = bytes(100_000)
    phases = [Phase("big", bench.count("big", big)), Phase("use", lambda big: boom() if bench.broken else len(big))]
    other = bench.fail(*phases, name="other")
    (file,) = result_files(other)
    if damage == "flip":
        content = bytearray(file.read_bytes())
        content[5000] ^= 1
        file.write_bytes(content)
    elif damage == "cut":
        os.truncate(file, 50_000)
    else:
        file.unlink()
    bench.broken = False
    second = bench.make(*phases, name="other")
    plan = second_plan(second, other)
    assert (plan.entries[0].decision, "its saved result is" in plan.entries[0].reason) == ("run", True)
    assert second.resume().wait(DEADLINE_S).results["use"] == 100_000
    assert bench.count.calls.count("big") == 2
    assert run_dir.journal.exists()


def test_a_file_that_a_phase_wrote_and_that_is_gone_voids_its_checkpoint(bench):
    def fetch(ctx):
        bench.count.calls.append("fetch")
        (ctx.work_dir / "raw" / "data.csv").write_text("1,2\n")
        return "data.csv"

    phases = [
        Phase("fetch", fetch),
        Phase("use", lambda fetch, ctx: boom() if bench.broken else (ctx.work_dir / "raw" / fetch).read_text()),
    ]
    first = bench.fail(*phases)
    (find(bench.root, str(first.session_id)).raw / "data.csv").unlink()
    bench.broken = False
    second = bench.make(*phases)
    assert "a file that it wrote is missing: raw/data.csv" in str(second_plan(second, first))
    assert second.resume().wait(DEADLINE_S).results["use"] == "1,2\n"


# ---------------------------------------------------------------------- what changed


def edited_phases(bench):
    return [
        Phase("load", bench.count("load", [3, 1, 2])),
        Phase("clean", lambda load: sorted(load, reverse=True)),
        *bench.phases()[2:],
    ]


def test_changed_code_runs_again_with_what_follows_where_nobody_can_be_asked(bench):
    first = bench.fail()
    bench.broken = False
    second = bench.make(*edited_phases(bench)).resume(first.session_id)
    assert second.wait(DEADLINE_S).results["clean"] == [3, 2, 1]
    assert bench.count.calls == ["load", "train", "train"]


def test_a_person_is_asked_what_changed_code_means(bench, monkeypatch):
    monkeypatch.setattr(executor_module, "_attended", lambda: True)
    first = bench.fail()
    bench.broken = False
    second = bench.make(*edited_phases(bench))
    with pytest.raises(StaleCodeError, match=r"'clean': .*Choose: stale='rerun'") as asked:
        second.resume(first.session_id)
    assert list(asked.value.changed) == ["clean"]
    assert second.resume(stale="reuse").wait(DEADLINE_S).results["clean"] == [1, 2, 3]


def test_other_parameters_are_a_change_for_the_phases_that_take_them(bench):
    phases = [Phase("a", lambda rate: rate), Phase("b", bench.count("b", 1, fails=lambda: bench.broken), "", "a")]
    first = bench.fail(*phases, params={"rate": 1})
    bench.broken = False
    second = bench.make(*phases, params={"rate": 2})
    assert "parameter `rate` changed" in str(second_plan(second, first))
    assert second.resume().wait(DEADLINE_S).results["a"] == 2


def test_a_session_of_other_phases_is_refused_with_what_is_different(bench):
    first = bench.fail()
    with pytest.raises(NothingToResumeError, match=r"since it began, extra came in and report went"):
        bench.make(*bench.phases()[:3], Phase("extra", give())).resume(first.session_id)
    with pytest.raises(NothingToResumeError, match=r"is one of 'shop', not of 'other'\. Sessions of 'other': none"):
        bench.make(name="other").resume(first.session_id)
    bench.broken = False
    assert bench.make().resume(first.session_id).wait(DEADLINE_S).success  # a refusal leaves it free


SEEN = []
RATE = 1


def test_what_a_phase_changes_itself_is_no_edit_of_it(bench):
    def load():
        SEEN.append(1)
        return RATE

    executor = bench.make(
        Phase("load", load), Phase("next", bench.count("next", 1, fails=lambda: bench.broken), "", "load")
    )
    executor.start().wait(DEADLINE_S)
    saved(executor, "load")
    assert executor.plan("resume").keeps == ("load",)


def test_a_constant_that_was_changed_in_the_notebook_is_an_edit_of_what_reads_it(bench, monkeypatch):
    executor = bench.make(Phase("load", lambda: RATE), Phase("next", boom, "", "load"))
    executor.start().wait(DEADLINE_S)
    saved(executor, "load")
    monkeypatch.setitem(globals(), "RATE", 2)
    assert "global RATE changed" in str(executor.plan("resume"))


# ---------------------------------------------------------------------- refusals


def test_an_unknown_session_is_refused_with_those_there_are(bench):
    first = bench.fail()
    with pytest.raises(UnknownSessionError, match=f"There is no session 'nonsense'.*{first.session_id}"):
        bench.make().resume("nonsense")


def test_with_no_unfinished_session_there_is_nothing_to_resume(bench):
    bench.broken = False
    assert bench.make().start().wait(DEADLINE_S).success
    bench.executors[-1].close()
    with pytest.raises(ValueError, match="There is nothing to resume: 'shop' has no unfinished session in"):
        bench.make().resume()


def test_a_session_that_lives_is_not_taken_up_by_another(bench):
    first = bench.make().start()
    first.wait(DEADLINE_S)
    with pytest.raises(SessionOwnedError, match=rf"is run by process {os.getpid()} on "):
        bench.make().resume(first.session_id)


def test_a_session_that_runs_cannot_be_left_for_another(bench):
    first = bench.fail()
    gate = Gate()
    second = bench.make(Phase("a", gate), name="busy").start()
    with pytest.raises(InvalidStateError, match="The session has not ended"):
        second.resume(first.session_id)
    gate.open.set()


# ---------------------------------------------------------------------- what cannot be saved


def test_a_work_directory_that_cannot_be_used_is_said_and_the_session_goes_on_in_memory(tmp_path, caplog):
    (tmp_path / "file").write_text("")
    executor = Pipeline("p", Phase("a", give(1))).run(work_dir=tmp_path / "file")
    assert executor.wait(DEADLINE_S).results == {"a": 1}
    assert "The session goes on in memory" in executor.store.state.notice
    assert "Not saved: The work directory" in caplog.text
    executor.close()


def test_a_directory_that_is_removed_under_a_running_session_costs_nothing_but_what_is_saved(bench, caplog):
    gate = Gate(5)
    executor = bench.make(Phase("a", give(1)), Phase("b", gate, "", "a"), Phase("c", lambda b: b + 1)).start()
    assert gate.began.wait(DEADLINE_S)
    saved(executor, "a")
    gone = bench.root.rename(bench.root.with_name("gone"))  # at once: the recorder may be writing
    shutil.rmtree(gone, ignore_errors=True)
    gate.open.set()
    assert executor.wait(DEADLINE_S).results["c"] == 6
    executor.session.disk.recorder.flush(DEADLINE_S)
    assert "goes on in memory" in executor.store.state.notice
    assert "Not saved" in caplog.text


# ---------------------------------------------------------------------- inputs, files, code


def test_a_retry_gets_its_inputs_as_they_were_saved(bench):
    def spoil(load):
        load.append("spoiled")
        if bench.broken:
            raise ValueError("boom")
        return load

    executor = bench.make(Phase("load", give([1])), Phase("spoil", spoil)).start()
    executor.wait(DEADLINE_S)
    saved(executor, "load")
    bench.broken = False
    executor.retry("spoil")
    assert executor.wait(DEADLINE_S).results["spoil"] == [1, "spoiled"]


def test_a_policy_retry_gets_its_inputs_as_they_were_saved_too(bench):
    seen = []

    def spoil(load):
        seen.append(list(load))
        load.append("spoiled")
        if len(seen) < 3:
            raise ValueError("boom")

    gate = Gate([1])
    phases = [Phase("load", gate), Phase("spoil", spoil, policy=PhasePolicy("retry", 3, 0.05))]
    executor = bench.make(*phases).start()
    gate.open.set()
    assert executor.wait(DEADLINE_S).success
    assert seen == [[1], [1], [1]]


def test_a_plan_warns_of_shared_inputs_only_where_they_are_not_on_disk(bench):
    executor = bench.make().start()
    executor.wait(DEADLINE_S)
    saved(executor, "load", "clean")
    assert executor.plan("retry", "train").warnings == ()
    loose = bench.make(*bench.phases(), name="loose")
    loose._options["work_dir"] = None
    loose._session = loose._new_session()
    loose.start().wait(DEADLINE_S)
    assert "inputs shared with the failed attempt" in loose.plan("retry", "train").warnings[0]


def test_the_code_of_each_attempt_that_differs_is_kept(bench):
    executor = bench.make().start()
    executor.wait(DEADLINE_S)
    bench.broken = False
    executor.rebind(Pipeline("shop", *bench.phases()[:2], Phase("train", give(9), "", "clean"), bench.phases()[3]))
    executor.retry("train")
    assert executor.wait(DEADLINE_S).results["train"] == 9
    saved(executor, "train")
    source = executor.session.disk.keeper.run_dir.source
    # load and train are made by one function, and share a file until train is another one
    assert {"load.1.py", "clean.1.py", "train.2.py", "report.1.py"} == {p.name for p in source.iterdir()}
    assert executor.session.results.record("train")["source"] == "train.2.py"
    assert "sorted(load)" in (source / "clean.1.py").read_text()


def test_the_journal_keeps_the_traceback_of_a_failure(bench):
    first = bench.fail()
    journalled = read(find(bench.root, str(first.session_id)).journal)
    position = next(i for i, action in enumerate(journalled.actions) if action.type == a.PHASE_FAILED)
    assert "raise ValueError" in journalled.extras[position]["traceback"]
    assert journalled.extras[position]["kind"] == "ValueError"


def test_parameters_are_on_disk_for_people(bench):
    executor = bench.make(Phase("a", lambda rate, thing: rate), params={"rate": 0.1, "thing": object()}).start()
    executor.wait(DEADLINE_S)
    text = executor.session.disk.keeper.run_dir.params.read_text()
    assert '"rate": 0.1' in text
    assert '"@type": "builtins.object"' in text


def test_the_snapshot_says_what_is_completed_what_failed_and_how(bench):
    first = bench.fail()
    snapshot = current_snapshot(find(bench.root, str(first.session_id)))
    assert snapshot["completed_phases"] == ["load", "clean"]
    assert snapshot["status"] == "failed"
    results = {r["phase"]: r for r in snapshot["results"]}
    assert (results["train"]["success"], results["train"]["error"]) == (False, "boom")
    assert (results["load"]["success"], results["load"]["saved"]) == (True, True)
    assert results["load"]["duration_s"] >= 0


def test_a_session_in_memory_makes_no_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    executor = Pipeline("p", Phase("a", give(1))).run(work_dir=None)
    executor.wait(DEADLINE_S)
    executor.close()
    assert list(Path(tmp_path).iterdir()) == []
    assert sessions(tmp_path) == []


def test_a_closed_session_that_still_ran_is_journalled_to_its_end(bench):
    gate = Gate()
    executor = bench.make(Phase("a", gate)).start()
    assert gate.began.wait(DEADLINE_S)
    executor.close()
    gate.open.set()
    run_dir = find(bench.root, str(executor.session_id))
    wait_until(lambda: current_snapshot(run_dir)["status"] in ("cancelled", "completed"))
    wait_until(lambda: "PIPELINE_C" in read(run_dir.journal).actions[-1].type)


# ---------------------------------------------------------------------- a state that cannot be used


def test_a_damaged_journal_is_refused_with_the_file_and_the_way_out(bench):
    first = bench.fail()
    run_dir = find(bench.root, str(first.session_id))
    run_dir.journal.write_bytes(b"garbage\n" + run_dir.journal.read_bytes())
    with pytest.raises(
        WorkDirError, match=r"events\.jsonl cannot be read: its first line is damaged\. Start the pipeline anew"
    ):
        bench.make().resume(first.session_id)


# ---------------------------------------------------------------------- loading that fails


class Heavy:
    """Loading it raises what the test says."""

    raises: type[BaseException] | None = None

    def __reduce__(self):
        return (make_heavy, ())


def make_heavy():
    if Heavy.raises is not None:
        raise Heavy.raises
    return Heavy()


@pytest.mark.parametrize("raised", [MemoryError, KeyboardInterrupt])
def test_a_result_that_cannot_be_loaded_now_is_said_and_nothing_is_lost(bench, monkeypatch, raised):
    phases = [
        Phase("load", bench.count("load", Heavy())),
        Phase("train", bench.count("train", 6, fails=lambda: bench.broken), "", "load"),
        Phase("use", lambda load: type(load).__name__, "", "train"),
    ]
    first = bench.fail(*phases)
    bench.broken = False
    monkeypatch.setattr(Heavy, "raises", raised)
    second = bench.make(*phases)
    kind, says = raised, None
    if raised is MemoryError:
        kind = ResultNotAvailableError
        says = r"The saved result of 'load' \(\d+ bytes on disk\) cannot be loaded: there is not enough memory"
    for _ in range(2):
        with pytest.raises(kind, match=says):
            second.resume(first.session_id, stale="reuse")
    assert second["load"].status == "completed"

    monkeypatch.setattr(Heavy, "raises", None)
    assert second.resume(stale="reuse").wait(DEADLINE_S).results["use"] == "Heavy"
    assert bench.count.calls.count("load") == 1


def test_a_run_that_cannot_load_what_it_resumes_lets_go_of_the_session(bench, monkeypatch):
    phases = [
        Phase("load", bench.count("load", Heavy())),
        Phase("train", bench.count("train", 6, fails=lambda: bench.broken), "", "load"),
        Phase("use", lambda load: 1, "", "train"),
    ]
    first = bench.fail(*phases)
    bench.broken = False
    monkeypatch.setattr(Heavy, "raises", MemoryError)
    with pytest.raises(ResultNotAvailableError, match="Nothing is lost"):
        Pipeline("shop", *phases).run(work_dir=bench.root, resume=first.session_id, stale="reuse")
    monkeypatch.setattr(Heavy, "raises", None)
    third = bench.make(*phases, resume=first.session_id, stale="reuse").start()
    assert third.wait(DEADLINE_S).success
    assert bench.count.calls.count("load") == 1
