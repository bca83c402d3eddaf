"""Times until something happens, of which some never come."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import accumulate


def half_by(times: Iterable[float]) -> float:
    """The time by which half of the runs have got there; infinite, as the times of those that never do are, where
    fewer ever do; NaN for no runs.

    It is the median of the Kaplan-Meier estimate (1958), the first time at which it is at most a half. Runs end with
    their budget, or because they got no better or diverged: none is lost from sight on the way, so that none counts as
    censored, and the estimate is the share of the runs that have not got there.
    """
    ordered = sorted(times)
    return ordered[(len(ordered) - 1) // 2] if ordered else math.nan


def share_by(times: Sequence[float]) -> list[tuple[float, float]]:
    """The share of the runs that have got there by each time at which one does, in the order of time.

    It is one minus the Kaplan-Meier estimate; `times` that never come are infinite, and count.
    """
    counts = Counter(time for time in times if time < math.inf)
    shares = accumulate(count / len(times) for _, count in sorted(counts.items()))
    return [*zip(sorted(counts), shares, strict=True)]
