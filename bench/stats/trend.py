"""Whether a series of samples is steady: no trend from its beginning to its end that would matter."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from statistics import median

_ALPHA = 0.01  # the share of steady series that the test alone takes for a trend
_MATTERS = 0.02  # of the median


def trend(samples: Sequence[float]) -> float:
    """The two-sided p-value of the Mann-Kendall test for a trend (Mann, Econometrica 13, 1945; Kendall, 1948).

    It counts the pairs in which the later sample is larger and those in which it is smaller, by the normal
    approximation with a correction for continuity and for ties; it supposes nothing of the samples' distribution.
    """
    count = len(samples)
    rises = sum((late > early) - (late < early) for i, early in enumerate(samples) for late in samples[i + 1 :])
    ties = sum(_spread(times) for times in Counter(samples).values())
    variance = (_spread(count) - ties) / 18
    return 1.0 if variance <= 0 else math.erfc(max(0, abs(rises) - 1) / math.sqrt(2 * variance))


def _spread(count: int) -> int:
    return count * (count - 1) * (2 * count + 5)


def shift(samples: Sequence[float]) -> float:
    """The median of the second half of the samples as a multiple of the median of the first half, less 1."""
    half = len(samples) // 2
    return median(samples[-half:]) / median(samples[:half]) - 1 if half else 0.0


def is_steady(samples: Sequence[float]) -> bool:
    """Whether samples, all above 0, have no trend at 1%, or one that moves the median of a half by less than 2%.

    So of independent samples fewer than 1 series in 100 is taken for unsteady. Five samples are too few to tell.
    """
    return trend(samples) >= _ALPHA or abs(shift(samples)) < _MATTERS
