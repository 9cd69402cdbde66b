"""A Table behaves like a tuple."""

import copy
import operator
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milo_nb.state.table import Table

ITEMS = st.lists(st.integers(0, 5), max_size=200)


@given(ITEMS)
def test_it_iterates_measures_shows_and_hashes_as_a_tuple(items):
    table, same = Table(items), tuple(items)
    assert tuple(table) == same
    assert (len(table), bool(table), repr(table), hash(table)) == (len(same), bool(same), repr(same), hash(same))
    assert tuple(reversed(table)) == same[::-1]
    assert [n in table for n in range(7)] == [n in same for n in range(7)]
    assert [table.count(n) for n in range(7)] == [same.count(n) for n in range(7)]


@given(ITEMS, st.integers(-250, 250))
def test_it_indexes_as_a_tuple(items, i):
    table, same = Table(items), tuple(items)
    try:
        expected = same[i]
    except IndexError:
        with pytest.raises(IndexError, match=f"index {i} is out of range: there are {len(same)} items"):
            table[i]
    else:
        assert table[i] == expected


@given(ITEMS, st.slices(200))
def test_it_slices_as_a_tuple(items, part):
    assert Table(items)[part] == tuple(items)[part]


@given(ITEMS, ITEMS)
def test_it_compares_as_a_tuple_with_tables_and_tuples(one, other):
    for compare in (operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge):
        expected = compare(tuple(one), tuple(other))
        assert compare(Table(one), Table(other)) == expected
        assert compare(Table(one), tuple(other)) == expected
        assert compare(tuple(one), Table(other)) == expected


@given(ITEMS, ITEMS)
def test_it_adds_as_a_tuple(one, other):
    assert operator.add(Table(one), Table(other)) == tuple(one + other)
    assert operator.add(Table(one), tuple(other)) == tuple(one + other)
    assert operator.add(tuple(one), Table(other)) == tuple(one + other)


@given(ITEMS.filter(bool), st.data())
def test_replacing_gives_a_new_table_and_leaves_the_old_one(items, data):
    i = data.draw(st.integers(0, len(items) - 1))
    table = Table(items)
    other = table.replace(i, 99)
    assert tuple(table) == tuple(items)
    assert tuple(other) == (*items[:i], 99, *items[i + 1 :])
    assert other != table
    assert other == Table([*items[:i], 99, *items[i + 1 :]])


def test_replacing_one_item_copies_only_its_leaf():
    table = Table(range(1000))
    other = table.replace(500, -1)
    assert sum(a is not b for a, b in zip(table.leaves, other.leaves, strict=True)) == 1


def test_it_is_neither_equal_to_nor_ordered_with_what_is_no_tuple():
    assert Table([1]) != [1]
    assert Table([1]) != 1
    with pytest.raises(TypeError):
        assert Table([1]) < [1]
    with pytest.raises(TypeError):
        operator.add(Table([1]), 3)
    with pytest.raises(TypeError):
        operator.add([1], Table([1]))


def test_it_pickles_and_copies():
    table = Table(range(100))
    assert pickle.loads(pickle.dumps(table)) == copy.deepcopy(table) == table


def test_it_finds_positions_as_a_tuple():
    assert Table("abcabc").index("c") == 2
    assert "z" not in Table("abc")
