"""One owner per session, also over processes, and none that is dead."""

import errno
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from milo_nb.errors import InvalidStateError, SessionOwnedError, WorkDirError
from milo_nb.persist import lock as locking
from milo_nb.persist.lock import SessionLock, owner
from milo_nb.persist.rundir import RunDir
from tests.strategies import DEADLINE_S

OTHER = """
import os, sys
from pathlib import Path
from milo_nb.persist.lock import SessionLock
from milo_nb.persist.rundir import RunDir
lock = SessionLock(RunDir(Path(sys.argv[1])))
lock.acquire()
{more}
os.write(1, b"owned\\n")
sys.stdin.read()
"""


@pytest.fixture
def run(tmp_path):
    return RunDir.make(tmp_path, "p", "s-1", 1000.0)


@pytest.fixture
def other(run):
    """Starts processes that own the session; they are dead when the test ends."""
    started = []

    def start(more=""):
        process = subprocess.Popen(
            [sys.executable, "-c", OTHER.format(more=more), str(run.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout.readline().strip() == "owned"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate(timeout=DEADLINE_S)


@pytest.fixture
def no_locks(monkeypatch):
    """A file system that keeps no locks."""

    def refuse(fd, how):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)


def test_a_session_has_one_owner_also_within_a_process(run):
    with SessionLock(run) as lock:
        assert lock.is_held
        with pytest.raises(SessionOwnedError, match=f"run by process {os.getpid()} on {socket.gethostname()} since"):
            SessionLock(run).acquire()
    assert not lock.is_held
    with SessionLock(run):
        pass


def test_of_two_processes_the_second_is_told_who_owns_it_and_since_when(run, other):
    process = other()
    before = run.lock.read_bytes()

    with pytest.raises(SessionOwnedError) as refused:
        SessionLock(run).acquire()

    assert isinstance(refused.value, InvalidStateError)
    assert (refused.value.pid, refused.value.host) == (process.pid, socket.gethostname())
    assert refused.value.since == owner(run).since
    assert run.lock.read_bytes() == before


def test_a_session_whose_owner_was_killed_can_be_owned(run, other):
    process = other()
    assert owner(run).pid == process.pid
    process.kill()
    process.wait(DEADLINE_S)

    assert owner(run) is None
    with SessionLock(run):
        assert owner(run).pid == os.getpid()


def test_a_child_that_outlives_its_dead_owner_does_not_own_the_session(run, other):
    more = """
child = os.fork()
if not child:
    os.write(1, b"%d\\n" % os.getpid())  # in one piece, unlike print; by now it has let go of what it was born with
    os.read(0, 1)
    os._exit(0)
"""
    process = subprocess.Popen(
        [sys.executable, "-c", OTHER.format(more=more), str(run.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    child = int(min(process.stdout.readline(), process.stdout.readline()))  # digits come before "owned"
    try:
        assert owner(run).pid == process.pid
        process.kill()
        process.wait(DEADLINE_S)
        os.kill(child, 0)

        with SessionLock(run):
            pass
    finally:
        os.kill(child, signal.SIGKILL)
        process.stdin.close()
        process.stdout.close()


def test_nobody_owns_what_was_never_owned_or_was_let_go(run):
    assert owner(run) is None
    lock = SessionLock(run)
    lock.acquire()
    lock.release()
    lock.release()

    assert owner(run) is None


def test_readers_need_no_permission_to_write_and_are_in_nobodys_way(run, other):
    process = other()
    run.lock.chmod(0o400)
    run.path.chmod(0o500)
    try:
        for _ in range(50):
            assert owner(run).pid == process.pid
    finally:
        run.path.chmod(0o700)
        run.lock.chmod(0o600)


def test_readers_that_look_all_the_time_keep_nobody_from_owning(run):
    stop = threading.Event()

    def look():
        while not stop.is_set():
            owner(run)

    threads = [threading.Thread(target=look) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(100):
            with SessionLock(run):
                pass
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_a_lock_that_cannot_be_taken_says_where(run):
    run.lock.mkdir()

    with pytest.raises(WorkDirError, match=r"The session's lock .*\.lock cannot be taken"):
        SessionLock(run).acquire()


def test_a_lock_is_no_link(run, tmp_path):
    (tmp_path / "precious").write_text("precious")
    run.lock.symlink_to(tmp_path / "precious")

    with pytest.raises(WorkDirError):
        SessionLock(run).acquire()
    assert (tmp_path / "precious").read_text() == "precious"


def test_a_lock_file_with_nonsense_in_it_is_still_a_lock(run, other):
    process = other()
    run.lock.write_text("nonsense")

    with pytest.raises(SessionOwnedError, match="another machine"):
        SessionLock(run).acquire()
    assert owner(run).host == "another machine"
    process.kill()
    process.wait(DEADLINE_S)
    with SessionLock(run):
        pass


# ---------------------------------------------------------------------- file systems without locks


def left_marker(run, **who):
    facts = {"host": socket.gethostname(), "pid": 1, "since": "then", "boot": locking._boot(), "started": 0.0} | who
    path = run.path / ".lock.owner"
    path.write_text(json.dumps(facts))
    return path


def test_without_locks_a_marker_stands_for_one(run, no_locks):
    with SessionLock(run) as lock:
        assert lock.is_held
        assert owner(run).pid == os.getpid()
        with pytest.raises(SessionOwnedError, match="keeps no locks"):
            SessionLock(run).acquire()
    assert owner(run) is None
    with SessionLock(run):
        pass
    assert sorted(p.name for p in run.path.glob(".lock*")) == [".lock"]


@pytest.mark.parametrize(
    "who", [{"pid": 2**22 + 1}, {"started": 12345.0}, {"boot": "of yesterday"}], ids=["dead", "another", "rebooted"]
)
def test_a_marker_of_a_process_of_this_machine_that_is_gone_is_taken_over(run, no_locks, who):
    left_marker(run, **who)

    assert owner(run) is None
    with SessionLock(run):
        assert owner(run).pid == os.getpid()


def test_a_marker_of_another_machine_is_never_broken_by_its_age(run, no_locks):
    path = left_marker(run, host="elsewhere", pid=77)
    os.utime(path, (1, time.time() - 10 * 365 * 86_400))

    with pytest.raises(
        SessionOwnedError, match=r"last sign of life 20.* if that process is gone for sure, remove "
    ) as no:
        SessionLock(run).acquire()
    assert (no.value.host, no.value.pid) == ("elsewhere", 77)
    assert str(path) in str(no.value)
    assert owner(run).host == "elsewhere"
    path.unlink()
    with SessionLock(run):
        pass


def test_the_owner_of_a_marker_shows_that_it_lives(run, no_locks, monkeypatch):
    monkeypatch.setattr(locking, "HEARTBEAT_S", 0.01)
    beat = threading.Event()
    real = os.utime
    monkeypatch.setattr(os, "utime", lambda path: [real(path), beat.set()])

    with SessionLock(run):
        assert beat.wait(DEADLINE_S)


def test_letting_go_leaves_the_marker_of_another(run, no_locks):
    lock = SessionLock(run)
    lock.acquire()
    path = left_marker(run, host="elsewhere")
    lock.release()

    assert path.exists()


def test_a_marker_that_came_while_a_dead_one_was_taken_away_stays(run, no_locks, monkeypatch):
    left_marker(run, pid=2**22 + 1)
    real = locking._is_gone
    monkeypatch.setattr(locking, "_is_gone", lambda other: [real(other), left_marker(run, host="elsewhere")][0])

    with pytest.raises(SessionOwnedError) as refused:
        SessionLock(run).acquire()
    assert refused.value.host == "elsewhere"


FORKED = """
import os, sys
from pathlib import Path
from milo_nb.persist.lock import SessionLock, owner
from milo_nb.persist.rundir import RunDir
run = RunDir(Path(sys.argv[1]))
lock = SessionLock(run)
lock.acquire()
child = os.fork()
if child == 0:
    files = [os.open(sys.argv[2], os.O_RDWR) for _ in range(4)]  # one of them has the number that the lock had
    lock.release()
    os._exit(0)
os.waitpid(child, 0)
print(os.path.getsize(sys.argv[2]), owner(run).pid == os.getpid())
"""


def test_a_fork_that_lets_go_touches_neither_the_lock_nor_a_file_of_its_own(run, tmp_path):
    precious = tmp_path / "precious"
    precious.write_text("thesis")
    done = subprocess.run(
        [sys.executable, "-c", FORKED, str(run.path), str(precious)],
        stdout=subprocess.PIPE,
        text=True,
        timeout=60,
        check=True,
    )

    assert done.stdout.split() == ["6", "True"]
