"""The full log of a phase on disk: what was appended is what is read, whatever happens to the files."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from milo_nb.persist.logfile import MAX_LINE_LENGTH, LogFile
from milo_nb.persist.logindex import STRIDE
from milo_nb.persist.logreader import LogReader
from milo_nb.persist.workdir import UNATTRIBUTED, file_name


class Block(NamedTuple):
    stream: str
    level: str
    timestamp: float
    lines: list[str]


def block(*lines, stream="stdout", level="", timestamp=1.5):
    return Block(stream, level, timestamp, list(lines))


def rows_of(batches):
    rows = [(b.timestamp, b.stream, b.level, line) for batch in batches for b in batch for line in b.lines]
    return [(number, *row) for number, row in enumerate(rows)]


LINE = st.text(st.characters(blacklist_characters="\n", blacklist_categories=("Cs",)), max_size=5)
BLOCK = st.builds(
    Block,
    st.sampled_from(["stdout", "stderr", "log", "warning", "milo"]),
    st.sampled_from(["", "INFO", "CRITICAL"]),
    st.floats(0, 1e9),
    st.lists(LINE, max_size=7) | st.lists(st.just("x"), min_size=STRIDE - 1, max_size=2 * STRIDE + 1),
)
BATCHES = st.lists(st.lists(BLOCK, max_size=4), max_size=6)


@pytest.fixture
def log(tmp_path):
    """Append blocks to one log, each given or as a line of text, and return its reader."""

    def append(*blocks, attempt=1, phase="load", **options):
        file = LogFile(tmp_path, phase, **options)
        file.append([block(b) if isinstance(b, str) else b for b in blocks], attempt)
        file.close()
        return LogReader(tmp_path, phase)

    return append


@settings(max_examples=40)  # each writes files
@given(BATCHES, st.integers(-3, 900), st.integers(0, 900))
def test_a_page_is_a_slice_of_all_lines(tmp_path_factory, batches, start, count):
    folder = tmp_path_factory.mktemp("logs")
    file = LogFile(folder, "p")
    for attempt, batch in enumerate(batches):
        file.append(batch, attempt)
        if attempt % 2:
            file.close()  # goes on where it was
    file.close()
    reader, rows = LogReader(folder, "p"), rows_of(batches)
    assert len(reader) == len(file) == len(rows)
    assert reader.page(start, count) == [row for row in rows if start <= row[0] < start + count]
    assert reader.text() == "".join(row[4] + "\n" for row in rows)
    shutil.rmtree(folder)


@settings(max_examples=40)
@given(BATCHES, st.integers(0, 6_000))
def test_where_files_are_cut_short_the_start_of_the_log_is_still_there_and_it_can_go_on(tmp_path_factory, batches, cut):
    folder = tmp_path_factory.mktemp("logs")
    file = LogFile(folder, "p")
    for batch in batches:
        file.append(batch, 1)
    file.close()
    rows = rows_of(batches)
    for path in folder.iterdir():
        os.truncate(path, min(cut, path.stat().st_size))
    whole = (folder / "p.log").read_bytes().count(b"\n") if (folder / "p.log").exists() else 0
    reader = LogReader(folder, "p")
    assert [row[4] for row in reader.page(0, 10_000)] == [row[4] for row in rows[:whole]]
    LogFile(folder, "p").append([block("after")], 2)
    reader.refresh()
    assert reader.page(len(reader) - 1, 1) == [(len(reader) - 1, 1.5, "stdout", "", "after")]
    shutil.rmtree(folder)


def test_the_text_is_exactly_the_lines(log, tmp_path):
    log("one", "", "\x1b[1mtwo\x1b[0m", "drei: ä€𝄞", phase="load")
    assert (tmp_path / "load.log").read_text(encoding="utf-8") == "one\n\n\x1b[1mtwo\x1b[0m\ndrei: ä€𝄞\n"


def test_text_that_is_not_unicode_is_kept_readable(log):
    assert log("a\udcffb", "nul\0").page(0, 2)[0][4] == "a\\udcffb"


def test_files_and_folders_are_for_their_owner_only(log, tmp_path):
    log("a", phase="p")
    log(*["x" * 100] * 20, phase="q", max_bytes=2_000)
    paths = list(tmp_path.rglob("*"))
    assert paths
    assert [path for path in paths if stat.S_IMODE(path.stat().st_mode) not in (0o600, 0o700)] == []


def test_nothing_is_made_before_there_are_lines(tmp_path):
    file = LogFile(tmp_path / "logs", "p")
    assert len(file) == 0
    file.append([], 1)
    assert list(tmp_path.iterdir()) == []


def test_each_line_knows_its_attempt(log):
    log("first", attempt=1)
    reader = log("second", "third", attempt=2)
    assert [reader.attempt_of(number) for number in range(4)] == [1, 2, 2, 0]


def test_a_log_that_grows_too_long_keeps_its_start_and_its_end_and_names_the_cut(tmp_path):
    file = LogFile(tmp_path, "p", max_bytes=100_000)
    for number in range(20_000):
        file.append([block(f"line {number}")], 1)
    file.close()
    reader = LogReader(tmp_path, "p")
    assert len(reader) == 20_000
    head, tail = reader.kept
    assert (head.start, tail.stop) == (0, 20_000)
    assert 200 < len(head) < len(tail)
    assert reader.first == tail.start
    assert sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()) <= 100_000
    assert reader.page(0, 20_000) == [(n, 1.5, "stdout", "", f"line {n}") for part in (head, tail) for n in part]
    cut = f"[{tail.start - head.stop:,} lines cut here: {head.stop + 1:,} to {tail.start:,}]\n"
    assert f"line {head.stop - 1}\n{cut}line {tail.start}\n" in reader.text()
    later = LogFile(tmp_path, "p", max_bytes=100_000)
    later.append([block("from another process")], 2)
    assert len(later) == 20_001
    reader.refresh()
    assert reader.page(20_000, 1)[0][4] == "from another process"


def test_a_reader_sees_what_comes_after_a_refresh(tmp_path):
    reader = LogReader(tmp_path, "p")
    assert (len(reader), reader.page(0, 5), reader.text(), reader.kept, reader.first) == (0, [], "", (), 0)
    file = LogFile(tmp_path, "p")
    for number in range(5):
        file.append([block(str(number))], 1)
        assert len(reader) == number
        reader.refresh()
        assert reader.page(0, 9)[-1][4] == str(number)


def test_a_torn_last_line_does_not_count_until_the_log_goes_on(log, tmp_path):
    log("whole")
    with (tmp_path / "load.log").open("ab") as text:
        text.write(b"torn")
    assert LogReader(tmp_path, "load").text() == "whole\n"
    assert log("next").text() == "whole\ntorn\nnext\n"


@pytest.mark.parametrize("damage", [None, b"", b"garbage", b"milo_nb log index 1\n".ljust(32, b"\0") + b"\xff" * 64])
def test_an_index_that_is_missing_or_wrong_is_made_anew_from_the_text(log, tmp_path, damage):
    lines = [f"line {n}" for n in range(3 * STRIDE)]
    log(block(*lines, stream="stderr"))
    index = tmp_path / "load.idx"
    index.unlink()
    if damage is not None:
        index.write_bytes(damage)
    reader = LogReader(tmp_path, "load")
    assert [row[4] for row in reader.page(0, 10_000)] == lines
    assert [row[4] for row in reader.page(2 * STRIDE + 3, 2)] == lines[2 * STRIDE + 3 : 2 * STRIDE + 5]
    assert log("more").page(3 * STRIDE, 1) == [(3 * STRIDE, 1.5, "stdout", "", "more")]


def test_any_flipped_bit_of_an_index_leaves_the_lines_readable(log, tmp_path):
    lines = [f"line {n}" for n in range(2 * STRIDE)]
    log(block(*lines))
    whole = (tmp_path / "load.idx").read_bytes()
    for bit in range(0, 8 * len(whole), 5):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        (tmp_path / "load.idx").write_bytes(damaged)
        reader = LogReader(tmp_path, "load")
        assert [row[4] for row in reader.page(0, 2 * STRIDE)] == lines


def test_a_reader_needs_no_permission_to_write(log, tmp_path):
    log("a")
    (tmp_path / "load.idx").unlink()
    tmp_path.chmod(0o500)
    try:
        assert LogReader(tmp_path, "load").text() == "a\n"
    finally:
        tmp_path.chmod(0o700)


def test_a_part_that_goes_while_it_is_read_counts_as_cut(tmp_path):
    file = LogFile(tmp_path, "p", max_bytes=4_000)
    file.append([block(*[f"line {n}"]) for n in range(60)], 1)
    file.close()
    reader = LogReader(tmp_path, "p")
    assert len(reader.places) > 2
    reader.places[1].text.unlink()
    rows = reader.page(0, 60)
    assert rows[0][4] == "line 0"
    assert rows[-1][4] == "line 59"
    assert len(rows) < 60
    reader.refresh()
    assert len(reader.kept) == 2


def test_a_line_of_100_mb_is_cut_and_says_so(log):
    reader = log("x" * 100_000_000, "short")
    ((*_, line), (*_, short)) = reader.page(0, 2)
    assert line == "x" * MAX_LINE_LENGTH + "… [99,000,000 more characters cut]"
    assert short == "short"


FILL_THE_DISK = """
import resource, signal, sys
from pathlib import Path
from milo_nb.persist.logfile import LogFile
from tests.persist.test_logfile import block
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
file = LogFile(Path(sys.argv[1]), "p")
file.append([block("before")], 1)
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, resource.RLIM_INFINITY))
try:
    file.append([block("y" * 20_000)], 1)
