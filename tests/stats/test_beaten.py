"""All pairs of cells at once: the same winners as the comparisons that say all of each pair."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import permutation_test

from bench.stats.beaten import beaten
from bench.stats.comparison import compare_all
from bench.stats.difference import significance
from bench.stats.scale import Scale

ACCURACY = Scale(direction="max", unit="share", chance=0.0, solved=1.0)
LOSS = Scale(direction="min", lowest=0.0, chance=3.0)


def winners(scores, scale):
    """What the full comparisons say of the same pairs."""
    found = compare_all({pair: (scores[pair[0]], scores[pair[1]]) for pair in combinations(scores, 2)}, scale)
    better = {(b, a) for (a, b), each in found.items() if each.verdict == "better"}
    return better | {pair for pair, each in found.items() if each.verdict == "worse"}


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 2**32 - 1), st.integers(2, 5), st.integers(1, 9), st.sampled_from([ACCURACY, LOSS]), st.booleans()
)
def test_they_are_those_of_the_full_comparisons(drawn, cells, seeds, scale, same_seeds):
    random = np.random.default_rng(drawn)
    scores = {
        cell: {seed + (0 if same_seeds else cell): random.normal(0.2 + 0.1 * cell, 0.03) for seed in range(seeds)}
        for cell in range(cells)
    }
    assert beaten(scores, scale) == winners(scores, scale)


def test_a_difference_that_is_sure_and_does_not_matter_is_no_victory():
    scores = {"a": {s: 0.5 + s * 1e-5 for s in range(8)}, "b": {s: 0.501 + s * s * 1e-6 for s in range(8)}}
    assert beaten(scores, ACCURACY) == set() == winners(scores, ACCURACY)
    assert beaten({**scores, "c": {s: 0.7 + s * 1e-3 for s in range(8)}}, ACCURACY) == {("c", "a"), ("c", "b")}


def test_ties_everywhere_and_one_seed_beat_nobody():
    assert beaten({cell: {0: 0.5, 1: 0.5} for cell in "abc"}, ACCURACY) == set()
    assert beaten({"a": {0: 0.1}, "b": {0: 0.9}}, ACCURACY) == set() == beaten({"a": {0: 0.1}}, ACCURACY)


@pytest.mark.parametrize("seeds", [6, 9, 13])
def test_all_flips_of_signs_have_the_p_value_of_scipys_permutation_test(seeds):
    random = np.random.default_rng(seeds)
    for a, b in random.normal(0.1, 1.0, (20, 2, seeds)).round(1):  # rounded: sums are often equal
        gains = np.round(b - a, 6)
        expected = permutation_test([gains], np.mean, permutation_type="samples", n_resamples=10_000).pvalue
        found = significance(a.tolist(), b.tolist(), True, 0.05, True)
        assert found.test == "sign flips" and found.p == pytest.approx(expected, abs=1e-12)
