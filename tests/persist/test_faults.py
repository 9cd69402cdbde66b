"""Faults with real processes: whatever kills or hinders them, no saved phase runs again and no result is wrong."""

import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import cloudpickle
import pytest

from milo_nb.persist.crashing import CRASH_POINTS
from milo_nb.persist.journal import read
from milo_nb.persist.lock import owner
from milo_nb.persist.replay import current_snapshot, replay
from milo_nb.persist.rundir import find, sessions
from milo_nb.persist.snapshot import read_snapshot
from milo_nb.state import actions as a
from tests.persist import survivor
from tests.strategies import DEADLINE_S

PROGRAM = Path(survivor.__file__)
NAMES = survivor.NAMES
KILLS = int(os.environ.get("MILO_NB_STRESS_KILLS", "12"))
"""How often the random killer kills; the stress run asks for 400."""


def expected():
    values = []
    for i in range(len(NAMES)):
        values.append(survivor.make_result(i, values))
    return survivor.hashlib.sha256(repr(values).encode()).hexdigest()


DIGEST = expected()


class Story:
    """A session over several processes, and what they did by their own account."""

    def __init__(self, root, keys):
        self.root = root
        self.env = {**os.environ, "MILO_NB_KEY_DIR": str(keys), "PYTHONPATH": str(PROGRAM.parents[2])}

    def begin(self, pace=0.0, **env):
        return subprocess.Popen(
            [sys.executable, str(PROGRAM), str(self.root), "s-1", str(pace)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.env | env,
        )

    def go(self, **env):
        """Run to the end; return what it printed and which phases ran."""
        process = self.begin(**env)
        out, err = process.communicate(timeout=DEADLINE_S * 3)
        return process.returncode, (json.loads(out) if out else err), self.ran(process)

    def ran(self, process):
        """Names of the phases that a process started, by its own account."""
        told = [line.split() for line in self.trace()]
        return [name for mark, name, pid in told if mark == "start" and int(pid) == process.pid]

    def trace(self):
        path = self.root / "trace"
        return path.read_text().splitlines() if path.exists() else []

    def run(self):
        return find(self.root, "s-1")

    def saved(self):
        """Names of the phases that the journal calls saved."""
        try:
            told = read(self.run().journal)
        except (FileNotFoundError, LookupError):
            return set()
        return {x.payload["name"] for x in told.actions if x.type == a.PHASE_SAVED}

    def is_whole(self):
        told = read(self.run().journal)
        state = replay(told)
        assert (told.damage, state.status) == ("", "completed")
        assert {p.name: (p.status, p.saved) for p in state.phases} == dict.fromkeys(NAMES, ("completed", True))
        snapshot = read_snapshot(self.run().snapshot)
        assert (snapshot["status"], snapshot["completed_phases"]) == ("completed", NAMES)
        left = [p.name for p in self.run().path.rglob("*.tmp")]
        assert [name for name in left if not name.startswith((".pipeline-state", ".events"))] == []


@pytest.fixture
def story(tmp_path):
    (tmp_path / "root").mkdir()
    return Story(tmp_path / "root", tmp_path / "keys")


def test_undisturbed_it_comes_to_its_end(story):
    code, told, ran = story.go()

    assert (code, told, ran) == (0, {"digest": DIGEST, "refused": [], "trouble": []}, NAMES)
    story.is_whole()
    assert story.go()[2] == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "point", [*CRASH_POINTS, "result.kept:2", "journal.half:2", "journal.written:3", "journal.synced:3"]
)
def test_killed_at_a_crash_point_it_goes_on_without_running_what_was_saved(story, point):
    process = story.begin(pace=0.02, MILO_NB_CRASH_AT=point)
    process.communicate(timeout=DEADLINE_S)
    assert process.returncode == -signal.SIGKILL, "it was never reached"
    saved = story.saved()
    told = replay(read(story.run().journal))
    snapshot = current_snapshot(story.run())
    assert snapshot["status"] == told.status
    assert snapshot["completed_phases"] == [p.name for p in told.phases if p.status == "completed"]
    assert owner(story.run()) is None

    code, told, ran = story.go()

    assert (code, told["digest"], told["refused"]) == (0, DIGEST, [])
    assert saved.isdisjoint(ran)
    story.is_whole()


