"""What the Result tab shows of any value, without being hurt by it and without loading what is large."""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from milo_nb import Phase, Pipeline, attach
from milo_nb.capture import router
from milo_nb.errors import InvalidStateError, ResultNotAvailableError, ResultRefusedError
from milo_nb.show.notebook import previews
from milo_nb.show.notebook.brief import Printer
from milo_nb.show.notebook.looks import Look, look_at
from milo_nb.state.commands import Command
from milo_nb.values.exports import Exports
from tests.show.test_errands import FIXTURES
from tests.strategies import DEADLINE_S, Gate, boom, give, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from milo_nb import PipelineExecutor

X = "\N{MULTIPLICATION SIGN}"


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[..., PipelineExecutor]]:
    executors: list[PipelineExecutor] = []

    def start(value: Any, **options: Any) -> PipelineExecutor:
        pipeline = Pipeline("shop", Phase("load", value if callable(value) else give(value)), Phase("save", boom))
        executors.append(pipeline.run(**{"work_dir": None, "capture": False, **options}))
        executors[-1].wait(DEADLINE_S)
        return executors[-1]

    yield start
    for executor in executors:
        executor.close()


@pytest.fixture
def see(run: Callable[..., PipelineExecutor]) -> Callable[..., dict[str, Any]]:
    def see(value: Any, *at: int) -> dict[str, Any]:
        body, image = previews.to_result(run(give(value)).session, 0, at)
        json.dumps(body, ensure_ascii=False).encode()
        assert bool(image) == bool(body["image"])
        return body

    return see


def seen(value: object) -> Look:
    look = Look()
    look_at(value, look)
    return look


# ---------------------------------------------------------------------- plain values and containers


def test_a_text_is_shown_as_it_is_with_its_length() -> None:
    look = seen("two\nlines")
    assert (look.type, look.size, look.preview) == ("str", "9 characters, 2 lines", "two\nlines")


def test_a_number_of_any_length_is_shown() -> None:
    assert seen(42).preview == "42"
    assert seen(10**5000).preview == "an integer of about 5,001 digits"


def test_bytes_are_shown_in_hex_and_a_picture_as_one() -> None:
    assert seen(b"abc").preview == f"000000  {'61 62 63':<47}  abc"
    assert seen(bytes(1000)).preview.endswith("… 744 more bytes")
    assert seen(b"\x89PNG\r\n...").mime == "image/png"


def test_a_list_of_plain_values_is_text_and_one_of_others_is_rows() -> None:
    assert seen([1, 2, 3]).preview == "[1, 2, 3]"
    table = seen([{"a": 1}, None]).table
    assert table is not None
    assert table.opens
    assert table.rows == [["0", "dict", "{'a': 1}"], ["1", "NoneType", "None"]]


def test_long_lists_fill_their_lines_and_say_how_much_is_left_out() -> None:
    text = seen(list(range(10**6))).preview
    assert text.splitlines()[-2].endswith("… 999,950 more")
    assert len(text.splitlines()) < 10


def test_a_container_in_itself_ends() -> None:
    circle: list[Any] = []
    circle.append(circle)
    assert Printer().text(circle) == "[[…]]"


def test_a_dict_is_rows_which_can_be_opened_one_by_one(see: Callable[..., dict[str, Any]]) -> None:
    value = {"rows": [1, 2], "deep": {"df": pd.DataFrame({"x": [1]})}}
    assert see(value)["table"]["rows"] == [
        ["'rows'", "list", "[1, 2]"],
        ["'deep'", "dict", f"{{'df': <DataFrame 1 {X} 1>}}"],
    ]
    assert see(value, 0)["preview"] == "[1, 2]"
    inner = see(value, 1, 0)
    assert inner["type"] == "pandas.DataFrame"
    assert inner["crumbs"] == ["'deep'", "'df'"]


def test_a_look_has_the_form_that_the_browser_expects(see: Callable[..., dict[str, Any]]) -> None:
    expected = FIXTURES["answer-result"]["message"]["body"]
    body = see({"rows": [1, 2], "n": 3})
    assert body.keys() == expected.keys()
    assert body["table"] == expected["table"]


