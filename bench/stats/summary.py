"""Robust statistics of repeated measurements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def summarise(samples: Sequence[float]) -> dict[str, Any]:
    """`median`, `q1` and `q3` (linear between neighbours), and the `samples` in their order, all in the samples' unit.

    Raises ValueError for no samples.
    """
    if not samples:
        raise ValueError("there are no samples to summarise")
    ordered = sorted(samples)
    q1, median, q3 = (_quantile(ordered, share) for share in (0.25, 0.5, 0.75))
    return {"median": median, "q1": q1, "q3": q3, "samples": list(samples)}


def _quantile(ordered: Sequence[float], share: float) -> float:
    position = share * (len(ordered) - 1)
    below = int(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (position - below) * (ordered[above] - ordered[below])
