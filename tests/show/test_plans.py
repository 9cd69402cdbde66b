"""What a button says before it is clicked, and what a phase can be skipped with."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from milo_nb import Phase, Pipeline
from milo_nb.errors import InvalidStateError, WireError
from milo_nb.execute.attaching import attach
from milo_nb.show.notebook import previews, substitutes
from milo_nb.show.notebook.errands import Desk
from milo_nb.show.notebook.plans import answer_preview, lasting, listed, sentences
from milo_nb.show.notebook.substitutes import answer_values, earlier, kind_of, value_of
from milo_nb.state.wire_browser import CommandRequest, check_options
from tests.strategies import DEADLINE_S, Hand, give, nothing, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from milo_nb import PipelineExecutor


class Told:
    """Takes one answer."""

    def __init__(self) -> None:
        self.body: dict[str, Any] = {}

    def __call__(self, body: Any, data: bytes | None = None, *, done: bool = True) -> None:
        assert done
        assert data is None
        self.body = dict(body)


def preview(executor: Any, command: str, *phases: str, **options: Any) -> dict[str, Any]:
    told: Any = Told()
    answer_preview(executor, {"command": command, "phases": list(phases), "options": options}, told)
    return told.body


def values(executor: Any, phase: int = 0) -> dict[str, Any]:
    told: Any = Told()
    answer_values(executor, {"phase": phase}, told)
    return told.body


def said(hand: Hand, word: Any, *phases: str, value: str = "", **options: Any) -> str:
    made = hand.plan(word, *phases, **options)
    assert not made.refused
    usual = dict.fromkeys(hand.graph.names, 30.0)
    return " ".join(sentences(made, hand.graph, hand.state, value, usual, 4))


def chain() -> list[Phase]:
    return [
        Phase("load", nothing),
        Phase("parse", nothing, depends_on=("load",)),
        Phase("write", nothing, depends_on=("parse",)),
    ]


@pytest.fixture
def failed() -> Iterator[PipelineExecutor]:
    def parse(load: object) -> None:
        raise ValueError(load)

    pipeline = Pipeline("site", Phase("load", give(1)), Phase("parse", parse), Phase("write", lambda parse: parse))
    executor = pipeline.run(work_dir=None)
    executor.wait(DEADLINE_S)
    yield executor
    executor.close()


# ---------------------------------------------------------------------- previews


def test_a_preview_says_what_runs_what_is_kept_and_how_long_it_takes() -> None:
    with Hand(chain()) as hand:
        hand.finish("load")
        hand.fail("parse")
        text = "Runs parse again, then write. Keeps 1 result. Usually takes 1 min."
        assert said(hand, "retry", "parse").startswith(text)
        assert said(hand, "retry-failed") == said(hand, "retry", "parse")
        text = said(hand, "skip", "parse", value="variable:frame")
        assert text.startswith(
            "Goes on without parse: what depends on it gets frame. Then runs write. Keeps 1 result. Usually takes 30 s."
        )
        assert "gets None" in said(hand, "skip", "parse")
        assert "gets its earlier result" in said(hand, "skip", "parse", value="earlier")
        assert said(hand, "skip", "write").startswith("Goes on without write. ")  # nothing depends on it
        assert said(hand, "resume").startswith("Goes on. Runs parse again. Then runs write.")


def test_a_preview_of_a_pause_or_a_cancel_names_what_runs() -> None:
    with Hand(chain()) as hand:
        assert said(hand, "pause") == "Starts nothing new; load may end first."
        assert said(hand, "cancel") == "Stops load, and starts nothing more."
        assert said(hand, "cancel", "load") == "Stops load. Without it parse and write cannot run."
        hand.command("pause")
        hand.finish("load")
        assert said(hand, "resume") == "Goes on. Then runs parse and write. Keeps 1 result. Usually takes 1 min."
        assert said(hand, "cancel") == "Starts nothing more. Keeps 1 result."


def test_a_preview_of_an_approval_says_what_follows() -> None:
    phases = [Phase("load", nothing, review=True), *chain()[1:]]
    with Hand(phases) as hand:
        hand.finish("load")
        assert said(hand, "approve", "load").startswith("Goes on after the review. Then runs parse and write.")


def test_a_preview_says_why_if_there_is_more_to_say_than_that_it_failed() -> None:
    with Hand(chain()) as hand:
        hand.finish("load")
        hand.fail("parse")
        hand.session.replace_graph(hand.graph, ("parse",), {})
        assert said(hand, "retry", "parse").startswith("Runs parse again (edited since its last attempt), then write.")
        assert "Note: inputs shared with the failed attempt: parse." in said(hand, "retry", "parse")


def test_a_preview_of_running_one_phase_alone_names_what_stays_as_it_is() -> None:
    with Hand(chain()) as hand:
        for name in ("load", "parse", "write"):
            hand.finish(name)
        assert said(hand, "rerun", "load").startswith("Runs load again, then parse and write.")
        alone = "Runs load again. parse and write keep their results, built on the attempt before. Keeps 2 results."
        assert said(hand, "rerun", "load", downstream=False).startswith(alone)
        assert "write keeps its result, built on" in said(hand, "rerun", "parse", downstream=False)


def test_a_preview_has_the_positions_of_what_runs_and_what_is_kept(failed: PipelineExecutor) -> None:
    answer = preview(failed, "retry", "parse")
    assert (answer["runs"], answer["keeps"], answer["refused"]) == ([1, 2], [0], "")
    assert "Runs parse again, then write." in answer["text"]


def test_a_preview_of_what_is_refused_says_why(failed: PipelineExecutor) -> None:
    answer = preview(failed, "retry", "load")
    assert answer["text"] == answer["refused"] != ""
    assert (answer["runs"], answer["keeps"]) == ([], [])


def test_a_preview_does_nothing(failed: PipelineExecutor) -> None:
    before = failed.session.state
    for word in ("retry-failed", "resume", "run", "pause", "cancel"):
        preview(failed, word)
    assert failed.session.state is before


def test_a_preview_of_a_new_session_says_what_becomes_of_this_one(tmp_path: Path) -> None:
    held = threading.Event()
    phase = Phase("load", held.wait, cache=True)
    executor = Pipeline("site", phase).run(work_dir=tmp_path)
    assert "has not ended" in preview(executor, "run")["refused"]
    text = preview(executor, "run", replace=True)["text"]
    assert text.startswith("Stops what runs. Starts a new session of one phase; this one is kept.")
    assert "What the cache has is taken from there." in text
    held.set()
    executor.wait(DEADLINE_S)
    assert preview(executor, "run")["runs"] == [0]
    executor.close()


def test_a_preview_of_a_session_that_is_only_looked_at_says_what_is_missing(tmp_path: Path) -> None:
    first = Pipeline("site", Phase("load", give(1))).run(work_dir=tmp_path)
    first.wait(DEADLINE_S)
    first.close()
    executor = attach(work_dir=tmp_path)
    assert "Define 'site' here" in preview(executor, "run")["refused"]
    assert "Define 'site' here" in preview(executor, "rerun", "load")["refused"]
    executor.close()


def test_to_another_kernel_no_variable_is_sent(tmp_path: Path) -> None:
    held = threading.Event()
    owner = Pipeline("site", Phase("load", held.wait)).run(work_dir=tmp_path)
    executor = attach(work_dir=tmp_path)
    assert "where it is run" in preview(executor, "run")["refused"]
    assert "another kernel" in preview(executor, "skip", "load", value="variable:rows")["refused"]
    assert "gets" not in preview(executor, "skip", "load", value="earlier")["text"]  # nothing depends on it
    assert values(executor)["variables"] == []
    held.set()
    owner.wait(DEADLINE_S)
    executor.close()
    owner.close()


@pytest.mark.parametrize(
    "wrong",
    [
        {"command": "explode"},
        {"command": 7},
        {"phases": "load"},
        {"phases": [7]},
        {"phases": ["load"] * 1001},
        {"options": []},
        {"options": {"value": "variable"}},
        {"options": {"value": 7}},
        {"options": {"downstream": "yes"}},
    ],
)
def test_a_preview_of_nonsense_names_the_wrong_field(failed: PipelineExecutor, wrong: dict[str, Any]) -> None:
    args = {"command": "skip", "phases": ["load"], "options": {}} | wrong
    with pytest.raises(WireError, match=next(iter(wrong))):
        answer_preview(failed, args, Told())  # type: ignore[arg-type]  # takes the answer as a Tell does


def test_names_and_times_read_as_people_say_them() -> None:
    assert [listed("abcdefg"[:n]) for n in (0, 1, 2, 4, 7)] == [
        "nothing",
        "a",
        "a and b",
        "a, b, c and d",
        "a, b, c and 4 more",
    ]
    assert [lasting(s) for s in (12.4, 150, 9000)] == ["12 s", "2.5 min", "2.5 h"]


# ---------------------------------------------------------------------- values


@pytest.fixture
def variables(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def have(**names: Any) -> None:
        monkeypatch.setattr(substitutes, "_namespace", lambda: names)

    return have


def test_the_notebooks_variables_can_stand_in_and_modules_functions_and_secrets_cannot(
    failed: PipelineExecutor, variables: Callable[..., None]
) -> None:
    variables(
        Zed=1, frame=[1, 2], _hidden=1, json=threading, f=nothing, C=Told, site=failed, In=[], phase=Phase("a", nothing)
    )
    assert values(failed) == {"earlier": "", "variables": [["frame", "list of 2"], ["Zed", "int 1"]]}


def test_the_variables_of_the_shell_are_those_that_a_person_made(notebook: Any) -> None:
    notebook.run("frame = {'a': 1}")
    assert "frame" in dict(substitutes._variables())
    assert not {"In", "Out", "exit", "get_ipython"} & dict(substitutes._variables()).keys()


def test_without_a_notebook_they_are_those_of_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(substitutes.sys.modules, "__main__", SimpleNamespace(rows=[1]))  # type: ignore[attr-defined]
    monkeypatch.delitem(substitutes.sys.modules, "IPython", raising=False)  # type: ignore[attr-defined]
    assert list(substitutes._variables()) == [("rows", [1])]


class Elsewhere:
    @property  # type: ignore[misc] # as proxies do, of requests and settings
    def __class__(self) -> type:
        raise RuntimeError("outside of its context")

    @property
    def shape(self) -> object:
        raise SystemExit


def test_one_variable_that_cannot_be_looked_at_does_not_cost_the_others(
    failed: PipelineExecutor, variables: Callable[..., None]
) -> None:
    variables(frame=[1], huge=10**5000, request=Elsewhere())
    assert values(failed) == {
        "earlier": "",
        "variables": [["frame", "list of 1"], ["huge", "int"], ["request", "Elsewhere"]],
    }


class Far:
    """A proxy whose other end does not answer."""

    hold = threading.Event()

    @property
    def shape(self) -> object:
        while not self.hold.wait(0.01):
            pass
        return None


def test_a_variable_that_hangs_when_it_is_looked_at_is_told_by_its_class_and_the_next_question_answered(
    failed: PipelineExecutor, variables: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(previews, "LOOK_S", 0.1)
    variables(after=[1], before=[1, 2], far=Far(), zed=1)
    told = [["after", "list of 1"], ["before", "list of 2"], ["far", "Far"], ["zed", "int"]]
    assert values(failed)["variables"] == told
    monkeypatch.setattr(previews, "MOST_LEFT_ALONE", 0)  # as after many that hung
    assert values(failed)["variables"] == [[name, kind.split()[0]] for name, kind in told]


class Table:
    shape = (12, 3)


class Odd:
    @property
    def shape(self) -> tuple[int, ...]:
        raise RuntimeError("no")


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (3, "int 3"),
        (0.5, "float 0.5"),
        (10**40, "int"),
        ("text", "str of 4"),
        ({}, "dict of 0"),
        (Table(), "Table 12 x 3"),
        (Odd(), "Odd"),
        (SimpleNamespace(shape=()), "SimpleNamespace"),
        (None, "NoneType"),
    ],
)
def test_a_variable_is_told_by_its_type_and_size(value: object, kind: str) -> None:
    assert kind_of(value).endswith(kind)


def test_a_skip_takes_the_variable_that_a_person_chose(
    failed: PipelineExecutor, variables: Callable[..., None]
) -> None:
    variables(rows=[7])
    ask(failed, "skip", "parse", value="variable:rows")
    failed.wait(DEADLINE_S)
    assert failed.results["write"] == [7]
    assert failed["write"].known.reason == "built on the substitute for parse"


@pytest.mark.parametrize(("typed", "value"), [("0.95", 0.95), ("[1, 2]", [1, 2]), ("last week", "last week"), ("", "")])
def test_a_skip_takes_the_value_that_a_person_typed(failed: PipelineExecutor, typed: str, value: object) -> None:
    ask(failed, "skip", "parse", value=f"literal:{typed}")
    failed.wait(DEADLINE_S)
    assert failed.results["parse"] == value


def test_the_preview_of_a_skip_says_the_value_as_python_reads_it(failed: PipelineExecutor) -> None:
    assert "gets 'last week'" in preview(failed, "skip", "parse", value="literal:last week")["text"]


def test_a_variable_that_is_gone_is_said_and_nothing_is_skipped(
    failed: PipelineExecutor, variables: Callable[..., None]
) -> None:
    variables()
    answer = ask(failed, "skip", "parse", value="variable:rows")
    assert (answer["ok"], answer["message"]) == (False, "The notebook has no variable 'rows' any more.")
    assert failed["parse"].status == "failed"


def test_a_skip_takes_the_result_of_an_earlier_session(tmp_path: Path) -> None:
    def pipeline(parse: Callable[[Any], Any]) -> Pipeline:
        return Pipeline("site", Phase("load", give(1)), Phase("parse", parse), Phase("write", lambda parse: parse))

    first = pipeline(lambda load: {"pages": load}).run(work_dir=tmp_path)
    first.wait(DEADLINE_S)
    first.close()

    def fail(load: object) -> None:
        raise ValueError(load)

    executor = pipeline(fail).run(work_dir=tmp_path, fresh=True)
    executor.wait(DEADLINE_S)
    assert f"of session {str(first.session_id)[:8]}" in values(executor, 1)["earlier"]
    assert ask(executor, "skip", "parse", value="earlier")["ok"]
    executor.wait(DEADLINE_S)
    assert executor.results["write"] == {"pages": 1}
    executor.close()


def test_where_no_session_saved_one_a_skip_with_it_is_refused(tmp_path: Path, failed: PipelineExecutor) -> None:
    assert earlier(failed.session, "parse") is None  # nothing is on disk
    executor = Pipeline("site", Phase("load", give(1))).run(work_dir=tmp_path)
    executor.wait(DEADLINE_S)
    with pytest.raises(InvalidStateError, match="No earlier session has a saved result of 'load'"):
        value_of(executor.session, "load", "earlier")
    executor.close()


def test_a_session_that_cannot_be_read_is_passed_over(tmp_path: Path) -> None:
    pipeline = Pipeline("site", Phase("load", give(1)))
    for _ in range(2):
        executor = pipeline.run(work_dir=tmp_path, fresh=True)
        executor.wait(DEADLINE_S)
        executor.close()
    first, second = sorted((tmp_path / "site" / "runs").iterdir())
    found = earlier(executor.session, "load")
    assert found is not None
    assert found.run_dir.path == first
    assert found.load() == 1
    (first / "events.jsonl").write_bytes(b"no journal")
    assert earlier(executor.session, "load") is None
    assert second.exists()


def test_options_of_a_skip_are_checked() -> None:
    assert check_options({"value": "none", "replace": True, "other": 1}) == {"value": "none", "replace": True}
    assert check_options({"value": "variable:x"}) == {"value": "variable:x"}


def ask(executor: PipelineExecutor, word: Any, *phases: str, **options: Any) -> dict[str, Any]:
    """Give a command as a view does, and return the answer."""
    answers: list[dict[str, Any]] = []
    Desk(executor, answers.append).take(CommandRequest("1", word, phases, options))
    wait_until(lambda: bool(answers))
    return answers[0]