def test_a_row_that_is_not_there_any_more_is_said_so(see: Callable[..., dict[str, Any]]) -> None:
    assert see({"a": 1}, 7)["why"] == "It is not there any more."


def test_each_name_that_a_cell_bound_has_a_row(see: Callable[..., dict[str, Any]]) -> None:
    body = see(Exports({"df": pd.DataFrame({"x": [1, 2]}), "n": 3}, "done"))
    assert body["size"] == "2 names"
    assert [row[:2] for row in body["table"]["rows"]] == [["df", "DataFrame"], ["n", "int"], ["_", "str"]]
    assert see(Exports({"n": 3}), 0)["preview"] == "3"


def test_an_object_shows_its_own_data() -> None:
    table = seen(SimpleNamespace(rate=0.5, _hidden=1)).table
    assert table is not None
    assert table.rows == [["rate", "float", "0.5"], ["_hidden", "int", "1"]]


def test_a_path_says_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    assert seen(tmp_path).size == "folder of 1 entry"
    assert seen(tmp_path / "notes.txt").preview.endswith("notes.txt\n\nhello")
    assert seen(tmp_path / "none").facts == [("On disk", "there is nothing at this path now")]


def test_looking_at_a_generator_takes_nothing_from_it() -> None:
    items = (x for x in [1])
    seen(items)
    assert list(items) == [1]


@given(st.recursive(st.none() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)))
def test_any_preview_is_short_and_can_be_sent(value: object) -> None:
    look = seen([value] * 100)
    told = previews._to_body(look, [])
    assert len(json.dumps(told, ensure_ascii=False).encode()) < 190_000


# ---------------------------------------------------------------------- tables, arrays, pictures


def test_a_frame_is_a_table_with_dtypes_and_both_ends() -> None:
    look = seen(pd.DataFrame({"x": range(50_000), "y": 0.1}))
    table = look.table
    assert table is not None
    assert look.size == f"50,000 rows {X} 2 columns"
    assert (table.columns, table.kinds, table.index) == (["", "x", "y"], ["", "int64", "float64"], 1)
    assert (table.rows[0], table.rows[-1], table.gap) == (["0", "0", "0.1"], ["49999", "49999", "0.1"], 20)
    assert table.note == "25 of 50,000 rows"
    assert dict(look.facts)["Memory"] == "800 KB"


def test_a_wide_frame_shows_its_first_and_last_columns() -> None:
    table = seen(pd.DataFrame(np.zeros((3, 100)))).table
    assert table is not None
    assert len(table.columns) == 1 + 24 + 1
    assert table.columns[-1] == "99"
    assert table.rows[0][19] == "…"
    assert table.note == "24 of 100 columns"


def test_all_levels_of_an_index_name_a_row_and_columns_of_one_name_are_kept_apart() -> None:
    index = pd.MultiIndex.from_tuples([("a", 1), ("b", 2)], names=["k", None])
    table = seen(pd.DataFrame([[1, 2], [3, 4]], index=index, columns=["x", "x"])).table
    assert table is not None
    assert (table.index, table.columns, table.rows[1]) == (2, ["k", "", "x", "x"], ["b", "2", "3", "4"])


def test_missing_values_and_long_cells_of_a_table_are_readable() -> None:
    table = seen(pd.DataFrame({"a": pd.Series([None, "x" * 10_000], dtype=object), "b": [float("nan"), 1 / 3]})).table
    assert table is not None
    assert table.rows[0][1:] == ["None", "NaN"]
    assert len(table.rows[1][1]) <= 161
    assert table.rows[1][2] == "0.333333"


def test_an_empty_frame_is_a_table_without_rows() -> None:
    table = seen(pd.DataFrame(columns=["a"])).table
    assert table is not None
    assert table.rows == []


def test_a_series_is_a_table_of_its_index_and_values() -> None:
    table = seen(pd.Series([1, 2], index=["a", "b"], name="n")).table
    assert table is not None
    assert (table.columns, table.rows) == (["", "n"], [["a", "1"], ["b", "2"]])


