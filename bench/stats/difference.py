"""The difference between two lots of scores: its interval, and the test of whether there is one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from statistics import fmean
from typing import Any, Literal, NamedTuple

from bench.stats.interval import EVERYTHING, Interval, mean_interval

Test = Literal["sign flips", "permutation", "paired t", "welch t", "none"]

_DIGITS = 12  # that are told apart, of the 15 that a float has
_CLOSE = 1e-12  # of sums that differ by their rounding alone
_RESAMPLES = 10_000  # up to 13 pairs, or 7 scores against 7, that is all there are


class Tested(NamedTuple):
    """A two-sided p-value and the test that gave it."""

    p: float
    test: Test


def gain(
    a: Sequence[float], b: Sequence[float], paired: bool, level: float, within: tuple[float, float] = EVERYTHING
) -> Interval:
    """The mean of `b` less that of `a`, with its interval in the range `within` of the metric: Student's of the
    differences where scores in equal places are `paired`, else Welch's."""
    span = within[1] - within[0]
    low, high = (-span, span) if math.isfinite(span) else EVERYTHING
    if paired:
        return mean_interval(_gains(a, b), level, (low, high))
    mean = fmean(b) - fmean(a)
    if min(len(a), len(b)) < 2 or (_constant(a) and _constant(b)):
        return Interval(mean, math.nan, math.nan, "")
    from scipy.special import stdtrit

    error, freedom = _welch(a, b)
    half = float(stdtrit(freedom, (1 + level) / 2)) * error
    return Interval(mean, max(low, mean - half), min(high, mean + half), "welch")


def significance(a: Sequence[float], b: Sequence[float], paired: bool, alpha: float, normal: bool) -> Tested:
    """Whether the scores `b` are as those of `a`, where equal places are `paired` by the differences of pairs.

    The test is exact, by all flips of the differences' signs or all ways of dealing the scores out anew, wherever that
    `can_tell` at level `alpha`. Below, it is Student's t or Welch's, where the scores may be taken to be `normal`, and
    have a spread.
    """
    if min(len(a), len(b)) < 2:
        return Tested(1.0, "none")
    exact = can_tell(len(a), len(b), paired, alpha) or not normal
    if paired:
        gains = _gains(a, b)
        if exact or _constant(gains):
            return Tested(_flipped(gains), "sign flips")
        return Tested(_two_sided(fmean(gains) / math.sqrt(_variance(gains) / len(gains)), len(gains) - 1), "paired t")
    if exact or (_constant(a) and _constant(b)):
        return Tested(_permuted([a, b], "independent"), "permutation")
    error, freedom = _welch(a, b)
    return Tested(_two_sided((fmean(b) - fmean(a)) / error, freedom), "welch t")


def can_tell(first: int, second: int, paired: bool, alpha: float) -> bool:
    """Whether the exact test of so many scores of each can have a p-value of `alpha` or less."""
    ways = 2.0**first if paired else math.comb(first + second, first)
    return min(first, second) > 1 and 2 / min(ways, _RESAMPLES) <= alpha


def spread(a: Sequence[float], b: Sequence[float], paired: bool) -> float:
    """The standard deviation that a difference of means is held against: of the differences by seed where the scores
    are `paired`, else of the scores of one side."""
    if paired:
        return math.sqrt(_variance(_gains(a, b)))
    return math.sqrt((_variance(a) + _variance(b)) / 2)


def _gains(a: Sequence[float], b: Sequence[float]) -> list[float]:
    """The differences of pairs, rounded to what floats of such scores can tell: those of shares are often equal, and
    must not seem to have a spread, by which any difference would be endlessly many errors away."""
    largest = max(map(abs, (*a, *b)))
    digits = _DIGITS - math.ceil(math.log10(largest)) if largest else 0
    return [round(y - x, digits) for x, y in zip(a, b, strict=True)]


def _variance(values: Sequence[float]) -> float:
    """That of `statistics.variance`, which is exact and takes a tenth of a millisecond; sums are exact here, too."""
    mean = fmean(values)
    return math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)


def _constant(values: Sequence[float]) -> bool:
    return min(values) == max(values)


def _flipped(gains: Sequence[float]) -> float:
    """The two-sided p-value of a mean over all flips of signs; over some of them, as scipy draws them, where all are
    too many."""
    if 2 ** len(gains) > _RESAMPLES:
        return _permuted([gains], "samples")
    means = _flips(len(gains)) @ gains
    observed = abs(means[0])
    return float((abs(means) >= observed * (1 - _CLOSE)).mean())


@cache
def _flips(count: int) -> Any:
    """All ways to give signs to so many values, a row each; the first leaves them as they are."""
    import numpy as np

    return 1.0 - 2.0 * (np.arange(2**count)[:, None] >> np.arange(count) & 1)


def _permuted(samples: list[Sequence[float]], kind: Literal["samples", "independent"]) -> float:
    """The two-sided p-value of the difference of means, or of the one mean, over permutations of a `kind`."""
    import numpy as np
    from scipy.stats import permutation_test

    def statistic(*parts: np.ndarray, axis: int) -> np.ndarray:
        return parts[-1].mean(axis) - (parts[0].mean(axis) if len(parts) > 1 else 0.0)

    arrays = [np.asarray(sample, dtype=float) for sample in samples]
    found = permutation_test(
        arrays, statistic, permutation_type=kind, vectorized=True, n_resamples=_RESAMPLES, random_state=0
    )
    return float(found.pvalue)


def _welch(a: Sequence[float], b: Sequence[float]) -> tuple[float, float]:
    """The standard error of the difference of means, and the degrees of freedom of Welch (1947)."""
    first, second = _variance(a) / len(a), _variance(b) / len(b)
    share = first / (first + second)
    return math.sqrt(first + second), 1 / (share**2 / (len(a) - 1) + (1 - share) ** 2 / (len(b) - 1))


def _two_sided(t: float, freedom: float) -> float:
    from scipy.special import stdtr

    return 2 * float(stdtr(freedom, -abs(t)))
