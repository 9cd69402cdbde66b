"""What processes, disks and other people do to sessions, at the level of executors."""

import os
import re
import resource
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import pytest

from milo_nb.declare.phase import Phase
from milo_nb.errors import NothingToResumeError, ResultRefusedError
from milo_nb.execute.attached import attach
from milo_nb.execute.executor import PipelineExecutor
from milo_nb.execute.taking_up import latest_unfinished
from milo_nb.persist.journal import read
from milo_nb.persist.mailbox import post, wait_answer
from milo_nb.persist.replay import replay
from milo_nb.persist.rundir import sessions
from milo_nb.pipeline import Pipeline
from tests.crash import driver
from tests.strategies import DEADLINE_S, Gate, boom, give, opened, wait_until

ROOT = Path(__file__).parents[2]
SONG = "sang"


@pytest.fixture
def make(tmp_path):
    """Make executors of one work directory; they are closed in the end."""
    made = []

    def make(*phases, name="p", root=tmp_path / "work", **options):
        made.append(PipelineExecutor(Pipeline(name, *phases), work_dir=root, **options))
        return made[-1]

    make.root = tmp_path / "work"
    yield make
    for executor in made:
        executor.close()


def failed(make, *phases, **options):
    """Return the directory of a session that failed after it saved what it could."""
    executor = make(*phases, Phase("last", boom, "", tuple(p.name for p in phases)), **options)
    executor.execute()
    executor.close()
    return next(run for run in sessions(options.get("root", make.root)) if run.session_id == str(executor.session_id))


def program(make, body, **env):
    """Run a program that has ``make`` and ``phases`` of its own, and return how it ended."""
    code = f"""
import os, threading
from milo_nb.declare.phase import Phase
from milo_nb.execute.executor import PipelineExecutor
from milo_nb.pipeline import Pipeline

def make(*phases):
    return PipelineExecutor(Pipeline("p", *phases), work_dir={str(make.root)!r})

{body}
"""
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT), **env},
        capture_output=True,
        text=True,
        timeout=DEADLINE_S * 3,
        check=False,
    )


# ---------------------------------------------------------------------- processes


@pytest.mark.slow
def test_a_phase_that_ends_its_process_is_all_that_is_lost(make):
    ended = program(
        make,
        """
executor = make(Phase("a", lambda: {1}), Phase("wait", lambda ctx: ctx.sleep(0.3), "", "a"), Phase("b", lambda: os._exit(7), "", "wait"))
executor.execute()
""",
    )
    assert ended.returncode == 7, ended.stderr
    (run,) = sessions(make.root)
    assert latest_unfinished(make.root, "p") == run
    phases = [Phase("a", boom), Phase("wait", give(), "", "a"), Phase("b", give(2), "", "wait")]
    assert make(*phases, resume=True, stale="reuse").execute().success


