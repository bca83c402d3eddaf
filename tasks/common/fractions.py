"""The shares of train, valid and test in the data: options checked in one place."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["check_fractions", "check_share", "cut_points"]


def check_fractions(splits: Sequence[float]) -> None:
    """Raise ValueError unless `task.splits` are fractions of train, valid and test that sum to 1; test may be 0."""
    name = f"task.splits={list(splits)}"
    if len(splits) != 3:
        raise ValueError(f"{name}: give three fractions, of train, valid and test; [0.9, 0.1, 0] for no test split")
    if not (splits[0] > 0 and splits[1] > 0 and splits[2] >= 0):
        raise ValueError(f"{name}: the fractions of train and valid must be above 0, that of test 0 or above")
    if not abs(sum(splits) - 1) < 1e-6:
        raise ValueError(f"{name}: the fractions must sum to 1, these sum to {sum(splits):g}")


def check_share(**option: float) -> None:
    """Raise ValueError, naming the option, where a share of the data does not lie between 0 and 1."""
    for name, value in option.items():
        if not 0 < value < 1:
            raise ValueError(f"task.{name}={value} must lie between 0 and 1")


def cut_points(count: int, splits: Sequence[float]) -> tuple[int, int]:
    """The ends of train and valid among `count` items in order, rounded down; without test, valid ends at `count`."""
    return int(count * splits[0]), int(count * (splits[0] + splits[1])) if splits[2] else count
