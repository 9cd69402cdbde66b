"""What views ask beside the story is answered, whatever is asked and whatever goes wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from milo_nb import MiloError, Phase, Pipeline
from milo_nb.show.notebook import answers, asked, bundle
from milo_nb.show.notebook.answers import Word
from milo_nb.show.notebook.errands import Desk
from milo_nb.state.wire_browser import Ask, Drop
from tests.show.test_errands import AtOnce, load
from tests.strategies import DEADLINE_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from milo_nb import PipelineExecutor


class Asker:
    """Somebody who asks, and what he is told."""

    def __init__(self, executor: PipelineExecutor) -> None:
        self.told: list[dict[str, Any]] = []
        self.desk = Desk(executor, self.told.append, commands=AtOnce(), details=AtOnce(), slow=AtOnce())

    def ask(self, what: str, id_: str = "q1", **args: Any) -> list[dict[str, Any]]:
        self.told.clear()
        self.desk.take(Ask(id_, what, args))
        return self.told


@pytest.fixture
def asker() -> Iterator[Asker]:
    executor = Pipeline("site", Phase("load", load)).run(work_dir=None)
    executor.wait(DEADLINE_S)
    yield Asker(executor)
    executor.close()


@pytest.fixture
def know(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Give what makes a word known."""

    def know(answerer: Any, lane: Any = "quick") -> None:
        monkeypatch.setitem(answers.WORDS, "test", Word(answerer, lane))

    return know


def test_an_answer_has_the_question_s_id_and_its_body(asker: Asker, know: Callable[..., None]) -> None:
    know(lambda executor, args, tell: tell({"twice": 2 * args["n"]}, b"data"))
    expected = {"type": "answer", "id": "q1", "done": True, "error": "", "body": {"twice": 6}, "data": b"data"}
    assert asker.ask("test", n=3) == [expected]


def test_a_question_that_comes_by_both_lanes_is_answered_once(asker: Asker, know: Callable[..., None]) -> None:
    know(lambda executor, args, tell: tell({"n": 1}))
    assert len(asker.ask("test")) == 1
    assert asker.ask("test") == []


def test_who_may_take_long_says_first_that_the_question_came(asker: Asker, know: Callable[..., None]) -> None:
    know(lambda executor, args, tell: tell({"n": 1}), "slow")
    first, last = asker.ask("test")
    assert (first["done"], first["body"]) == (False, {})
    assert (last["done"], last["body"]) == (True, {"n": 1})


def test_a_dropped_question_gets_no_more_answers(asker: Asker, know: Callable[..., None]) -> None:
    def answerer(executor: PipelineExecutor, args: Mapping[str, Any], tell: asked.Tell) -> None:
        tell({"n": 1}, done=False)
        asker.desk.take(Drop("q1"))
        assert not tell.is_wanted()
        tell({"n": 2})

    know(answerer)
    assert [answer["body"] for answer in asker.ask("test")] == [{"n": 1}]


@pytest.mark.parametrize(
    ("raised", "sentence"),
    [
        (MiloError("There is no log."), "There is no log."),
        (ZeroDivisionError("by zero"), "This cannot be shown: ZeroDivisionError: by zero"),
        (SystemExit(3), "This cannot be shown: SystemExit: 3"),
        (MiloError("half a character: \ud83d"), "half a character: ?"),  # UTF-8 cannot send it
    ],
)
def test_whatever_an_answerer_raises_is_answered_in_words(
    asker: Asker, know: Callable[..., None], raised: BaseException, sentence: str
) -> None:
    def answerer(executor: PipelineExecutor, args: Mapping[str, Any], tell: asked.Tell) -> None:
        raise raised

    know(answerer)
    (answer,) = asker.ask("test")
    assert (answer["done"], answer["error"], answer["body"]) == (True, sentence, {})


def test_a_word_that_the_kernel_does_not_know_is_refused(asker: Asker) -> None:
    (answer,) = asker.ask("dance")
    assert answer["error"] == "This kernel knows no 'dance'."


@pytest.mark.parametrize(
    ("check", "bad", "why"),
    [
        (lambda a: asked.text_of(a, "x"), 3, "a string"),
        (lambda a: asked.text_of(a, "x"), "a" * 501, "at most 500"),
        (lambda a: asked.count_of(a, "x"), True, "a whole number"),
        (lambda a: asked.count_of(a, "x", 5), 6, "from 0 to 5"),
        (lambda a: asked.flag_of(a, "x"), 1, "true or false"),
        (lambda a: asked.words_of(a, "x", ("log",)), ["log", "spam"], "some of log"),
        (lambda a: asked.counts_of(a, "x", 2), [1, 2, 3], "at most 2"),
        (lambda a: asked.counts_of(a, "x", 2), [1, -2], "whole numbers"),
    ],
)
def test_a_wrong_argument_is_named(check: Callable[[dict[str, Any]], object], bad: object, why: str) -> None:
    for args in ({"x": bad}, {}):
        with pytest.raises(MiloError, match=r"args\.x"):
            check(args)
    with pytest.raises(MiloError, match=why):
        check({"x": bad})


def test_questions_that_nobody_answers_do_not_fill_the_memory() -> None:
    wanted = asked.Wanted(lambda answer: None)
    for n in range(asked.MOST_WANTED + 1):
        wanted.add(str(n))
    assert not wanted.is_wanted("0")
    assert wanted.is_wanted(str(asked.MOST_WANTED))


def test_the_later_part_of_the_view_comes_in_pieces(asker: Asker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle, "MAX_PIECE_BYTES", 4)
    monkeypatch.setattr(bundle, "read_bundle", lambda name: {"more.js": "höre"}[name] + "!")
    (first,) = asker.ask("part", "q1", start=0)
    (last,) = asker.ask("part", "q2", start=4)
    assert first["body"] == {"start": 0, "size": 6}
    assert (first["data"] + last["data"]).decode() == "höre!"
