"""Shares of seeds: against the exact binomial distribution."""

import math

import pytest
from scipy.stats import binom

from bench.stats.proportion import proportion

EACH = [(solved, seeds) for seeds in (1, 3, 5, 10, 30) for solved in range(seeds + 1)]


@pytest.mark.parametrize(("solved", "seeds"), EACH)
def test_at_each_end_half_the_chance_of_what_was_seen_and_all_beyond_is_a_fortieth(solved, seeds):
    share, low, high, method = proportion(solved, seeds)
    assert share == solved / seeds and method == "mid-p" and 0 <= low < high <= 1
    if solved:
        assert binom.sf(solved, seeds, low) + binom.pmf(solved, seeds, low) / 2 == pytest.approx(0.025)
    if solved < seeds:
        assert binom.cdf(solved - 1, seeds, high) + binom.pmf(solved, seeds, high) / 2 == pytest.approx(0.025)
    assert (low == 0) == (solved == 0) and (high == 1) == (solved == seeds)


@pytest.mark.parametrize(("solved", "seeds"), EACH)
def test_failures_mirror_successes(solved, seeds):
    share, low, high, _ = proportion(solved, seeds)
    assert proportion(seeds - solved, seeds)[:3] == pytest.approx([1 - share, 1 - high, 1 - low])


def test_a_higher_level_is_wider_and_no_seeds_have_no_share():
    assert proportion(3, 5, 0.99).low < proportion(3, 5).low
    assert all(map(math.isnan, proportion(0, 0)[:3]))
