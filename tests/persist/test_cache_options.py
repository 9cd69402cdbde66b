"""What a person can say about a cache."""

from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milo_nb.errors import DeclarationError
from milo_nb.persist.cache import CacheOptions, cache_options, parse_ttl


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("250ms", 250),
        ("30s", 30_000),
        ("15m", 900_000),
        ("24h", 86_400_000),
        ("7d", 604_800_000),
        ("0s", 0),
        ("1.5h", 5_400_000),
        ("0.1s", 100),
        ("007d", 604_800_000),
    ],
)
def test_a_ttl_is_a_number_and_a_unit(text, milliseconds):
    assert parse_ttl(text) == milliseconds
    assert type(parse_ttl(text)) is int


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "24",
            "h",
            "24 h",
            " 24h",
            "24h ",
            "24h\n",
            "-1h",
            "+1h",
            "1w",
            "1H",
            "1e3s",
            ".5h",
            "1.h",
            "1h30m",
            "inf",
        ),
        *("\u0661h", "1_0s", "9" * 16 + "d", "NaNs", "1,5h", "ms", None, 24, 24.0, b"24h", ["24h"]),
    ],
)
def test_anything_else_is_an_invalid_ttl(text):
    with pytest.raises(ValueError, match=r"^Invalid TTL: ") as caught:
        parse_ttl(text)
    assert repr(text) in str(caught.value)
    assert isinstance(caught.value, DeclarationError)


@given(st.integers(0, 10**15 - 1), st.sampled_from(["ms", "s", "m", "h", "d"]))
def test_a_larger_unit_is_a_longer_ttl(number, unit):
    units = ["ms", "s", "m", "h", "d"]
    longer = units[min(units.index(unit) + 1, 4)]

    assert parse_ttl(f"{number}{unit}") <= parse_ttl(f"{number}{longer}")


def test_nothing_and_false_mean_no_cache():
    assert cache_options(None) is None
    assert cache_options(False) is None


def test_true_means_for_any_time_and_with_all_that_the_code_uses():
    assert cache_options(True) == CacheOptions(None, "", "deep", (), (), ())
    assert cache_options(True).ttl_ms is None


def test_a_text_is_a_ttl():
    assert cache_options("24h") == CacheOptions(ttl="24h")
    assert cache_options("24h").ttl_ms == 86_400_000


def test_options_stand_for_themselves_and_a_dict_for_options():
    options = CacheOptions("7d", 2, code="off", files=["a.csv", Path("b.csv"), "a.csv"], env="HOME", ignore=("ctx",))

    assert cache_options(options) is options
    assert options.version == "2"
    assert options.files == ("a.csv", "b.csv")
    assert options.env == ("HOME",)
    assert cache_options({"ttl": "7d", "version": "2"}) == CacheOptions("7d", "2")
    assert hash(options)


def test_options_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        CacheOptions().ttl = "1h"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"tll": "1h"},
            r"CacheOptions has no option 'tll'\. Available options: ttl, version, code, files, env, ignore\. Did",
        ),
        ({"ttl": "soon"}, "Invalid TTL: 'soon'"),
        ({"ttl": 3}, "Invalid TTL: 3"),
        ({"code": "deeper"}, "code must be one of deep, shallow, off; got 'deeper'"),
        ({"code": ["deep"]}, r"code must be one of deep, shallow, off; got \['deep'\]"),
        ({"version": object}, "version must be a text or a number"),
        ({"files": 3}, "files must be names; got 3"),
        ({"env": [b"HOME"]}, "env must be names; got b'HOME'"),
        ({"ignore": [""]}, "ignore must be names; got ''"),
        ({"files": {"a": 1}}, "files must be names"),
    ],
)
def test_a_wrong_option_is_named(given, message):
    with pytest.raises(DeclarationError, match=message):
        CacheOptions(**given)


@pytest.mark.parametrize("given", [1, 0, 24.0, b"24h", ["24h"], {1: 2}, object()])
def test_what_is_no_cache_option_is_refused(given):
    with pytest.raises(ValueError, match=r"cache must be True, False, a TTL as '24h', or CacheOptions\(...\); got"):
        cache_options(given)


def test_a_ttl_that_is_wrong_is_refused_where_it_is_said():
    with pytest.raises(ValueError, match=r"^Invalid TTL: 'tomorrow'"):
        cache_options("tomorrow")
