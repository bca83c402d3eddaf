"""Features over time scaled to mean 0 and variance 1, and a baseline from each sequence's mean.

A feature's unit and offset change no score: one that float32 cannot hold well is moved and scaled in float64 by round
numbers, before anything else, and every threshold is relative to how much a feature varies. One that is constant in
train tells nothing, and is 0 in every split: divided by the rounding of its mean, it would drown all others in a test
where it varies.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from bench.api import DataError, Split

from ..files.reading import some
from .classification import Labelled
from .least_squares import linear_accuracy
from .ragged import Ragged

__all__ = ["By", "in_float32", "mean_accuracy", "means", "normalised", "spread_notes"]

By = Literal["none", "sequence", "corpus"]

_ROUNDING = 2.0**-46  # of float64: what varies by less of its own size does not vary
_LEAST, _MOST = 1e-5, 1e15  # standard deviations that float32 holds with their squares
_FAR = 100.0  # standard deviations off 0, from where float32 keeps less than five digits of what varies
_FARTHEST = 1e4  # standard deviations off the mean of train that no ordinary test reaches
_NOISE = 1e-6  # of a feature's standard deviation: means over time that vary by less are rounding


def normalised(splits: Mapping[Split, Labelled], by: By) -> dict[Split, Labelled]:
    """The splits in float32, each feature at mean 0 and variance 1: over each `sequence`, or over train's time steps.

    Raises DataError for numbers that float32 cannot hold, where they are to be left as they are.
    """
    if by == "none":
        return {split: _with_values(data, _as_they_are(data.sequences.values)) for split, data in splits.items()}
    if by == "sequence":
        return _each_normalised(splits)
    held = in_float32(splits)
    values_SF = held["train"].sequences.values
    mean_F, scale_F = values_SF.mean(0), values_SF.std(0, correction=0).clamp(min=_LEAST)
    return {split: _with_values(data, (data.sequences.values - mean_F) / scale_F) for split, data in held.items()}


def in_float32(splits: Mapping[Split, Labelled]) -> dict[Split, Labelled]:
    """The splits in float32, as they are where float32 holds them; a feature far off 0 for what it varies is moved, one
    that varies by too little or too much is in a unit of its own, and one that is constant in train is 0.
    """
    values_SF = splits["train"].sequences.values
    offset_F, unit_F = _units(values_SF)
    constant_F = _constant(splits["train"].sequences, whole=True)[0]
    changed = ((offset_F != 0) | (unit_F != 1) | constant_F).nonzero().flatten().tolist()
    if not changed and values_SF.dtype == torch.float32:
        return dict(splits)
    done = {}
    for split, data in splits.items():
        held_SF = data.sequences.values.to(torch.float32, copy=True)
        for feature in changed:
            moved_S = (data.sequences.values[:, feature].double() - offset_F[feature]) / unit_F[feature]
            held_SF[:, feature] = 0 if constant_F[feature] else moved_S.float()
        done[split] = _with_values(data, held_SF)
    return done


def _units(values_SF: Tensor) -> tuple[Tensor, Tensor]:
    """The offset and the unit of each feature in float64: 0 and 1 where float32 holds the feature."""
    reach_F = (values_SF.amax(0).double() - values_SF.amin(0).double()) / 4
    scale_F = values_SF.std(0, correction=0).double()
    is_held_F = (scale_F >= _LEAST) & (scale_F <= _MOST)
    spread_F = torch.where(is_held_F, scale_F, reach_F).clamp(min=1e-300)
    decade_F = 10.0 ** spread_F.log10().round()
    mean_F = values_SF.mean(0).double()
    near_F = mean_F.abs() <= _FAR * spread_F
    offset_F = torch.where(near_F, 0.0, (mean_F / (10 * decade_F)).round() * 10 * decade_F)
    return offset_F, torch.where(is_held_F, 1.0, decade_F)


def _each_normalised(splits: Mapping[Split, Labelled]) -> dict[Split, Labelled]:
    """Each sequence scaled by its own mean and variance; a feature that hardly varies in it is not blown up."""
    held = in_float32({split: _near(data) for split, data in splits.items()})
    within_F = means(_squares(held["train"].sequences)[1]).mean(0).sqrt()
    least_F = (_LEAST * within_F).clamp(min=torch.finfo(torch.float32).tiny)
    done = {}
    for split, data in held.items():
        centred_SF, squares = _squares(data.sequences)
        scale_NF = means(squares).sqrt()
        done[split] = _with_values(data, centred_SF / _spread(scale_NF, data.sequences).clamp(min=least_F))
    return done


def _squares(ragged: Ragged) -> tuple[Tensor, Ragged]:
    """Values less each sequence's mean, and their squares."""
    centred_SF = ragged.values - _spread(means(ragged), ragged)
    return centred_SF, Ragged(centred_SF.square(), ragged.starts)


