"""The probability of improvement: that a new run of one cell beats a new run of another."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from bench.stats.interval import Interval

_CLOSE = 1e-9  # at the estimate itself the equation holds trivially


def improvement(
    a: Sequence[float], b: Sequence[float], direction: Literal["max", "min"], level: float = 0.95
) -> Interval:
    """The share of the pairs of a run of `a` and one of `b` in which that of `b` is better; ties count half.

    The interval inverts a score test with the variance of Hanley and McNeil (Newcombe, 2006, method 5), which has a
    width also where each run of `b` is better. One run has none. Raises ValueError for no runs.
    """
    if not a or not b:
        raise ValueError("the probability of improvement needs runs of both")
    sign = 1 if direction == "max" else -1
    wins = sum((sign * y > sign * x) + (x == y) / 2 for x in a for y in b) / (len(a) * len(b))
    if min(len(a), len(b)) < 2:
        return Interval(wins, math.nan, math.nan, "")
    return Interval(wins, *_ends(wins, len(a), len(b), level), "newcombe")


def _ends(wins: float, first: int, second: int, level: float) -> tuple[float, float]:
    from scipy.optimize import brentq
    from scipy.special import ndtri

    quantile = float(ndtri((1 + level) / 2))
    extra = (first + second) / 2 - 1

    def excess(share: float) -> float:
        pairs = 1 + extra * ((1 - share) / (2 - share) + share / (1 + share))
        return abs(wins - share) - quantile * math.sqrt(share * (1 - share) * pairs / (first * second))

    low = 0.0 if wins < _CLOSE else float(brentq(excess, 0.0, wins - _CLOSE))
    high = 1.0 if wins > 1 - _CLOSE else float(brentq(excess, wins + _CLOSE, 1.0))
    return low, high
