"""What docs/statistics.md promises, by simulations shorter than those behind its tables."""

from __future__ import annotations

import pytest
import simulations
from simulations import MIXTURES, WORLDS, World

pytestmark = pytest.mark.slow

HARD = "very skewed, lognormal 1"
USUAL = {name: world for name, world in WORLDS.items() if name != HARD}


@pytest.mark.thorough
@pytest.mark.parametrize("seeds", [3, 5, 10])
@pytest.mark.parametrize("name", USUAL)
def test_an_interval_holds_the_mean_19_times_in_20(name: str, seeds: int) -> None:
    held, _ = simulations.coverage(WORLDS[name], simulations.ours, seeds, 2000)
    assert 0.92 <= held <= 0.97


def test_students_own_does_not_where_scores_are_crowded_below_1() -> None:
    assert simulations.coverage(WORLDS["near 1, beta 0.99 ±0.010"], simulations.student, 10, 2000)[0] < 0.92


@pytest.mark.parametrize("share", [0.5, 0.8, 0.9])
def test_once_seeds_are_seen_to_split_the_interval_of_their_mean_holds(share: float) -> None:
    assert simulations.split_coverage(share, 10, 1000) >= 0.93


def test_the_interval_of_a_share_holds_93_to_97_times_in_100_at_ten_seeds() -> None:
    held = simulations.share_coverage(10, lambda solved, seeds: simulations.proportion(solved, seeds)[1:3])
    assert 0.93 <= held.mean() <= 0.97 and held.min() > 0.92


@pytest.mark.thorough
@pytest.mark.parametrize("seeds", [3, 5, 10])
@pytest.mark.parametrize("name", ["normal, loss 2 ±0.05", "near 1, counts of 400", "mixture, 50% solve"])
def test_ten_cells_that_are_the_same_are_called_different_in_one_family_of_twenty(name: str, seeds: int) -> None:
    """Of 300 families, within two errors of that share."""
    assert simulations.false_alarms((WORLDS | MIXTURES)[name], seeds, 300) <= 0.05 + 0.025


@pytest.mark.thorough
def test_without_the_target_seeds_that_split_would_raise_the_alarm_far_more_often() -> None:
    mixed = MIXTURES["mixture, 50% solve"]
    unaware = World(mixed.draw, mixed.mean, simulations.Scale(direction="max", unit="share"))
    assert simulations.false_alarms(unaware, 3, 100) > 0.2


@pytest.mark.thorough
@pytest.mark.parametrize("name", [*MIXTURES, "normal, loss 2 ±0.05", HARD])
def test_a_comparison_that_is_looked_at_30_times_keeps_its_level(name: str) -> None:
    assert simulations.false_stops((WORLDS | MIXTURES)[name], 30, 800) <= 0.05


@pytest.mark.parametrize("spread", simulations.SPREADS)
def test_intervals_of_crossed_sources_hold_at_five_levels_of_each(spread: str) -> None:
    assert min(simulations.crossed_coverage((5, 5), simulations.SPREADS[spread], 300)) >= 0.91


def test_the_interval_of_independent_scores_does_not_hold_where_runs_share_a_source() -> None:
    rng, held = simulations.np.random.default_rng(0), 0
    for _ in range(300):
        scores = simulations.crossed((3, 10), (0.01, 0.0), 0.001, rng)
        found = simulations.mean_interval([*scores.values()])
        held += found.low <= 0.7 <= found.high
    assert held < 0.6 * 300
