"""Values go to files and come back; what was not written by us, or not as it is now, is never opened."""

from __future__ import annotations

import io
import json
import os
import pickle
import socket
import sqlite3
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from milo_nb.errors import NotSavableError, ResultRefusedError
from milo_nb.values.checksum import PIECE_BYTES
from milo_nb.values.codec import Seal, dump, load, open_own
from milo_nb.values.exports import Exports

ROOT = Path(__file__).parents[2]
KEY, OTHER_KEY = b"k" * 32, b"o" * 32
HERE = "session/phase/1"


def saved(value, key=KEY, purpose=HERE):
    file = io.BytesIO()
    seal = dump(value, file, key, purpose)
    return file, seal


def again(value):
    file, seal = saved(value)
    return load(file, KEY, HERE, seal)


def refusal(file, seal, key=KEY, purpose=HERE):
    with pytest.raises(ResultRefusedError) as caught:
        load(file, key, purpose, seal)
    return caught.value.reason


# ---------------------------------------------------------------------- there and back

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner),
)


@given(plain)
def test_a_value_comes_back_as_it_was(value):
    assert again(value) == value


@given(st.lists(st.integers(0, 3 * PIECE_BYTES), max_size=3), st.integers(0, 100))
def test_buffers_of_any_size_come_back_and_can_be_written(sizes, small):
    arrays = [np.arange(size, dtype="u1") for size in (*sizes, small)]
    back = again(arrays)

    for mine, other in zip(arrays, back, strict=True):
        np.testing.assert_array_equal(mine, other)
        assert other.flags.writeable


def test_an_array_that_is_read_only_comes_back_read_only():
    array = np.zeros(1_000_000)
    array.flags.writeable = False

    assert not again(array).flags.writeable


@pytest.mark.parametrize("order", ["C", "F"])
def test_the_order_of_an_array_in_memory_is_kept(order):
    array = np.asarray(np.arange(600_000.0).reshape(300, 2000), order=order)
    back = again(array)

    np.testing.assert_array_equal(back, array)
    assert back.flags.c_contiguous == array.flags.c_contiguous


def test_an_array_with_gaps_in_memory_comes_back():
    wide = np.arange(4_000_000).reshape(1000, 4000)
    back = again({"part": wide[::2, ::3]})

    np.testing.assert_array_equal(back["part"], wide[::2, ::3])


def test_frames_come_back():
    frame = pd.DataFrame(
        {
            "n": np.arange(200_000),
            "x": np.linspace(0, 1, 200_000),
            "s": [f"row {k}" for k in range(200_000)],
            "c": pd.Categorical(["a", "b"] * 100_000),
            "t": pd.date_range("2024-01-01", periods=200_000, freq="s", tz="UTC"),
        }
    )
    pd.testing.assert_frame_equal(again(frame), frame)


def test_the_same_object_twice_stays_one():
    array = np.zeros(100_000)
    first, second = again([array, array])

    assert first is second


def test_functions_and_classes_of_a_notebook_go_along():
    names = {"__name__": "__main__"}
    exec("RATE = 3\nclass Model:\n    def go(self, x): return x * RATE\ndef make(): return Model()", names)

    assert again(names["make"])().go(2) == 6


def test_exports_come_back():
    assert vars(again(Exports({"df": [1]}, 7))) == {"df": [1], "_": 7}


def test_a_file_may_take_less_than_all_at_once(tmp_path):
    class Stingy(io.FileIO):
        def write(self, data):
            return super().write(memoryview(data)[:100_000])

    value = np.arange(1_000_000)
    with Stingy(tmp_path / "value", "w") as file:
        seal = dump(value, file, KEY, HERE)
    with open_own(tmp_path / "value") as file:
        np.testing.assert_array_equal(load(file, KEY, HERE, seal), value)


def test_a_long_pickle_is_read_again_rather_than_held(monkeypatch, tmp_path):
    monkeypatch.setattr("milo_nb.values.codec._KEPT_BYTES", 1000)
    value = ["x" * k for k in range(300)]
    with (tmp_path / "value").open("wb") as file:
        seal = dump(value, file, KEY, HERE)
    with open_own(tmp_path / "value") as file:
        assert load(file, KEY, HERE, seal) == value


