"""Columns scaled to mean 0 and variance 1 in train; those that are constant there, in any unit, are known as such."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..files.reading import some

__all__ = ["constants", "deviation", "scaled"]

_ROUNDING = 8 * np.finfo(np.float64).eps
"""Of a value's size: what varies by less than this is a constant whose digits were rounded."""


def deviation(centred: np.ndarray, size: float) -> float:
    """The standard deviation of values around their mean; 0 where it is mere rounding of values of this size."""
    found = float(np.sqrt(np.square(centred).mean()))
    return found if found > _ROUNDING * size else 0.0


def scaled(values_NF: np.ndarray, known: int, sizes_F: np.ndarray) -> tuple[np.ndarray, list[int]]:
    """The columns by mean and standard deviation of their first `known` rows, without those that are constant there.

    `sizes_F` are the largest sizes of the numbers that they come from, which differ from theirs in changes. The second
    value returned are the places of the columns that are left.
    """
    mean_F = values_NF[:known].mean(0)
    deviations = [
        deviation(column[:known] - mean, size) for column, mean, size in zip(values_NF.T, mean_F, sizes_F, strict=True)
    ]
    kept = [place for place, found in enumerate(deviations) if found > 0]
    if len(kept) < len(deviations):
        values_NF, mean_F = values_NF[:, kept], mean_F[kept]
    return (values_NF - mean_F) / [deviations[place] for place in kept], kept


def constants(names: Sequence[str], kept: Sequence[int]) -> list[str]:
    """A note of the columns that `scaled` left out."""
    gone = [name for place, name in enumerate(names) if place not in kept]
    return [f"constant in train and left out of the inputs: {some(gone, 5)}"] if gone else []
