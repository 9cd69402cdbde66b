"""The phases' own files: which a phase wrote, whether they are still there, and bringing them back."""

import hashlib
import os
import stat

import pytest

from milo_nb.errors import ResultRefusedError
from milo_nb.persist import files as files_module
from milo_nb.persist.files import FileRecord, Files, restore_files, store_files
from milo_nb.persist.rundir import RunDir
from milo_nb.values import filehash


@pytest.fixture
def run_dir(tmp_path):
    return RunDir.make(tmp_path / ".milo", "shop", "id", 1e9)


@pytest.fixture
def files(run_dir):
    return Files(run_dir)


def record(path, content):
    return FileRecord(path, len(content), hashlib.sha256(content).hexdigest())


def write(run_dir, path, content=b"hello"):
    target = run_dir.path / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)


# ---------------------------------------------------------------------- which files


def test_new_and_changed_files_are_a_phases_in_order(run_dir, files):
    write(run_dir, "raw/same.txt")
    write(run_dir, "raw/changed.txt")
    marks = files.before()
    write(run_dir, "raw/changed.txt", b"other")
    write(run_dir, "reports/deep/er/new.html")
    write(run_dir, "top.csv", b"")

    changes = files.changed(marks)

    assert changes.records == (
        record("raw/changed.txt", b"other"),
        record("reports/deep/er/new.html", b"hello"),
        record("top.csv", b""),
    )
    assert changes.links == ()
    assert changes.alone


def test_a_change_that_keeps_size_and_time_is_seen(run_dir, files):
    write(run_dir, "a.txt", b"old")
    marks = files.before()
    before = (run_dir.path / "a.txt").stat()
    write(run_dir, "a.txt", b"new")
    os.utime(run_dir.path / "a.txt", ns=(before.st_atime_ns, before.st_mtime_ns))

    assert files.changed(marks).records == (record("a.txt", b"new"),)


def test_a_file_that_the_phase_removed_again_is_none(run_dir, files):
    write(run_dir, "a.txt")
    marks = files.before()
    (run_dir.path / "a.txt").unlink()

    assert files.changed(marks).records == ()


def test_our_own_files_are_no_phases(run_dir, files):
    marks = files.before()
    for name in ("results/x.1.pkl", "logs/x.log", "outputs/1", "control/1.json", "source/x.1.py", "events.jsonl"):
        write(run_dir, name)
    for name in ("events.jsonl.bad-1", "pipeline-state.json", "params.json", ".lock", ".pipeline-state.json.12.tmp"):
        write(run_dir, name)
    write(run_dir, "reports/results/mine.txt")
    write(run_dir, "raw/.hidden")

    assert [r.path for r in files.changed(marks).records] == ["raw/.hidden", "reports/results/mine.txt"]


def test_links_and_pipes_are_named_and_not_followed(run_dir, files, tmp_path):
    (tmp_path / "secret").write_text("x")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "inside").write_text("x")
    marks = files.before()
    (run_dir.raw / "link").symlink_to(tmp_path / "secret")
    (run_dir.raw / "way").symlink_to(tmp_path / "folder")
    os.mkfifo(run_dir.raw / "pipe")

    changes = files.changed(marks)

    assert changes.records == ()
    assert changes.links == ("raw/link", "raw/pipe", "raw/way")
    assert changes.doubt == "raw/link is a link or the like, which cannot be kept"


def test_what_two_phases_wrote_at_the_same_time_is_of_neither_for_certain(run_dir, files):
    first = files.before()
    second = files.before()
    write(run_dir, "a.txt")

    for marks in (first, second):
        changes = files.changed(marks)
        assert not changes.alone
        assert changes.doubt.startswith("another phase had the work directory at the same time")
    assert files.changed(files.before()).alone


def test_phases_that_only_read_at_the_same_time_leave_no_doubt(run_dir, files):
    first, second = files.before(), files.before()

    assert [files.changed(marks).doubt for marks in (first, second)] == ["", ""]


def test_a_phase_that_failed_is_forgotten(run_dir, files):
    files.forget(files.before())
    files.forget(marks := files.before())
    files.forget(marks)

    assert files.changed(files.before()).alone


def test_a_directory_that_was_removed_has_no_files(run_dir, files):
    marks = files.before()
    run_dir.path.rename(run_dir.path.with_name("elsewhere"))

    assert files.changed(marks).records == ()


def test_a_file_is_read_once_while_nobody_writes_to_it(run_dir, files, monkeypatch):
    write(run_dir, "a.txt")
    monkeypatch.setattr(filehash, "SETTLED_NS", -1)
    files.record(["a.txt"])
    monkeypatch.setattr(hashlib, "file_digest", None)

    assert files.record(["a.txt"]) == (record("a.txt", b"hello"),)


# ---------------------------------------------------------------------- still there


