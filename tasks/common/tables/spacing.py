"""Steps from time to time: whether they ascend, and are all the same."""

from __future__ import annotations

import numpy as np
import pandas as pd

__all__ = ["ascends", "is_counter", "later", "odd_steps"]


def later(times: np.ndarray) -> np.ndarray:
    """Whether each time but the first is later than the one before."""
    steps = np.diff(times)
    return np.asarray(steps > np.zeros((), steps.dtype))


def ascends(times: np.ndarray) -> bool:
    return bool(later(times).all())


def is_counter(values: np.ndarray) -> bool:
    """Whether numbers go up or down by the same step throughout, as row numbers, years and seconds do."""
    steps = np.diff(values)
    if len(steps) < 2 or not np.isfinite(steps).all() or not steps[0]:
        return False
    rounding = 4 * np.finfo(float).eps * np.abs(values).max()
    return bool((np.abs(steps - steps[0]) <= 1e-9 * abs(steps[0]) + rounding).all())


def odd_steps(times: np.ndarray) -> tuple[int, int, str] | None:
    """How many steps differ from the usual one, the row after the first of them, and the usual one in words.

    Times are datetimes or numbers that ascend. None where all steps are equal, be it in months.
    """
    steps, unit = np.diff(times), ""
    if times.dtype.kind == "M" and len(np.unique(steps)) > 1:
        for shifted in (times, times + np.timedelta64(1, "D")):  # the same day of each month, or its last
            month = shifted.astype("datetime64[M]")
            if len(np.unique(shifted - month)) == 1:
                steps, unit = np.diff(month.astype(np.int64)), "month"
    if not len(steps):
        return None
    usual = np.sort(steps)[len(steps) // 2]
    far = abs(steps - usual) > (0 if unit else abs(usual) // 100 if steps.dtype.kind == "m" else 0.01 * abs(usual))
    if not far.any():
        return None
    return int(far.sum()), int(np.argmax(far)) + 1, _in_words(usual, unit)


def _in_words(step: np.generic, unit: str) -> str:
    if unit or not isinstance(step, np.timedelta64):
        return f"{step:g}" + (f" {unit}{'s' * int(step != 1)}" if unit else "")
    return str(pd.Timedelta(step)).replace(" 00:00:00", "").replace("0 days ", "").replace("1 days", "1 day")