@pytest.mark.slow
def test_killed_at_any_time_again_and_again_it_comes_to_the_same_end(tmp_path):
    chance, kills, turn = random.Random(11), 0, 0
    while kills < KILLS:
        (tmp_path / f"root{turn}").mkdir()
        story = Story(tmp_path / f"root{turn}", tmp_path / "keys")
        turn += 1
        while True:
            saved = story.saved()
            process = story.begin(pace=0.03)
            try:
                out, err = process.communicate(timeout=chance.uniform(0.25, 0.9))
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
                kills += 1
                out = None
            assert saved.isdisjoint(story.ran(process))
            if out is not None:
                assert process.returncode == 0, err
                told = json.loads(out)
                assert (told["digest"], told["refused"], told["trouble"]) == (DIGEST, [], [])
                story.is_whole()
                break


def test_of_two_processes_one_is_refused_and_says_by_whom(story):
    first = story.begin(pace=0.3)
    while not story.trace():
        assert first.poll() is None
    code, err, ran = story.go()
    first.communicate(timeout=DEADLINE_S)

    assert (code, ran) == (1, [])
    assert f"SessionOwnedError: Session s-1 is run by process {first.pid} on " in err
    assert first.returncode == 0
    story.is_whole()


# ---------------------------------------------------------------------- tampering