def test_an_array_shows_shape_dtype_figures_and_corners() -> None:
    look = seen(np.arange(1_000_000, dtype=float).reshape(1000, 1000))
    assert look.size == f"1,000 {X} 1,000"
    facts = dict(look.facts)
    assert (facts["dtype"], facts["Memory"]) == ("float64", "8 MB")
    assert (facts["Min"], facts["Max"], facts["Mean"]) == ("0", "999999", "500000")
    table = look.table
    assert table is not None
    assert (table.columns[1], table.columns[-3:], table.kinds[1]) == ("0", ["…", "998", "999"], "float64")
    assert (table.rows[0][:3], table.rows[-1][-1], table.gap) == (["0", "0", "1"], "999999", 10)
    assert table.note == "12 of 1,000 rows, 12 of 1,000 columns"


def test_arrays_of_other_dimensions_are_text_that_is_cut_in_the_middle() -> None:
    assert seen(np.arange(1000)).preview.endswith("999]")
    assert "..." in seen(np.zeros((50, 50, 50))).preview
    assert seen(np.zeros((2, 2), dtype=[("a", "i4")])).table is None


@pytest.mark.parametrize(
    ("array", "figures"),
    [
        (np.array([1.0, np.nan]), {"Min": "1", "Max": "1", "Mean": "1", "NaN": "1"}),
        (np.array([np.nan]), {"NaN": "all"}),
        (np.array([True, False, True]), {"True": "2 of 3"}),
        (np.array(["2026-01-01", "2026-01-03"], "M8[D]"), {"Min": "2026-01-01", "Max": "2026-01-03"}),
        (np.array(["a", None], dtype=object), {}),
        (np.zeros((0, 3)), {}),
        (np.array([1j]), {}),
    ],
)
def test_the_figures_of_an_array_fit_its_dtype(array: Any, figures: dict[str, str]) -> None:
    facts = dict(seen(array).facts)
    assert {label: text for label, text in facts.items() if label not in ("dtype", "Memory")} == figures


def test_of_a_very_large_array_a_part_is_counted_and_said_so() -> None:
    facts = dict(seen(np.ones(10_000_001, dtype=np.int8)).facts)
    assert facts["Mean"] == "1 (of each 3th element)"


def test_a_figure_and_a_picture_are_images_that_fit_into_a_message() -> None:
    figure = Figure()
    figure.add_subplot().plot([1, 2])
    assert seen(figure).image.startswith(b"\x89PNG")
    assert seen(figure.axes[0]).image.startswith(b"\x89PNG")
    image = pytest.importorskip("PIL.Image")
    noise = np.random.default_rng(0).integers(0, 255, (2000, 2000, 3), dtype=np.uint8)
    look = seen(image.fromarray(noise))
    assert look.size == f"2,000 {X} 2,000 pixels"
    assert 0 < len(look.image) < 190_000


