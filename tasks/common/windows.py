"""Forecasting from windows of one long series: the splits follow each other in time, each step is scored once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Generator, Tensor

from bench.api import Batch, DataError, Split

from .fractions import check_fractions, cut_points

__all__ = ["Windows", "autoregression", "scored_steps"]

_MOST = 20_000  # steps that a linear baseline is fitted to
_RIDGE = 1e-6  # keeps the fit well-posed where columns repeat each other


@dataclass(frozen=True)
class Windows:
    """Windows of `context + length` steps; only the last `length` are scored.

    The context is the past, also where it belongs to the previous split. `steps` gives the scored steps of each split.
    """

    inputs: Tensor
    """`[N, F]` float32"""
    targets: Tensor
    """`[N, C]` float32, at the step from which they are forecast"""
    weight: Tensor
    """`[N]` float32: 1 where a step may be scored"""
    steps: dict[Split, range]
    context: int
    length: int

    def batches(self, split: Split, batch_size: int, generator: Generator) -> Iterator[Batch]:
        """In train all windows, shuffled; in valid and test as many as it takes to score each step once."""
        steps = self.steps[split]
        if not steps:
            return
        if split == "train":
            begins = torch.arange(steps.start, steps.stop - self.length + 1)
            begins = begins[torch.randperm(len(begins), generator=generator)]
        else:
            begins = torch.arange(steps.start, steps.stop, self.length)
        seen = torch.cat([torch.zeros(1), self.weight.double().cumsum(0)])
        ends = (begins + self.length).clamp(max=steps.stop)
        begins = begins[seen[ends] > seen[begins]]  # a window within a gap has nothing to score
        time_T1 = torch.arange(-self.context, self.length)[:, None]
        for begins_B in begins.split(batch_size):
            at_TB = begins_B.clamp(max=steps.stop - self.length) + time_T1  # the last window lies flush with the end
            yield Batch(
                inputs=self.inputs[at_TB],
                targets=self.targets[at_TB],
                weight=self.weight[at_TB] * (at_TB >= begins_B),
            )


def scored_steps(
    count: int, splits: Sequence[float], horizon: int, context: int, length: int, what: str
) -> dict[Split, range]:
    """The steps of each split from which to forecast the next `horizon` values, all of which are in the split.

    `splits` are the fractions of train, valid and test, in this order in time. Raises ValueError for wrong fractions,
    DataError, naming `what`, for a series that is too short.
    """
    check_fractions(splits)
    first, second = cut_points(count, splits)
    steps: dict[Split, range] = {
        "train": range(context, first - horizon),
        "valid": range(first - 1, second - horizon),
        "test": range(second - 1, count - horizon) if splits[2] else range(0),
    }
    needed: dict[Split, int] = {"train": length, "valid": 1, "test": 1}
    for split, least in needed.items():
        if len(steps[split]) < least and not (split == "test" and not splits[2]):
            raise DataError(
                f"{what}: of {count} values the {split} split has {len(steps[split])} steps to score, it needs "
                f"{least}; name a longer series, set its part of task.splits={list(splits)} larger, or "
                f"task.context={context}, task.length={length} or task.horizon={horizon} smaller"
            )
    return steps


def autoregression(windows: Windows, split: Split) -> np.ndarray:
    """Forecasts `[steps of split, C]` of linear least squares, fitted to train, from a step's inputs and context."""
    lags = windows.context + 1

    def design(steps: range) -> np.ndarray:
        past_NFL = windows.inputs.numpy().astype(np.float64)[steps.start - lags + 1 : steps.stop]
        past_NFL = np.lib.stride_tricks.sliding_window_view(past_NFL, lags, axis=0)
        return np.concatenate([past_NFL.reshape(len(past_NFL), -1), np.ones((len(past_NFL), 1))], axis=1)

    train = windows.steps["train"]
    train = range(max(train.start, train.stop - _MOST), train.stop)
    weight_N1 = windows.weight[train.start : train.stop, None].numpy().astype(np.float64)
    known, wanted = design(train) * weight_N1, windows.targets[train.start : train.stop].numpy() * weight_N1
    ridge = _RIDGE * len(known) * np.eye(known.shape[1])
    coefficients = np.linalg.solve(known.T @ known + ridge, known.T @ wanted)
    return design(windows.steps[split]) @ coefficients
