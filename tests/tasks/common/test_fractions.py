"""Shares of the data: checked once for all tasks, and cut at whole numbers."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.tasks.common.fractions import check_fractions, check_share, cut_points


@pytest.mark.parametrize(
    ("splits", "says"),
    [
        ([0.9, 0.1], "give three fractions, of train, valid and test; [0.9, 0.1, 0] for no test split"),
        ([0.25] * 4, "give three fractions, of train, valid and test; [0.9, 0.1, 0] for no test split"),
        ([0.5, 0.3, 0.1], "the fractions must sum to 1, these sum to 0.9"),
        ([math.inf, 0.5, 0.5], "the fractions must sum to 1, these sum to inf"),
        ([0.9, 0.2, -0.1], "the fractions of train and valid must be above 0, that of test 0 or above"),
        ([0.9, 0, 0.1], "the fractions of train and valid must be above 0, that of test 0 or above"),
        ([0, 0.9, 0.1], "the fractions of train and valid must be above 0, that of test 0 or above"),
        ([math.nan, 0.5, 0.5], "the fractions of train and valid must be above 0, that of test 0 or above"),
        ([0.5, 0.5, math.nan], "the fractions of train and valid must be above 0, that of test 0 or above"),
    ],
)
def test_wrong_fractions_are_named(splits, says):
    with pytest.raises(ValueError) as caught:
        check_fractions(splits)
    assert str(caught.value) == f"task.splits={splits}: {says}"


@pytest.mark.parametrize("splits", [(0.9, 0.05, 0.05), [0.4, 0.6, 0], (0.1, 0.2, 0.7)])
def test_fractions_that_sum_to_one_are_right_but_for_rounding(splits):
    check_fractions(splits)


@pytest.mark.parametrize("share", [0, 1, -0.1, 1.5, math.nan])
def test_a_share_lies_between_0_and_1(share):
    with pytest.raises(ValueError, match=f"^task.valid_share={share} must lie between 0 and 1$"):
        check_share(valid_share=share)
    check_share(valid_share=0.5)


@given(st.integers(0, 10**6), st.integers(1, 98), st.integers(1, 98))
def test_what_is_cut_is_all_there_and_in_order(count, train, valid):
    splits = [train / 100, valid / 100, max(0.0, 1 - (train + valid) / 100)]
    first, second = cut_points(count, splits)
    assert 0 <= first <= second and (splits[2] == 0 or second <= count * (train + valid) / 100 + 1)
    assert first == int(count * splits[0]) and (splits[2] or second == count)
