"""Saved results: what comes back is what was saved, and nothing else comes back."""

import math
import os
import pickle
import threading

import pytest

from milo_nb.errors import NotSavableError, ResultRefusedError
from milo_nb.persist.results import PLAIN_LETTERS, SMALL_BYTES, ResultFiles
from milo_nb.persist.rundir import RunDir

KEY = b"k" * 32
PLAIN = [None, True, False, 0, -7, 2**62, 1.0, -0.0, 1e300, "", 'ü\n"', "\ud800", "x" * PLAIN_LETTERS]
SMALL = ["x" * (PLAIN_LETTERS + 1), 2**64, {"a": [1, 2]}, (1,), b"bytes"]
LARGE = [b"y" * (SMALL_BYTES + 1), list(range(40_000)), bytearray(3_000_000)]


class Loud(str):
    """Text of a type of its own."""

    __slots__ = ()


@pytest.fixture
def run(tmp_path):
    return RunDir.make(tmp_path, "p", "s-1", 1000.0)


@pytest.fixture
def results(run):
    results = ResultFiles(run, KEY)
    yield results
    results.close()


def kept(results, value, phase="a", attempt=1, **facts):
    """Save one result; return the payload that the journal would have of it."""
    (record,) = results.keep([results.stage(phase, attempt, value, facts)])
    return {"name": phase, "attempt": attempt, **record}


def names(run):
    return sorted(p.name for p in run.results.iterdir())


@pytest.mark.parametrize("value", [*PLAIN, *SMALL, *LARGE], ids=lambda v: f"{type(v).__name__} {str(v)[:8]!r}")
def test_what_was_saved_comes_back(run, results, value):
    record = kept(results, value)

    again = ResultFiles(run, KEY).load(record)

    assert (again, type(again)) == (value, type(value))
    assert results.exists(record)


def test_the_sign_of_zero_comes_back(results):
    assert math.copysign(1, results.load(kept(results, -0.0))) == -1


@pytest.mark.parametrize("value", [math.nan, math.inf, Loud("x")])
def test_what_only_looks_plain_is_saved_as_the_rest(results, value):
    again = results.load(kept(results, value))

    assert repr(again) == repr(value)
    assert type(again) is type(value)


def test_plain_values_make_no_file_small_ones_share_one_large_ones_have_their_own(run, results):
    values = [*PLAIN, *SMALL, *LARGE]
    staged = [results.stage(f"p{i}", 1, value) for i, value in enumerate(values)]
    records = results.keep(staged)

    packs = [n for n in names(run) if n.startswith("pack-")]
    assert len(packs) == 1
    assert len(names(run)) == 1 + len(LARGE)
    for i, (record, value) in enumerate(zip(records, values, strict=True)):
        assert results.load({"name": f"p{i}", "attempt": 1, **record}) == value


def test_a_value_that_changes_after_it_was_staged_comes_back_as_it_was(results):
    small, large = {"n": 1}, list(range(40_000))
    staged = [results.stage("a", 1, small), results.stage("b", 1, large)]
    small["n"] = 2
    large.clear()

    a, b = results.keep(staged)

    assert results.load({"name": "a", "attempt": 1, **a}) == {"n": 1}
    assert len(results.load({"name": "b", "attempt": 1, **b})) == 40_000


def test_facts_stand_beside_what_finds_the_result(results):
    assert kept(results, 3, digest="d", files=[])["digest"] == "d"


def test_nothing_is_there_before_it_is_kept(run, results):
    results.stage("a", 1, LARGE[0])

    assert [n for n in names(run) if not n.startswith(".")] == []


def test_what_a_crash_left_half_done_is_swept(run, results):
    record = kept(results, LARGE[0])
    results.stage("a", 1, LARGE[1])

    assert ResultFiles(run, KEY).sweep() == 1
    assert names(run) == [record["file"]]


def test_what_cannot_be_saved_leaves_nothing_behind(run, results):
    with pytest.raises(NotSavableError, match="lock"):
        results.stage("a", 1, [bytes(SMALL_BYTES * 2), threading.Lock()])

    assert names(run) == []


def test_a_dropped_result_leaves_nothing_behind(run, results):
    results.drop(results.stage("a", 1, LARGE[0]))

    assert names(run) == []


def test_files_are_for_their_owner_only(run, results):
    kept(results, LARGE[0])
    kept(results, SMALL[0])

    assert {p.stat().st_mode & 0o777 for p in run.results.iterdir()} == {0o600}


def test_phases_of_any_name_have_files_in_the_folder(run, results):
    for name in ("../../up", "a/b", ".hidden", "ü" * 300, "CON"):
        record = kept(results, LARGE[0], name)
        assert results.load(record) == LARGE[0]
        assert (run.results / record["file"]).is_file()


# ---------------------------------------------------------------------- refused