except OSError as error:
    print(error.strerror)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
file.append([block("after")], 2)
"""


def test_what_a_full_disk_took_only_in_part_is_not_there_and_the_log_can_go_on(tmp_path):
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", FILL_THE_DISK, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        cwd=root,
        timeout=60,
    )
    assert done.stdout == "File too large\n"
    assert LogReader(tmp_path, "p").text() == "before\nafter\n"


def test_a_symbolic_link_in_place_of_a_log_is_refused(tmp_path):
    (tmp_path / "elsewhere").write_text("mine\n")
    (tmp_path / "p.log").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic"):
        LogFile(tmp_path, "p").append([block("a")], 1)
    assert (tmp_path / "elsewhere").read_text() == "mine\n"


def test_a_page_of_a_million_lines_is_found_also_without_the_index(log, tmp_path):
    log(*[block(*[f"{n:07} " + "x" * 50 for n in range(k, k + 10_000)]) for k in range(0, 1_000_000, 10_000)])

    def look():
        reader = LogReader(tmp_path, "load")
        assert len(reader) == 1_000_000
        assert [row[4][:7] for row in reader.page(999_000, 2)] == ["0999000", "0999001"]

    look()
    (tmp_path / "load.idx").unlink()
    look()


@pytest.mark.parametrize("name", ["load", "load_2", "7", "a-b"])
def test_plain_names_stay_as_they_are_on_disk(name):
    assert file_name(name) == name


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("Load data", "Load_data"),
        ("../../etc/passwd", "etc_passwd"),
        ("Größe", "Gre"),
        ("日本", ""),
        ("a.1", "a_1"),
        ("A", "A"),
        (".", ""),
        ("\udcff", ""),
        ("-rf", "rf"),
        ("x" * 300, "x" * 40),
        (UNATTRIBUTED, UNATTRIBUTED),
    ],
)
def test_of_other_names_stays_what_can_be_read_and_a_digest(name, hint):
    assert re.fullmatch(f"{hint}~[0-9a-f]{{12}}", file_name(name))


def test_what_belongs_to_no_phase_has_a_file_of_its_own():
    assert file_name("") == UNATTRIBUTED


@given(st.lists(st.text(), unique=True, max_size=20))
def test_no_two_phases_share_a_file_and_each_name_is_a_file_name(names):
    made = [file_name(name) for name in names]
    assert len({name.lower() for name in made}) == len(names)
    assert all(len(name.encode()) <= 60 and name.isascii() and not set(name) & set("./\\\0 ") for name in made)
