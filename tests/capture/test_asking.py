"""Code of a phase that asks fails at once; code of others asks as always."""

from __future__ import annotations

import bdb
import builtins
import getpass
import importlib
import sys
from typing import TYPE_CHECKING

import pytest

from milo_nb.capture.router import installed
from milo_nb.errors import MiloError, NoInputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.capture.conftest import Phase

QUESTIONS = {
    "input()": lambda: input(),  # noqa: PLW0108 - looked up when called
    "input(prompt)": lambda: input("How many? "),
    "getpass()": lambda: getpass.getpass(),  # noqa: PLW0108 - as above
    "getpass(prompt=)": lambda: getpass.getpass(prompt="Password: "),
    "breakpoint()": lambda: breakpoint(),  # noqa: T100, PLW0108 - what is tested
    "pdb": lambda: bdb.Bdb().set_trace(),
}


@pytest.mark.usefixtures("capture")
@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_in_a_phase_is_an_error_that_names_params_and_review(phase: Phase, question: str) -> None:
    with pytest.raises(NoInputError, match=r"-p name=value.*review") as raised:
        phase.run(QUESTIONS[question])
    assert isinstance(raised.value, MiloError)
    assert isinstance(raised.value, RuntimeError)


@pytest.mark.usefixtures("capture")
def test_the_error_names_what_was_asked_for(phase: Phase) -> None:
    with pytest.raises(NoInputError, match=r"^input\(\) was called for 'How many\?' in a phase"):
        phase.run(QUESTIONS["input(prompt)"])


@pytest.mark.parametrize("name", ["getpass", "bdb"])
def test_what_is_imported_by_the_phase_itself_is_refused_too(
    phase: Phase, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.delitem(sys.modules, name)
    with installed():
        module = importlib.import_module(name)
        with pytest.raises(NoInputError):
            phase.run(lambda: module.getpass() if name == "getpass" else module.Bdb().set_trace())
    assert "milo_nb" not in (module.getpass if name == "getpass" else module.Bdb.set_trace).__module__


def test_outside_of_phases_questions_are_asked_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[object, ...]] = []

    def answer(*args: object, **options: object) -> str:
        asked.append((*args, *options.items()))
        return "42"

    monkeypatch.setattr(builtins, "input", answer)
    monkeypatch.setattr(getpass, "getpass", answer)
    monkeypatch.setattr(sys, "breakpointhook", answer)
    before: list[Callable[..., object]] = [input, getpass.getpass, sys.breakpointhook, bdb.Bdb.set_trace]
    with installed(), installed():
        assert input() == "42"
        assert input("a") == "42"
        assert getpass.getpass(prompt="b") == "42"
        breakpoint()  # noqa: T100 - what is tested
    assert asked == [(), ("a",), (("prompt", "b"),), ()]
    assert [input, getpass.getpass, sys.breakpointhook, bdb.Bdb.set_trace] == before