class Canary:
    """Sings if it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (os.mkdir, (self.path,))


def record_of(story, name):
    (record,) = [
        x.payload for x in read(story.run().journal).actions if x.type == a.PHASE_SAVED and x.payload["name"] == name
    ]
    return record


def file_of(story, name):
    return story.run().results / record_of(story, name)["file"]


def flip(path, at):
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def tamper_flip_large(story):
    flip(file_of(story, "p2"), 2000)
    return ["p2"]


def tamper_flip_small(story):
    flip(file_of(story, "p1"), record_of(story, "p1")["offset"] + 100)
    return ["p1"]


def tamper_truncate(story):
    os.truncate(file_of(story, "p4"), 1000)
    return ["p4"]


def tamper_remove(story):
    file_of(story, "p4").unlink()
    return ["p4"]


def tamper_swap(story):
    shutil.copy(file_of(story, "p2"), file_of(story, "p4"))
    return ["p4"]


def tamper_link(story):
    path = file_of(story, "p2")
    shutil.move(path, story.root / "elsewhere")
    path.symlink_to(story.root / "elsewhere")
    return ["p2"]


def tamper_pickle(story):
    file_of(story, "p2").write_bytes(cloudpickle.dumps(Canary(str(story.root / "sang"))))
    return ["p2"]


def tamper_snapshot(story):
    story.run().snapshot.unlink()
    return []


def tamper_snapshot_lies(story):
    story.run().snapshot.write_text('{"schema": 1, "completed_phases": ["p0"], "status": "running"}')
    return []


def tamper_key(story):
    story.env["MILO_NB_KEY_DIR"] += "-of-another"
    return NAMES


TAMPERINGS = [value for name, value in sorted(globals().items()) if name.startswith("tamper_")]


@pytest.mark.slow
@pytest.mark.parametrize("tamper", TAMPERINGS, ids=lambda f: f.__name__.removeprefix("tamper_"))
def test_what_was_tampered_with_runs_again_and_nothing_else(story, tamper):
    story.go()
    runs_again = tamper(story)

    code, told, ran = story.go()

    assert (code, told["digest"]) == (0, DIGEST)
    assert [r.split(":")[0] for r in told["refused"]] == runs_again == ran
    assert not (story.root / "sang").exists()


def test_a_journal_cut_in_half_keeps_what_stands_before_the_cut(story):
    story.go()
    path = story.run().journal
    os.truncate(path, path.stat().st_size * 2 // 3)
    saved = story.saved()

    code, told, ran = story.go()

    assert 0 < len(saved) < len(NAMES)
    assert (code, told["digest"], ran) == (0, DIGEST, [n for n in NAMES if n not in saved])
    story.is_whole()


def test_a_journal_of_a_newer_version_is_refused_by_name(story):
    story.go()
    path = story.run().journal
    path.write_text('{"schema": 7, "type": "@@JOURNAL"}\n')

    code, err, ran = story.go()

    assert (code, ran) == (1, [])
    assert "SchemaError" in err
    assert str(path) in err


# ---------------------------------------------------------------------- a disk that refuses


def limited(*arguments, size):
    """Run the program with no file allowed to be longer than `size`, which is what a full disk looks like."""

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return limit


@pytest.mark.slow
@pytest.mark.parametrize("size", [0, 1_000, 4_000, 50_000, 200_000])
def test_with_no_room_on_the_disk_the_session_goes_on_and_later_saves_what_is_missing(story, size):
    (story.root / "trace").touch()

    process = subprocess.run(
        [sys.executable, str(PROGRAM), str(story.root), "s-1"],
        capture_output=True,
        text=True,
        env=story.env,
        preexec_fn=limited(size=size),
        timeout=DEADLINE_S,
        check=False,
    )
    if process.returncode:
        assert size <= 1_000, process.stderr  # not even a first line, a key or a trace
        assert "File too large" in process.stderr
    else:
        told = json.loads(process.stdout)
        assert told["digest"] == DIGEST
        assert len(told["trouble"]) == 1
        assert "File too large" in told["trouble"][0]
    saved = story.saved()
    assert len(saved) < len(NAMES)

    code, told, ran = story.go()

    assert (code, told["digest"], told["refused"]) == (0, DIGEST, [])
    assert saved.isdisjoint(ran)
    story.is_whole()


UNPRIVILEGED = """
import os, psutil, sys
from pathlib import Path
sys.path.insert(0, {root!r})
from milo_nb.declare.graph import PhaseGraph
from milo_nb.persist import journal, lock, replay, rundir
lock._me()  # what it imports must be imported while we still may
if os.geteuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
run = rundir.RunDir(Path("."))
assert not os.access(".", os.W_OK)
{body}
"""


def unprivileged(directory, body):
    """Run code where it may read `directory` and not write it, whoever runs the tests."""
    for path in (directory, *directory.rglob("*")):
        if os.geteuid() == 0:
            os.chown(path, 65534, 65534)
        path.chmod(0o500 if path.is_dir() else 0o400)
    code = UNPRIVILEGED.format(root=str(PROGRAM.parents[2]), body=body)
    try:
        return subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, cwd=directory, timeout=DEADLINE_S, check=False
        )
    finally:
        for path in (directory, *directory.rglob("*")):
            path.chmod(0o700 if path.is_dir() else 0o600)


def test_who_may_only_read_sees_all_of_a_session(story):
    story.go()

    ended = unprivileged(
        story.run().path,
        """
state = replay.replay(journal.read(run.journal))
print(state.status, lock.owner(run), replay.current_snapshot(run)["status"])
""",
    )

    assert ended.stdout.split() == ["completed", "None", "completed"], ended.stderr


def test_where_nothing_may_be_written_the_error_says_so(story):
    story.go()

    ended = unprivileged(
        story.run().path,
        """
from milo_nb.errors import WorkDirError
for attempt in (lock.SessionLock(run).acquire, lambda: rundir.RunDir.make(".", "p", "s", 0.0)):
    try:
        attempt()
    except WorkDirError as e:
        print(e)
try:
    journal.Journal.open(run.journal)
except PermissionError as e:
    print(e)
""",
    )

    lines = ended.stdout.splitlines()
    assert len(lines) == 3, ended.stderr
    assert all("ermission denied" in line for line in lines)


def test_a_session_directory_is_there_for_its_owner_only(story):
    story.go()

    for path in (story.run().path, *story.run().path.rglob("*")):
        assert path.stat().st_mode & 0o077 == 0, path
    assert sessions(story.root, "survivor") == [story.run()]
