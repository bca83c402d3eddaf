"""How many seeds a comparison needs."""

from __future__ import annotations

import math
from bisect import bisect_left

POWER = 0.8
"""The probability with which a difference is to be seen."""

MOST = 100_000
"""The largest number of seeds that is worked out."""


def seeds_needed(effect: float, alpha: float, paired: bool, power: float = POWER) -> int | None:
    """The seeds, of each of the two, with which Student's two-sided test at level `alpha` sees a difference of `effect`
    standard deviations with probability `power`; None where more than `MOST` are needed.

    The deviation is that of the differences by seed where these are `paired`, else that of the scores of one side.
    """
    effect = abs(effect)
    if math.isinf(effect):
        return 2
    found = 2 + bisect_left(range(2, MOST), power, key=lambda seeds: seen(effect, seeds, alpha, paired))
    return found if effect and found < MOST else None


def seen(effect: float, seeds: int, alpha: float, paired: bool) -> float:
    """The probability that the test sees such a difference with so many `seeds`: a noncentral t's."""
    from scipy.special import nctdtr, stdtrit

    freedom, shift = (
        (seeds - 1, effect * math.sqrt(seeds)) if paired else (2 * seeds - 2, effect * math.sqrt(seeds / 2))
    )
    critical = float(stdtrit(freedom, 1 - alpha / 2))
    wrong_side = float(nctdtr(freedom, shift, -critical))
    return float(1 - nctdtr(freedom, shift, critical)) + (0.0 if math.isnan(wrong_side) else wrong_side)  # NaN: < 1e-15
