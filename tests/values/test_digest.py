"""The digest of a value depends on its content and on nothing else."""

from __future__ import annotations

import collections
import copy
import datetime as dt
import decimal
import enum
import os
import pathlib
import pickle
import re
import subprocess
import sys
import threading
import types
import uuid
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from milo_nb.values import filehash
from milo_nb.values.digest import Undigestable, digest
from milo_nb.values.exports import Exports

ROOT = Path(__file__).parents[2]

# ---------------------------------------------------------------------- laws

scalars = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.complex_numbers() | st.text() | st.binary()
    | st.dates() | st.datetimes() | st.decimals() | st.uuids()
)  # fmt: skip
keys = st.text() | st.integers() | st.tuples(st.integers(), st.text()) | st.none() | st.frozensets(st.integers())
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(keys, inner) | st.sets(keys),
    max_leaves=20,
)


def turned(value):
    """The same value, its dicts and sets filled the other way round, its parts new objects."""
    if type(value) in (list, tuple):
        return type(value)(map(turned, value))
    if type(value) is dict:
        return {turned(key): turned(one) for key, one in reversed(value.items())}
    if type(value) in (set, frozenset):
        return type(value)(turned(one) for one in sorted(value, key=repr, reverse=True))
    return copy.deepcopy(value) if not isinstance(value, str) else "".join(list(value))


@given(values)
def test_equal_content_has_an_equal_digest(value):
    assert digest(turned(value)) == digest(value)


@given(values)
def test_a_value_that_was_saved_and_loaded_has_the_digest_it_had(value):
    assert digest(pickle.loads(pickle.dumps(value))) == digest(value)


def shown(value):
    """A text that tells values apart: what no two different ones share."""
    if type(value) in (list, tuple):
        return f"{type(value).__name__}({[shown(one) for one in value]})"
    if type(value) is dict:
        return f"dict({sorted((shown(key), shown(one)) for key, one in value.items())})"
    if type(value) in (set, frozenset):
        return f"{type(value).__name__}({sorted(map(shown, value))})"
    return f"{type(value).__name__}({value!r})"


@given(values, values)
def test_different_content_has_different_digests(one, other):
    assert (digest(one) == digest(other)) == (shown(one) == shown(other))


@given(st.lists(scalars, min_size=65, max_size=130), st.integers(0, 64))
def test_each_item_of_a_long_list_counts(items, place):
    changed = [*items[:place], "changed", *items[place + 1 :]]

    assert digest(tuple(items)) != digest(items)
    assert digest(changed) != digest(items) or shown(changed) == shown(items)
    assert digest(items[::-1]) != digest(items) or shown(items[::-1]) == shown(items)


@given(st.integers(-(2**70), 2**70), st.integers(60, 70))
def test_long_numbers_count_exactly(number, length):
    assert digest([number] * length) != digest([number + 1] * length)
    assert digest([10**5000 + number]) != digest([10**5000 + number + 1])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, True), (1, 1.0), (0.0, -0.0), ("1", 1), (b"a", "a"), ([], ()), ({}, []), (set(), frozenset()), (None, "None"),
        ({1: "a"}, {True: "a"}), ({1: "a"}, {1.0: "a"}), ([[1], 2], [[1, 2]]), (["ab", "c"], ["a", "bc"]),
        ({"a": 1, "b": 2}, {"a": 2, "b": 1}), (bytearray(b"a"), b"a"), ([1, "x" * 99], [1, "x" * 98]),
        (range(3), [0, 1, 2]), (collections.OrderedDict(a=1, b=2), collections.OrderedDict(b=2, a=1)),
    ],
)  # fmt: skip
def test_what_python_confuses_is_told_apart(one, other):
    assert digest(one) != digest(other)
    assert digest([one]) != digest([other])
    assert digest([one] * 100) != digest([other] * 100)


# ---------------------------------------------------------------------- in other processes

