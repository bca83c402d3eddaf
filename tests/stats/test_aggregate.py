"""Many tasks in one figure: against scipy's own trimmed mean and bootstrap."""

import math

import numpy as np
import pytest
from scipy.stats import trim_mean

from bench.stats.aggregate import interquartile_mean

SCORES = np.random.default_rng(0).beta(8, 2, (4, 10))


def test_it_is_the_mean_of_the_middle_half_of_all_runs():
    found = interquartile_mean(SCORES.tolist())
    assert (
        found.mean
        == pytest.approx(np.sort(SCORES.ravel())[10:30].mean())
        == pytest.approx(trim_mean(SCORES.ravel(), 0.25))
    )
    assert found.low < found.mean < found.high and found.method == "bootstrap"


def test_the_same_seed_draws_the_same_interval_and_another_one_like_it():
    one, again, other = (interquartile_mean(SCORES.tolist(), seed=seed) for seed in (0, 0, 1))
    assert one == again != other and other[1:3] == pytest.approx(one[1:3], abs=0.01)


def test_each_task_is_drawn_from_by_itself():
    """Tasks that differ much and vary little make a narrow interval: it is not of other tasks."""
    tasks = [[level + step for step in (-1e-3, 0.0, 1e-3)] for level in (0.1, 0.4, 0.7, 0.9)]
    found = interquartile_mean(tasks)
    assert 0 < found.high - found.low < 0.004


def test_an_interval_of_few_seeds_is_as_wide_as_their_variance_says():
    """Three seeds each on 40 tasks alike: the error of a mean of 120; drawing 3 of 3 would give 0.82 of it."""
    scores = np.random.default_rng(1).normal(0, 1, (40, 3)) + 10
    found = interquartile_mean(scores.tolist())
    width = 2 * 1.96 * scores.std(ddof=1) / math.sqrt(120)
    assert found.high - found.low == pytest.approx(1.08 * width, rel=0.1), "that of a trimmed mean of normal scores"


def test_unequal_seeds_one_seed_and_equal_scores():
    assert interquartile_mean([[0.1, 0.2, 0.3], [0.5, 0.7]]).low > 0
    for scores in ([[0.1], [0.5, 0.7]], [[0.5, 0.5], [0.7, 0.7]]):
        assert math.isnan(interquartile_mean(scores).low)


@pytest.mark.parametrize("scores", [[], [[]], [[0.5, math.nan]]])
def test_scores_that_are_none_are_refused(scores):
    with pytest.raises(ValueError, match="finite scores"):
        interquartile_mean(scores)
