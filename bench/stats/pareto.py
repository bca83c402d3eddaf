"""Which of several things no other beats in everything."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal


def pareto(figures: Sequence[Sequence[float]], directions: Sequence[Literal["max", "min"]]) -> list[bool]:
    """Whether each row of `figures` is on the Pareto front: no other is at least as good in all, and better in one.

    A row with a figure that is NaN is not on it, and beats none. Raises ValueError for rows of another length than
    `directions`.
    """
    if any(len(row) != len(directions) for row in figures):
        raise ValueError(f"each row needs {len(directions)} figures, one for each direction")
    signs = [1 if direction == "max" else -1 for direction in directions]
    gains = [tuple(sign * figure for sign, figure in zip(signs, row, strict=True)) for row in figures]
    whole = [gain for gain in gains if not any(map(math.isnan, gain))]
    return [gain in whole and not any(_beats(other, gain) for other in whole) for gain in gains]


def _beats(a: Sequence[float], b: Sequence[float]) -> bool:
    return all(x >= y for x, y in zip(a, b, strict=True)) and a != b