def test_no_thread_stays_behind():
    before = set(threading.enumerate())
    again(np.zeros(4 * PIECE_BYTES, "u1"))

    assert set(threading.enumerate()) <= before


# ---------------------------------------------------------------------- what is refused

MIXED = {"a": np.arange(9_000), "b": ["text", 1.5], "c": {1, 2}}


def test_a_bit_flipped_anywhere_is_noticed():
    file, seal = saved(MIXED)
    whole = file.getvalue()
    for at in [*range(0, len(whole), 997), *range(len(whole) - 60, len(whole))]:
        changed = bytearray(whole)
        changed[at] ^= 1 << (at % 8)
        assert refusal(io.BytesIO(changed), seal).startswith(("damaged", "foreign"))


def test_a_large_value_is_covered_to_its_last_byte():
    file, seal = saved(np.zeros(2 * PIECE_BYTES + 5, "u1"))
    whole = file.getvalue()
    for at in (PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES * 2 + 100):
        changed = bytearray(whole)
        changed[at] ^= 1
        assert refusal(io.BytesIO(changed), seal) == "damaged: its signature does not fit its content"


def test_a_file_cut_or_grown_at_any_length_is_damaged():
    file, seal = saved([1, "two"])
    whole = file.getvalue()
    for length in range(len(whole)):
        assert refusal(io.BytesIO(whole[:length]), seal).startswith(f"damaged: it has {length} bytes")
        assert refusal(io.BytesIO(whole[:length]), Seal(length, seal.mac)).startswith(("damaged", "foreign"))
    assert refusal(io.BytesIO(whole + b"x"), seal).startswith("damaged")


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
def test_lengths_that_lie_are_damaged_and_take_no_memory(head, count):
    file, seal = saved([1, "two"])
    whole = bytearray(file.getvalue())
    whole[-32:-16] = head.to_bytes(8, "little") + count.to_bytes(8, "little")
    if bytes(whole) != file.getvalue():
        assert refusal(io.BytesIO(whole), seal).startswith("damaged")


def test_a_file_signed_with_another_key_is_foreign():
    file, seal = saved([1], key=OTHER_KEY)

    assert refusal(file, seal) == "foreign: it was signed with another key"


def test_a_file_written_for_another_phase_is_refused():
    file, seal = saved([1], purpose="session/other/1")

    assert refusal(file, seal).startswith("damaged: its signature")


class Canary:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_a_canary_hatches_only_if_we_wrote_it(tmp_path):
    file, seal = saved(Canary(tmp_path / "sang"), key=OTHER_KEY)
    as_if_ours = bytearray(file.getvalue())
    ours, _ = saved(1)
    as_if_ours[-16:-8] = ours.getvalue()[-16:-8]
    bare = pickle.dumps(Canary(tmp_path / "sang"))

    refusal(file, seal)
    refusal(io.BytesIO(as_if_ours), seal)
    refusal(io.BytesIO(bare), Seal(len(bare), seal.mac))
    assert not (tmp_path / "sang").exists()
    again(Canary(tmp_path / "sang"))
    assert (tmp_path / "sang").exists()


def test_what_this_process_cannot_make_is_refused_with_the_reason():
    class Gone:
        def __reduce__(self):
            return json.loads, ("not json",)

    file, seal = saved(Gone())

    assert refusal(file, seal).startswith("cannot be made in this process: JSONDecodeError")


def test_only_a_plain_file_of_ours_is_opened(tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    os.mkfifo(tmp_path / "pipe")

    def why(name):
        with pytest.raises(ResultRefusedError) as caught:
            open_own(tmp_path / name)
        assert caught.value.path == str(tmp_path / name)
        return caught.value.reason

    assert why("none") == "missing"
    assert why("link") == "foreign: it is a link"
    assert why("pipe") == "foreign: it is not a plain file"
    assert why(".") == "foreign: it is not a plain file"
    with open_own(tmp_path / "file") as file:
        assert file.read() == b"x"
        assert file.name == str(tmp_path / "file")
    somebody_else = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: somebody_else)
    assert why("file") == "foreign: it belongs to another user"