def test_what_is_gone_or_no_file_any_more_is_missing(run_dir, files, tmp_path):
    for name in ("a", "b", "c", "d", "e/f"):
        write(run_dir, name)
    records = files.record(["a", "b", "c", "d", "e/f"])
    (run_dir.path / "b").unlink()
    (run_dir.path / "c").unlink()
    (run_dir.path / "c").mkdir()
    (run_dir.path / "d").unlink()
    (run_dir.path / "d").symlink_to(run_dir.path / "a")
    (run_dir.path / "e").rename(tmp_path / "e")
    (run_dir.path / "e").symlink_to(tmp_path / "e")

    assert [r.path for r in files.missing(records)] == ["b", "c", "d", "e/f"]
    assert files.missing([FileRecord("../../x", 1, "")]) == [FileRecord("../../x", 1, "")]


def test_what_was_edited_differs_and_is_not_missing(run_dir, files):
    write(run_dir, "a")
    write(run_dir, "b")
    records = files.record(["a", "b", "never"])
    write(run_dir, "a", b"edited")

    assert files.missing(records) == []
    assert [r.path for r in files.differing(records)] == ["a"]
    (run_dir.path / "b").unlink()
    assert [r.path for r in files.differing(records)] == ["a", "b"]
    assert files.record(r.path for r in records) == (record("a", b"edited"),)


# ---------------------------------------------------------------------- bringing back


@pytest.mark.parametrize(
    "path",
    [
        *("../x", "/etc/x", "a/../../x", "results/x.pkl", "events.jsonl", ".lock", "", ".", "a\\b", "a\0b", ".tmp-1"),
        "pipeline-state.json",
        "control/x.request.json",
    ],
)
def test_a_path_that_leads_elsewhere_is_refused(run_dir, tmp_path, path):
    source = tmp_path / "source"
    source.mkdir()

    with pytest.raises(ResultRefusedError, match="does not lie among the phases' own files"):
        restore_files([record(path, b"evil")], source, run_dir.path)


def test_a_folder_that_became_a_link_is_refused(run_dir, tmp_path):
    source = tmp_path / "source"
    (source / "raw").mkdir(parents=True)
    (source / "raw" / "x").write_bytes(b"evil")
    (tmp_path / "away").mkdir()
    run_dir.raw.rmdir()
    run_dir.raw.symlink_to(tmp_path / "away")

    with pytest.raises(ResultRefusedError, match="is a link"):
        restore_files([record("raw/x", b"evil")], source, run_dir.path)
    assert list((tmp_path / "away").iterdir()) == []


def test_a_link_where_a_file_should_be_is_replaced_not_written_through(run_dir, files, tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    (source / "x").write_bytes(b"hello")
    (tmp_path / "away").write_bytes(b"keep")
    (run_dir.path / "x").symlink_to(tmp_path / "away")

    restore_files([record("x", b"hello")], source, files.root)

    assert (run_dir.path / "x").read_bytes() == b"hello"
    assert not (run_dir.path / "x").is_symlink()
    assert (tmp_path / "away").read_bytes() == b"keep"


def test_what_is_there_already_is_left_alone(run_dir, files, tmp_path):
    write(run_dir, "a.txt")
    before = (run_dir.path / "a.txt").stat()

    restore_files([record("a.txt", b"hello")], tmp_path / "no source", files.root)

    after = (run_dir.path / "a.txt").stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


@pytest.mark.parametrize("how", ["shared", "copied"])
def test_files_go_and_come_back_whole_with_their_mode(run_dir, files, tmp_path, how, monkeypatch):
    if how == "copied":

        def not_here(*args):
            raise OSError(18, "Invalid cross-device link")

        monkeypatch.setattr(os, "copy_file_range", not_here)
    big = os.urandom(1_000_003)
    write(run_dir, "intermediate/big.bin", big)
    write(run_dir, "raw/empty", b"")
    (run_dir.raw / "empty").chmod(0o755)
    records = files.record(["intermediate/big.bin", "raw/empty"])
    entry = tmp_path / "entry"
    store_files(records, run_dir.path, entry)
    write(run_dir, "intermediate/big.bin", b"changed later")
    (run_dir.raw / "empty").unlink()
    run_dir.raw.rmdir()

    restore_files(records, entry, files.root)

    assert (run_dir.intermediate / "big.bin").read_bytes() == big
    assert stat.S_IMODE((run_dir.raw / "empty").stat().st_mode) & 0o700 == 0o700
    assert not list(tmp_path.glob("**/.tmp-*"))


def test_a_later_change_of_the_original_does_not_reach_the_copy(run_dir, files, tmp_path):
    write(run_dir, "a.txt")
    records = files.record(["a.txt"])
    store_files(records, run_dir.path, tmp_path / "entry")
    with (run_dir.path / "a.txt").open("r+b") as file:
        file.write(b"j")

    assert (tmp_path / "entry" / "a.txt").read_bytes() == b"hello"


def test_half_a_copy_is_never_seen(run_dir, files, tmp_path, monkeypatch):
    write(run_dir, "a.txt")
    records = files.record(["a.txt"])

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files_module, "_copy_content", full)
    with pytest.raises(OSError, match="No space"):
        store_files(records, run_dir.path, tmp_path / "entry")
    assert list((tmp_path / "entry").iterdir()) == []


def test_a_file_that_is_gone_from_the_source_is_an_error(files, tmp_path):
    with pytest.raises(FileNotFoundError):
        restore_files([record("a.txt", b"hello")], tmp_path, files.root)
