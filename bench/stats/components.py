"""How much each source of chance adds to the spread of scores: the variance components of a complete design."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from statistics import fmean

from bench.stats.crossed import Levels, Run, factors, part


@dataclass(frozen=True)
class Component:
    """What one factor adds: the sources that are varied in it by their places, none for the rest, which is what the
    factors do together; and the number of its levels, for the rest that of its degrees of freedom.

    `deviation` is the standard deviation of a score that it alone would cause, with an interval from `low` to `high`,
    and `share` its part in the variance of a score.
    """

    factor: tuple[int, ...]
    levels: int
    deviation: float
    low: float
    high: float
    share: float


def complete(scores: Mapping[Run, float]) -> dict[Run, float]:
    """The runs of a design that has every combination of the levels of its factors once.

    As long as one is missing, the level with the fewest of its combinations is left out.
    """
    kept = dict(scores)
    while kept and len(kept) < prod(len({part(run, factor) for run in kept}) for factor in factors([*kept])):
        found = factors([*kept])
        counts = {
            (factor, level): (count / (len(kept) / len(levels)), count)
            for factor in found
            for levels in [Counter(part(run, factor) for run in kept)]
            for level, count in levels.items()
        }
        factor, least = min(counts, key=lambda each: counts[each])
        kept = {run: score for run, score in kept.items() if part(run, factor) != least}
    return kept


def components(scores: Mapping[Run, float], level: float = 0.95) -> list[Component]:
    """The components of scores of a `complete` design, the rest last; none where no source varies.

    Estimates are those of the analysis of variance, none below 0: factors are random and their effects add up, and what
    does not add up is the rest. The interval of the rest, and of a single factor, is that of a normal variance; those
    of other factors are the modified large-sample ones of Ting, Burdick, Graybill, Jeyaratnam and Lu (1990).
    """
    found, values = factors([*scores]), [*scores.values()]
    if not found:
        return []
    mean, count = fmean(values), len(values)
    squares, degrees = [], []
    for factor in found:
        groups: dict[Levels, list[float]] = {}
        for run, score in scores.items():
            groups.setdefault(part(run, factor), []).append(score)
        squares.append(math.fsum(len(each) * (fmean(each) - mean) ** 2 for each in groups.values()))
        degrees.append(len(groups) - 1)
    left = count - 1 - sum(degrees)
    if not left:
        return [
            _component(
                factor, degree + 1, square / degree, *_of_normal(square / degree, degree, level), square / degree
            )
            for factor, degree, square in zip(found, degrees, squares, strict=True)
        ]
    rest = max(0.0, math.fsum((value - mean) ** 2 for value in values) - math.fsum(squares)) / left
    variances = [
        max(0.0, (square / degree - rest) * (degree + 1) / count)
        for degree, square in zip(degrees, squares, strict=True)
    ]
    total = math.fsum((*variances, rest))
    parts = []
    for factor, degree, square, variance in zip(found, degrees, squares, variances, strict=True):
        bounds = _of_difference(square / degree, degree, rest, left, level)
        low, high = (max(0.0, bound * (degree + 1) / count) for bound in bounds)
        parts.append(_component(factor, degree + 1, variance, low, high, total))
    return [*parts, _component((), left, rest, *_of_normal(rest, left, level), total)]


def _component(
    factor: tuple[int, ...], levels: int, variance: float, low: float, high: float, total: float
) -> Component:
    """A component by its variance, in a `total` variance."""
    share = variance / total if total else math.nan
    return Component(factor, levels, math.sqrt(variance), math.sqrt(low), math.sqrt(high), share)


def reach(levels: int, level: float = 0.95) -> tuple[float, float]:
    """From how many times to how many times the standard deviation found the interval of one of so many levels
    reaches, where nothing else varies."""
    low, high = _of_normal(1.0, levels - 1, level)
    return math.sqrt(low), math.sqrt(high)


def _of_normal(variance: float, degrees: int, level: float) -> tuple[float, float]:
    """The interval of a variance of normal values."""
    low, high = _chi(degrees, level)
    return variance / high, variance / low


def _chi(degrees: int, level: float) -> tuple[float, float]:
    """Chi-square over its degrees of freedom, at both ends of the interval."""
    from scipy.special import chdtri  # imported here: it takes half a second, and most commands do not need it

    tail = (1 - level) / 2
    return float(chdtri(degrees, 1 - tail)) / degrees, float(chdtri(degrees, tail)) / degrees


def _of_difference(first: float, n: int, second: float, m: int, level: float) -> tuple[float, float]:
    """The interval of the difference of what two mean squares, with `n` and `m` degrees of freedom, estimate."""
    from scipy.special import fdtri

    tail, found = (1 - level) / 2, first - second
    (n_low, n_high), (m_low, m_high) = _chi(n, level), _chi(m, level)
    g1, h1, g2, h2 = 1 - 1 / n_high, 1 / n_low - 1, 1 - 1 / m_high, 1 / m_low - 1
    upper, lower = float(fdtri(n, m, 1 - tail)), float(fdtri(n, m, tail))
    g12 = ((upper - 1) ** 2 - (g1 * upper) ** 2 - h2**2) / upper
    h12 = ((1 - lower) ** 2 - (h1 * lower) ** 2 - g2**2) / lower
    down = (g1 * first) ** 2 + (h2 * second) ** 2 + g12 * first * second
    up = (h1 * first) ** 2 + (g2 * second) ** 2 + h12 * first * second
    return found - math.sqrt(max(0.0, down)), found + math.sqrt(max(0.0, up))
