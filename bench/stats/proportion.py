"""A share of seeds, such as of those that solved a task, with its confidence interval."""

from __future__ import annotations

import math
from functools import cache

from bench.stats.interval import Interval


@cache
def proportion(successes: int, trials: int, level: float = 0.95) -> Interval:
    """The share of `trials` that are `successes`, with the mid-P interval at confidence `level`; NaN for no trials.

    The mid-P interval (Lancaster, 1961) inverts the exact binomial test with half of the probability of what was seen:
    Clopper and Pearson's, which counts it whole, is wider than it need be for ten seeds.
    """
    if not trials:
        return Interval(math.nan, math.nan, math.nan, "")
    low = 0.0 if not successes else _end(successes, trials, (1 - level) / 2)
    high = 1.0 if successes == trials else 1 - _end(trials - successes, trials, (1 - level) / 2)
    return Interval(successes / trials, low, high, "mid-p")


def _end(successes: int, trials: int, tail: float) -> float:
    """The share at which as many successes, or more, have the mid-P value `tail`."""
    from scipy.special import bdtrc  # the probability of more than so many

    below, above = 0.0, 1.0  # halved until no number is between: scipy.optimize takes longer to import than a table
    while below < (share := (below + above) / 2) < above:
        seen = float(bdtrc(successes - 1, trials, share) + bdtrc(successes, trials, share)) / 2
        below, above = (share, above) if seen < tail else (below, share)
    return above
