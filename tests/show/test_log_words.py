"""What views ask of logs: pages, lines, times, searches and texts, of one phase and of all, in memory and on disk."""

from __future__ import annotations

import os
import shutil
from array import array
from typing import TYPE_CHECKING, Any

import pytest

from milo_nb import MiloError, Phase, Pipeline, PipelineExecutor, attach
from milo_nb.capture.logbook import HEAD_LINES, TAIL_LINES
from milo_nb.capture.sink import Block
from milo_nb.errors import SearchError, WireError
from milo_nb.persist import logchild
from milo_nb.persist.rundir import sessions
from milo_nb.show.notebook.answers import WORDS
from milo_nb.show.notebook.errands import Desk
from milo_nb.show.notebook.logs import searching, shelf, source
from milo_nb.state.wire_browser import Ask, Drop
from tests.strategies import DEADLINE_S, Gate, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

MANY = HEAD_LINES + TAIL_LINES + 20_000


class Listener:
    """Somebody who asks one question, and what he is told."""

    def __init__(self, enough: int | None = None) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.data: list[bytes] = []
        self.enough = enough
        self.is_done = False

    def __call__(self, body: dict[str, Any], data: bytes | None = None, *, done: bool = True) -> None:
        assert not self.is_done
        self.bodies.append(body)
        self.data.append(data or b"")
        self.is_done = done

    def is_wanted(self) -> bool:
        return self.enough is None or len(self.bodies) < self.enough

    @property
    def numbers(self) -> list[int]:
        return list(array("I", b"".join(self.data)))


def ask(executor: Any, what: str, phase: int, listener: Any = None, **args: Any) -> Listener:
    listener = listener or Listener()
    WORDS[what].answerer(executor, {"phase": phase, **args}, listener)
    return listener


def page(executor: Any, phase: int, start: int = 0, count: int = 1_000) -> dict[str, Any]:
    (body,) = ask(executor, "page", phase, start=start, count=count).bodies
    return body


def texts(executor: Any, phase: int, start: int = 0, count: int = 1_000) -> list[str]:
    return [row[4] for row in page(executor, phase, start, count)["rows"]]


def find(executor: Any, phase: int, text: str = "", **options: Any) -> Listener:
    asked = {"text": text, "regex": False, "case": True, "streams": [], "levels": [], "start": 0, **options}
    return ask(executor, "search", phase, **asked)


def whole_text(executor: Any, phase: int) -> tuple[str, str]:
    text, body = b"", {"size": 1, "name": ""}
    while len(text) < body["size"]:
        told = ask(executor, "text", phase, start=len(text))
        (body,) = told.bodies
        assert body["start"] == len(text)
        text += told.data[0]
    return body["name"], text.decode()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / ".milo"


@pytest.fixture
def run(root: Path) -> Iterator[Callable[..., PipelineExecutor]]:
    executors: list[PipelineExecutor] = []

    def start(*phases: Phase, **options: Any) -> PipelineExecutor:
        executors.append(PipelineExecutor(Pipeline("shop", *phases), **{"work_dir": root, "pause": False, **options}))
        return executors[-1].start()

    yield start
    for executor in executors:
        executor.close()


