"""The code of each attempt of a phase can be read, with what changed; and so can the names of the files it wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from milo_nb import Phase, Pipeline, attach
from milo_nb.show.notebook import sources
from milo_nb.show.notebook.sources import to_diff, to_sources
from tests.show.test_errands import FIXTURES
from tests.strategies import DEADLINE_S, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from milo_nb import PipelineExecutor


def parse() -> int:
    raise ValueError("no title")


def mended() -> int:
    text = "title"
    return len(text)


def wrote(ctx: Any) -> None:
    (ctx.work_dir / "reports" / "page.html").write_text("<p>")


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., PipelineExecutor]]:
    executors: list[PipelineExecutor] = []

    def start(*phases: Phase, is_kept: bool = True) -> PipelineExecutor:
        executors.append(Pipeline("shop", *phases).run(work_dir=tmp_path if is_kept else None, capture=False))
        executors[-1].wait(DEADLINE_S)
        return executors[-1]

    yield start
    for executor in executors:
        executor.close()


def edited(executor: PipelineExecutor) -> PipelineExecutor:
    executor.rebind(Pipeline("shop", Phase("parse", mended)))
    return executor


def code(attempt: dict[str, Any]) -> str:
    return str(attempt["source"])


def test_an_attempt_shows_its_code_and_where_that_stands(start: Callable[..., PipelineExecutor]) -> None:
    (attempt,) = to_sources(start(Phase("parse", parse)).session, 0)["attempts"]
    assert attempt["attempt"] == 1
    assert attempt["source"].startswith("def parse() -> int:")
    assert "test_sources.py, line " in attempt["where"]
    assert not attempt["is_next"]


@pytest.mark.parametrize("is_kept", [True, False])
def test_after_an_edit_the_next_attempt_shows_how_it_differs(
    start: Callable[..., PipelineExecutor], is_kept: bool
) -> None:
    executor = edited(start(Phase("parse", parse), is_kept=is_kept))
    told, expected = to_sources(executor.session, 0), FIXTURES["answer-source"]["message"]["body"]
    assert told.keys() == expected.keys()
    first, second = told["attempts"]
    assert first.keys() == expected["attempts"][0].keys()
    assert "no title" in code(first)
    assert (second["attempt"], second["is_next"]) == (2, True)
    assert ["-", '    raise ValueError("no title")'] in second["diff"]
    assert ["+", '    text = "title"'] in second["diff"]


@pytest.mark.parametrize("is_kept", [True, False])
def test_each_attempt_keeps_its_own_code_after_edits_and_retries(
    start: Callable[..., PipelineExecutor], is_kept: bool
) -> None:
    executor = start(Phase("parse", parse), is_kept=is_kept)
    executor.retry("parse")
    executor.wait(DEADLINE_S)
    edited(executor).retry("parse")
    executor.wait(DEADLINE_S)
    one, two, three = to_sources(executor.session, 0)["attempts"]
    assert "no title" in code(one)
    assert (two["same_as"], two["source"], two["diff"]) == (1, "", [])
    assert "text = " in code(three)
    assert not three["is_next"]


def test_a_phase_that_never_ran_shows_the_code_it_would_run(start: Callable[..., PipelineExecutor]) -> None:
    executor = start(Phase("parse", parse), Phase("after", mended, depends_on=("parse",)))
    (attempt,) = to_sources(executor.session, 1)["attempts"]
    assert (attempt["attempt"], attempt["is_next"]) == (1, True)
    assert "title" in code(attempt)


def test_a_past_session_shows_the_code_that_is_kept_on_disk(
    start: Callable[..., PipelineExecutor], tmp_path: Path
) -> None:
    executor = edited(start(Phase("parse", parse)))
    executor.retry("parse")
    executor.wait(DEADLINE_S)
    executor.close()
    attached = attach(None, tmp_path)
    try:
        one, two = to_sources(attached.session, 0)["attempts"]
        assert "no title" in code(one)
        assert ["+", '    text = "title"'] in two["diff"]
        assert two["where"].endswith("parse.2.py")
    finally:
        attached.close()


def test_a_source_folder_that_is_gone_leaves_the_code_unknown(
    start: Callable[..., PipelineExecutor], tmp_path: Path
) -> None:
    start(Phase("parse", parse)).close()
    for file in tmp_path.glob("*/runs/*/source/*"):
        file.unlink()
    attached = attach(None, tmp_path)
    try:
        (attempt,) = to_sources(attached.session, 0)["attempts"]
        assert (attempt["source"], attempt["where"]) == ("", "")
    finally:
        attached.close()


def test_code_that_cannot_be_read_is_empty(start: Callable[..., PipelineExecutor]) -> None:
    executor = start(Phase("eval", eval("lambda: 1")))
    (attempt,) = to_sources(executor.session, 0)["attempts"]
    assert attempt["source"] == ""


def test_the_files_that_a_phase_wrote_are_listed(start: Callable[..., PipelineExecutor]) -> None:
    session = start(Phase("render", wrote)).session
    wait_until(lambda: session.results.record("render") is not None)
    told = to_sources(session, 0)
    assert told["files"] == [["reports/page.html", 3]]
    assert "shop" in told["folder"]


def test_a_diff_shows_some_lines_around_each_change() -> None:
    before = "\n".join(f"line {n}" for n in range(40))
    after = before.replace("line 20\n", "line twenty\n")
    diff = to_diff(before, after)
    assert diff[0] == ["@", "line 18"]
    assert [sign for sign, _ in diff] == ["@", " ", " ", " ", "-", "+", " ", " ", " "]


def test_texts_too_long_to_be_compared_are_not() -> None:
    assert to_diff("x\n" * 5000, "y") == [["@", "too long to be compared"]]


def test_what_does_not_fit_into_an_answer_is_left_out(start: Callable[..., PipelineExecutor]) -> None:
    written = [(n, False, sources.Written(f"# {n}\n" + "x = 1\n" * 6000, "cell")) for n in range(1, 30)]
    told = list(sources._to_json(written))
    assert len(told) == 29
    assert sum(len(one["source"]) for one in told) <= sources.MOST_BYTES
