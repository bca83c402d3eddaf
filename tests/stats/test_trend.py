"""Whether samples are steady: by Kendall's tau, rarely alarmed by noise, and sure of what goes on changing."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kendalltau, norm

from bench.stats.trend import is_steady, shift, trend


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 8), min_size=2, max_size=25))
def test_the_test_is_scipy_s_with_the_correction_for_continuity(samples):
    n, tau_b = len(samples), kendalltau(range(len(samples)), samples, variant="b").statistic
    if len(set(samples)) == 1:
        assert trend(samples) == 1.0
        return
    ties = [samples.count(each) for each in set(samples)]
    pairs, tied = n * (n - 1) / 2, sum(t * (t - 1) / 2 for t in ties)
    rises = abs(tau_b) * (pairs * (pairs - tied)) ** 0.5
    variance = (n * (n - 1) * (2 * n + 5) - sum(t * (t - 1) * (2 * t + 5) for t in ties)) / 18
    assert trend(samples) == pytest.approx(2 * norm.sf(max(0, round(rises) - 1) / variance**0.5))


def noisy(rng, count=50, noise=0.05, drift=0.0):
    return [(1 + drift * i / count) * rng.lognormvariate(0, noise) for i in range(count)]


def test_noise_is_taken_for_a_trend_less_than_once_in_a_hundred():
    rng = random.Random(0)
    assert sum(not is_steady(noisy(rng)) for _ in range(300)) <= 6, "3, give or take"


@pytest.mark.parametrize("drift", [-0.3, 0.3])
def test_what_goes_on_changing_is_no_steady_state_in_either_direction(drift):
    rng = random.Random(0)
    assert not any(is_steady(noisy(rng, drift=drift)) for _ in range(20))


def test_a_trend_of_no_weight_is_steady_and_a_few_samples_tell_nothing():
    rising = [1 + 1e-4 * i for i in range(50)]
    assert trend(rising) < 1e-6 and is_steady(rising)
    assert is_steady([5.0, 4.0, 3.0, 2.0, 1.0]) and is_steady([1.0]) and shift([1.0]) == 0
