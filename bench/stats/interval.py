"""A mean over seeds with its confidence interval, and a score on the way from chance to solved."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean
from typing import NamedTuple


class Interval(NamedTuple):
    """A mean and the bounds of its confidence interval."""

    mean: float
    low: float
    high: float


def mean_interval(values: Sequence[float], level: float = 0.95) -> Interval:
    """The mean over seeds with Student's t interval; one value has no interval (NaN). ValueError where there is none.

    Sums are exact, so that the order of the seeds changes no bit.
    """
    if not values:
        raise ValueError("the mean of no values is undefined")
    mean, count = fmean(values), len(values)
    if count == 1:
        return Interval(mean, math.nan, math.nan)
    from scipy.special import stdtrit  # half a second of import that most commands can do without

    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (count - 1))
    half = float(stdtrit(count - 1, (1 + level) / 2)) * deviation / math.sqrt(count)
    return Interval(mean, mean - half, mean + half)


def gap_closed(score: float, chance: float, solved: float) -> float:
    """How far `score` has come from `chance` (0) to `solved` (1), in either direction; NaN where the two are equal."""
    return math.nan if solved == chance else (score - chance) / (solved - chance)
