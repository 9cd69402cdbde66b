"""What stays in a work directory and what goes."""

import json
import os
import subprocess
import sys
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milo_nb.errors import SessionOwnedError
from milo_nb.persist.cache import Cache, CacheKey, Hit
from milo_nb.persist.lock import SessionLock
from milo_nb.persist.retention import clean, cleaned, remove_session
from milo_nb.persist.rundir import RunDir, sessions
from milo_nb.persist.snapshot import SCHEMA

SECRET = b"k" * 32


def session(root, number, status="completed", size=0, pipeline="shop"):
    run_dir = RunDir.make(root, pipeline, str(uuid4()), 1e9 + 60 * number)
    run_dir.snapshot.write_text(json.dumps({"schema": SCHEMA, "pipeline": pipeline, "status": status}))
    if size:
        (run_dir.results / "load.1.pkl").write_bytes(b"x" * size)
    return run_dir


def gone(removed):
    return [one.path for one in removed]


def test_the_last_sessions_stay(tmp_path):
    made = [session(tmp_path, number) for number in range(25)]

    removed = clean(tmp_path, "shop")

    assert sorted(gone(removed)) == [run.path for run in made[:5]]
    assert {one.why for one in removed} == {"more than 20 sessions"}
    assert sessions(tmp_path) == made[:4:-1]
    assert clean(tmp_path, "shop") == []


def test_each_pipeline_is_counted_for_itself(tmp_path):
    for number in range(3):
        session(tmp_path, number)
        session(tmp_path, number, pipeline="site")

    assert len(clean(tmp_path, "shop", keep=1)) == 2
    assert len(sessions(tmp_path, "site")) == 3
    assert len(clean(tmp_path, keep=1)) == 2
    assert len(sessions(tmp_path)) == 2


def test_a_dry_run_only_tells(tmp_path):
    for number in range(4):
        session(tmp_path, number, size=1000)

    planned = clean(tmp_path, keep=2, max_bytes=1500, dry_run=True)

    assert len(sessions(tmp_path)) == 4
    assert [(one.path, one.why) for one in clean(tmp_path, keep=2, max_bytes=1500)] == [
        (p.path, p.why) for p in planned
    ]
    assert len(planned) == 3


def test_the_latest_unfinished_session_stays_whatever_its_age(tmp_path):
    older = session(tmp_path, 0, "failed")
    latest = session(tmp_path, 1, "running", size=1000)
    done = [session(tmp_path, number) for number in range(2, 6)]

    clean(tmp_path, keep=1, max_bytes=0)

    assert latest.results.joinpath("load.1.pkl").exists()
    assert not older.path.exists()
    assert [run.path.exists() for run in done] == [False] * 4


def test_a_session_in_which_nothing_ever_happened_is_not_unfinished(tmp_path):
    unfinished = session(tmp_path, 0, "failed")
    RunDir.make(tmp_path, "shop", str(uuid4()), 1e9 + 500)

    clean(tmp_path, keep=0)

    assert sessions(tmp_path) == [unfinished]


def test_a_session_that_cannot_be_read_may_be_unfinished(tmp_path):
    session(tmp_path, 0, "failed")
    newer = session(tmp_path, 1)
    newer.snapshot.write_text(json.dumps({"schema": 99}))

    clean(tmp_path, keep=0)

    assert sessions(tmp_path) == [newer]


LIVE = """
import sys
from pathlib import Path
from milo_nb.persist.lock import SessionLock
from milo_nb.persist.rundir import RunDir
SessionLock(RunDir(Path(sys.argv[1]))).acquire()
print("ready", flush=True)
sys.stdin.readline()
"""


