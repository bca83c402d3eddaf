"""The mean of runs that share levels of sources of chance."""

import math

import numpy as np
import pytest
from crossed_scores import crossed
from scipy.stats import t

from bench.stats.components import complete, components, reach
from bench.stats.crossed import factors, mean_of_runs, moments, over_units
from bench.stats.interval import mean_interval

DIAGONAL = {(seed, seed, None): 0.5 + seed**2 / 100 for seed in range(6)}
GRID = crossed((4, 3), (0.02, 0.01), 0.005, np.random.default_rng(3))


@pytest.mark.parametrize(
    ("runs", "found"),
    [
        ([(0, 0, None), (1, 1, None)], [(0, 1)]),
        ([(0, 0, None), (0, 1, None)], [(1,)]),
        ([(0, 0, None), (0, 1, None), (1, 1, None)], [(0,), (1,)]),
        ([(0, 0, 0), (1, 1, 1)], [(0, 1, 2)]),
        ([(0, 0, None)], []),
        ([], []),
    ],
)
def test_sources_that_always_vary_together_are_one_factor(runs, found):
    assert factors(runs) == found


def test_runs_that_share_nothing_have_the_interval_of_their_scores():
    assert mean_of_runs(DIAGONAL, within=(0, 1)) == mean_interval([*DIAGONAL.values()], within=(0, 1))
    of_data = {(0, seed, None): score for (seed, _, _), score in DIAGONAL.items()}
    assert mean_of_runs(of_data) == mean_interval([*DIAGONAL.values()])


def test_a_level_that_runs_share_widens_the_interval():
    alone = mean_interval([*GRID.values()])
    found = mean_of_runs(GRID)
    assert found.mean == alone.mean and found.method == "crossed-t"
    assert found.low < alone.low and alone.high < found.high
    a, b, rest = moments(GRID, [(0,), (1,)])
    half = t.ppf(0.975, 3 - 1) * math.sqrt(a / 4 + b / 3 + rest / 12)
    assert (found.low, found.high) == pytest.approx((found.mean - half, found.mean + half))


def test_equal_scores_and_single_runs_have_no_interval():
    for scores in (dict.fromkeys(GRID, 0.5), {(0, 0, None): 0.5}):
        assert math.isnan(mean_of_runs(scores).low)


def frame_of(scores):
    import pandas as pd

    return pd.DataFrame([(*map(str, run[:2]), score) for run, score in scores.items()], columns=["a", "b", "y"])


@pytest.mark.parametrize("seed", range(4))
def test_components_are_those_of_the_analysis_of_variance(seed):
    from statsmodels.formula.api import ols
    from statsmodels.stats.anova import anova_lm

    scores = crossed((5, 4), (0.02, 0.01), 0.005, np.random.default_rng(seed))
    squares = anova_lm(ols("y ~ a + b", frame_of(scores)).fit())["mean_sq"]
    rest = squares["Residual"]
    wanted = [math.sqrt(max(0, (squares["a"] - rest) / 4)), math.sqrt(max(0, (squares["b"] - rest) / 5)), rest**0.5]
    found = components(scores)
    assert [each.deviation for each in found] == pytest.approx(wanted, abs=1e-12)
    assert [each.factor for each in found] == [(0,), (1,), ()]
    assert sum(each.share for each in found) == pytest.approx(1)
    if all(wanted):  # where a mean square is below that of the rest, the least squares share it out otherwise
        assert [each**0.5 for each in moments(scores, [(0,), (1,)])] == pytest.approx(wanted, abs=1e-12)


def test_components_are_those_of_restricted_maximum_likelihood_where_none_is_zero():
    from statsmodels.formula.api import mixedlm

    scores = crossed((6, 6), (0.2, 0.3), 0.1, np.random.default_rng(1))
    parts = {"a": "0 + C(a)", "b": "0 + C(b)"}
    fitted = mixedlm("y ~ 1", frame_of(scores), groups=np.ones(36), vc_formula=parts).fit(reml=True)
    wanted = [*np.sqrt(fitted.vcomp), math.sqrt(fitted.scale)]
    assert [each.deviation for each in components(scores)] == pytest.approx(wanted, rel=0.01)


def test_one_factor_has_the_deviation_of_its_scores_and_no_rest():
    (only,) = components(DIAGONAL)
    assert only.factor == (0, 1) and only.levels == 6 and only.share == 1
    assert only.deviation == pytest.approx(np.std([*DIAGONAL.values()], ddof=1))
    assert (only.low / only.deviation, only.high / only.deviation) == pytest.approx(reach(6))
    assert components({}) == components({(0, 0, None): 1.0}) == []


def test_the_largest_design_with_every_combination_is_found():
    grid = {(a, b, None): 0.5 + a / 10 + b / 100 for a in range(3) for b in range(3)}
    more = grid | {(seed, seed, None): 0.9 for seed in range(3, 9)} | {(0, 9, None): 0.1}
    assert complete(more) == grid
    assert complete(DIAGONAL) == DIAGONAL and complete({}) == {}


def test_a_design_lacks_a_level_rather_than_a_combination():
    grid = {(a, b, None): 0.5 for a in range(5) for b in range(5) if (a, b) != (4, 4)}
    assert len(complete(grid)) == 20


def test_runs_count_by_seed_and_where_all_have_one_by_what_varies():
    assert over_units({(0, 0, None): 1.0, (0, 1, None): 3.0, (1, 0, None): 5.0}) == (0, {0: 2.0, 1: 5.0})
    assert over_units({(0, 0, None): 1.0, (0, 1, None): 3.0}) == (1, {0: 1.0, 1: 3.0})
    assert over_units({(0, 0, 0): 1.0, (0, 0, 1): 3.0}) == (2, {0: 1.0, 1: 3.0})
    assert over_units({}) == (0, {})
