"""Forecasting from windows of one long series: the splits follow each other in time, each step is scored once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Generator, Tensor

from bench.api import Batch, DataError, Split

from ..fractions import check_fractions, cut_points

__all__ = ["Windows", "autoregression", "fit_note", "scored_steps"]

_MOST = 20_000  # steps that a linear baseline is fitted to
_WIDEST = 1_000  # numbers that it reads at a step: the work grows with their square, and memory with their number
_CELLS = 40_000_000  # of a matrix of what is read, at once
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


def autoregression(windows: Windows, split: Split, target: int | None = 0) -> np.ndarray:
    """Forecasts `[steps of split, C]` of linear least squares, fitted to train, from a step's inputs and context.

    `target` is the place among the inputs of the column that is forecast, None where it is not read: where there are
    too many numbers to fit, the column's own past goes before all else (see `fit_note`).
    """
    known = windows.steps["train"]
    known = range(max(known.start, known.stop - _MOST), known.stop)
    weight_N1 = windows.weight[known.start : known.stop, None].numpy().astype(np.float64)
    read_NK, wanted_NC = _past(windows, known, target), windows.targets[known.start : known.stop].numpy() * weight_N1
    read_NK *= weight_N1
    ridge = _RIDGE * len(read_NK) * np.eye(read_NK.shape[1])
    coefficients_KC = np.linalg.solve(read_NK.T @ read_NK + ridge, read_NK.T @ wanted_NC)
    steps, rows = windows.steps[split], max(1, _CELLS // len(coefficients_KC))
    parts = (range(start, min(start + rows, steps.stop)) for start in range(steps.start, steps.stop, rows))
    return np.concatenate([_past(windows, part, target) @ coefficients_KC for part in parts])


def fit_note(windows: Windows, names: Sequence[str], target: int | None) -> list[str]:
    """A line where `autoregression` does not read all that a model reads."""
    features, lags = windows.inputs.shape[1], windows.context + 1
    own, others = _lags(features, lags, target)
    if min(own, others if features > 1 else own) == lags:
        return []
    what = f"{own:,} steps of {names[target]}" if target is not None else f"{own:,} steps"
    beside = f" and {others:,} of the other columns" if others and features > 1 and target is not None else ""
    return [f"the baseline linear reads the last {what}{beside}: at most {_WIDEST:,} numbers are fitted"]


def _lags(features: int, lags: int, target: int | None) -> tuple[int, int]:
    """How many steps a linear fit reads of the target, and of each other column."""
    if target is None:
        return (min(lags, _WIDEST // features),) * 2
    own = min(lags, _WIDEST)
    return own, min(lags, (_WIDEST - own) // max(1, features - 1))


def _past(windows: Windows, steps: range, target: int | None) -> np.ndarray:
    """What a linear fit reads at each of the steps, with a 1 at the end: `[steps, K]` float64."""
    own, others = _lags(windows.inputs.shape[1], windows.context + 1, target)
    inputs_NF = windows.inputs.numpy()
    groups = [(inputs_NF, own)]
    if target is not None and own != others:
        groups = [(inputs_NF[:, [target]], own), (np.delete(inputs_NF, target, axis=1), others)]
    parts = [np.ones((len(steps), 1))]
    for group_NF, lags in reversed(groups):
        if lags:
            past_NF = group_NF[steps.start - lags + 1 : steps.stop].astype(np.float64)
            parts.insert(0, np.lib.stride_tricks.sliding_window_view(past_NF, lags, axis=0).reshape(len(steps), -1))
    return np.concatenate(parts, axis=1)
