"""The key of a cached result: what it depends on, what not, and how a change of it reads."""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milo_nb.persist.cache import Cache, CacheOptions, Hit
from milo_nb.persist.cache_key import explain, make_key
from milo_nb.values.digest import Undigestable
from milo_nb.values.fingerprint import Fingerprint, fingerprint

SECRET = b"k" * 32
DEEP = CacheOptions()
CODE = Fingerprint("x", {"code of train": "1", "helper tidy": "2", "global RATE": "3", "Python": "3.11"})


def key(phase="train", secret=SECRET, **other):
    made_of = {"inputs": {}, "fingerprint": CODE, "params": {}, "options": DEEP} | other
    return make_key(phase, **made_of, secret=secret)


def what_changed(before, after):
    assert before.digest != after.digest
    return explain(before.components, after.components)


def code_with(**parts):
    return Fingerprint("y", CODE.parts | {name.replace("_", " "): of for name, of in parts.items()})


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"inputs": {"load": "9"}}, ["result of `load` changed"]),
        ({"inputs": {"load": "1", "more": "2"}}, ["takes the result of `more` now"]),
        ({"inputs": {}}, ["does not take the result of `load` any more"]),
        ({"params": {"rate": 0.2}}, ["parameter `rate` changed"]),
        ({"params": {"rate": 0.1, "n": 1}}, ["has parameter `n` now"]),
        ({"params": {}}, ["has no parameter `rate` any more"]),
        ({"fingerprint": code_with(code_of_train="9")}, ["edited `train`"]),
        ({"fingerprint": code_with(helper_tidy="9")}, ["edited helper `tidy`"]),
        ({"fingerprint": code_with(global_RATE="9")}, ["global RATE changed"]),
        ({"fingerprint": code_with(helper_new="9")}, ["uses helper `new` now"]),
        ({"options": CacheOptions(version="2")}, ["version '' became '2'"]),
        ({"options": CacheOptions(code="off")}, ["code='deep' became code='off'"]),
        ({"options": CacheOptions(env="MILO_TEST")}, ["environment variable `MILO_TEST` counts now"]),
        (
            {"inputs": {"load": "9"}, "params": {"rate": 0.2}, "fingerprint": code_with(helper_tidy="9")},
            ["edited helper `tidy`", "result of `load` changed", "parameter `rate` changed"],
        ),
    ],
)
def test_what_changes_the_key_is_said_in_words(other, said, monkeypatch):
    monkeypatch.setenv("MILO_TEST", "1")
    same = {"inputs": {"load": "1"}, "params": {"rate": 0.1}}

    assert what_changed(key(**same), key(**(same | other))) == said


def test_another_python_says_so():
    before, after = key().components | {"python": "3.10"}, key().components | {"python": "3.12"}

    assert explain(before, after) == ["Python 3.10 became 3.12"]


def test_the_phase_is_part_of_the_key_and_the_pipeline_is_not():
    assert key("train").digest != key("train2").digest
    assert len(key().digest) == 64


@pytest.mark.parametrize(
    "other",
    [
        {"options": CacheOptions("1h")},
        {"params": {"b": [1, {"x", "y"}], "a": {"p": 1, "q": 2}}},
        {"secret": b"e" * 32},
        {"fingerprint": Fingerprint("other", CODE.parts, ("LOCK (lock)",))},
        {"fingerprint": Fingerprint("other", CODE.parts | {"Python": "2.7"})},
    ],
)
def test_what_does_not_count_does_not_change_the_key(other):
    params = {"params": {"a": {"q": 2, "p": 1}, "b": [1, {"y", "x"}]}}

    assert key(**params) == key(**(params | other))


def test_what_is_ignored_does_not_count():
    options = CacheOptions(ignore=("load", "rate", "RATE"))
    assert key(inputs={"load": "1"}, params={"rate": 1}, options=options) == key(
        inputs={"load": "2"}, params={"rate": object}, options=options, fingerprint=code_with(global_RATE="9")
    )
    assert key(options=CacheOptions(ignore="train")) != key(
        options=CacheOptions(ignore="train"), fingerprint=code_with(code_of_train="9")
    )
    assert key(options=CacheOptions(ignore="tidy")) != key(
        options=CacheOptions(ignore="tidy"), fingerprint=code_with(helper_tidy="9")
    )


def test_without_code_no_edit_counts():
    options = CacheOptions(code="off")

    assert (
        key(options=options)
        == key(options=options, fingerprint=None)
        == key(options=options, fingerprint=code_with(code_of_train="9"))
    )


def test_a_parameter_without_content_is_named():
    with pytest.raises(Undigestable, match="parameter rows"):
        key(params={"rows": (n for n in [1])})


