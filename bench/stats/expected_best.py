"""The best score that a number of trials would have found, in expectation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal


def expected_best(scores: Sequence[float], trials: int, direction: Literal["max", "min"]) -> float:
    """The expected best of so many `trials`, from the `scores` of at least as many independent ones.

    It is the mean of the best over all ways of taking `trials` of the scores, which is unbiased (Tang et al., 2020; the
    estimator of Dodge et al., 2019, takes them with replacement and is not). Raises ValueError for scores that are not
    finite, and where `trials` is not between 1 and their number.
    """
    if not all(map(math.isfinite, scores)):
        raise ValueError("the expected best needs scores that are finite")
    if not 1 <= trials <= len(scores):
        raise ValueError(f"{trials} trials: there are scores of {len(scores)}")
    ways = math.comb(len(scores), trials)
    worst_first = sorted(scores, reverse=direction == "min")
    return math.fsum(math.comb(place, trials - 1) / ways * score for place, score in enumerate(worst_first))
