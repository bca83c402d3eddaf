"""The mean over seeds with its confidence interval, which stays within the metric's range."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean
from typing import Literal, NamedTuple

Method = Literal["", "t", "log-t", "logit-t", "crossed-t", "welch", "mid-p", "newcombe", "bootstrap"]
"""How an interval was made; empty where there is none."""

EVERYTHING = (-math.inf, math.inf)
_HUGE = 2.0**500
"""Squares of larger values would overflow; a power of two scales them without rounding."""


class Interval(NamedTuple):
    """A mean and the bounds of its confidence interval, in the unit of the values; NaN for none."""

    mean: float
    low: float
    high: float
    method: Method


def mean_interval(values: Sequence[float], level: float = 0.95, within: tuple[float, float] = EVERYTHING) -> Interval:
    """The mean over seeds with its interval at confidence `level`, which stays `within` the metric's range.

    It is Student's t interval of the mean, taken to the log of the distance from an end of the range, or to the logit
    between two ends, by the delta method, and back: the arm towards the end is the shorter one. docs/statistics.md
    has its coverage beside that of others. A range that does not hold the values is not used.

    One value has no interval, and nor have equal ones: they tell nothing of their spread. Sums are exact, so that the
    order of the seeds changes no bit. A bound beyond the largest float is infinite. Raises ValueError for no
    values, and for any that is not finite.
    """
    if not values:
        raise ValueError("the mean of no values is undefined")
    if not all(map(math.isfinite, values)):
        raise ValueError("the mean of values that are not finite is undefined")
    if max(map(abs, values)) > _HUGE:
        scaled = [value / _HUGE for value in values]
        mean, low, high, method = mean_interval(scaled, level, (within[0] / _HUGE, within[1] / _HUGE))
        return Interval(mean * _HUGE, low * _HUGE, high * _HUGE, method)
    mean, count = fmean(values), len(values)
    if min(values) == max(values):
        return Interval(mean, math.nan, math.nan, "")
    from scipy.special import stdtrit  # imported here: it takes half a second, and most commands do not need it

    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (count - 1))
    half = float(stdtrit(count - 1, (1 + level) / 2)) * deviation / math.sqrt(count)
    if not half:  # too small a spread for a float
        return Interval(mean, math.nan, math.nan, "")
    low, high = within if within[0] <= min(values) and max(values) <= within[1] else EVERYTHING
    return bent(mean, half, low, high)


def bent(mean: float, half: float, low: float, high: float) -> Interval:
    """The interval of half-width `half` around `mean` where the range has no end, bent to fit into `low` to `high`."""
    below, above = mean - low, high - mean
    if math.isinf(below) and math.isinf(above):
        return Interval(mean, mean - half, mean + half, "t")
    if not below or not above:  # to the last digit of a float
        return Interval(mean, max(low, mean - half), min(high, mean + half), "t")
    if math.isinf(above):
        factor = _exp(half / below)
        return Interval(mean, low + below / factor, low + below * factor, "log-t")
    if math.isinf(below):
        factor = _exp(half / above)
        return Interval(mean, high - above * factor, high - above / factor, "log-t")
    odds = _exp(half / below + half / above)  # the factor by which an arm changes the odds of the mean's place
    down, up = below / (below + above * odds), above / (above + below * odds)
    return Interval(mean, low + down * (high - low), high - up * (high - low), "logit-t")


def _exp(power: float) -> float:
    return math.exp(power) if power < 700 else math.inf
