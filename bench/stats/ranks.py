"""Cells ranked over tasks: mean ranks, the test of whether they differ, and the difference from which two do."""

from __future__ import annotations

import math
from collections.abc import Collection, Hashable, Sequence
from functools import cache
from typing import Any, Literal, NamedTuple, TypeVar

_Cell = TypeVar("_Cell", bound=Hashable)


class Ranking(NamedTuple):
    """Mean ranks of the cells over tasks, 1 for the best; Friedman's p-value, NaN for fewer than three cells; and the
    critical difference: two cells whose mean ranks are at least so far apart differ (Nemenyi)."""

    ranks: list[float]
    p: float
    critical: float


def ranking(
    scores: Sequence[Sequence[float]], directions: Sequence[Literal["max", "min"]], level: float = 0.95
) -> Ranking:
    """The ranking of cells by `scores`, a row a task in that task's direction and a column a cell (Demsar, 2006).

    Equal scores share the mean of their ranks. Raises ValueError for fewer than two cells or no task, rows of unequal
    length, and scores that are not finite: every cell must have a score on every task.
    """
    _check(scores, directions)
    import numpy as np

    signs = np.array([-1.0 if direction == "max" else 1.0 for direction in directions])
    losses = np.asarray(scores, dtype=float) * signs[:, None]
    tasks, cells = losses.shape
    below = (losses[:, None] < losses[..., None]).sum(-1)
    ranks = below + ((losses[:, None] == losses[..., None]).sum(-1) + 1) / 2
    p = math.nan if cells < 3 else _friedman(ranks)
    quantile = range_quantile(level, cells) / math.sqrt(2)
    return Ranking(ranks.mean(0).tolist(), p, quantile * math.sqrt(cells * (cells + 1) / (6 * tasks)))


def _friedman(ranks: Any) -> float:
    """The p-value of Friedman's test, corrected for ties; 1 where all cells are tied everywhere."""
    from scipy.special import chdtrc

    cells = ranks.shape[1]
    spread = ((ranks - (cells + 1) / 2) ** 2).sum() / (cells - 1)
    if not spread:
        return 1.0
    between = ((ranks.sum(0) - ranks.shape[0] * (cells + 1) / 2) ** 2).sum()
    return float(chdtrc(cells - 1, between / spread))


@cache
def range_quantile(level: float, count: int) -> float:
    """The quantile at `level` of the range of so many standard normal draws: the studentised range's, of endless
    freedom. scipy.stats has it, whose import takes as long as a whole overview."""
    import numpy as np
    from scipy.special import ndtr

    places = np.linspace(-9.0, 9.0, 3601)  # of the least draw; the sum over them is exact, since both ends are flat
    density = np.exp(-(places**2) / 2) / math.sqrt(2 * math.pi) * (places[1] - places[0])
    low, high = 0.0, 20.0
    while low < (middle := (low + high) / 2) < high:
        share = count * float((density * (ndtr(places + middle) - ndtr(places)) ** (count - 1)).sum())
        low, high = (middle, high) if share < level else (low, middle)
    return high


def _check(scores: Sequence[Sequence[float]], directions: Sequence[Any]) -> None:
    if not scores or len(scores) != len(directions):
        raise ValueError(f"a ranking needs tasks, with a direction each: {len(scores)} and {len(directions)}")
    if len({len(row) for row in scores}) != 1 or len(scores[0]) < 2:
        raise ValueError("a ranking needs two cells or more, and a score of each on every task")
    if not all(math.isfinite(score) for row in scores for score in row):
        raise ValueError("a ranking needs scores that are finite")


def alike(ranks: Sequence[float], critical: float) -> list[tuple[int, ...]]:
    """The lines of a diagram of critical differences: the largest lots of cells, by place, that do not differ.

    A cell that differs from all others is in none.
    """
    order = sorted(range(len(ranks)), key=ranks.__getitem__)
    lots: list[tuple[int, ...]] = []
    for start in range(len(order)):
        lot = [place for place in order[start:] if ranks[place] - ranks[order[start]] < critical]
        if len(lot) > 1 and not (lots and {*lot} <= {*lots[-1]}):
            lots.append(tuple(lot))
    return lots


def tied_ranks(cells: Sequence[_Cell], beaten: Collection[tuple[_Cell, _Cell]]) -> dict[_Cell, int]:
    """The rank of each cell on one task: 1 and the number of cells that beat it, by pairs `(winner, loser)`.

    Cells that no test tells apart share a rank.
    """
    return {cell: 1 + sum(loser == cell for _, loser in beaten) for cell in cells}