class Canary:
    """Sings if it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (os.mkdir, (self.path,))


def all_kinds(results):
    return [kept(results, value, f"p{i}") for i, value in enumerate([7, SMALL[2], LARGE[0]])]


@pytest.mark.parametrize("kind", [0, 1, 2])
def test_a_result_of_another_phase_attempt_session_or_key_is_refused(tmp_path, run, results, kind):
    record = all_kinds(results)[kind]
    other = RunDir.make(tmp_path, "p", "s-2", 1000.0)
    for path in run.results.iterdir():
        (other.results / path.name).write_bytes(path.read_bytes())

    assert results.load(record) is not None
    for refuses, told in [
        (results, record | {"name": "other"}),
        (results, record | {"attempt": 2}),
        (results, record | {"mac": "0" * 64}),
        (ResultFiles(other, KEY), record),
        (ResultFiles(run, b"x" * 32), record),
    ]:
        with pytest.raises(ResultRefusedError):
            refuses.load(told)


def test_a_plain_value_that_was_changed_is_refused(results):
    record = kept(results, 7)

    for value in (8, 7.0, "7", None, True, [7], {"a": 7}, "x" * 5000):
        with pytest.raises(ResultRefusedError, match="does not carry your signature"):
            results.load(record | {"value": value})


def test_a_bit_flipped_anywhere_is_refused(run, results):
    record = kept(results, {"a": 1})
    path = run.results / record["file"]
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ (1 << place % 8)]) + whole[place + 1 :])
        with pytest.raises(ResultRefusedError):
            results.load(record)
    path.write_bytes(whole)
    assert results.load(record) == {"a": 1}


@pytest.mark.parametrize("kind", [1, 2])
def test_a_malicious_pickle_in_place_of_a_result_is_not_run(tmp_path, run, results, kind):
    record = all_kinds(results)[kind]
    canary = tmp_path / "sang"
    evil = pickle.dumps(Canary(str(canary)))
    (run.results / record["file"]).write_bytes(evil)

    for told in (record, record | {"size": len(evil), "offset": 0}, {**record, "size": len(evil)}):
        with pytest.raises(ResultRefusedError):
            results.load(told)
    assert not canary.exists()


@pytest.mark.parametrize("kind", [1, 2])
def test_a_file_that_is_missing_short_or_a_link_is_refused(tmp_path, run, results, kind):
    record = all_kinds(results)[kind]
    path = run.results / record["file"]
    whole = path.read_bytes()

    path.write_bytes(whole[:-1])
    assert not results.exists(record)
    with pytest.raises(ResultRefusedError, match="damaged"):
        results.load(record)
    path.unlink()
    assert not results.exists(record)
    with pytest.raises(ResultRefusedError, match="missing"):
        results.load(record)
    (tmp_path / "elsewhere").write_bytes(whole)
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ResultRefusedError, match="link"):
        results.load(record)


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "/etc/passwd", ".tmp", "a/b", 3, None])
def test_a_record_that_names_no_file_of_results_is_refused(results, name):
    record = {"name": "a", "attempt": 1, "size": 1, "mac": "", "file": name}

    assert not results.exists(record)
    with pytest.raises(ResultRefusedError, match="names no file of results"):
        results.load(record)


@pytest.mark.parametrize("record", [{}, {"file": "x"}, {"file": "x", "size": "big", "mac": ""}, {"value": 3}])
def test_a_record_that_is_malformed_is_refused(results, record):
    assert "value" in record or not results.exists(record)
    with pytest.raises(ResultRefusedError):
        results.load(record)


# ---------------------------------------------------------------------- a disk that refuses


def refuse(*_):
    raise OSError(28, "No space left on device")


def test_results_that_could_not_be_kept_can_be_kept_later(run, results, monkeypatch):
    kept(results, SMALL[0], "first")
    staged = [results.stage("a", 1, SMALL[1]), results.stage("b", 1, LARGE[0])]
    monkeypatch.setattr(os, "fsync", refuse)
    for _ in range(2):
        with pytest.raises(OSError, match="No space"):
            results.keep(staged)
    monkeypatch.undo()

    a, b = results.keep(staged)

    assert results.load({"name": "a", "attempt": 1, **a}) == SMALL[1]
    assert results.load({"name": "b", "attempt": 1, **b}) == LARGE[0]
    assert len([n for n in names(run) if n.startswith("pack-")]) == 1


def test_results_that_were_kept_in_part_can_be_kept_again(results):
    staged = [results.stage("a", 1, LARGE[0]), results.stage("b", 1, LARGE[1])]
    results.keep(staged[:1])

    for one, record in zip(staged, results.keep(staged), strict=True):
        assert results.exists({"name": one.phase, "attempt": 1, **record})


def test_a_pack_that_was_removed_is_followed_by_another(run, results):
    kept(results, SMALL[0])
    for path in run.results.iterdir():
        path.unlink()

    assert results.load(kept(results, SMALL[1])) == SMALL[1]


def test_a_pack_that_is_long_is_followed_by_another(run, results, monkeypatch):
    monkeypatch.setattr("milo_nb.persist.results.PACK_BYTES", 10)
    records = [kept(results, SMALL[0]) for _ in range(3)]

    assert len(names(run)) == 3
    assert all(results.load(r) == SMALL[0] for r in records)
