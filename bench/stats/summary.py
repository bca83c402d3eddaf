"""Robust statistics of repeated measurements."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from bench.stats.bootstrap import median_interval


def summarise(samples: Sequence[float]) -> dict[str, Any]:
    """`median`, `q1` and `q3`, the bounds `low` and `high` of the median's 95% interval, and the `samples` in order.

    All are in the samples' unit. Raises ValueError for no samples.
    """
    if not samples:
        raise ValueError("there are no samples to summarise")
    q1, median, q3 = (quantile(samples, share) for share in (0.25, 0.5, 0.75))
    low, high = median_interval(samples)
    return {"median": median, "q1": q1, "q3": q3, "low": low, "high": high, "samples": list(samples)}


def quantile(samples: Iterable[float], share: float) -> float:
    """The value below which this share of the samples lies; linear between neighbours."""
    ordered = sorted(samples)
    position = share * (len(ordered) - 1)
    below = int(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (position - below) * (ordered[above] - ordered[below])


def spread(samples: Iterable[tuple[int, float]]) -> float:
    """The distance of the quartiles of times, as a share of the median, for pairs (amount of work, its time).

    Each time is taken as a multiple of the median of those for the same amount, so that work which varies is no spread.
    Amounts that are there less than three times say nothing; 0 where no other is.
    """
    alike = defaultdict(list)
    for work, time in samples:
        alike[work].append(time)
    multiples = [time / quantile(times, 0.5) for times in alike.values() if len(times) > 2 for time in times]
    return quantile(multiples, 0.75) - quantile(multiples, 0.25) if multiples else 0.0
