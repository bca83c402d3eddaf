"""Looks after each seed: the evidence is a martingale, and the bounds are where it would end the comparison."""

import itertools
import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import nct, norm, t

from bench.stats.sequential import looks

GAINS = [0.3, 1.1, 0.6, 0.9, 0.2, 1.4, 0.8, 0.5, 1.2, 0.7]


def test_the_evidence_is_the_ratio_of_the_likelihoods_of_students_t():
    """Under effects that are normal with variance 1, against none: by numbers."""
    found = looks(GAINS[:5])
    for seeds in (2, 3, 4, 5):
        part = np.array(GAINS[:seeds])
        statistic = part.mean() / part.std(ddof=1) * math.sqrt(seeds)
        some = quad(lambda d, s=statistic, n=seeds: nct.pdf(s, n - 1, d * math.sqrt(n)) * norm.pdf(d), -8, 8)[0]
        p = min(1.0, t.pdf(statistic, seeds - 1) / some)
        assert found[seeds - 1].p == pytest.approx(min(p, found[seeds - 2].p), rel=1e-5)


def test_the_bounds_are_the_means_that_the_evidence_just_speaks_against():
    found = looks(GAINS, 0.95)
    for seeds in (6, 8, 10):
        part = looks(GAINS[:seeds])
        for end in (found[seeds - 1].low, found[seeds - 1].high):
            moved = looks([gain - end for gain in GAINS[:seeds]])
            assert min(look.p for look in moved) == pytest.approx(0.05, rel=1e-6)
        assert part[-1] == found[seeds - 1]


def test_the_p_value_never_rises_and_the_bounds_never_widen():
    found = looks(np.random.default_rng(1).normal(0.5, 1, 30).tolist())
    for before, after in itertools.pairwise(found):
        assert after.p <= before.p and after.low >= before.low and after.high <= before.high
    assert [look.seeds for look in found] == [*range(1, 31)]


def test_few_seeds_end_nothing_even_where_they_agree_to_the_last_digit():
    found = looks([0.0025] * 6)
    assert [look.p <= 0.05 for look in found] == [False] * 4 + [True] * 2
    assert found[3].low == -math.inf and looks([0.0025] * 4, within=(-1, 1))[-1].low == -1


def test_two_that_are_the_same_are_told_apart_in_less_than_one_of_twenty_over_30_looks():
    """Where a test at each look would in one of three: docs/statistics.md."""
    rows = np.random.default_rng(0).normal(0, 1, (600, 30)).tolist()
    assert np.mean([looks(row)[-1].p <= 0.05 for row in rows]) <= 0.04


def test_equal_scores_say_nothing_and_what_is_not_finite_is_refused():
    assert looks([0.0] * 30)[-1].p == 1 and looks([]) == []
    with pytest.raises(ValueError, match="finite"):
        looks([0.1, math.nan])