@pytest.mark.slow
def test_a_process_that_ends_while_a_session_runs_has_written_what_there_was(make):
    ended = program(
        make,
        """
began = threading.Event()

def long(ctx):
    began.set()
    ctx.sleep(60)

make(Phase("a", lambda: {1}), Phase("b", long, "", "a")).start()
assert began.wait(60)
""",
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    (run,) = sessions(make.root)
    state = replay(read(run.journal))
    assert [(p.status, p.saved) for p in state.phases] == [("completed", True), ("running", False)]
    seen = attach(None, make.root)
    assert seen.state.value == "cancelled"
    seen.close()


def test_who_wants_to_resume_what_another_runs_is_told_who_and_since_when(make):
    failed(make, Phase("a", give({1})))
    gate = Gate()
    phases = [Phase("a", give({1})), Phase("last", gate, "", "a")]
    first = make(*phases, resume=True).start()
    assert gate.began.wait(DEADLINE_S)
    second = make(*phases, resume=True)
    with pytest.raises(NothingToResumeError, match=f"but {first.session_id}, which process {os.getpid()} on .* since "):
        second.start()
    gate.open.set()
    assert first.wait(DEADLINE_S).success


def test_a_request_for_what_does_not_exist_is_answered_in_words(make, caplog):
    gate = Gate()
    executor = make(Phase("a", gate)).start()
    assert gate.began.wait(DEADLINE_S)
    (run,) = sessions(make.root)
    for request, words in [
        ({"word": "retry", "phases": ["nope"]}, "There is no phase 'nope'"),
        ({"word": "resume", "options": {"only": ["nope"]}}, "There is no phase 'nope'"),
        ({"word": "resume", "options": {"only": 5}}, "'only' of 'resume' must be names; got 5"),
        ({"word": "resume", "options": {"stale": ["x"]}}, "'stale' of 'resume' must be ask, rerun or reuse"),
        ({"word": "skip", "phases": ["a"], "options": {"replace": [1]}}, "'replace' of 'skip' must be true or false"),
    ]:
        answer = wait_answer(run, post(run, request), DEADLINE_S)
        assert answer is not None
        assert (answer.ok, words in answer.message) == (False, True), answer.message
    assert caplog.text == ""
    gate.open.set()
    assert executor.wait(DEADLINE_S).success


# ---------------------------------------------------------------------- directories


@pytest.mark.slow
def test_a_work_directory_of_somebody_else_runs_nothing_of_theirs(make, tmp_path):
    song = tmp_path / SONG
    ended = program(
        make,
        f"""
class Canary:
    def __reduce__(self):
        return (os.mkdir, ({str(song)!r},))

phases = [Phase("a", Canary, cache=True), Phase("b", lambda: [Canary(), bytes(100_000)])]
make(*phases, Phase("last", lambda: 1 / 0, "", ("a", "b"))).execute()
""",
        MILO_NB_KEY_DIR=str(tmp_path / "another key"),
    )
    assert ended.returncode == 0, ended.stderr
    seen = attach(None, make.root)
    assert [p.saved for p in seen.store.state.phases] == [True, True, False]
    assert "a" in repr(seen.plan("resume")) + repr(seen.results)
    for name in ("a", "b"):
        with pytest.raises(ResultRefusedError, match="foreign: it was signed with another key"):
            seen.results[name]
    seen.close()
    phases = [Phase("a", give(1), cache=True), Phase("b", give(2)), Phase("last", lambda a, b: (a, b))]
    assert make(*phases, resume=True, stale="reuse").execute().results["last"] == (1, 2)
    assert make(*phases).execute().results["last"] == (1, 2)
    assert not song.exists()


def test_a_pipelines_folder_may_be_a_link_to_another_disk(make, tmp_path):
    (tmp_path / "other disk").mkdir()
    make.root.mkdir()
    (make.root / "p").symlink_to(tmp_path / "other disk")
    run = failed(make, Phase("a", give({1})))
    seen = attach(run.session_id, make.root)
    assert seen.results["a"] == {1}
    seen.close()


def test_a_directory_that_is_renamed_under_a_running_session_can_be_taken_up_where_it_is_now(make):
    gate = Gate(2)
    phases = [Phase("a", give({1})), Phase("b", gate, "", "a"), Phase("c", give({3}), "", "b")]
    first = make(*phases).start()
    wait_until(lambda: first["a"].known.saved)
    (run,) = sessions(make.root)
    run.path.rename(run.path.with_name(f"20300101T000000Z-{run.session_id}"))
    gate.open.set()
    assert first.wait(DEADLINE_S).success
    wait_until(lambda: "goes on in memory" in first.store.state.notice)
    first.close()
    second = make(Phase("a", boom), Phase("b", give(2), "", "a"), Phase("c", give({3}), "", "b"))
    assert second.resume(stale="reuse").wait(DEADLINE_S).results == {"a": {1}, "b": 2, "c": {3}}


MANY = 50


@pytest.mark.slow
def test_ten_thousand_sessions_in_a_directory_are_in_nobodys_way(make):
    run = failed(make, Phase("a", give({1})))
    journal, snapshot = run.journal.read_bytes(), run.snapshot.read_bytes()
    for i in range(10_000):
        path = run.path.with_name(f"20200101T{i // 3600:02d}{i // 60 % 60:02d}{i % 60:02d}.{i:06d}Z-{UUID(int=i)}")
        path.mkdir()
        (path / run.journal.name).write_bytes(journal)
        (path / run.snapshot.name).write_bytes(snapshot)
    looks = [
        lambda: len(sessions(make.root)) == 10_001,
        lambda: latest_unfinished(make.root, "p") == run,
        lambda: str(attach(None, make.root).session_id) == run.session_id,
        lambda: attach(str(UUID(int=77)), make.root).session_id == UUID(int=77),
    ]
    for look in looks:
        with opened(make.root) as files:
            assert look()
        assert len(files) < MANY


@contextmanager
def small_disk(folder):
    """Give a folder with little room, and what makes it larger: a disk of its own, or where nobody may mount one, a limit."""
    folder.mkdir()
    mounted = os.geteuid() == 0 and shutil.which("mount")
    if (
        mounted
        and not subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", folder], check=False).returncode
    ):
        try:
            yield lambda: subprocess.run(["mount", "-o", "remount,size=8m", folder], check=True)
        finally:
            subprocess.run(["umount", "-l", folder], check=True)
        return
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        yield lambda: resource.setrlimit(resource.RLIMIT_FSIZE, before)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.slow
def test_with_no_room_on_the_disk_a_session_goes_on_and_with_room_again_it_is_saved(make, tmp_path):
    disk = tmp_path / "disk"
    with small_disk(disk) as enlarge:
        names = [f"big{i}" for i in range(4)]
        phases = [
            Phase("small", give({1})),
            *[Phase(n, give(n.encode() * 40_000)) for n in names],
            Phase("end", give({2})),
        ]
        run = failed(make, *phases, root=disk / "work")
        state = replay(read(run.journal))
        assert (state.status, read(run.journal).damage) == ("failed", "")
        assert re.search(r"(No space left on device|File too large)\b.*The session goes on in memory", state.notice)
        saved = [p.name for p in state.phases if p.saved]
        assert "small" in saved
        assert set(names) - set(saved)
        enlarge()
        last = Phase("last", give(5), "", tuple(p.name for p in phases))
        second = make(*phases, last, root=disk / "work", resume=True, stale="reuse")
        assert second.execute().success
        wait_until(lambda: all(p.saved for p in second.store.state.phases))
        assert second.store.state.notice == ""
        assert [p.name for p in second.store.state.phases if p.attempt == 1] == saved
        second.close()
        assert driver.bare(replay(read(run.journal))) == driver.bare(second.store.state)


# ---------------------------------------------------------------------- results


class Exits:
    """Ends the process that makes it anew."""

    def __getstate__(self):
        return {"some": "state"}

    def __setstate__(self, state):
        raise SystemExit(5)


class Gone:
    """A class that a later kernel does not have."""


def test_a_result_that_cannot_be_made_in_the_new_kernel_is_made_by_its_phase(make, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "Gone", Gone)
    run = failed(make, Phase("gone", Gone), Phase("exits", Exits))
    monkeypatch.delattr(sys.modules[__name__], "Gone")
    seen = attach(run.session_id, make.root)
    for name in ("gone", "exits"):
        with pytest.raises(ResultRefusedError, match="cannot be made in this process"):
            seen.results[name]
    seen.close()
    last = Phase("last", lambda gone, exits: (gone, exits))
    executor = make(Phase("gone", give(1)), Phase("exits", give(2)), last, resume=True, stale="reuse")
    assert executor.execute().results["last"] == (1, 2)
