"""The directory of a session: where things are, who may read them, and how sessions are found."""

import os

import pytest

from milo_nb.errors import WorkDirError
from milo_nb.persist.rundir import FOLDERS, RunDir, sessions
from tests.strategies import opened

START = 1_795_000_000.25


def test_a_session_gets_all_its_folders_for_its_owner_only(tmp_path):
    run = RunDir.make(tmp_path / "work", "p", "s-1", START)

    assert sorted(p.name for p in run.path.iterdir()) == sorted(FOLDERS)
    made = [run.path, *run.path.iterdir(), run.path.parent, run.path.parent.parent, tmp_path / "work"]
    assert {p.stat().st_mode & 0o777 for p in made} == {0o700}
    assert (tmp_path / "work" / ".gitignore").read_text() == "*\n"
    for folder in ("raw", "structured", "intermediate", "reports", "results", "logs", "outputs", "control", "source"):
        assert getattr(run, folder) == run.path / folder


def test_its_name_tells_when_it_started_and_which_it_is(tmp_path):
    run = RunDir.make(tmp_path, "p", "s-1", START)

    assert run.path.name == "20261118T110640.250000Z-s-1"
    assert (run.session_id, run.started_wall, run.root) == ("s-1", START, tmp_path)


def test_a_name_without_fractions_of_a_second_is_read_too(tmp_path):
    run = RunDir(tmp_path / "20261118T110640Z-s-1")

    assert (run.session_id, run.started_wall) == ("s-1", START - 0.25)
    assert RunDir(tmp_path / "odd").started_wall == 0.0


def test_it_stays_where_it_is_when_the_working_directory_changes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = RunDir.make("work", "p", "s-1", START)
    monkeypatch.chdir("/")

    assert run.path.is_dir()
    assert os.fspath(run) == str(run.path)


def test_a_pipelines_name_never_leads_out_of_the_work_directory(tmp_path):
    for name in ("../../up", "/etc", "..", "a/b\\c", "ü\0x"):
        assert RunDir.make(tmp_path, name, f"s-{len(name)}", START).root == tmp_path


@pytest.mark.parametrize("how", ["a file is in the way", "a parent is a file"])
def test_a_work_directory_that_cannot_be_used_says_so_and_what_to_do(tmp_path, how):
    (tmp_path / "file").write_text("")
    root = tmp_path / "file" if how == "a file is in the way" else tmp_path / "file" / "work"

    with pytest.raises(
        WorkDirError, match=r"The work directory .*file.* cannot be used: .* Give another with work_dir="
    ):
        RunDir.make(root, "p", "s-1", START)


# ---------------------------------------------------------------------- finding


def test_sessions_come_newest_first_also_within_a_second_and_over_pipelines(tmp_path):
    for k, (pipeline, at) in enumerate([("b", 0.1), ("a", 0.3), ("a", 0.2), ("b", 9.0), ("a", 0.0)]):
        RunDir.make(tmp_path, pipeline, f"s-{k}", START + at)

    assert [r.session_id for r in sessions(tmp_path)] == ["s-3", "s-1", "s-2", "s-0", "s-4"]
    assert [r.session_id for r in sessions(tmp_path, "a")] == ["s-1", "s-2", "s-4"]
    assert sessions(tmp_path, "c") == []


def test_what_is_no_session_is_passed_over(tmp_path):
    run = RunDir.make(tmp_path, "p", "s-1", START)
    (run.path.parent / "notes").mkdir()
    (run.path.parent / "20261118T110640Z-a-file").write_text("")
    (run.path.parent / "20261118T110640Z-a-link").symlink_to(run.path)
    (tmp_path / "cache").mkdir()
    (tmp_path / "stray").write_text("")

    assert sessions(tmp_path) == [run]


def test_where_there_is_no_work_directory_there_are_no_sessions(tmp_path):
    assert sessions(tmp_path / "none") == []
    (tmp_path / "file").write_text("")
    assert sessions(tmp_path / "file") == []


@pytest.mark.slow
def test_ten_thousand_sessions_are_listed_by_their_names_alone(tmp_path):
    runs = RunDir.make(tmp_path, "p", "s-0", START).path.parent
    for k in range(10_000):
        os.mkdir(runs / f"20261118T110641.{k:06d}Z-s{k}")  # noqa: PTH102 - ten thousand times

    with opened(tmp_path) as files:
        found = sessions(tmp_path)

    assert len(found) == 10_001
    assert found[0].session_id == "s9999"
    assert files == []