@pytest.fixture(autouse=True)
def even_small_logs_on_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have few lines treated as many are."""
    monkeypatch.setattr(source, "SMALL", 0)


@pytest.fixture(autouse=True, scope="module")
def no_process_left() -> Iterator[None]:
    yield
    logchild.SEARCH.close()


def say(
    executor: PipelineExecutor, phase: str, *lines: str, at: float, stream: str = "stdout", level: str = ""
) -> None:
    """Have lines come in as captured ones do."""
    logs = executor.session.logs
    blocks = [Block(stream, level, at, list(lines))]
    if phase:
        graph = executor.session.graph
        logs.take(graph.phases[graph.index[phase]], 1, blocks, late=False)
    else:
        logs.take_unattributed(blocks)


def talking(run: Callable[..., PipelineExecutor], **options: Any) -> PipelineExecutor:
    """Return a session that has ended, of two phases whose lines take turns, and two lines of nobody."""
    executor = run(Phase("load", int), Phase("write", int, depends_on=("load",)), capture=False, **options)
    executor.wait(DEADLINE_S)
    for i in range(4):
        say(executor, "load", f"load {i}", at=10 + i)
        say(executor, "write", f"write {i}", f"more {i}", at=10.5 + i, stream="stderr")
    say(executor, "load", "a warning", at=14, stream="log", level="WARNING")
    say(executor, "", "nobody's", "second", at=12.25)
    assert executor.session.logs.flush(DEADLINE_S)
    return executor


MERGED = [
    "load 0", "write 0", "more 0", "load 1", "write 1", "more 1", "load 2", "nobody's", "second", "write 2", "more 2",
    "load 3", "write 3", "more 3", "a warning",
]  # fmt: skip


@pytest.fixture(params=["memory", "disk", "attached"])
def executor(request: pytest.FixtureRequest, run: Callable[..., PipelineExecutor], root: Path) -> Iterator[Any]:
    """Give the same lines in each place where they can be."""
    if request.param == "memory":
        yield talking(run, work_dir=None)
        return
    owner = talking(run)
    if request.param == "disk":
        yield owner
        return
    owner.close()
    attached = attach(None, root)
    yield attached
    attached.close()


# ---------------------------------------------------------------------- pages


def test_a_page_has_the_lines_with_their_numbers_and_all_that_is_known_of_them(executor: Any) -> None:
    told = page(executor, 0, 3, 2)
    assert (told["start"], told["total"], told["first"], told["kept"]) == (3, 5, 0, [[0, 5]])
    assert told["rows"] == [[3, 13.0, "stdout", "", "load 3", 0], [4, 14.0, "log", "WARNING", "a warning", 0]]
    assert page(executor, 0, 5)["rows"] == page(executor, 0, 0, 0)["rows"] == []


def test_what_belongs_to_no_phase_comes_after_the_last_phase(executor: Any) -> None:
    assert page(executor, 2)["rows"] == [[0, 12.25, "stdout", "", "nobody's", 2], [1, 12.25, "stdout", "", "second", 2]]


def test_the_merged_log_has_the_lines_of_all_phases_in_order_of_time(executor: Any) -> None:
    assert texts(executor, 3) == MERGED
    rows = page(executor, 3, 6, 4)["rows"]
    assert [(row[0], row[4], row[5]) for row in rows] == [
        (6, "load 2", 0), (7, "nobody's", 2), (8, "second", 2), (9, "write 2", 1),
    ]  # fmt: skip


def test_certain_lines_come_in_order_and_those_that_are_not_there_do_not(executor: Any) -> None:
    (body,) = ask(executor, "lines", 0, numbers=[4, 0, 900, 0]).bodies
    assert [row[4] for row in body["rows"]] == ["load 0", "a warning"]
    (body,) = ask(executor, "lines", 3, numbers=[14, 7]).bodies
    assert [row[4] for row in body["rows"]] == ["nobody's", "a warning"]
    assert ask(executor, "lines", 3, numbers=[]).bodies == [{"rows": []}]


def test_a_line_that_is_asked_for_alone_comes_with_all_of_its_text(executor: Any) -> None:
    assert ask(executor, "lines", 0, numbers=[4]).data == [b"a warning"]
    assert ask(executor, "lines", 0, numbers=[3, 4]).data == [b""]


def test_a_time_leads_to_the_first_line_that_is_not_older(executor: Any) -> None:
    def when(phase: int, at: float) -> int:
        return ask(executor, "when", phase, at=at).bodies[0]["line"]

    assert [when(0, at) for at in (0, 10, 10.1, 12, 99)] == [0, 0, 1, 2, 4]
    assert [when(3, at) for at in (0, 12.25, 13, 99)] == [0, 7, 11, 14]
    assert when(2, 5) == 0


def test_long_lines_are_cut_and_a_page_has_only_those_that_fit(run: Callable[..., PipelineExecutor]) -> None:
    executor = run(Phase("load", int), capture=False, work_dir=None)
    executor.wait(DEADLINE_S)
    say(executor, "load", *["x" * 50_000] * 40, at=1)
    rows = page(executor, 0)["rows"]
    assert len(rows) == 11
    assert rows[0][4].endswith("… [34,000 more characters]")
    assert page(executor, 0, 11)["rows"][0][0] == 11


@pytest.mark.parametrize(
    ("what", "args", "field"),
    [
        ("page", {"phase": 4, "start": 0, "count": 1}, "args.phase"),
        ("page", {"phase": -1, "start": 0, "count": 1}, "args.phase"),
        ("page", {"phase": 0, "start": "0", "count": 1}, "args.start"),
        ("page", {"phase": 0, "start": 0, "count": 1_001}, "args.count"),
        ("lines", {"phase": 0, "numbers": [0] * 501}, "args.numbers"),
        ("lines", {"phase": 0, "numbers": ["1"]}, "args.numbers"),
        ("when", {"phase": 0, "at": "noon"}, "args.at"),
        ("when", {"phase": 0, "at": True}, "args.at"),
        ("text", {"phase": 0, "start": -1}, "args.start"),
        ("search", {"phase": 0, "start": 0, "text": "x" * 501, "regex": True, "case": True}, "args.text"),
        ("search", {"phase": 0, "start": 0, "text": "x", "regex": 1, "case": True}, "args.regex"),
        (
            "search",
            {"phase": 0, "start": 0, "text": "x", "regex": True, "case": True, "streams": ["tv"], "levels": []},
            "args.streams",
        ),
        (
            "search",
            {"phase": 0, "start": 0, "text": "x", "regex": True, "case": True, "streams": [], "levels": [[]]},
            "args.levels",
        ),
    ],
)
def test_a_question_that_makes_no_sense_is_refused_by_its_field(
    run: Callable[..., PipelineExecutor], what: str, args: dict[str, Any], field: str
) -> None:
    executor = talking(run, work_dir=None)
    with pytest.raises(WireError) as refused:
        WORDS[what].answerer(executor, args, Listener())  # type: ignore[arg-type]  # it hears
    assert refused.value.field == field


# ---------------------------------------------------------------------- searching


def test_a_search_finds_all_lines_of_a_phase(executor: Any) -> None:
    told = find(executor, 1, "more")
    assert told.numbers == [1, 3, 5, 7]
    assert told.is_done
    assert told.bodies[-1] == {"searched": 8, "total": 8, "count": 4, "kept": 4}
    assert find(executor, 1, "MORE").numbers == []
    assert find(executor, 1, "MORE", case=False).numbers == [1, 3, 5, 7]
    assert find(executor, 1, r"^w\w+ [12]$", regex=True).numbers == [2, 4]
    assert find(executor, 2, "second").numbers == [1]


def test_a_search_of_the_merged_log_finds_lines_by_their_numbers_there(executor: Any) -> None:
    for text in ("more", "e 2", "nobody", "load"):
        assert find(executor, 3, text).numbers == [i for i, line in enumerate(MERGED) if text in line]


def test_lines_of_certain_streams_and_levels_are_found_with_and_without_a_text(executor: Any) -> None:
    assert find(executor, 3, streams=["stderr"]).numbers == [i for i, x in enumerate(MERGED) if x[0] in "wm"]
    assert find(executor, 3, levels=["WARNING"]).numbers == [14]
    assert find(executor, 3, levels=["WARNING", ""], streams=["log"]).numbers == [14]
    assert find(executor, 3, "1", streams=["stdout", "stderr"]).numbers == [3, 4, 5]
    assert find(executor, 0, "a", streams=["log"]).numbers == [4]
    assert find(executor, 0, streams=["milo"]).numbers == []
    assert find(executor, 0).numbers == [0, 1, 2, 3, 4]


def test_a_search_goes_on_from_a_line(executor: Any) -> None:
    assert find(executor, 1, "more", start=4).numbers == [5, 7]
    assert find(executor, 1, start=6, streams=["stderr"]).numbers == [6, 7]
    assert find(executor, 3, "load", start=4).numbers == [6, 11]
    assert find(executor, 3, "load", start=500).bodies == [{"searched": 15, "total": 15, "count": 0, "kept": 0}]


def test_a_wrong_regular_expression_is_a_sentence(executor: Any) -> None:
    with pytest.raises(SearchError, match="unterminated character set at character 2"):
        find(executor, 0, "x[", regex=True)


def test_more_is_counted_than_is_kept(run: Callable[..., PipelineExecutor], monkeypatch: pytest.MonkeyPatch) -> None:
    executor = talking(run, work_dir=None)
    monkeypatch.setattr(searching, "MOST_KEPT", 5)
    monkeypatch.setattr(searching, "_NUMBERS", 2)
    told = find(executor, 3, "e")
    assert told.numbers == [i for i, line in enumerate(MERGED) if "e" in line][:5]
    assert [len(data) // 4 for data in told.data if data] == [2, 2, 1]
    assert told.bodies[-1] == {"searched": 15, "total": 15, "count": sum("e" in line for line in MERGED), "kept": 5}


def test_a_search_that_is_dropped_says_no_more(run: Callable[..., PipelineExecutor]) -> None:
    executor = run(Phase("load", int), capture=False)
    executor.wait(DEADLINE_S)
    say(executor, "load", *[f"line {i}" for i in range(90_000)], at=1)
    for text in ("line", ""):
        told = Listener(enough=1)
        asked = {"text": text, "regex": False, "case": True, "streams": [], "levels": [], "start": 0}
        ask(executor, "search", 0, told, **asked)
        assert told.bodies[-1]["searched"] <= 90_000
        assert len(told.bodies) <= 3  # the rest goes nowhere: who dropped it is told nothing


# ---------------------------------------------------------------------- much


def print_many() -> None:
    for i in range(MANY):
        print("line", i)


@pytest.mark.slow
def test_what_memory_has_let_go_of_comes_from_disk(run: Callable[..., PipelineExecutor]) -> None:
    executor = run(Phase("load", print_many))
    executor.wait(DEADLINE_S)
    assert executor.session.logs.flush(DEADLINE_S)
    assert len(executor.session.books["load"].kept) == 2
    for start in (0, HEAD_LINES - 5, 15_000, 29_990, MANY - 10):
        told = page(executor, 0, start, 10)
        assert [row[4] for row in told["rows"]] == [f"line {i}" for i in range(start, start + 10)]
        assert (told["total"], told["first"], told["kept"]) == (MANY, 0, [[0, MANY]])
    assert find(executor, 0, "99$", regex=True).bodies[-1]["count"] == MANY // 100
    assert find(executor, 2, "line 1234").numbers[0] == 1_234
    assert whole_text(executor, 0)[1] == "".join(f"line {i}\n" for i in range(MANY))


@pytest.mark.slow
def test_without_a_disk_the_cut_is_named(run: Callable[..., PipelineExecutor]) -> None:
    executor = run(Phase("load", print_many), work_dir=None)
    executor.wait(DEADLINE_S)
    told = page(executor, 0, 0, 0)
    (head, tail) = told["kept"]
    assert head == [0, HEAD_LINES]
    assert (told["first"], tail[1]) == (tail[0], MANY)
    assert page(executor, 0, HEAD_LINES - 1, 100)["rows"][-1][0] == HEAD_LINES - 1
    assert find(executor, 0, "line 9999").numbers[0] == 9_999
    assert find(executor, 0, "line").bodies[-1]["count"] == HEAD_LINES + tail[1] - tail[0]
    text = whole_text(executor, 0)[1]
    assert f"[{tail[0] - HEAD_LINES:,} lines cut here: {HEAD_LINES + 1:,} to {tail[0]:,}]\n" in text
    assert ask(executor, "when", 0, at=0).bodies == [{"line": 0}]


# ---------------------------------------------------------------------- growing


def test_a_log_that_grows_is_searched_on_and_what_has_a_number_keeps_it(run: Callable[..., PipelineExecutor]) -> None:
    gate = Gate()
    executor = run(Phase("load", gate), Phase("write", int), capture=False)
    assert gate.began.wait(DEADLINE_S)
    now = executor.session.now()
    say(executor, "load", "one", at=now - 5)
    assert find(executor, 3, "o").numbers == [0]
    say(executor, "load", "two", at=now - 2)
    say(executor, "write", "late: o", at=now - 9)
    say(executor, "load", "too young", at=now + 1_000)
    assert texts(executor, 3) == ["one", "late: o", "two"]
    assert find(executor, 3, "o", start=1).numbers == [1, 2]
    assert find(executor, 0, "o", start=1).numbers == [1, 2]
    assert texts(executor, 0) == ["one", "two", "too young"]
    gate.open.set()
    executor.wait(DEADLINE_S)
    assert texts(executor, 3) == ["one", "late: o", "two", "too young"]


def test_lines_that_are_not_on_disk_so_far_are_found_all_the_same(run: Callable[..., PipelineExecutor]) -> None:
    executor = talking(run)
    assert find(executor, 3, "load").bodies[-1]["count"] == 4
    assert executor.session.logs.files is not None
    executor.session.logs.files = None  # writes no more
    say(executor, "load", "load 4", "other", "load 5", at=20)
    shelf._shelves.clear()
    executor.session.logs.files = object()  # is asked nothing: only whether there are files
    assert find(executor, 0, "load").numbers == [0, 1, 2, 3, 5, 7]
    assert find(executor, 0, "load", streams=["stdout"]).numbers == [0, 1, 2, 3, 5, 7]
    assert texts(executor, 3)[-3:] == ["load 4", "other", "load 5"]
    executor.session.logs.files = None


def test_a_session_that_is_gone_on_with_has_the_lines_from_before(
    run: Callable[..., PipelineExecutor], root: Path
) -> None:
    before = talking(run)
    before.close()
    executor = PipelineExecutor(before.pipeline, work_dir=root, capture=False)
    executor._take_up(before.session_id)
    say(executor, "load", "again", at=30)
    assert executor.session.logs.flush(DEADLINE_S)
    assert texts(executor, 0) == ["load 0", "load 1", "load 2", "load 3", "a warning", "again"]
    assert find(executor, 0, "a").numbers == [0, 1, 2, 3, 4, 5]
    assert texts(executor, 3) == [*MERGED, "again"]
    executor.close()


# ---------------------------------------------------------------------- downloading


def test_a_text_to_download_is_of_one_moment_and_has_a_name(executor: Any) -> None:
    name, text = whole_text(executor, 0)
    assert text == "load 0\nload 1\nload 2\nload 3\na warning\n"
    assert name == f"shop-load-{str(executor.session.id)[:8]}.log"
    name, text = whole_text(executor, 2)
    assert (name, text) == (f"shop-other-{str(executor.session.id)[:8]}.log", "nobody's\nsecond\n")


def test_the_merged_text_says_of_each_line_whose_it_is(executor: Any) -> None:
    name, text = whole_text(executor, 3)
    assert name == f"shop-all-{str(executor.session.id)[:8]}.log"
    assert text.splitlines()[5:9] == ["[write] more 1", "[load] load 2", "nobody's", "second"]


def test_pieces_of_two_downloads_do_not_mix(executor: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from milo_nb.show.notebook.logs import paging  # noqa: PLC0415 - patched here only

    monkeypatch.setattr(paging, "MAX_PIECE_BYTES", 10)
    first = ask(executor, "text", 0, start=0)
    other = ask(executor, "text", 3, start=0)
    assert (first.data, other.data) == ([b"load 0\nloa"], [b"[load] loa"])
    assert ask(executor, "text", 0, start=10).data == [b"d 1\nload 2"]
    assert whole_text(executor, 3)[1].startswith("[load] load 0\n[write]")


def test_an_empty_log_is_an_empty_text(run: Callable[..., PipelineExecutor]) -> None:
    executor = run(Phase("load", int), capture=False, work_dir=None)
    executor.wait(DEADLINE_S)
    for phase in range(3):
        told = ask(executor, "text", phase, start=0)
        assert (told.bodies[0]["size"], told.data) == (0, [b""])
        assert ask(executor, "when", phase, at=1).bodies == [{"line": 0}]
        assert page(executor, phase) == {"start": 0, "total": 0, "first": 0, "kept": [], "rows": []}
        assert find(executor, phase, "x").bodies == [{"searched": 0, "total": 0, "count": 0, "kept": 0}]


# ---------------------------------------------------------------------- harm


HARMS = {
    "removed": lambda path: path.unlink(),
    "cut": lambda path: os.truncate(path, 30),
    "emptied": lambda path: os.truncate(path, 0),
    "replaced": lambda path: path.write_text("something else\n" * 3),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
    "all removed": lambda path: shutil.rmtree(path.parent),
}


@pytest.mark.parametrize("harm", HARMS)
def test_a_log_that_is_harmed_under_the_reader_is_a_sentence(
    run: Callable[..., PipelineExecutor], root: Path, harm: str
) -> None:
    owner = talking(run)
    owner.close()
    attached = attach(None, root)
    assert len(texts(attached, 0)) == 5
    assert len(texts(attached, 3)) == len(MERGED)
    shelf.shelf_of(attached.session)[0]._looked_at = 0.0  # type: ignore[attr-defined]  # a source: look again at once
    HARMS[harm](sessions(root)[0].logs / "load.log")
    for asked in (page, whole_text, lambda executor, phase: find(executor, phase, "load")):
        with pytest.raises(MiloError, match="The log of 'load' on disk was cut, removed or replaced"):
            asked(attached, 0)
    attached.close()


@pytest.mark.parametrize("harm", HARMS)
def test_what_is_still_in_memory_is_shown_all_the_same(run: Callable[..., PipelineExecutor], harm: str) -> None:
    executor = talking(run)
    assert len(texts(executor, 3)) == len(MERGED)
    HARMS[harm](executor.session.disk.logs_folder() / "load.log")
    assert texts(executor, 3) == MERGED
    assert texts(executor, 0) == ["load 0", "load 1", "load 2", "load 3", "a warning"]
    told = Listener()
    asked = {"text": "load", "regex": False, "case": True, "streams": [], "levels": [], "start": 0}
    with pytest.raises(SearchError, match=r"What is still in memory is shown\. Found in what is there: 4\."):
        ask(executor, "search", 0, told, **asked)
    assert told.numbers == [0, 1, 2, 3]


def test_a_small_log_in_memory_needs_no_disk(
    run: Callable[..., PipelineExecutor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "SMALL", 2_000)
    executor = talking(run)
    shutil.rmtree(executor.session.disk.logs_folder())
    assert texts(executor, 3) == MERGED
    assert find(executor, 0, "load").numbers == [0, 1, 2, 3]


def test_an_index_that_is_gone_costs_streams_and_times_only(run: Callable[..., PipelineExecutor], root: Path) -> None:
    owner = talking(run)
    owner.close()
    for path in sessions(root)[0].logs.glob("*.idx"):
        path.write_bytes(b"nonsense" * 9)
    attached = attach(None, root)
    assert sorted(texts(attached, 3)) == sorted(MERGED)
    assert find(attached, 1, "more").numbers == [1, 3, 5, 7]
    assert find(attached, 1, streams=["stderr"]).numbers == []
    assert find(attached, 1, streams=["stdout"]).numbers == list(range(8))
    attached.close()


# ---------------------------------------------------------------------- at the desk


def test_a_search_answers_by_way_of_the_desk_and_can_be_dropped(run: Callable[..., PipelineExecutor]) -> None:
    executor = talking(run)
    answers: list[dict[str, Any]] = []
    desk = Desk(executor, answers.append)
    asked = {"phase": 3, "text": "load", "regex": True, "case": True, "streams": [], "levels": [], "start": 0}
    desk.take(Ask("q1", "search", asked))
    wait_until(lambda: answers and answers[-1]["done"])
    assert answers[-1]["body"]["count"] == 4
    answers.clear()
    desk.take(Ask("q2", "search", {**asked, "text": "(a|load)+$(", "phase": 0}))
    wait_until(lambda: answers and answers[-1]["done"])
    assert answers[-1]["error"].startswith("This is no regular expression: ")
    desk.take(Ask("q3", "search", {**asked, "text": "load"}))
    desk.take(Drop("q3"))


def test_a_phase_s_lines_and_processes_are_not_touched_by_a_search(run: Callable[..., PipelineExecutor]) -> None:
    logchild.SEARCH.close()
    gate = Gate()

    def load() -> None:
        print("before")
        gate()
        print("after")

    executor = run(Phase("load", load))
    assert gate.began.wait(DEADLINE_S)
    wait_until(lambda: len(executor.session.book("load")))
    answers: list[dict[str, Any]] = []
    asked = {"phase": 0, "text": "before", "regex": True, "case": True, "streams": [], "levels": [], "start": 0}
    Desk(executor, answers.append).take(Ask("q1", "search", asked))
    wait_until(lambda: answers and answers[-1]["done"])
    assert answers[-1]["body"]["count"] == 1
    gate.open.set()
    executor.wait(DEADLINE_S)
    assert [log.line for log in executor["load"].logs()] == ["before", "after"]