def test_a_refusal_names_the_file(tmp_path):
    (tmp_path / "value").write_bytes(b"x" * 100)
    with open_own(tmp_path / "value") as file, pytest.raises(ResultRefusedError) as caught:
        load(file, KEY, HERE, Seal(100, ""))

    assert caught.value.path == str(tmp_path / "value")


# ---------------------------------------------------------------------- what cannot be saved


@dataclass
class Model:
    name: str
    lock: object


class Slotted:
    __slots__ = ("empty", "inner")

    def __init__(self, inner):
        self.inner = inner


class Pair(NamedTuple):
    left: object
    right: object


def reads_a_global():
    return LOCK


LOCK = None


def as_in_a_notebook(function):
    names = {"__name__": "__main__", "LOCK": threading.Lock()}
    return type(function)(function.__code__, names, function.__name__)


def capturing(lock):
    return lambda: lock


def why_not(value):
    with pytest.raises(NotSavableError) as caught:
        saved(value)
    return caught.value.where, caught.value.type_name


@pytest.mark.parametrize(
    ("make", "where"),
    [
        (lambda lock: lock, "result"),
        (lambda lock: {"model": Model("m", lock)}, "result['model'].lock"),
        (lambda lock: [1, (2, {"a": lock})], "result[1][1]['a']"),
        (lambda lock: Pair(1, lock), "result.right"),
        (lambda lock: Slotted([lock]), "result.inner[0]"),
        (lambda lock: Exports({"df": 1, "lock": lock}), "result.lock"),
        (capturing, "result (its captured lock)"),
        (lambda lock: np.array([1, lock], dtype=object), "result.flat[1]"),
        (lambda lock: pd.DataFrame({"a": [1, 2], "b": [lock, None]}), "result['b'].iloc[0]"),
        (lambda lock: pd.Series([None, lock]), "result.iloc[1]"),
        (lambda lock: {lock: 1}, "result (key <lock>)"),
        (lambda lock: frozenset([lock]), "result (item <lock>)"),
    ],
)
def test_the_part_that_cannot_be_saved_is_named(make, where):
    assert why_not(make(threading.Lock())) == (where, "lock")


def test_a_global_that_cannot_be_saved_is_named():
    assert why_not(as_in_a_notebook(reads_a_global)) == ("result (its global LOCK)", "lock")


def test_a_part_that_only_shows_itself_when_saved_is_named_by_its_type():
    class Hiding:
        def __reduce__(self):
            return list, ([threading.Lock()],)

    assert why_not({"a": Hiding()}) == ("result (somewhere inside)", "lock")


def test_an_open_file_is_not_saved_as_its_content(tmp_path):
    (tmp_path / "a").write_text("text")
    with (tmp_path / "a").open() as file:
        assert why_not({"log": file}) == ("result['log']", "TextIOWrapper")
        with pytest.raises(NotSavableError, match="cannot be saved: it is an open file; return its path"):
            saved(file)


def test_what_is_alive_is_not_saved():
    connection = sqlite3.connect(":memory:")
    with socket.socket() as plug:
        for value in (connection, plug, (k for k in "ab"), memoryview(b"abc"), threading.current_thread()):
            where, type_name = why_not({"x": value})
            assert where.startswith("result['x']")
            assert type_name
    connection.close()


def test_what_is_nested_too_deeply_is_told_as_that():
    deep = []
    for _ in range(100_000):
        deep = [deep]

    with pytest.raises(NotSavableError, match="result is a list, which cannot be saved: it is nested too deeply"):
        saved(deep)
    while deep:  # or freeing it would nest as deeply
        deep = deep.pop()


def test_a_full_disk_is_not_the_values_fault():
    class Full(io.BytesIO):
        def write(self, data):
            raise OSError(28, "No space left on device")

    for value in ([1], np.zeros(1_000_000)):
        with pytest.raises(OSError, match="No space left") as caught:
            dump(value, Full(), KEY, HERE)
        assert not isinstance(caught.value, NotSavableError)


# ---------------------------------------------------------------------- files that threads read and write


LARGE = PIECE_BYTES // 8 * 2 + 12_345


