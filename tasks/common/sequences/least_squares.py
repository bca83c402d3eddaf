"""A linear classifier of features without their order: the score to beat for a model that reads sequences."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["linear_accuracy"]


def linear_accuracy(
    train_NF: Tensor,
    labels_N: Tensor,
    test_MF: Tensor,
    truth_M: Tensor,
    ridge: float = 1e-3,
    least: float | Tensor = 1e-6,
) -> float:
    """The accuracy on `test_MF` of regularised least squares onto one-hot classes, fitted to `train_NF`.

    Features are scaled to unit variance in train, those that vary by less than `least` (of all, or of each, `[F]`) as
    if they varied so much; the penalty is `ridge` per sequence (Hastie, Tibshirani & Friedman, "The elements of
    statistical learning", 2009, section 4.2).
    """
    least_F = torch.as_tensor(least, dtype=torch.float64).clamp(min=1e-30)
    mean_F, scale_F = train_NF.double().mean(0), train_NF.double().std(0, correction=0).clamp(min=least_F)
    x_NF, x_MF = ((x - mean_F) / scale_F for x in (train_NF, test_MF))
    y_NC = torch.nn.functional.one_hot(labels_N).double()
    share_C = y_NC.mean(0)
    penalty_FF = ridge * len(x_NF) * torch.eye(x_NF.shape[1], dtype=torch.float64)
    weight_FC = torch.linalg.solve(x_NF.T @ x_NF + penalty_FF, x_NF.T @ y_NC)  # the mean feature is 0
    return ((x_MF @ weight_FC + share_C).argmax(1) == truth_M).double().mean().item()
