"""How errors look in the inspector."""

from __future__ import annotations

import json
import linecache
import sysconfig
from pathlib import Path

import pytest

from milo_nb.errors import PhaseError
from milo_nb.show.notebook import detail


def raised(function: object) -> BaseException:
    with pytest.raises(BaseException) as caught:  # noqa: PT011 - whatever it is
        function()
    error = caught.value
    error.__traceback__ = error.__traceback__.tb_next
    return error


def run_cell(source: str, file: str = "/tmp/ipykernel_1/1.py") -> BaseException:
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    return raised(lambda: exec(compile(source, file, "exec"), {}))


def test_the_file_of_a_cell_is_called_by_its_number() -> None:
    detail.name_cells(lambda file: "Cell [3]" if "ipykernel" in file else None)
    try:
        told = detail.to_error(PhaseError("load", 2, run_cell("x = 1\nraise ValueError(x)\n")))
    finally:
        detail.name_cells(lambda file: None)
    assert told["frames"][-1]["file"] == "Cell [3]"
    assert told["frames"][-1]["line"] == 2
    assert told["frames"][-1]["code"] == [[1, "x = 1"], [2, "raise ValueError(x)"]]
    assert told["attempt"] == 2


def test_of_the_library_only_the_last_frame_is_told() -> None:
    error = raised(lambda: json.loads("{"))
    told = detail.to_error(PhaseError("load", 1, error))["frames"]
    assert told[-1]["function"] == "raw_decode"
    assert [frame["function"] for frame in told].count("raw_decode") == 1
    assert not any(frame["function"] in ("loads", "decode") for frame in told)


def test_a_file_of_a_library_is_called_by_its_place_in_the_library() -> None:
    (frame,) = detail.to_error(PhaseError("load", 1, raised(lambda: json.loads("{"))))["frames"][-1:]
    assert frame["file"] == str(Path("json", "decoder.py"))
    site = str(Path(sysconfig.get_path("purelib"), "library", "module.py"))
    frame = detail.to_error(PhaseError("load", 1, run_cell("raise ValueError(1)", site)))["frames"][-1]
    assert frame["file"] == str(Path("library", "module.py"))


def test_a_deep_recursion_is_told_by_both_ends() -> None:
    def down(n: int) -> None:
        if not n:
            raise ValueError("bottom")
        down(n - 1)

    told = detail.to_error(PhaseError("load", 1, raised(lambda: down(300))))["frames"]
    assert len(told) <= detail.MAX_FRAMES
    assert told[-1]["code"]


def test_members_of_a_group_are_causes() -> None:
    group = ExceptionGroup("many", [ValueError("a"), KeyError("b")])
    told = detail.to_error(PhaseError("load", 1, group))
    assert [cause["type"] for cause in told["causes"]] == ["ValueError", "KeyError"]


def test_a_circle_of_causes_ends() -> None:
    one, other = ValueError("one"), KeyError("other")
    one.__cause__, other.__cause__ = other, one
    assert [c["type"] for c in detail.to_error(PhaseError("load", 1, one))["causes"]] == ["KeyError"]


def test_a_cause_that_was_suppressed_is_left_out() -> None:
    def fail() -> None:
        try:
            int("x")
        except ValueError:
            raise KeyError("k") from None

    assert detail.to_error(PhaseError("load", 1, raised(fail)))["causes"] == []


def test_an_error_without_a_cause_is_told_as_itself() -> None:
    assert detail.to_error(PhaseError("load"))["type"] == "PhaseError"


def test_an_error_that_cannot_be_printed_is_told_by_its_type() -> None:
    class MuteError(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    assert detail.to_error(PhaseError("load", 1, MuteError()))["message"] == "MuteError"
