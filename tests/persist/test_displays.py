"""Displays on disk: whole or not there, shown only if they carry the person's own signature."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milo_nb.errors import ResultRefusedError
from milo_nb.persist.disk import temporary
from milo_nb.persist.displays import Display, DisplayFiles, Place
from milo_nb.persist.rundir import RunDir

KEY, OTHER = b"k" * 32, b"o" * 32
FIRST = Place(1, 1)
PICTURE = Display(
    {"image/png": b"\x89PNG\n\x00", "text/plain": "<Figure>\n\ud800"}, {"image/png": {"width": 3}}, "a", True, 7, 2
)


@pytest.fixture
def run_dir(tmp_path):
    return RunDir.make(tmp_path, "shop", "11111111-1111-1111-1111-111111111111", 0.0)


@pytest.fixture
def files(run_dir):
    return DisplayFiles(run_dir, lambda: KEY)


def test_a_display_comes_back_as_it_was(files):
    files.write("plot", FIRST, PICTURE)
    assert files.load("plot", FIRST) == PICTURE


@given(
    st.dictionaries(st.text(), st.binary() | st.text()),
    st.dictionaries(st.text(), st.none() | st.integers() | st.text()),
)
def test_any_forms_come_back(tmp_path_factory, forms, metadata):
    run_dir = RunDir.make(tmp_path_factory.getbasetemp() / "forms", "shop", "11111111-1111-1111-1111-111111111111", 0.0)
    files = DisplayFiles(run_dir, lambda: KEY)
    display = Display(forms, metadata)
    files.write("Über/..", FIRST, display)
    assert files.load("Über/..", FIRST) == display


def test_they_are_listed_in_the_order_in_which_they_were_made_and_nothing_is_opened(files, run_dir):
    for place in (Place(2, 1), Place(1, 10), Place(1, 2)):
        files.write("a.b", place, PICTURE)
    files.write("plot", FIRST, PICTURE)
    for name in ("plot.1.display", "plot.x.1.display", "other.1.1.display", "readme"):
        (run_dir.outputs / name).write_bytes(b"")
    os.mkfifo(run_dir.outputs / "plot.1.2.display")
    listed = files.list(["plot", "a.b"])
    assert {phase: list(places) for phase, places in listed.items()} == {
        "plot": [FIRST, Place(1, 2)],
        "a.b": [Place(1, 2), Place(1, 10), Place(2, 1)],
    }
    with pytest.raises(ResultRefusedError, match="no regular file"):
        files.load("plot", Place(1, 2))


def test_what_somebody_else_signed_or_changed_or_moved_is_refused(files, run_dir):
    files.write("plot", FIRST, PICTURE)
    (file,) = run_dir.outputs.iterdir()
    whole = file.read_bytes()
    with pytest.raises(ResultRefusedError, match="does not carry your signature"):
        DisplayFiles(run_dir, lambda: OTHER).load("plot", FIRST)
    for content in (b"", whole[:40], whole[:-1], whole.replace(b"PNG", b"GIF"), whole[:64], b"\xff" * 200):
        file.write_bytes(content)
        with pytest.raises(ResultRefusedError, match="does not carry your signature"):
            files.load("plot", FIRST)
    file.write_bytes(whole)
    file.rename(file.with_name("plot.1.2.display"))
    with pytest.raises(ResultRefusedError, match="does not carry your signature"):
        files.load("plot", Place(1, 2))


def test_a_directory_in_the_place_of_a_display_is_refused_and_left_there(files, run_dir):
    there = run_dir.outputs / "plot.1.1.display"
    there.mkdir()
    (there / "mine").write_bytes(b"x")
    with pytest.raises(IsADirectoryError, match="a directory is in its place"):
        files.write("plot", FIRST, PICTURE)
    with pytest.raises(IsADirectoryError, match="a directory is in its place"):
        files.remove("plot", FIRST)
    assert [path.name for path in run_dir.outputs.iterdir()] == ["plot.1.1.display"]
    assert (there / "mine").exists()


@pytest.mark.parametrize(
    "make", [os.mkfifo, lambda path: path.symlink_to("nowhere"), lambda path: path.symlink_to("/")]
)
def test_what_else_is_in_its_place_gives_way(files, run_dir, make):
    make(run_dir.outputs / "plot.1.1.display")
    files.write("plot", FIRST, PICTURE)
    assert files.load("plot", FIRST) == PICTURE


def test_links_are_not_followed(files, run_dir, tmp_path):
    files.write("plot", FIRST, PICTURE)
    (file,) = run_dir.outputs.iterdir()
    file.rename(tmp_path / "elsewhere")
    file.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ResultRefusedError):
        files.load("plot", FIRST)


def test_metadata_that_json_cannot_hold_is_left_out(files):
    for metadata in ({"a": object()}, {"a": float("nan")}, {"a": "x" * 200_000}):
        files.write("plot", FIRST, Display({"text/plain": "x"}, metadata))
        assert files.load("plot", FIRST).metadata == {}


def test_what_a_crash_left_half_written_is_swept_away_and_what_another_process_writes_stays(files, run_dir):
    mine = run_dir.outputs / temporary()
    mine.write_bytes(b"")
    dead = run_dir.outputs / temporary().replace(f"-{os.getpid()}-", "-999999999-")
    dead.write_bytes(b"")
    files.sweep()
    assert list(run_dir.outputs.iterdir()) == [mine]


def test_of_more_than_are_ever_kept_the_last_are_listed(files, run_dir, monkeypatch):
    for number in range(1, 131):
        (run_dir.outputs / f"plot.1.{number}.display").write_bytes(b"x" * 100)
    assert list(files.list(["plot"])["plot"]) == [Place(1, n) for n in range(31, 131)]
    monkeypatch.setattr("milo_nb.persist.displays._MAX_FILE_BYTES", 250)
    assert list(files.list(["plot"])["plot"]) == [Place(1, 129), Place(1, 130)]


def test_one_that_was_removed_is_not_there(files):
    files.write("plot", FIRST, PICTURE)
    files.remove("plot", FIRST)
    files.remove("plot", FIRST)
    with pytest.raises(FileNotFoundError):
        files.load("plot", FIRST)
    assert files.list(["plot"]) == {}
