"""What the result of a phase cell can be asked."""

from __future__ import annotations

import copy
import pickle

import pytest

from milo_nb.values.exports import Exports

RESULT = Exports({"df": [1], "items": {"a": 1}}, 7)


def test_names_are_attributes_and_items() -> None:
    assert RESULT.df is RESULT["df"] == [1]
    assert RESULT.items == {"a": 1}
    assert RESULT._ == RESULT["_"] == 7


def test_a_body_without_a_last_expression_has_none() -> None:
    assert Exports({})._ is None
    assert Exports({})["_"] is None


def test_names_are_listed_without_the_last_expression() -> None:
    assert list(RESULT) == ["df", "items"] == RESULT._ipython_key_completions_()
    assert len(RESULT) == 2
    assert "df" in RESULT
    assert "_" not in RESULT
    assert "keys" not in RESULT
    assert {"df", "items"} <= set(dir(RESULT))


def test_the_repr_shows_names_and_types() -> None:
    assert repr(RESULT) == "<Exports df: list, items: dict, _: int>"
    assert repr(Exports({})) == "<Exports nothing>"


def test_it_is_pickled_and_copied() -> None:
    for again in (pickle.loads(pickle.dumps(RESULT)), copy.copy(RESULT), copy.deepcopy(RESULT)):
        assert type(again) is Exports
        assert vars(again) == vars(RESULT)


def test_a_name_that_is_not_there_is_told_with_those_that_are() -> None:
    with pytest.raises(AttributeError, match=r"There is no 'dff'. Available names: df, items. Did you mean 'df'\?"):
        _ = RESULT.dff
    with pytest.raises(KeyError, match=r"There is no 'x'. Available names: df, items."):
        RESULT["x"]
    assert not hasattr(RESULT, "_repr_html_")


def test_it_cannot_be_changed() -> None:
    with pytest.raises(AttributeError, match="cannot be changed: 'df' was not set"):
        RESULT.df = 3
    with pytest.raises(AttributeError, match="cannot be changed: 'df' was not deleted"):
        del RESULT.df


def test_it_counts_as_true_even_without_names() -> None:
    assert Exports({})
