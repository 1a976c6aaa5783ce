"""Orders of several candidates."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval_assets.errors import UnpairedScoresError
from eval_assets.statistics.comparison.ranking import rank_with_ties


def symmetric(n, *pairs):
    different = np.zeros((n, n), dtype=bool)
    for i, j in pairs:
        different[i, j] = different[j, i] = True
    return different


def test_tied_groups_overlap_where_the_middle_ties_with_both_ends():
    ranked = rank_with_ties(["low", "high", "mid"], np.array([0.5, 0.7, 0.6]), symmetric(3, (0, 1)))
    assert [(row.name, row.groups) for row in ranked] == [
        ("high", "a"),
        ("mid", "ab"),
        ("low", "b"),
    ]


def test_all_different_get_a_letter_each_and_none_different_share_one():
    different = ~np.eye(4, dtype=bool)
    assert [row.groups for row in rank_with_ties(list("wxyz"), np.arange(4.0), different)] == list("abcd")
    assert [row.groups for row in rank_with_ties(list("wxyz"), np.arange(4.0), symmetric(4))] == ["a"] * 4


def test_where_less_is_better_the_lowest_comes_first():
    ranked = rank_with_ties(["x", "y"], np.array([2.0, 1.0]), symmetric(2, (0, 1)), greater_is_better=False)
    assert [row.name for row in ranked] == ["y", "x"]


def test_a_single_candidate_is_first():
    (only,) = rank_with_ties(["x"], np.array([1.0]), symmetric(1))
    assert only.groups == "a"


@given(st.integers(2, 7).flatmap(lambda n: st.lists(st.booleans(), min_size=n * n, max_size=n * n)))
def test_two_candidates_share_a_letter_exactly_when_not_different(flags):
    n = int(np.sqrt(len(flags)))
    different = np.triu(np.array(flags).reshape(n, n), 1)
    different |= different.T
    names = [str(index) for index in range(n)]
    ranked = rank_with_ties(names, -np.arange(float(n)), different)
    for i in range(n):
        for j in range(n):
            shared = set(ranked[i].groups) & set(ranked[j].groups)
            assert bool(shared) == (i == j or not different[i, j])


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(UnpairedScoresError, match="expected 2 means and 2 x 2 pairs"):
        rank_with_ties(["x", "y"], np.array([1.0]), symmetric(2))


def test_many_candidates_in_a_row_get_overlapping_letters_and_no_more_than_needed():
    # 99 candidates of which those up to 10 places apart are tied: groups 0-10, 1-11, ... 88-98
    n = 99
    places = np.arange(n)
    different = np.abs(np.subtract.outer(places, places)) > 10
    ranked = rank_with_ties([str(place) for place in places], -places.astype(float), different)
    assert ranked[0].groups == "a"
    assert len({letter for row in ranked for letter in re.findall(r"[a-z]\d*", row.groups)}) == 89


def test_letters_of_a_lawless_table_take_no_more_groups_than_there_are_tied_pairs():
    different = np.triu(np.random.default_rng(0).random((99, 99)) < 0.5, 1)  # has tens of thousands of maximal groups
    different |= different.T
    ranked = rank_with_ties([str(place) for place in range(99)], -np.arange(99.0), different)
    letters = [set(re.findall(r"[a-z]\d*", row.groups)) for row in ranked]
    for i in range(99):
        for j in range(i + 1, 99):
            assert bool(letters[i] & letters[j]) == (not different[i, j])
