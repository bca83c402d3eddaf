"""Many tasks in one figure: the interquartile mean of normalised scores."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from bench.stats.interval import Interval

_RESAMPLES = 2000
_TRIMMED = 0.25  # at each end


def interquartile_mean(scores: Sequence[Sequence[float]], level: float = 0.95, seed: int = 0) -> Interval:
    """The mean of the middle half of normalised `scores`, a row a task and a column a seed, whatever its number.

    The interval is a percentile bootstrap over seeds, drawn within each task, so that it speaks of these tasks
    (Agarwal et al., 2021). It draws one seed fewer than there are, without which three seeds seem to vary by a third
    less than they do. The same `seed` draws the same. There is no interval where a task has one seed.
    Raises ValueError for no scores, and for any that are not finite.
    """
    if not scores or not all(scores) or not all(math.isfinite(score) for row in scores for score in row):
        raise ValueError("an interquartile mean needs finite scores of every task")
    import numpy as np

    rows = [np.asarray(row, dtype=float) for row in scores]
    mean = float(_middle(np.concatenate(rows)))
    if min(map(len, rows)) < 2 or all(np.ptp(row) == 0 for row in rows):
        return Interval(mean, math.nan, math.nan, "")
    drawn = [row[places] for row, places in zip(rows, _draws(tuple(map(len, rows)), seed), strict=True)]
    low, high = np.quantile(_middle(np.concatenate(drawn, 1)), [(1 - level) / 2, (1 + level) / 2])
    return Interval(mean, float(low), float(high), "bootstrap")


@lru_cache(4)  # cells often have the same seeds on the same tasks
def _draws(lengths: tuple[int, ...], seed: int) -> list[Any]:
    import numpy as np

    rng = np.random.default_rng(seed)
    return [rng.integers(0, length, (_RESAMPLES, length - 1)) for length in lengths]


def _middle(scores: Any) -> Any:
    """The mean of the middle half along the last axis, as scipy's trim_mean has it, whose import takes a second."""
    import numpy as np

    cut = int(_TRIMMED * scores.shape[-1])
    ordered = np.partition(scores, (cut, scores.shape[-1] - cut - 1))
    return ordered[..., cut : scores.shape[-1] - cut].mean(-1)