def test_a_library_that_nobody_has_loaded_is_not_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("pandas", "numpy", "matplotlib.figure", "matplotlib.axes", "PIL.Image"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    before = set(sys.modules)
    seen([1, {"a": object()}])
    assert not {name for name in set(sys.modules) - before if name.startswith(("pandas", "numpy", "matplotlib", "PIL"))}


# ---------------------------------------------------------------------- hostile values


class Hostile:
    """Raises whatever is asked of it."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def __repr__(self) -> str:
        raise self.error

    def __len__(self) -> int:
        raise self.error


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit("no"), KeyboardInterrupt("no")])
def test_a_repr_that_raises_is_told(see: Callable[..., dict[str, Any]], error: BaseException) -> None:
    body = see(Hostile(error))
    assert body["type"].endswith("test_previews.Hostile")
    assert body["preview"] == f"<Hostile: its __repr__ raised {type(error).__name__}: no>"
    assert see([Hostile(error)])["table"]["rows"][0][1].endswith("Hostile")


class Endless:
    """Does not come back from its repr, unless somebody stops its thread."""

    def __repr__(self) -> str:
        while True:
            pass


class Stuck:
    """Waits in its repr until the test opens it."""

    def __init__(self) -> None:
        self.open = threading.Event()

    def __repr__(self) -> str:
        self.open.wait(DEADLINE_S)
        return "at last"


def looking() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "milo-look"]


def test_a_repr_that_hangs_is_given_up_and_stopped(
    see: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(previews, "LOOK_S", 0.1)
    body = see(Endless())
    assert body["type"].endswith("Endless")
    assert body["why"].startswith("Looking at it took longer than 0.1 s and was given up.")
    wait_until(lambda: not looking())


def test_after_several_that_would_not_stop_no_more_looks_are_taken(
    see: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(previews, "LOOK_S", 0.05)
    stuck = [Stuck() for _ in range(previews.MOST_LEFT_ALONE)]
    try:
        for one in stuck:
            see(one)
        with pytest.raises(InvalidStateError, match="restart the kernel"):
            see(1)
    finally:
        for one in stuck:
            one.open.set()
    wait_until(lambda: not looking())
    assert see(1)["preview"] == "1"


# ---------------------------------------------------------------------- what it prints


class Loud:
    """Prints whatever it is asked."""

    def __repr__(self) -> str:
        print("repr")
        return "Loud()"

    def __len__(self) -> int:
        sys.stderr.write("len\n")
        logging.getLogger("shop").warning("counted")
        return 3


def test_what_a_result_prints_when_it_is_looked_at_is_late_output_of_its_phase(
    run: Callable[..., PipelineExecutor], capsys: pytest.CaptureFixture[str]
) -> None:
    executor = run(give(Loud()), capture=True)
    before = len(executor["load"].logs())
    state = executor.session.state
    body, _ = previews.to_result(executor.session, 0)
    assert (body["preview"], body["size"]) == ("Loud()", "3 items")
    said = [log.line for log in executor["load"].logs()[before:]]
    assert sorted(said) == ["[late] counted", "[late] len", "[late] repr"]
    assert executor.session.state is state  # it has ended: what is late is in the log only
    assert not router.is_installed()
    assert capsys.readouterr() == ("", "")


def test_what_it_prints_goes_to_no_cell_even_if_phases_are_not_captured(
    run: Callable[..., PipelineExecutor], capsys: pytest.CaptureFixture[str]
) -> None:
    executor = run(give([Loud()]))
    previews.to_result(executor.session, 0)
    assert [log.line for log in executor["load"].logs()] == ["[late] repr"]
    assert capsys.readouterr() == ("", "")


def test_a_phase_that_runs_beside_a_look_keeps_its_own_output(
    run: Callable[..., PipelineExecutor], capsys: pytest.CaptureFixture[str]
) -> None:
    gate = Gate()

    def save(load: object) -> None:
        gate()
        os.write(1, b"from nowhere\n")
        print("saving")

    executor = Pipeline("shop", Phase("load", give(Loud())), Phase("save", save)).run(work_dir=None)
    assert gate.began.wait(DEADLINE_S)
    previews.to_result(executor.session, 0)
    gate.open.set()
    executor.wait(DEADLINE_S)
    assert "saving" in [log.line for log in executor["save"].logs()]
    assert "[late] repr" in [log.line for log in executor["load"].logs()]
    assert "[late] repr" not in [log.line for log in executor["save"].logs()]
    executor.close()


def test_what_a_result_on_disk_prints_while_it_is_loaded_goes_to_no_cell(
    run: Callable[..., PipelineExecutor], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    executor = run(give(Chatty()), work_dir=tmp_path, capture=True)
    wait_until(lambda: executor["load"].known.saved)
    executor.session.results.reload(["load"])
    previews.to_result(executor.session, 0)
    assert "[late] made" in [log.line for log in executor["load"].logs()]
    executor.close()
    seen = attach(None, tmp_path)
    previews.to_result(seen.session, 0, loads=True)
    seen.close()
    assert capsys.readouterr() == ("", "")


def make_chatty() -> Chatty:
    print("made")
    return Chatty()


class Chatty:
    def __reduce__(self) -> Any:
        return make_chatty, ()


# ---------------------------------------------------------------------- cells that fail


class Mute:
    def __repr__(self) -> str:
        raise KeyError("x")


def test_a_cell_that_cannot_be_shown_says_so_and_leaves_the_others(see: Callable[..., dict[str, Any]]) -> None:
    says = "<Mute: its __str__ raised KeyError: 'x'>"
    body = see(pd.DataFrame({"a": [1, 2], "b": [Mute(), "fine"]}))
    assert body["table"]["rows"] == [["0", "1", says], ["1", "2", "fine"]]
    assert body["why"] == ""
    assert see(pd.Series([Mute(), 2], name="s", dtype=object))["table"]["rows"] == [["0", says], ["1", "2"]]
    assert see(np.array([[Mute(), 1]], dtype=object))["table"]["rows"] == [["0", says, "1"]]
    assert see(pd.DataFrame([[1]], columns=[Mute()], index=[Mute()]))["table"]["columns"] == ["", says]
    assert "its __repr__ raised KeyError: 'x'" in see(np.array([Mute(), 1], dtype=object))["preview"]


# ---------------------------------------------------------------------- where the result is


def test_of_a_phase_without_a_result_it_is_said_when_there_will_be_one(run: Callable[..., PipelineExecutor]) -> None:
    with pytest.raises(ResultNotAvailableError, match="once 'save' has completed"):
        previews.to_result(run(1).session, 1)


def test_a_skipped_phase_shows_the_value_it_was_skipped_with(run: Callable[..., PipelineExecutor]) -> None:
    executor = run(1)
    executor.skip("save", value=[7])
    assert previews.to_result(executor.session, 1)[0]["preview"] == "[7]"


def on_disk(run: Callable[..., PipelineExecutor], root: Path) -> Any:
    """An executor that has its result on disk only."""
    executor = run([1, 2, 3], work_dir=root)
    session = executor.session
    wait_until(lambda: session.results.record("load") is not None)
    session.results.reload(["load"])
    return session


def test_a_small_result_on_disk_is_loaded_and_a_large_one_on_request(
    run: Callable[..., PipelineExecutor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = on_disk(run, tmp_path / ".milo")
    monkeypatch.setattr(previews, "MOST_LOADED_BYTES", 1)
    body, _ = previews.to_result(session, 0)
    assert body["unloaded"] > 1
    assert body["why"].startswith("It is on disk and not in this kernel's memory.")
    assert "executor['load'].result" in body["why"]
    assert not session.results.is_at_hand("load")
    assert previews.to_result(session, 0, loads=True)[0]["preview"] == "[1, 2, 3]"
    session.results.reload(["load"])
    monkeypatch.undo()
    loaded = previews.to_result(session, 0)[0]
    assert (loaded["preview"], loaded["unloaded"]) == ("[1, 2, 3]", 0)
    assert dict(loaded["facts"])["On disk"].endswith("bytes")


def test_results_of_a_past_session_are_loaded_only_when_asked_for(
    run: Callable[..., PipelineExecutor], tmp_path: Path
) -> None:
    root = tmp_path / ".milo"
    run([1, 2, 3], work_dir=root).close()
    attached = attach(None, root)
    try:
        body, _ = previews.to_result(attached.session, 0)
        assert "%milo pull shop load" in body["why"]
        assert body["unloaded"]
        assert not attached.session.results.is_at_hand("load")
        assert previews.to_result(attached.session, 0, loads=True)[0]["preview"] == "[1, 2, 3]"
    finally:
        attached.close()


def test_a_damaged_result_is_refused_in_words(run: Callable[..., PipelineExecutor], tmp_path: Path) -> None:
    session = on_disk(run, tmp_path / ".milo")
    (file,) = tmp_path.glob(".milo/*/runs/*/results/*")
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    with pytest.raises(ResultRefusedError, match="damaged"):
        previews.to_result(session, 0)


def test_the_answer_to_a_question_is_the_look_and_the_image(run: Callable[..., PipelineExecutor]) -> None:
    figure = Figure()
    figure.add_subplot()
    executor = run({"plot": figure})
    told: list[Any] = []
    previews.answer_result(executor, {"phase": 0, "at": [0], "load": False}, lambda *answer: told.extend(answer))  # type: ignore[arg-type]
    assert told[0]["image"] == "image/png"
    assert told[1].startswith(b"\x89PNG")


def test_a_command_is_taken_while_a_look_hangs(run: Callable[..., PipelineExecutor]) -> None:
    stuck = Stuck()
    executor = run(give(stuck))
    thread = threading.Thread(target=previews.to_result, args=(executor.session, 0))
    thread.start()
    executor.session.command(Command("skip", ("save",)))
    stuck.open.set()
    thread.join(DEADLINE_S)
