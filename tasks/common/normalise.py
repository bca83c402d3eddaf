"""Features over time scaled to mean 0 and variance 1, and a baseline from each sequence's mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor

from bench.api import Split

from .classification import Labelled
from .least_squares import linear_accuracy
from .ragged import Ragged

__all__ = ["mean_accuracy", "normalised"]

_LEAST = 1e-5  # a feature that hardly varies is shifted, not blown up


def normalised(splits: Mapping[Split, Labelled], by: Literal["none", "sequence", "corpus"]) -> dict[Split, Labelled]:
    """The splits with each feature at mean 0 and variance 1: over each `sequence`, or over train's time steps."""
    if by == "none":
        return dict(splits)
    values_SF = splits["train"].sequences.values
    mean_F, scale_F = values_SF.mean(0), values_SF.std(0, correction=0)
    done = {}
    for split, data in splits.items():
        ragged = data.sequences
        if by == "sequence":
            mean_NF = means(ragged)
            centred_SF = ragged.values - _spread(mean_NF, ragged)
            scale_NF = means(Ragged(centred_SF.square(), ragged.starts)).sqrt()
            values_SF = centred_SF / _spread(scale_NF, ragged).clamp(min=_LEAST)
        else:
            values_SF = (ragged.values - mean_F) / scale_F.clamp(min=_LEAST)
        done[split] = Labelled(Ragged(values_SF, ragged.starts), data.labels)
    return done


def means(ragged: Ragged) -> Tensor:
    """The mean over time of each sequence, `[N, F]`."""
    number_S = torch.arange(len(ragged)).repeat_interleave(ragged.lengths)
    sums_NF = torch.zeros(len(ragged), ragged.values.shape[1]).index_add_(0, number_S, ragged.values)
    return sums_NF / ragged.lengths[:, None]


def mean_accuracy(train: Labelled, test: Labelled) -> float:
    """Accuracy on test of a linear classifier of each sequence's mean over time, fitted to train."""
    return linear_accuracy(means(train.sequences), train.labels, means(test.sequences), test.labels)


def _spread(values_NF: Tensor, ragged: Ragged) -> Tensor:
    """Each sequence's row at each of its time steps."""
    return values_NF.repeat_interleave(ragged.lengths, dim=0)
