"""Means over seeds: against scipy's own distribution, the range that they stay in, and what an interval promises."""

import math
import statistics

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit
from scipy.stats import t

from bench.stats.interval import mean_interval

values = st.floats(-1e6, 1e6)
RANGES = [(0.0, 1.0), (0.0, math.inf), (1.0, math.inf), (-math.inf, 0.0), (0.0, 100.0)]


def half_width(scores):
    """Of Student's interval, by scipy."""
    error = statistics.stdev(scores) / math.sqrt(len(scores))
    return t.interval(0.95, len(scores) - 1, scale=error)[1]


@settings(max_examples=25)
@given(st.lists(values, min_size=2, max_size=20).filter(lambda v: max(v) - min(v) > 1e-9))
def test_without_a_range_the_interval_is_students(scores):
    mean, low, high, method = mean_interval(scores)
    assert (mean, method) == (statistics.fmean(scores), "t")
    assert (low, high) == pytest.approx((mean - half_width(scores), mean + half_width(scores)), rel=1e-9, abs=1e-6)


def test_the_interval_of_three_seeds_by_hand():
    interval = mean_interval([1.0, 2.0, 3.0])
    assert interval.mean == 2.0
    assert interval.high - 2.0 == pytest.approx(4.302653 / math.sqrt(3), abs=1e-6)  # t of 2 degrees of freedom, sd 1


def test_between_two_ends_it_is_students_on_the_scale_of_logits_by_the_delta_method():
    scores = [0.90, 0.95, 0.99]
    mean, low, high, method = mean_interval(scores, within=(0, 1))
    half = half_width(scores) / (mean * (1 - mean))  # the derivative of the logit
    assert method == "logit-t"
    assert (low, high) == pytest.approx((expit(logit(mean) - half), expit(logit(mean) + half)), rel=1e-12)
    in_percent = mean_interval([100 * score for score in scores], within=(0, 100))
    assert in_percent[:3] == pytest.approx([100 * mean, 100 * low, 100 * high], rel=1e-12)


def test_above_one_end_it_is_students_on_the_scale_of_logs_and_below_one_its_mirror():
    scores = [0.1, 0.3, 0.2]
    mean, low, high, method = mean_interval(scores, within=(0, math.inf))
    factor = math.exp(half_width(scores) / mean)
    assert method == "log-t" and (low, high) == pytest.approx((mean / factor, mean * factor))
    shifted = mean_interval([1 + score for score in scores], within=(1, math.inf))
    assert shifted[:3] == pytest.approx([1 + mean, 1 + low, 1 + high])
    mirrored = mean_interval([-score for score in scores], within=(-math.inf, 0))
    assert mirrored[:3] == pytest.approx([-mean, -high, -low]) and mirrored.method == "log-t"


@settings(max_examples=25)
@given(st.sampled_from(RANGES), st.lists(st.floats(0, 1), min_size=2, max_size=8), st.floats(0.5, 0.999))
def test_no_bound_leaves_the_range_and_the_mean_is_between_them(within, shares, level):
    low, high = (
        end if math.isfinite(end) else other + 10 * sign
        for end, other, sign in zip(within, within[::-1], (-1, 1), strict=False)
    )
    scores = [min(high, max(low, low + share * (high - low))) for share in shares]
    mean, lower, upper, method = mean_interval(scores, level, within)
    assume(method)
    assert within[0] <= lower <= mean + 1e-9 and mean - 1e-9 <= upper <= within[1]


@pytest.mark.parametrize("scores", [[0.9, 1.0, 1.0], [0.0, 1.0], [1.0, math.nextafter(1, 0)]])
def test_scores_at_the_very_end_of_a_range_stay_in_it(scores):
    _, low, high, _ = mean_interval(scores, within=(0, 1))
    assert 0 <= low <= high <= 1


def test_far_from_the_ends_the_range_does_not_matter():
    scores = [0.50001, 0.50003, 0.50002]
    assert mean_interval(scores, within=(0, 1))[:3] == pytest.approx(mean_interval(scores)[:3], abs=1e-8)


def test_a_range_that_does_not_hold_the_scores_is_not_used():
    scores = [0.9, 1.1, 1.0]
    assert mean_interval(scores, within=(0, 1)) == mean_interval(scores)


def coverage(interval, draw, mean, count=3, repeats=2000):
    """How often the interval of `count` scores holds their true mean."""
    rng = np.random.default_rng(0)
    found = [interval(row) for row in draw(rng, (repeats, count)).tolist()]
    return statistics.fmean(low <= mean <= high for low, high in found)


def test_the_interval_of_skewed_scores_near_the_end_holds_the_true_mean_19_times_in_20():
    """And Student's does not: the whole table is in docs/statistics.md."""

    def ours(scores):
        return mean_interval(scores, within=(0, 1))[1:3]

    def student(scores):
        return mean_interval(scores)[1:3]

    def draw(rng, shape):
        return rng.beta(99, 1, shape)

    assert coverage(ours, draw, 0.99) == pytest.approx(0.95, abs=0.012)
    assert coverage(student, draw, 0.99) < 0.90


@settings(max_examples=25)
@given(st.lists(values, min_size=2, max_size=8), st.randoms())
def test_the_order_of_seeds_changes_no_bit(scores, shuffle):
    shuffled = scores.copy()
    shuffle.shuffle(shuffled)
    assert repr(mean_interval(shuffled)) == repr(mean_interval(scores))


@pytest.mark.parametrize("scores", [[0.5], [0.5, 0.5], [1.0, 1.0, 1.0], [0.0, 0.0, 0.0]])
def test_one_seed_and_equal_seeds_have_no_interval(scores):
    mean, low, high, method = mean_interval(scores, within=(0, 1))
    assert mean == scores[0] and math.isnan(low) and math.isnan(high) and method == ""


@pytest.mark.parametrize("scores", [[0.0, 5e-324], [0.0, 0.0, 1e-300]])
def test_nor_have_seeds_whose_spread_is_too_small_for_a_float(scores):
    assert mean_interval(scores, within=(0, 1)).method == ""


def test_huge_scores_have_an_interval():
    assert mean_interval([1e200, 3e200])[:3] == pytest.approx([2e200, 2e200 - 12.7062047e200, 2e200 + 12.7062047e200])
    assert mean_interval([1e200, 3e200], within=(0, math.inf)).low > 0


def test_no_scores_have_no_mean():
    with pytest.raises(ValueError, match="no values"):
        mean_interval([])


@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf])
def test_a_score_that_is_not_finite_has_no_mean(odd):
    with pytest.raises(ValueError, match="not finite"):
        mean_interval([0.5, odd])