IN_A_PROCESS = """
import collections, datetime, decimal, enum, sys
sys.path.insert(0, "tests/values")
from milo_nb.values.digest import digest
class Colour(enum.Enum):
    RED = 1
class Model:
    def __init__(self, names): self.names = names
    def go(self, x): return x + len(self.names)
words = ["alpha", "beta", "gamma", "delta", "epsilon"]
print(digest([
    set(words), {"k": frozenset(words)}, {frozenset([w]): w for w in words}, {w: k for k, w in enumerate(words)},
    {(w, 1) for w in words}, Colour.RED, Model(set(words)), {Colour.RED: {1, "1"}}, datetime.datetime(2024, 1, 1),
    collections.Counter("hello"), decimal.Decimal("1.10"), lambda x: x in {"a", "b", "c"}, words[0] + words[1],
]))
"""


def test_a_digest_does_not_depend_on_the_hash_seed_or_process():
    found = set()
    for seed in ("0", "1", "77", "random"):
        ended = subprocess.run(
            [sys.executable, "-c", IN_A_PROCESS], capture_output=True, text=True, check=True, timeout=60, cwd=ROOT,
            env=os.environ | {"PYTHONHASHSEED": seed},
        )  # fmt: skip
        found.add(ended.stdout)

    assert len(found) == 1
    assert len(found.pop()) == 65


def test_no_library_is_imported_for_it():
    code = (
        "import sys; from milo_nb.values.digest import digest; digest([1, {'a': object()}]);"
        "print([n for n in ('numpy', 'pandas', 'torch', 'polars', 'pyarrow', 'pydantic') if n in sys.modules])"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)

    assert ended.stdout == "[]\n"


# ---------------------------------------------------------------------- arrays

ARRAYS = {
    "floats": np.linspace(0, 1, 999),
    "square": np.arange(600.0).reshape(20, 30),
    "three ways": np.arange(2 * 30_000 * 40).reshape(2, 30_000, 40),
    "words": np.array(["a", "bcd", ""]),
    "times": np.array(["2024-01-01", "NaT"], dtype="M8[D]"),
    "objects": np.array([1, "a", None, [2]], dtype=object),
    "structured": np.array([(1, 2.5), (3, 4.5)], dtype=np.dtype([("a", "i1"), ("b", "f8")], align=True)),
    "objects by field": np.array([(1, "x"), (3, "y")], dtype=[("a", "i4"), ("b", "O")]),
    "long": np.array([1.5, 2.5], dtype=np.longdouble),
    "texts": np.array(["a", "longer than sixteen characters"], dtype=np.dtypes.StringDType()),
    "nothing": np.zeros((0, 3)),
    "one": np.array(3),
    "bools": np.array([True, False]),
}


@pytest.mark.parametrize("array", ARRAYS.values(), ids=ARRAYS)
def test_an_array_counts_by_type_shape_and_items_however_it_lies_in_memory(array):
    before = digest(array)

    assert digest(array.copy()) == before
    assert digest(pickle.loads(pickle.dumps(array))) == before
    assert digest(np.stack([array, array])[1, ...]) == before
    if array.ndim:
        assert digest(np.asfortranarray(array)) == before
        assert digest(np.repeat(array, 2, axis=0)[::2]) == before
        assert digest(array[..., None]) != before
        if len(array) > 1:
            assert digest(array[::-1]) != before
            assert digest(array[1:]) != before


def test_arrays_of_other_types_differ():
    numbers = [0, 1]
    found = [digest(np.array(numbers, dtype=dtype)) for dtype in ("i4", "i8", ">i4", "f8", "M8[s]", "M8[ms]", "O", "?")]

    assert len({*found, digest(numbers), digest(np.int64(1)), digest(np.int32(1)), digest(1)}) == len(found) + 4


def test_what_lies_between_the_fields_of_an_array_does_not_count():
    dtype = np.dtype([("a", "i1"), ("b", "f8")], align=True)
    clean, dirty = np.zeros(3, dtype), np.frombuffer(bytearray(b"\xaa" * 48), dtype)
    dirty["a"], dirty["b"] = 0, 0.0

    assert clean.tobytes() != dirty.tobytes()
    assert digest(clean) == digest(dirty)


def test_masks_and_subclasses_count():
    masked = np.ma.array([1, 2, 3], mask=[0, 1, 0])

    assert digest(masked) == digest(masked.copy())
    assert (
        len({digest(masked), digest(masked.data), digest(np.ma.array([1, 2, 3])), digest(np.rec.array([1, 2, 3]))}) == 4
    )


def test_a_memory_map_is_the_array_in_it(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(10))

    assert digest(np.load(tmp_path / "a.npy", mmap_mode="r")) == digest(np.arange(10))