def _near(data: Labelled) -> Labelled:
    """The sequences with 0 where a feature is constant in one, and in float64 less their mean where it is far off 0:
    float32 could not take it away without loss.
    """
    ragged = data.sequences
    values_SF = ragged.values.masked_fill(_spread(_constant(ragged), ragged), 0.0)
    if values_SF.dtype == torch.float64:
        mean_NF = means(ragged)
        scale_NF = means(_squares(ragged)[1]).sqrt()
        offset_NF = torch.where(mean_NF.abs() > _FAR * scale_NF, mean_NF, 0.0).masked_fill(_constant(ragged), 0.0)
        values_SF = values_SF - _spread(offset_NF, ragged)
    return _with_values(data, values_SF)


def _constant(ragged: Ragged, whole: bool = False) -> Tensor:
    """Where a feature does not vary, in each sequence `[N, F]`, or as a `whole` `[1, F]`."""
    values, first = ragged.values.numpy(), [0] if whole else ragged.starts[:-1].numpy()
    most_NF, least_NF = (
        reduce(values, first, axis=0).astype(np.float64) for reduce in (np.maximum.reduceat, np.minimum.reduceat)
    )
    return torch.from_numpy(most_NF - least_NF <= _ROUNDING * np.maximum(np.abs(most_NF), np.abs(least_NF)))


def spread_notes(splits: Mapping[Split, Labelled], by: By, what: str) -> list[str]:
    """What a task says of features, each a `what`, that vary too little to be scaled: that are constant, in train or in
    a sequence where each is scaled by its own, or vary far more in test than in the train that they are scaled by.
    """
    read = "" if by == "none" else ", and read as 0"
    values_SF, notes = splits["train"].sequences.values, []
    constant_F = _constant(splits["train"].sequences, whole=True)[0]
    if said := _numbers(constant_F, what):
        notes.append(f"{said} constant in train{read}")
    if by == "sequence":
        stuck_N = torch.cat([(_constant(data.sequences) & ~constant_F).any(1) for data in splits.values()])
        if stuck_N.any():
            notes.append(f"{int(stuck_N.sum())} of {len(stuck_N)} sequences have a constant {what}, read as 0 there")
    if by == "none" and (said := _numbers(_units(values_SF)[0] != 0, what)):
        notes.append(f"{said} so far off 0 that float32 rounds what varies: set task.normalise=corpus")
    if by == "corpus" and "test" in splits:
        mean_F, scale_F = values_SF.mean(0), values_SF.std(0, correction=0)
        ends_2F = torch.stack([splits["test"].sequences.values.amax(0), splits["test"].sequences.values.amin(0)])
        far_F = ((ends_2F - mean_F).abs().amax(0) > _FARTHEST * scale_F) & ~constant_F
        if said := _numbers(far_F, what):
            notes.append(f"{said} in test more than {_FARTHEST:,.0f} of train's standard deviations off its mean")
    return notes


def _numbers(chosen_F: Tensor, what: str) -> str:
    """How many features were chosen, and which, counted from 1: `2 of 9 channels (3, 7)`."""
    numbers = [str(feature + 1) for feature in chosen_F.nonzero().flatten().tolist()]
    return f"{len(numbers)} of {len(chosen_F)} {what}s ({some(numbers, 5)})" if numbers else ""


def means(ragged: Ragged) -> Tensor:
    """The mean over time of each sequence, `[N, F]`."""
    number_S = torch.arange(len(ragged)).repeat_interleave(ragged.lengths)
    sums_NF = ragged.values.new_zeros(len(ragged), ragged.values.shape[1]).index_add_(0, number_S, ragged.values)
    return sums_NF / ragged.lengths[:, None]


def mean_accuracy(train: Labelled, test: Labelled) -> float:
    """Accuracy on test of a linear classifier of each sequence's mean over time, fitted to train."""
    held = in_float32({"train": train, "test": test})
    scale_F = held["train"].sequences.values.std(0, correction=0).double()
    x_NF, x_MF = (means(data.sequences) for data in held.values())
    return linear_accuracy(x_NF, train.labels, x_MF, test.labels, least=_NOISE * scale_F)


def _as_they_are(values_SF: Tensor) -> Tensor:
    held_SF = values_SF.float()
    if not held_SF.isfinite().all():
        largest = values_SF.abs().max().item()
        raise DataError(
            f"task.normalise=none: numbers of up to {largest:.2g} are too large for float32; normalise them"
        )
    return held_SF


def _with_values(data: Labelled, values_SF: Tensor) -> Labelled:
    return Labelled(Ragged(values_SF, data.sequences.starts), data.labels)


def _spread(values_NF: Tensor, ragged: Ragged) -> Tensor:
    """Each sequence's row at each of its time steps."""
    return values_NF.repeat_interleave(ragged.lengths, dim=0)
