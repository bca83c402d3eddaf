"""Bootstrap intervals of medians (Efron, Annals of Statistics 7, 1979): the same samples have the same interval."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

_RESAMPLES = 2000


class Ratio(NamedTuple):
    """The median ratio of pairs and the bounds of its confidence interval."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.median:.3f} [{self.low:.3f}, {self.high:.3f}]"


def median_interval(samples: Sequence[float], level: float = 0.95) -> tuple[float, float]:
    """The bounds of a percentile interval of the median at confidence `level`, in the samples' unit.

    Neither another call nor another order of the samples changes a bit. Raises ValueError for no samples.
    """
    if not samples:
        raise ValueError("the median of no samples is undefined")
    ordered = np.sort(np.asarray(samples, dtype=float))
    drawn = np.random.default_rng(0).integers(len(ordered), size=(_RESAMPLES, len(ordered)))
    low, high = np.quantile(np.median(ordered[drawn], axis=1), ((1 - level) / 2, (1 + level) / 2))
    return float(low), float(high)


def ratio_interval(ours: Sequence[float], theirs: Sequence[float], level: float = 0.95) -> Ratio:
    """The median of `ours / theirs`, pair by pair, with its interval: what slows both of a pair leaves its ratio.

    Raises ValueError where the two do not pair up, or for no pairs.
    """
    ratios = [our / their for our, their in zip(ours, theirs, strict=True)]
    return Ratio(float(np.median(ratios)) if ratios else np.nan, *median_interval(ratios, level))


def ratio_of_medians(ours: Sequence[float], theirs: Sequence[float], level: float = 0.95) -> Ratio:
    """The ratio of two medians of samples that do not pair up, with a percentile interval.

    Raises ValueError where either has no samples.
    """
    if not ours or not theirs:
        raise ValueError("the median of no samples is undefined")
    random = np.random.default_rng(0)
    medians = []
    for samples in (ours, theirs):
        ordered = np.sort(np.asarray(samples, dtype=float))
        medians.append(np.median(ordered[random.integers(len(ordered), size=(_RESAMPLES, len(ordered)))], axis=1))
    low, high = np.quantile(medians[0] / medians[1], ((1 - level) / 2, (1 + level) / 2))
    return Ratio(float(np.median(ours) / np.median(theirs)), float(low), float(high))
