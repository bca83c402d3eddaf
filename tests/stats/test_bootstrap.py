"""Intervals of medians: the same for the same samples, around the median, and right as often as they say."""

import math
import random
from statistics import median

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.stats.bootstrap import median_interval, ratio_interval

numbers = st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=30)


@settings(max_examples=25, deadline=None)
@given(numbers, st.randoms(use_true_random=False), st.sampled_from([0.5, 2.0, 1024.0]))
def test_the_interval_is_around_the_median_whatever_the_order_and_the_unit(samples, rng, unit):
    low, high = median_interval(samples)
    assert min(samples) <= low <= median(samples) <= high <= max(samples)
    assert median_interval(rng.sample(samples, len(samples))) == (low, high)
    assert median_interval([unit * each for each in samples]) == (unit * low, unit * high), (
        "powers of two round nothing"
    )


def test_samples_alike_have_an_interval_of_no_width_and_no_samples_none():
    assert median_interval([3.0] * 7) == (3.0, 3.0)
    with pytest.raises(ValueError, match="no samples"):
        median_interval([])


def test_nineteen_of_twenty_intervals_have_the_median_of_what_was_drawn():
    rng = random.Random(1)
    hits = sum(
        low <= 1 <= high
        for low, high in (median_interval([rng.lognormvariate(0, 0.5) for _ in range(50)]) for _ in range(100))
    )
    assert 89 <= hits <= 99, "95, give or take three standard deviations"


def test_a_ratio_is_taken_pair_by_pair_so_that_what_slows_both_leaves_it():
    slowed = [1.0, 1.1, 5.0, 40.0]
    assert ratio_interval([2 * each for each in slowed], slowed) == (2.0, 2.0, 2.0)
    with pytest.raises(ValueError, match="shorter"):
        ratio_interval([1.0, 2.0], [1.0])
    with pytest.raises(ValueError, match="no samples"):
        ratio_interval([], [])
    assert math.isclose(ratio_interval([1.0, 3.0, 2.0], [1.0, 1.0, 1.0]).median, 2.0)
