"""The probability of improvement: against a count of pairs, scipy's Mann-Whitney, and the equation of its interval."""

import math

import numpy as np
import pytest
from scipy.stats import mannwhitneyu, norm

from bench.stats.improvement import improvement

rng = np.random.default_rng(0)
A, B = rng.normal(0, 1, 5).tolist(), rng.normal(0.7, 1, 7).tolist()


def test_it_is_the_share_of_pairs_in_which_the_second_is_better():
    assert improvement(A, B, "max").mean == pytest.approx(mannwhitneyu(B, A).statistic / 35)
    assert improvement(A, B, "min").mean == pytest.approx(1 - improvement(A, B, "max").mean)
    assert improvement([1, 2], [1, 3], "max").mean == (0.5 + 1 + 0 + 1) / 4


@pytest.mark.parametrize("b", [B, [9.0] * 7])
def test_at_each_end_the_estimate_is_196_deviations_away(b):
    mean, low, high, method = improvement(A, b, "max")
    for end in {low, high} - {0.0, 1.0}:
        extra = (5 + 7) / 2 - 1
        variance = end * (1 - end) * (1 + extra * ((1 - end) / (2 - end) + end / (1 + end))) / 35
        assert abs(mean - end) / math.sqrt(variance) == pytest.approx(norm.ppf(0.975), rel=1e-4)
    assert 0 <= low < mean <= high <= 1 and method == "newcombe"


def test_sides_may_be_exchanged_and_equal_scores_are_a_toss():
    mean, low, high, _ = improvement(A, B, "max")
    assert improvement(B, A, "max")[:3] == pytest.approx([1 - mean, 1 - high, 1 - low])
    assert improvement([1.0] * 3, [1.0] * 3, "max").mean == 0.5


def test_one_run_has_no_interval_and_none_no_probability():
    assert math.isnan(improvement([1.0], B, "max").low)
    with pytest.raises(ValueError, match="runs of both"):
        improvement([], B, "max")
