"""Several tests at once: p-values that keep the level of the whole family."""

from __future__ import annotations

from collections.abc import Sequence


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values, in their order, corrected by Holm's step-down procedure (1979).

    Of those at most alpha, any is false with a probability of at most alpha, whatever depends on what. Raises
    ValueError for a value that is not between 0 and 1.
    """
    if not all(0 <= p <= 1 for p in p_values):
        raise ValueError("p-values are between 0 and 1")
    corrected, largest = [1.0] * len(p_values), 0.0
    for step, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (len(p_values) - step) * p_values[place]))
        corrected[place] = largest
    return corrected