def test_the_value_of_an_environment_variable_counts_and_is_not_written_down(monkeypatch):
    options = CacheOptions(env=("MILO_TOKEN", "MILO_NONE"))
    monkeypatch.delenv("MILO_NONE", raising=False)
    monkeypatch.setenv("MILO_TOKEN", "hunter2")
    before = key(options=options)
    assert before != key(options=options, secret=b"e" * 32)
    assert "hunter2" not in repr(before)

    monkeypatch.setenv("MILO_TOKEN", "")
    assert what_changed(before, key(options=options)) == ["environment variable `MILO_TOKEN` changed"]
    monkeypatch.delenv("MILO_TOKEN")
    after = key(options=options)
    assert after.components["variable MILO_TOKEN"] == "absent"
    assert what_changed(before, after) == ["environment variable `MILO_TOKEN` does not count any more"]


def test_the_content_of_files_counts(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("data").mkdir()
    Path("data/a.csv").write_text("1")
    options = CacheOptions(files=("data/*.csv", "rates.json", "none-*.txt"))
    before = key(options=options)
    assert key(options=options) == before

    os.utime("data/a.csv", (1, 1))
    assert key(options=options) == before
    Path("data/a.csv").write_text("2")
    assert what_changed(before, key(options=options)) == ["file `data/a.csv` changed"]
    Path("data/a.csv").write_text("1")
    Path("data/b.csv").write_text("1")
    assert what_changed(before, key(options=options)) == ["file `data/b.csv` is new"]
    Path("data/b.csv").unlink()
    Path("rates.json").write_text("{}")
    assert what_changed(before, key(options=options)) == ["file `rates.json` is new"]
    Path("rates.json").unlink()
    Path("data/a.csv").unlink()
    assert "file `data/a.csv` is gone" in what_changed(before, key(options=options))


def test_the_content_of_a_folder_counts(tmp_path):
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "er" / "a").write_text("1")
    options = CacheOptions(files=(tmp_path,))
    before = key(options=options)

    (tmp_path / "deep" / "er" / "a").rename(tmp_path / "deep" / "a")
    assert what_changed(before, key(options=options)) == [f"file `{tmp_path}` changed"]


def test_what_the_components_are_cannot_be_confused():
    one = key(inputs={"a": "1", "b": "2"}, fingerprint=None)
    two = key(inputs={"a": "1input b2"}, fingerprint=None)

    assert one.digest != two.digest


@given(
    st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3),
    st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=3), max_size=3),
    st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3),
    st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=3), max_size=3),
)
def test_keys_are_equal_exactly_if_all_of_it_is_and_a_difference_has_words(inputs, params, inputs2, params2):
    one, two = key(inputs=inputs, params=params), key(inputs=inputs2, params=params2)

    same = inputs == inputs2 and params == params2
    assert (one.digest == two.digest) == same
    assert bool(explain(one.components, two.components)) != same


CHILD = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from milo_nb.persist.cache import Cache, CacheOptions
from milo_nb.values.fingerprint import fingerprint
from cache_subject import train
cache = Cache(sys.argv[1], b"k" * 32)
key = cache.key_for("train", {"load": "1"}, fingerprint(train), {"names": {"x", "y", "z"}}, CacheOptions())
print(key.digest)
if len(sys.argv) > 2:
    cache.put(key, train(1))
"""
SUBJECT = """
RATE = 2
def tidy(x):
    return x + 1
def train(x):
    '''Train.'''
    return tidy(x) * RATE
"""


def test_the_key_is_the_same_in_another_process_and_a_helpers_edit_is_named(tmp_path, monkeypatch):
    def child(*more, seed):
        env = os.environ | {"PYTHONHASHSEED": seed, "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(
            [sys.executable, "-c", CHILD, str(tmp_path), *more],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            env=env,
            timeout=60,
        )
        return done.stdout.strip()

    subject = tmp_path / "cache_subject.py"
    subject.write_text(SUBJECT)
    first = child("put", seed="1")
    assert child(seed="2") == first
    subject.write_text(SUBJECT.replace("Train.", "Train, with care.") + "\n# more\n")
    assert child(seed="3") == first
    subject.write_text(SUBJECT.replace("x + 1", "x + 100"))
    assert child(seed="1") != first

    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    edited = importlib.import_module("cache_subject").train
    monkeypatch.delitem(sys.modules, "cache_subject")
    cache = Cache(tmp_path, SECRET)
    now = cache.key_for("train", {"load": "1"}, fingerprint(edited), {"names": {"x", "y", "z"}}, DEEP)
    assert cache.get(now).reasons == ["edited helper `tidy`"]


def test_a_result_is_found_by_the_key_of_a_real_function(tmp_path):
    def train(load):
        return sum(load)

    cache = Cache(tmp_path, SECRET)
    made = cache.key_for("train", {"load": "1"}, fingerprint(train), {}, DEEP)
    cache.put(made, 6)

    again = cache.key_for("train", {"load": "1"}, fingerprint(train), {}, DEEP)
    assert isinstance(cache.get(again), Hit)
