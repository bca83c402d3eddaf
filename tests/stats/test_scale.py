"""The scale of a metric: its range, its target, and what is too small to matter."""

import math
from dataclasses import replace

import pytest

from bench.stats.scale import Scale, gap_closed

ACCURACY = Scale(direction="max", unit="share", chance=0.2, solved=1.0)
LOSS = Scale(direction="min", unit="nats", chance=4.0, lowest=0.0)


def test_a_share_is_between_0_and_1_and_other_units_are_as_stated():
    assert ACCURACY.range == (0, 1) and LOSS.range == (0, math.inf)
    assert Scale(direction="max").range == (-math.inf, math.inf)
    assert replace(ACCURACY, lowest=0.5, highest=2.0).range == (0.5, 2)


def test_the_target_is_19_twentieths_of_the_way_to_solved_unless_it_is_stated():
    assert ACCURACY.goal == pytest.approx(0.96)
    assert replace(ACCURACY, target=0.5).goal == 0.5
    assert replace(LOSS, solved=0.0).goal == pytest.approx(0.2)
    assert LOSS.goal is None and replace(LOSS, target=1.0).goal == 1


@pytest.mark.parametrize(
    ("scale", "solving", "failing"),
    [(replace(ACCURACY, target=0.9), 0.9, 0.89), (replace(LOSS, target=0.5), 0.5, 0.51)],
)
def test_a_score_solves_from_the_target_on_in_both_directions(scale, solving, failing):
    assert scale.solves(solving) and not scale.solves(failing) and not scale.solves(math.nan)
    assert scale.splits([solving, failing]) and not scale.splits([solving, solving]) and not scale.splits([failing])


def test_without_a_target_nothing_is_solved_and_nothing_splits():
    assert not LOSS.solves(0.0) and not LOSS.splits([0.0, 9.0])


def test_what_does_not_matter_is_a_hundredth_of_the_way_to_solved_or_to_the_lowest_score():
    assert ACCURACY.region(0.9) == pytest.approx(0.008)
    assert LOSS.region(1.5) == pytest.approx(0.015) and LOSS.region(1.5, share=0.1) == pytest.approx(0.15)
    assert replace(LOSS, lowest=1.0).region(21.0) == pytest.approx(0.2)
    assert Scale(direction="max").region(5.0) == 0


@pytest.mark.parametrize(
    ("score", "chance", "solved", "closed"),
    [(0.2, 0.2, 1, 0), (1, 0.2, 1, 1), (0.6, 0.2, 1, 0.5), (3, 4, 2, 0.5), (5, 4, 2, -0.5)],
)
def test_the_gap_closed_runs_from_chance_to_solved_in_both_directions(score, chance, solved, closed):
    assert gap_closed(score, chance, solved) == pytest.approx(closed)


def test_where_chance_solves_the_task_there_is_no_gap():
    assert math.isnan(gap_closed(1.0, 1.0, 1.0))
