"""The mean over seeds with its confidence interval, and the gap closed between the chance score and the solved one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean
from typing import NamedTuple

_HUGE = 2.0**500
"""Squares of larger values would overflow; a power of two scales them without rounding."""


class Interval(NamedTuple):
    """A mean and the bounds of its confidence interval, in the unit of the values."""

    mean: float
    low: float
    high: float


def mean_interval(values: Sequence[float], level: float = 0.95) -> Interval:
    """The mean over seeds with Student's t interval at confidence `level`; for one value the bounds are NaN.

    Sums are exact, so that the order of the seeds changes no bit. A bound beyond the largest float is infinite. Raises
    ValueError for no values.
    """
    if not values:
        raise ValueError("the mean of no values is undefined")
    if max(map(abs, values)) > _HUGE:
        return Interval(*(bound * _HUGE for bound in mean_interval([value / _HUGE for value in values], level)))
    mean, count = fmean(values), len(values)
    if count == 1:
        return Interval(mean, math.nan, math.nan)
    from scipy.special import stdtrit  # imported here: it takes half a second, and most commands do not need it

    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (count - 1))
    half = float(stdtrit(count - 1, (1 + level) / 2)) * deviation / math.sqrt(count)
    return Interval(mean, mean - half, mean + half)


def gap_closed(score: float, chance: float, solved: float) -> float:
    """The position of `score` between `chance` (0) and `solved` (1), for either direction; NaN if the two are equal."""
    span = float(solved) - float(chance)
    return (float(score) - float(chance)) / span if span else math.nan
