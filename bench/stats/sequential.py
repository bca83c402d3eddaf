"""A comparison that may be looked at after every seed, and ended at any look."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from bench.stats.interval import EVERYTHING

PRIOR = 1.0
"""The variance of the effects, in squared standard deviations of a difference, that the test is best at."""


class Look(NamedTuple):
    """What is known after `seeds` of both: the p-value that holds at any look, and the mean difference within bounds
    that hold at all looks at once."""

    seeds: int
    p: float
    mean: float
    low: float
    high: float


def looks(differences: Sequence[float], level: float = 0.95, within: tuple[float, float] = EVERYTHING) -> list[Look]:
    """A look after each of the `differences` by seed, in the order in which the seeds were run.

    The evidence against a mean of 0 is the likelihood ratio of Student's t statistic under effects that are normal with
    variance `PRIOR`, which is a martingale where there is no effect: by Ville's inequality it ever reaches 1 / alpha
    with a probability of at most alpha. The bounds are those means that it does not speak against. (Lai, 1976; Wang and
    Ramdas, Anytime-valid t-tests and confidence sequences for Gaussian means with unknown variance, 2024.)

    docs/statistics.md has the level over 30 looks for scores that are not normal. Raises ValueError for differences
    that are not finite.
    """
    if not all(map(math.isfinite, differences)):
        raise ValueError("a comparison needs differences that are finite")
    found: list[Look] = []
    p, (low, high) = 1.0, within
    for seeds in range(1, len(differences) + 1):
        mean, squares = _moments(differences[:seeds])
        p = min(p, math.exp(-_evidence(seeds, mean, squares)))
        half = _half_width(seeds, squares, 1 - level)
        low, high = max(low, mean - half), min(high, mean + half)
        found.append(Look(seeds, p, mean, low, high))
    return found


def _moments(values: Sequence[float]) -> tuple[float, float]:
    """The mean, and the sum of squared deviations from it."""
    mean = math.fsum(values) / len(values)
    return mean, 0.0 if min(values) == max(values) else math.fsum((value - mean) ** 2 for value in values)


def _evidence(seeds: int, mean: float, squares: float) -> float:
    """The logarithm of the likelihood ratio, which depends on t^2 / (seeds - 1) alone."""
    spread = 1 + seeds * PRIOR
    if not mean:
        return -math.log(spread) / 2
    if not squares:  # the limit of ever smaller deviations
        return (seeds - 1) / 2 * math.log(spread)
    ratio = seeds * mean**2 / squares
    return seeds / 2 * (math.log1p(ratio) - math.log1p(ratio / spread)) - math.log(spread) / 2


def _half_width(seeds: int, squares: float, alpha: float) -> float:
    """The distance from the mean at which the evidence reaches 1 / `alpha`; infinite for too few seeds."""
    spread = 1 + seeds * PRIOR
    bar = (math.sqrt(spread) / alpha) ** (2 / seeds)
    return math.sqrt((bar - 1) / (1 - bar / spread) * squares / seeds) if bar < spread else math.inf