def test_a_session_that_runs_in_another_process_stays_whole(tmp_path):
    live = session(tmp_path, 0, "running", size=1000)
    unfinished = session(tmp_path, 1, "failed")
    for number in range(2, 4):
        session(tmp_path, number)
    owner = subprocess.Popen(
        [sys.executable, "-c", LIVE, str(live.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout.readline() == "ready\n"

    clean(tmp_path, keep=0, max_bytes=0)
    assert sessions(tmp_path) == [unfinished, live]
    assert live.results.joinpath("load.1.pkl").exists()
    with pytest.raises(SessionOwnedError, match=f"process {owner.pid}"):
        remove_session(live)

    owner.communicate("\n", timeout=60)
    clean(tmp_path, keep=0)
    assert sessions(tmp_path) == [unfinished]


def test_old_results_go_first_and_the_rest_of_the_session_stays(tmp_path):
    made = [session(tmp_path, number, size=10_000) for number in range(4)]

    removed = clean(tmp_path, max_bytes=25_000)

    assert gone(removed) == [made[0].results, made[1].results]
    assert [one.size_bytes for one in removed] == [10_000, 10_000]
    assert removed[0].why == "more than 25 kB" or removed[0].why == "more than 25.0 kB"
    assert made[0].snapshot.exists()
    assert [run.results.joinpath("load.1.pkl").exists() for run in made] == [False, False, True, True]
    assert cleaned(made[0]).endswith(f"UTC: {removed[0].why}")
    assert cleaned(made[2]) == ""
    assert clean(tmp_path, max_bytes=25_000) == []


def test_whole_sessions_go_when_no_results_are_left_to_go(tmp_path):
    made = [session(tmp_path, number) for number in range(3)]
    for run in made:
        (run.raw / "data.bin").write_bytes(b"x" * 10_000)

    removed = clean(tmp_path, max_bytes=15_000)

    assert gone(removed) == [made[0].path, made[1].path]
    assert sessions(tmp_path) == [made[2]]


def test_cache_entries_go_with_results_of_their_age(tmp_path):
    first, second = session(tmp_path, 0, size=10_000), session(tmp_path, 10, size=10_000)
    cache = Cache(tmp_path / "shop", SECRET, wall=lambda: 1e9 + 300)
    key = CacheKey("load", "ab12", {})
    cache.put(key, b"x" * 10_000)

    assert gone(clean(tmp_path, max_bytes=25_000)) == [first.results]
    assert isinstance(cache.look(key), Hit)
    assert gone(clean(tmp_path, max_bytes=15_000)) == [tmp_path / "shop" / "cache" / "ab" / "ab12"]
    assert (second.results / "load.1.pkl").exists()


def test_what_the_cache_shares_with_a_session_counts_once(tmp_path):
    run = session(tmp_path, 0, size=10_000)
    (tmp_path / "shop" / "cache" / "ab" / "ab12").mkdir(parents=True)
    os.link(run.results / "load.1.pkl", tmp_path / "shop" / "cache" / "ab" / "ab12" / "value")

    assert clean(tmp_path, max_bytes=15_000) == []


def test_what_a_clean_up_left_that_died_is_removed(tmp_path):
    run = session(tmp_path, 0)
    left = run.path.with_name(".tmp-0123")
    session(tmp_path, 1).path.rename(left)
    inside = run.path / ".tmp-4567"
    inside.mkdir()
    fresh = run.path / ".tmp-89ab"
    fresh.mkdir()
    for old in (left, inside):
        os.utime(old, (1, 1))

    assert sessions(tmp_path) == [run]
    clean(tmp_path)
    assert not left.exists()
    assert not inside.exists()
    assert fresh.exists()
    assert run.path.exists()


def test_results_are_never_half_there(tmp_path, monkeypatch):
    run = session(tmp_path, 0, size=1000)
    seen = []

    def look(path):
        seen.append((sorted(p.name for p in run.results.iterdir()), cleaned(run) != ""))

    monkeypatch.setattr("milo_nb.persist.retention.remove", look)
    clean(tmp_path, max_bytes=0)

    assert seen[0] == (["cleaned.json"], True)


def test_a_work_directory_that_is_not_there_has_nothing_to_clean(tmp_path):
    assert clean(tmp_path / "never") == []
    assert clean(tmp_path / "never", "shop", dry_run=True) == []
    assert not (tmp_path / "never").exists()


def test_what_may_not_be_removed_is_passed_over(tmp_path, monkeypatch):
    for number in range(3):
        session(tmp_path, number)

    def not_allowed(*args):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("milo_nb.persist.retention.remove", not_allowed)
    assert clean(tmp_path, keep=1) == []
    assert len(sessions(tmp_path)) == 3


def test_links_lead_nowhere(tmp_path):
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "thesis.tex").write_text("x" * 1000)
    run = session(tmp_path / ".milo", 0)
    session(tmp_path / ".milo", 1)
    (run.raw / "link").symlink_to(precious)
    (run.results / "link").symlink_to(precious / "thesis.tex")

    clean(tmp_path / ".milo", keep=1, max_bytes=0)

    assert not run.path.exists()
    assert (precious / "thesis.tex").exists()


STATUSES = st.lists(st.sampled_from(["completed", "failed", "running", "cancelled"]), max_size=7)


@given(STATUSES, st.integers(0, 4), st.integers(0, 3000))
def test_the_rules_hold_for_all_histories(tmp_path_factory, statuses, keep, max_bytes):
    root = tmp_path_factory.mktemp("work")
    made = [session(root, number, status, size=500) for number, status in enumerate(statuses)]
    locks = []
    if made:
        locks.append(SessionLock(made[len(made) // 2]))
        locks[0].acquire()
    safe = {made[len(made) // 2]} if made else set()
    for run, status in reversed(list(zip(made, statuses, strict=True))):
        if status != "completed" and run not in safe:
            safe.add(run)
            break
    try:
        removed = clean(root, "shop", keep, max_bytes)
    finally:
        for lock in locks:
            lock.release()

    left = sessions(root)
    assert safe <= set(left)
    assert all((run.results / "load.1.pkl").exists() for run in safe)
    assert len(left) <= max(keep, 0) + len(safe)
    assert len(set(gone(removed))) == len(removed)
    assert sum(one.size_bytes for one in removed) >= 500 * sum(not run.results.exists() for run in made)