# ---------------------------------------------------------------------- frames


def frame(rows=4):
    return pd.DataFrame(
        {
            "n": range(rows),
            "x": np.linspace(0, 1, rows),
            "s": [f"row {k}" for k in range(rows)],
            "o": pd.Series([[k] for k in range(rows)], dtype=object),
            "c": pd.Categorical(["b", "a"] * (rows // 2), categories=["a", "b"]),
            "t": pd.date_range("2024-01-01", periods=rows, tz="Europe/Berlin"),
            "d": pd.date_range("2024-01-01", periods=rows),
            "i": pd.array([1, None] * (rows // 2), dtype="Int64"),
            "b": pd.array([True, None] * (rows // 2), dtype="boolean"),
            "p": pd.period_range("2024-01", periods=rows, freq="M"),
            "v": pd.interval_range(0, rows),
            "z": pd.arrays.SparseArray([0, 1] * (rows // 2)),
            "w": pd.timedelta_range("1s", periods=rows),
        }
    )


def test_a_frame_is_equal_to_its_copies_slices_and_itself_saved():
    whole = pd.concat([frame(), frame()])

    assert (
        len({digest(one) for one in (frame(), frame().copy(), whole.iloc[:4], pickle.loads(pickle.dumps(frame())))})
        == 1
    )
    assert digest(whole.iloc[:4].reset_index(drop=True)) == digest(frame())
    assert digest(frame().assign(n=frame()["n"])) == digest(frame())


CHANGES = {
    "a column renamed": lambda f: f.rename(columns={"n": "m"}),
    "columns in another order": lambda f: f[f.columns[::-1]],
    "the index named": lambda f: f.rename_axis("i"),
    "the columns named": lambda f: f.rename_axis(columns="i"),
    "another index": lambda f: f.set_axis([1, 2, 3, 4]),
    "a step of the index": lambda f: f.set_axis(range(0, 8, 2)),
    "rows in another order": lambda f: f.iloc[::-1],
    "another type": lambda f: f.astype({"n": "float64"}),
    "a small type": lambda f: f.astype({"n": "int32"}),
    "another zone": lambda f: f.assign(t=f["t"].dt.tz_convert("UTC")),
    "ordered categories": lambda f: f.assign(c=f["c"].cat.as_ordered()),
    "other categories": lambda f: f.assign(c=f["c"].cat.add_categories("z")),
    "categories as texts": lambda f: f.assign(c=f["c"].astype("str")),
    "a list in a cell": lambda f: f.assign(o=[[0], [1], [2], [4]]),
    "one missing": lambda f: f.assign(i=pd.array([1, None, 1, 1], dtype="Int64")),
    "one known": lambda f: f.assign(b=pd.array([True, None, False, None], dtype="boolean")),
    "a text": lambda f: f.assign(s=["row 0", "row 1", "row 2", "row 4"]),
    "notes": lambda f: (setattr(f, "attrs", {"unit": "m"}), f)[1],
    "fewer rows": lambda f: f.iloc[:3],
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_each_change_of_a_frame_counts(change):
    assert digest(change(frame())) != digest(frame())


def test_an_index_counts_by_its_numbers_not_by_how_it_keeps_them():
    assert digest(pd.RangeIndex(5, 50, 5)) == digest(pd.Index(list(range(5, 50, 5))))
    assert digest(pd.RangeIndex(1)) == digest(pd.Index([0]))
    assert digest(pd.Index([0, 1, 3])) != digest(pd.Index([0, 1, 2]))
    assert digest(pd.Index([3, 3, 3])) == digest(pd.Index([3, 3, 3]))
    assert digest(pd.Index([3, 3, 3])) != digest(pd.Index([3, 3, 4]))


def test_what_lies_below_a_missing_value_does_not_count():
    one = pd.arrays.IntegerArray(np.array([1, 77]), np.array([False, True]))
    other = pd.arrays.IntegerArray(np.array([1, 88]), np.array([False, True]))

    assert digest(pd.Series(one)) == digest(pd.Series(other))


def test_series_indexes_and_arrays_of_pandas_differ():
    series = pd.Series([1, 2], name="a")
    several = pd.MultiIndex.from_product([["a", "b"], [1, 2]], names=["k", "n"])

    found = {
        digest(one) for one in (series, series.rename("b"), series.to_frame(), pd.Index([1, 2]), series.to_numpy())
    }
    assert len(found) == 5
    assert digest(several) == digest(several[[0, 1, 2, 3]])
    assert len({digest(several), digest(several[::-1]), digest(several.rename(["k", "m"]))}) == 3
    assert digest(pd.Timestamp("2024-01-01", tz="UTC")) != digest(pd.Timestamp("2024-01-01"))


class Marked(pd.DataFrame):
    _metadata = ("mark",)


def test_what_a_kind_of_frame_adds_counts():
    one, same, other = (Marked({"a": [1]}) for _ in range(3))
    one.mark, same.mark, other.mark = "x", "x", "y"

    assert digest(one) == digest(same)
    assert len({digest(one), digest(other), digest(pd.DataFrame({"a": [1]}))}) == 3


LIBRARIES = {
    "polars": """
import numpy, polars as pl
f = pl.DataFrame({"a": [1, None, 3], "s": ["x", "a text too long to be kept inline", None], "l": [[1], [2, 3], []]})
same = [f, f.clone(), pl.concat([f, f])[:3], pl.concat([f[:1], f[1:]], rechunk=False)]
other = [f.rename({"a": "b"}), f[::-1], f.cast({"a": pl.Int32}), f["a"], f[:2], f.select("s", "a", "l"), f.with_columns(a=pl.Series([1, 0, 3]))]
""",
    "pyarrow": """
import pyarrow as pa
f = pa.table({"a": pa.array([1, None, 3]), "s": ["x", "y", None], "b": [True, False, True]})
same = [f, pa.concat_tables([f, f])[:3], pa.concat_tables([f[:1], f[1:]])]
other = [f.rename_columns(["b", "s", "c"]), f[1:], f["a"], f["a"].cast("int32"), f.replace_schema_metadata({"k": "v"})]
""",
    "torch": """
import torch
f = torch.arange(12.).reshape(3, 4)
same = [f, f.clone(), torch.cat([f, f])[:3], f.t().contiguous().t()]
other = [f.t(), f.double(), f.bfloat16(), f[:2], f.numpy(), torch.nn.Parameter(f), torch.tensor(1.)]
""",
    "pydantic": """
import pydantic
class M(pydantic.BaseModel):
    a: int = 1
    b: set[str] = {"x", "y"}
    _kept: int = pydantic.PrivateAttr(0)
m = M(); m._kept = 5
same = [M(), M(a=1), M(b={"y", "x"})]
other = [M(a=2), m, {"a": 1, "b": {"x", "y"}}]
""",
    "sklearn": """
import numpy as np
from sklearn.ensemble import RandomForestClassifier
X, y = np.arange(40.).reshape(20, 2), np.arange(20) % 2
def fit(**more): return RandomForestClassifier(5, random_state=0, **more).fit(X, y)
same = [fit(), fit()]
other = [fit(max_depth=1), RandomForestClassifier(5, random_state=0)]
""",
}


@pytest.mark.slow
def test_values_of_each_library_that_is_here_count_by_content():
    """Those that are not part of the test environment are tried where somebody has them."""
    for library in filter(find_spec, LIBRARIES):
        code = (
            f"{LIBRARIES[library]}\nimport pickle\nfrom milo_nb.values.digest import digest\n"
            "found = {digest(one) for one in [*same, *(pickle.loads(pickle.dumps(one)) for one in same)]}\n"
            "print(len(found), len({digest(one) for one in other} | found) - len(other))"
        )
        command = [sys.executable, "-c", code]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, cwd=ROOT)
        assert (library, ended.stdout, ended.stderr) == (library, "1 1\n", "")


# ---------------------------------------------------------------------- files


def test_a_path_counts_by_what_is_in_the_file(tmp_path):
    one, copied, other = (tmp_path / name for name in ("one", "deep", "other"))
    one.write_text("text")
    copied.mkdir()
    (copied / "one").write_text("text")
    other.write_text("texts")

    assert digest(one) == digest(copied / "one")
    assert digest({"input": one}) == digest({"input": copied / "one"})
    assert len({digest(one), digest(other), digest(tmp_path / "none"), digest(str(one))}) == 4
    assert digest(tmp_path / "none") != digest(tmp_path / "none either")
    assert digest(pathlib.PurePosixPath("/none")) == digest(pathlib.PurePosixPath("/none"))


def test_a_folder_counts_by_names_and_contents(tmp_path):
    for name in ("a", "b", "c", "d"):
        (tmp_path / name / "sub").mkdir(parents=True)
        (tmp_path / name / "sub" / "x").write_text("1" if name != "c" else "2")
    (tmp_path / "d" / "sub" / "x").rename(tmp_path / "d" / "sub" / "y")

    assert digest(tmp_path / "a") == digest(tmp_path / "b")
    assert len({digest(tmp_path / name) for name in "acd"}) == 3


def test_a_file_is_read_once_as_long_as_nobody_writes(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_text("text")
    monkeypatch.setattr(filehash, "SETTLED_NS", 0)
    before = filehash.hash_file(path)
    with monkeypatch.context() as patch:
        patch.setattr("hashlib.file_digest", None)
        assert filehash.hash_file(path) == before == (4, digest_of(b"text"))
    path.write_text("texts")

    assert filehash.hash_file(path) == (5, digest_of(b"texts"))


def test_a_file_just_written_is_not_remembered(tmp_path):
    path = tmp_path / "file"
    path.write_text("one")
    stamp = path.stat()
    before = filehash.hash_file(path)
    path.write_text("two")
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))

    assert filehash.hash_file(path) != before


def digest_of(content):
    return __import__("hashlib").sha256(content).hexdigest()


def test_a_pipe_has_no_content(tmp_path):
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(Undigestable, match=r"params\['in'\] is a PosixPath.*no regular file"):
        digest({"in": tmp_path / "pipe"}, "params")


# ---------------------------------------------------------------------- objects


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


@dataclass
class Settings:
    rate: float
    tags: set = field(default_factory=set)
    kept: object = None


class Slotted:
    __slots__ = ("a", "b")

    def __init__(self, a):
        self.a = a


class Hooked:
    def __init__(self, name, connection):
        self.name, self.connection = name, connection

    def __milo_hash__(self):
        return {"name": self.name}


def test_objects_count_by_what_they_hold():
    zone = dt.timezone(dt.timedelta(hours=1))
    pairs = [
        (Settings(1.0, {"a", "b"}), Settings(1.0, {"b", "a"}), Settings(1.5, {"a", "b"})),
        (Slotted([1]), Slotted([1]), Slotted([2])),
        (Colour.RED, Colour(1), Colour.BLUE),
        (Hooked("a", threading.Lock()), Hooked("a", None), Hooked("b", None)),
        (Exports({"a": 1, "b": 2}), Exports({"b": 2, "a": 1}), Exports({"a": 1}, 2)),
        (collections.Counter("aab"), collections.Counter("baa"), collections.Counter("ab")),
        (collections.defaultdict(int, a=1, b=2), collections.defaultdict(int, b=2, a=1), collections.defaultdict(str)),
        (collections.deque([1, 2]), collections.deque([1, 2]), collections.deque([2, 1])),
        (dt.datetime(2024, 1, 1, tzinfo=zone),) * 2 + (dt.datetime(2024, 1, 1, tzinfo=dt.UTC),),
        (decimal.Decimal("1.0"), decimal.Decimal("1.0"), decimal.Decimal("1.00")),
        (uuid.UUID(int=1), uuid.UUID(int=1), uuid.UUID(int=2)),
        (re.compile("a"), re.compile("a"), re.compile("a", re.IGNORECASE)),
        (types.MappingProxyType({"a": 1}), types.MappingProxyType({"a": 1}), types.MappingProxyType({"a": 2})),
        (types.SimpleNamespace(a=1, b=2), types.SimpleNamespace(b=2, a=1), types.SimpleNamespace(a=1)),
        (ValueError("a"), ValueError("a"), TypeError("a")),
        (memoryview(b"ab"), memoryview(b"ab"), memoryview(b"abc")),
        (len, len, sum),
        (np.float64, np.float64, np.float32),
        (os.path, os.path, os),
        ("a".join, "a".join, "b".join),
        (Settings(1, kept=property(len)), Settings(1, kept=property(len)), Settings(1, kept=property(sum))),
        (staticmethod(len), staticmethod(len), classmethod(len)),
    ]
    for one, same, other in pairs:
        assert digest(one) == digest(same), one
        assert digest(one) != digest(other), one


def notebook(text, name):
    names = {"__name__": "__main__"}
    exec(text, names)
    return names[name]


def test_a_class_of_the_notebook_counts_by_its_code():
    text = "RATE = 1\ndef help(x): return x * RATE\nclass Model:\n    def go(self): return help(1)\nmodel = Model()"
    before = digest(notebook(text, "model"))

    assert digest(notebook("# moved\n\n" + text, "model")) == before
    assert digest(notebook(text.replace("help(1)", "help(2)"), "model")) != before
    assert digest(notebook(text.replace("RATE = 1", "RATE = 2"), "model")) != before
    assert digest(notebook(text.replace("x * RATE", "x + RATE"), "model")) != before


def test_functions_count_by_code_defaults_and_what_they_captured():
    text = "def make(n):\n    return lambda x, y=1: x + n + y\nf = make(2)"
    before = digest(notebook(text, "f"))

    assert digest(notebook(text, "f")) == before
    for old, new in (("make(2)", "make(3)"), ("y=1", "y=2"), ("x + n", "x - n")):
        assert digest(notebook(text.replace(old, new), "f")) != before


def test_a_value_that_contains_itself_has_a_digest():
    def ring(n, word):
        first = last = {"word": word}
        for k in range(n):
            last["next"] = last = {"k": k}
        last["next"] = first
        return first

    assert digest(ring(3, "a")) == digest(ring(3, "a"))
    assert len({digest(ring(3, "a")), digest(ring(3, "b")), digest(ring(4, "a")), digest(ring(0, "a"))}) == 4


def test_a_web_of_shared_objects_takes_no_ages():
    web = [0]
    for _ in range(60):
        web = [web, web]
    copied = copy.deepcopy(web)
    grid = [types.SimpleNamespace(near=[]) for _ in range(40)]
    for k, node in enumerate(grid):
        node.near += [grid[(k + step) % 40] for step in (1, 5, 35, 39)]

    assert digest(web) == digest(copied)
    assert digest(grid) == digest(copy.deepcopy(grid))


def test_a_set_of_objects_that_contain_themselves_has_none():
    one = types.SimpleNamespace()
    key = (Colour.RED, Node(one))
    one.near = {key: 1}

    with pytest.raises(Undigestable, match="contains itself"):
        digest(one)


class Node:
    def __init__(self, inside):
        self.inside = inside


def test_what_has_no_content_is_named_with_its_place(tmp_path):
    with (tmp_path / "file").open("w") as file:
        for bad, name in (
            (file, "TextIOWrapper"),
            (threading.Lock(), "lock"),
            ((k for k in "ab"), "generator"),
            (sys._getframe(), "frame"),
        ):
            with pytest.raises(Undigestable) as caught:
                digest({"a": [1, Settings(2, kept=bad)]}, "params")
            assert (caught.value.where, caught.value.type_name) == ("params['a'][1].kept", name)
            assert "whose content cannot be compared" in str(caught.value)
            assert pickle.loads(pickle.dumps(caught.value)).where == caught.value.where


def test_what_is_nested_too_deeply_has_none():
    deep = []
    for _ in range(100_000):
        deep = [deep]

    with pytest.raises(Undigestable, match="nested too deeply"):
        digest(deep)
    while deep:  # or freeing it would nest as deeply
        deep = deep.pop()


def test_a_hash_that_fails_says_where():
    class Bad:
        def __reduce_ex__(self, protocol):
            raise RuntimeError("no")

    with pytest.raises(Undigestable, match=r"value\[0\] is a Bad, whose content cannot be compared: no"):
        digest([Bad()])


def test_a_work_directory_in_a_folder_does_not_count_and_a_huge_folder_is_refused(tmp_path, monkeypatch):
    (tmp_path / "data.csv").write_text("1")
    before = digest(tmp_path)
    (tmp_path / ".milo").mkdir()
    (tmp_path / ".milo" / "events.jsonl").write_text("{}")
    assert digest(tmp_path) == before
    monkeypatch.setattr("milo_nb.values.filehash.MOST_FILES", 0)
    with pytest.raises(Undigestable, match="holds more than 0 files"):
        digest(tmp_path)
