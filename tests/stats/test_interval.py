"""Statistics: against values worked out by hand, scipy's own distribution, and what an interval promises."""

import math
import random
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t

from bench.stats.interval import gap_closed, mean_interval
from bench.stats.summary import summarise

values = st.floats(-1e6, 1e6)


@given(st.lists(values, min_size=2, max_size=20).filter(lambda v: len(set(v)) > 1))
def test_the_interval_is_students(scores):
    interval = mean_interval(scores)
    error = statistics.stdev(scores) / math.sqrt(len(scores))
    low, high = t.interval(0.95, len(scores) - 1, loc=statistics.fmean(scores), scale=error)
    assert interval.mean == statistics.fmean(scores)
    assert (interval.low, interval.high) == pytest.approx((low, high), rel=1e-9, abs=1e-6)


def test_the_interval_of_three_seeds_by_hand():
    interval = mean_interval([1.0, 2.0, 3.0])
    assert interval.mean == 2.0
    assert interval.high - 2.0 == pytest.approx(4.302653 / math.sqrt(3), abs=1e-6)  # t of 2 degrees of freedom, sd 1


def coverage(half_width):
    """How often mean +- `half_width(scores)` holds the true mean of three normal scores."""
    normal = random.Random(0).gauss
    draws = [[normal(5, 2) for _ in range(3)] for _ in range(4000)]
    return statistics.fmean(abs(statistics.fmean(scores) - 5) <= half_width(scores) for scores in draws)


def test_the_interval_holds_the_true_mean_19_times_in_20():
    share = coverage(lambda scores: mean_interval(scores).high - statistics.fmean(scores))
    assert share == pytest.approx(0.95, abs=0.012)


def test_the_normal_interval_would_not():
    assert coverage(lambda scores: 1.96 * statistics.stdev(scores) / math.sqrt(3)) < 0.85


@given(st.lists(values, min_size=2, max_size=8), st.randoms())
def test_the_order_of_seeds_changes_no_bit(scores, shuffle):
    shuffled = scores.copy()
    shuffle.shuffle(shuffled)
    assert mean_interval(shuffled) == mean_interval(scores)


def test_one_seed_has_no_interval_and_equal_seeds_one_of_no_width():
    mean, low, high = mean_interval([0.5])
    assert mean == 0.5 and math.isnan(low) and math.isnan(high)
    assert mean_interval([0.5, 0.5]) == (0.5, 0.5, 0.5)


@given(st.lists(values, min_size=1, max_size=30))
def test_the_summary_holds_the_quartiles_of_numpy(samples):
    summary = summarise(samples)
    expected = np.percentile(samples, [25, 50, 75])
    assert [summary["q1"], summary["median"], summary["q3"]] == pytest.approx(expected, rel=1e-9, abs=1e-6)
    assert summary["samples"] == samples


@pytest.mark.parametrize("function", [mean_interval, summarise])
def test_nothing_has_no_statistics(function):
    with pytest.raises(ValueError, match="no "):
        function([])


@pytest.mark.parametrize(
    ("score", "chance", "solved", "closed"),
    [(0.2, 0.2, 1, 0), (1, 0.2, 1, 1), (0.6, 0.2, 1, 0.5), (3, 4, 2, 0.5), (5, 4, 2, -0.5)],
)
def test_the_gap_closed_runs_from_chance_to_solved_in_both_directions(score, chance, solved, closed):
    assert gap_closed(score, chance, solved) == pytest.approx(closed)


def test_where_chance_solves_the_task_there_is_no_gap():
    assert math.isnan(gap_closed(1.0, 1.0, 1.0))
