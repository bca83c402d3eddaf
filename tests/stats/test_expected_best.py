"""What fewer trials would have found: the mean of the best over all ways of taking so many of the scores."""

import math
from itertools import combinations
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.stats.expected_best import expected_best

SCORES = st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=8)


@given(SCORES, st.data())
def test_it_is_the_mean_over_all_ways_of_drawing_so_many(scores, data):
    count = data.draw(st.integers(1, len(scores)))
    for direction, best in (("max", max), ("min", min)):
        ways = fmean(best(way) for way in combinations(scores, count))
        assert math.isclose(expected_best(scores, count, direction), ways, rel_tol=1e-9, abs_tol=1e-9)


def test_a_hand_worked_example():
    assert expected_best([0.5, 0.9, 0.7], 2, "max") == pytest.approx((0.9 + 0.9 + 0.7) / 3)
    assert expected_best([0.5, 0.9, 0.7], 2, "min") == pytest.approx((0.5 + 0.5 + 0.7) / 3)


def test_a_thousand_trials_do_not_overflow():
    assert expected_best([*map(float, range(1000))], 500, "max") == pytest.approx(500 / 501 * 1001 - 1)


@pytest.mark.parametrize(
    ("scores", "trials", "line"),
    [
        ([1.0], 0, "0 trials: there are scores of 1"),
        ([1.0], 2, "2 trials: there are scores of 1"),
        ([1.0, math.nan], 1, "scores that are finite"),
    ],
)
def test_what_has_no_expectation_is_refused(scores, trials, line):
    with pytest.raises(ValueError, match=line):
        expected_best(scores, trials, "max")
