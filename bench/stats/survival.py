"""Times until something happens, of which some never come."""

from __future__ import annotations

import math
from collections.abc import Iterable


def half_by(times: Iterable[float]) -> float:
    """The time by which half of the runs have got there; infinite, as the times of those that never do are, where
    fewer ever do; NaN for no runs.

    It is the median of the Kaplan-Meier estimate (1958), the first time at which it is at most a half. Runs end with
    their budget, or because they got no better or diverged: none is lost from sight on the way, so that none counts as
    censored, and the estimate is the share of the runs that have not got there.
    """
    ordered = sorted(times)
    return ordered[(len(ordered) - 1) // 2] if ordered else math.nan
