"""Scores of runs that share levels of some sources of chance, as seeds crossed with orders of the data."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from operator import mul
from statistics import fmean
from typing import TypeVar

from bench.stats.interval import EVERYTHING, Interval, bent, mean_interval

Levels = tuple[Hashable, ...]
"""The level of each source in a run: runs with the same level of a source share what was drawn by it."""

Run = TypeVar("Run", bound=Levels)


def factors(runs: Sequence[Levels]) -> list[tuple[int, ...]]:
    """The sources, by their places, that vary over the runs; those that always vary together are one factor."""
    found: dict[tuple[int, ...], tuple[int, ...]] = {}
    for place in range(len(runs[0]) if runs else 0):
        pattern = tuple(_numbered([run[place] for run in runs]))
        if len({*pattern}) > 1:
            found[pattern] = (*found.get(pattern, ()), place)
    return [*found.values()]


def _numbered(levels: Sequence[Hashable]) -> list[int]:
    """The levels as numbers from 0 on, in the order in which they first come."""
    known: dict[Hashable, int] = {}
    return [known.setdefault(level, len(known)) for level in levels]


def mean_of_runs(
    scores: Mapping[Run, float], level: float = 0.95, within: tuple[float, float] = EVERYTHING
) -> Interval:
    """The mean of all runs with its interval at confidence `level`, for new levels of every source that varies.

    Where no two runs share a level it is `bench.stats.interval.mean_interval`. Else their scores are not independent,
    and the variance of the mean is what each factor and the rest add to it, as `moments` has them. Student's t has as
    many degrees of freedom as the factor with the fewest levels, less one. Raises ValueError as `mean_interval` does.
    """
    runs, values = [*scores], [*scores.values()]
    found = factors(runs)
    plain = mean_interval(values, level, within)
    if not plain.method or all(len(_sizes(runs, factor)) == len(runs) for factor in found):
        return plain
    from scipy.special import stdtrit  # imported here: it takes half a second, and most commands do not need it

    *parts, rest = moments(scores, found)
    shares = [math.fsum((size / len(runs)) ** 2 for size in _sizes(runs, factor)) for factor in found]
    variance = math.fsum(map(mul, (*parts, rest), (*shares, 1 / len(runs))))
    fewest = min(len(_sizes(runs, factor)) for factor in found)
    half = float(stdtrit(fewest - 1, (1 + level) / 2)) * math.sqrt(variance)
    if not half:
        return Interval(plain.mean, math.nan, math.nan, "")
    ends = within if within[0] <= min(values) and max(values) <= within[1] else EVERYTHING
    low, high = bent(plain.mean, half, *ends)[1:3]
    return Interval(plain.mean, low, high, "crossed-t")


def moments(scores: Mapping[Run, float], found: Sequence[tuple[int, ...]]) -> list[float]:
    """The variance that each factor adds to a score, and what remains, last; none below 0.

    Half the squared difference of two runs is expected to be the rest and the variances of all factors in which they
    differ: the least squares over all pairs of runs. For a complete design it is the analysis of variance.
    """
    import numpy as np

    first, second = np.triu_indices(len(scores), 1)
    levels = [np.array(_numbered([part(run, factor) for run in scores])) for factor in found]
    differ = [*(each[first] != each[second] for each in levels), np.ones(len(first))]
    values = np.array([*scores.values()])
    halves = (values[first] - values[second]) ** 2 / 2
    solved = np.linalg.lstsq(np.stack(differ, 1).astype(float), halves, rcond=None)[0]
    return [max(0.0, float(each)) for each in solved]


def _sizes(runs: Sequence[Levels], places: tuple[int, ...]) -> list[int]:
    """The number of runs at each level of a factor."""
    return [*Counter(part(run, places) for run in runs).values()]


def part(run: Levels, places: tuple[int, ...]) -> Levels:
    """The levels of a run in the sources of one factor."""
    return tuple(run[place] for place in places)


def over_units(scores: Mapping[Run, float]) -> tuple[int, dict[Hashable, float]]:
    """The place of the first source that varies, 0 where none does, and the mean of the runs of each of its levels."""
    found = factors([*scores])
    place = found[0][0] if found else 0
    parts: dict[Hashable, list[float]] = {}
    for run, score in scores.items():
        parts.setdefault(run[place], []).append(score)
    return place, {unit: fmean(each) for unit, each in parts.items()}
