"""Tests of a difference: against scipy's and a count by hand."""

import itertools
import math
from statistics import fmean

import numpy as np
import pytest
from scipy.stats import ttest_ind, ttest_rel

from bench.stats.difference import can_tell, gain, significance, spread

rng = np.random.default_rng(0)
A, B = (rng.normal(mean, 1, 6).tolist() for mean in (0.0, 1.0))


def by_hand(a, b, paired):
    """The share of all flips of signs, or ways of dealing out, with a difference of means as far from 0."""
    if paired:
        gains = [y - x for x, y in zip(a, b, strict=True)]
        found = [
            fmean(s * g for s, g in zip(signs, gains, strict=True))
            for signs in itertools.product((1, -1), repeat=len(a))
        ]
        seen = fmean(gains)
    else:
        pooled, found, seen = [*a, *b], [], fmean(b) - fmean(a)
        for chosen in itertools.combinations(range(len(pooled)), len(b)):
            rest = [pooled[place] for place in range(len(pooled)) if place not in chosen]
            found.append(fmean(pooled[place] for place in chosen) - fmean(rest))
    return fmean(abs(each) >= abs(seen) - 1e-12 for each in found)


@pytest.mark.parametrize(("paired", "test"), [(True, "sign flips"), (False, "permutation")])
def test_with_seeds_enough_the_test_counts_all_that_could_have_been(paired, test):
    p, name = significance(A, B, paired, 0.05, normal=True)
    assert name == test and p == pytest.approx(by_hand(A, B, paired))


def test_with_fewer_it_is_students_or_welchs_as_scipy_has_them():
    assert significance(A[:4], B[:4], True, 0.05, normal=True) == (
        pytest.approx(ttest_rel(A[:4], B[:4]).pvalue),
        "paired t",
    )
    expected = ttest_ind(A[:3], B[:2], equal_var=False)
    assert significance(A[:3], B[:2], False, 0.05, normal=True) == (pytest.approx(expected.pvalue), "welch t")
    assert gain(A[:3], B[:2], False, 0.9)[1:3] == pytest.approx(
        [-end for end in expected.confidence_interval(0.9)][::-1]
    )


def test_scores_that_are_not_normal_are_never_given_to_student():
    assert significance(A[:3], B[:3], True, 0.05, normal=False).test == "sign flips"
    assert significance(A[:3], B[:3], False, 0.05, normal=False).test == "permutation"


@pytest.mark.parametrize("paired", [True, False])
def test_differences_without_spread_are_no_proof(paired):
    """Student's t would be infinite, from three scores that are rounded alike."""
    p, _ = significance([0.5] * 3, [0.5025] * 3, paired, 0.05, normal=True)
    assert p == pytest.approx(0.25 if paired else 0.1)
    assert significance([0.5] * 3, [0.5] * 3, paired, 0.05, normal=True).p == 1
    assert math.isnan(gain([0.5] * 3, [0.6] * 3, paired, 0.95).low)


def test_nor_are_differences_whose_only_spread_is_the_rounding_of_floats():
    """Of 400 sequences one more is right, by every seed: 0.9925 - 0.99 and 0.995 - 0.9925 differ as floats."""
    a, b = ([count / 400 for count in counts] for counts in ((396, 397, 398), (397, 398, 399)))
    assert len({y - x for x, y in zip(a, b, strict=True)}) > 1
    assert significance(a, b, True, 0.05, normal=True) == (0.25, "sign flips")
    assert math.isnan(gain(a, b, True, 0.95).low)


@pytest.mark.parametrize(
    ("paired", "alpha", "fewest"), [(True, 0.05, 6), (False, 0.05, 4), (True, 0.01, 8), (False, 0.01, 5)]
)
def test_an_exact_test_can_tell_from_so_many_seeds(paired, alpha, fewest):
    assert next(seeds for seeds in range(1, 12) if can_tell(seeds, seeds, paired, alpha)) == fewest
    low, high = [0.0] * fewest, [1.0] * fewest
    assert (
        significance(low, high, paired, alpha, normal=False).p
        <= alpha
        < significance(low[1:], high[1:], paired, alpha, False).p
    )


@pytest.mark.parametrize("paired", [True, False])
def test_a_gain_stays_in_the_range_of_differences(paired):
    _, low, high, _ = gain([0.0, 0.1, 0.0], [1.0, 0.2, 1.0], paired, 0.999, (0, 1))
    assert -1 <= low < high <= 1


def test_the_spread_is_that_of_pairs_or_of_one_side():
    assert spread(A, B, True) == pytest.approx(np.std(np.subtract(B, A), ddof=1))
    assert spread(A, B, False) == pytest.approx(math.sqrt((np.var(A, ddof=1) + np.var(B, ddof=1)) / 2))


def test_one_score_tells_nothing():
    assert (
        significance([0.1], [0.9], True, 0.05, True)
        == (1, "none")
        == significance([0.1], [0.9, 0.8], False, 0.05, True)
    )
    assert math.isnan(gain([0.1], [0.9, 0.8], False, 0.95).low)