def test_large_arrays_come_back_from_a_file_between_other_content(tmp_path):
    value = [np.arange(LARGE), "between", np.arange(LARGE, 2 * LARGE), np.arange(3)]
    path = tmp_path / "value"
    with path.open("wb") as file:
        seal = dump(value, file, KEY, HERE)
    assert path.stat().st_size == seal.size_bytes
    in_memory, same = saved(value)
    assert (path.read_bytes(), seal) == (in_memory.getvalue(), same), "as if one thread had written it"
    with open_own(path) as file:
        back = load(file, KEY, HERE, seal)
    assert back[1] == "between"
    assert all((back[i] == value[i]).all() for i in (0, 2, 3))


@pytest.mark.parametrize("at", [100, PIECE_BYTES - 1, PIECE_BYTES, 2 * PIECE_BYTES + 1, -100])
def test_a_changed_byte_anywhere_in_a_large_file_is_found(tmp_path, at):
    path = tmp_path / "value"
    with path.open("wb") as file:
        seal = dump(np.arange(LARGE), file, KEY, HERE)
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)
    with open_own(path) as file:
        assert refusal(file, seal).startswith(("damaged", "foreign"))


def test_a_file_that_becomes_shorter_while_it_is_read_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "value"
    with path.open("wb") as file:
        seal = dump(np.arange(LARGE), file, KEY, HERE)
    monkeypatch.setattr(os, "preadv", lambda fd, buffers, at: 0)
    with open_own(path) as file:
        assert refusal(file, seal) == "damaged: it became shorter while it was read"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a device that is always full")
def test_a_disk_that_is_full_in_the_middle_of_a_large_array_is_not_the_values_fault():
    with Path("/dev/full").open("wb", buffering=0) as file, pytest.raises(OSError, match="No space left"):
        dump(np.arange(LARGE), file, KEY, HERE)


# ---------------------------------------------------------------------- memory

GROWTH = """
import sys
import numpy as np, pandas as pd
from milo_nb.values.codec import dump, load, open_own

def peak():
    return int(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1]) / 1e3

def grown(action):
    open("/proc/self/clear_refs", "w").write("5")
    before = peak()
    kept = action()
    return round(peak() - before, 1)

n = 12_500_000
array = np.random.default_rng(0).random(n)
frame = pd.DataFrame({"a": array, "b": np.arange(n)})
path, key, seals = sys.argv[1], b"k" * 32, []

def save(value):
    with open(path, "wb") as file:
        seals.append(dump(value, file, key, "p"))

def read():
    with open_own(path) as file:
        return load(file, key, "p", seals[-1])

save(np.zeros(2_000_000))  # what is imported and started once does not count
for value in (array, frame, {"deep": [frame]}):
    print(grown(lambda: save(value)), grown(read), round(seals[-1].size_bytes / 1e6, 1))
"""


@pytest.mark.slow
def test_saving_a_large_value_takes_next_to_no_memory_and_reading_it_no_copy(tmp_path):
    ended = subprocess.run(
        [sys.executable, "-c", GROWTH, str(tmp_path / "value")],
        capture_output=True, text=True, check=True, timeout=200, cwd=ROOT,
    )  # fmt: skip
    rows = [[float(part) for part in line.split()] for line in ended.stdout.splitlines()]

    assert len(rows) == 3
    for saving_mb, reading_mb, file_mb in rows:
        assert saving_mb < 20
        assert reading_mb < file_mb + 20


def written_and_read(path, value):
    with path.open("wb") as file:
        seal = dump(value, file, KEY, HERE)
    with open_own(path) as file:
        return load(file, KEY, HERE, seal)


def test_large_values_are_saved_where_the_system_cannot_be_asked_to_begin_writing(tmp_path, monkeypatch):
    monkeypatch.delattr(os, "posix_fadvise", raising=False)  # macOS has none
    value = np.arange(5_000_000)
    assert np.array_equal(written_and_read(tmp_path / "value", value), value)


def test_large_values_are_saved_and_loaded_when_no_thread_can_be_started(tmp_path, monkeypatch):
    def refuse(self):
        raise RuntimeError("can't start new thread")

    value = np.arange(2_000_000)
    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert np.array_equal(written_and_read(tmp_path / "value", value), value)
