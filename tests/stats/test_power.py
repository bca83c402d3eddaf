"""How many seeds a comparison needs: against statsmodels."""

import math

import pytest
from statsmodels.stats.power import TTestIndPower, TTestPower

from bench.stats.power import seeds_needed, seen


@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize("effect", [0.3, 1.0, 2.0])
@pytest.mark.parametrize("alpha", [0.05, 0.005])
def test_power_and_seeds_are_those_of_statsmodels(effect, alpha, paired):
    oracle = TTestPower() if paired else TTestIndPower()
    given = {"nobs": 12} if paired else {"nobs1": 12}
    assert seen(effect, 12, alpha, paired) == pytest.approx(oracle.power(effect, alpha=alpha, **given), abs=1e-6)
    needed = oracle.solve_power(effect, alpha=alpha, power=0.8)
    assert seeds_needed(effect, alpha, paired) == math.ceil(needed) == seeds_needed(-effect, alpha, paired)


def test_the_power_rises_with_the_seeds_for_large_effects_too():
    """Of which scipy does not know the probability of a difference on the wrong side."""
    for effect in (6.0, 20.0, 100.0):
        powers = [seen(effect, seeds, 0.005, True) for seeds in range(2, 12)]
        assert powers == sorted(powers) and powers[-1] == pytest.approx(1)
    assert seeds_needed(6.0, 0.005, True) == 4


def test_no_effect_is_never_seen_and_an_endless_one_at_once():
    assert seeds_needed(0.0, 0.05, True) is None and seeds_needed(1e-6, 0.05, True) is None
    assert seeds_needed(math.inf, 0.05, True) == 2
