"""Sequences held out of labelled data: the same share of every class, the same ones in every run."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

__all__ = ["stratified"]


def stratified(labels_N: Tensor, share: float, seed: int) -> Tensor:
    """A mask `[N]` of the sequences to hold out: a `share` of each class, rounded, and at least one of each class with
    two or more. It depends on the labels and the constant `seed` alone.
    """
    order_N = torch.randperm(len(labels_N), generator=Generator().manual_seed(seed))
    chosen_N = torch.zeros(len(labels_N), dtype=torch.bool)
    for label in labels_N.unique():
        of_class = order_N[labels_N[order_N] == label]
        count = round(share * len(of_class))
        chosen_N[of_class[: max(count, int(share > 0 and len(of_class) > 1))]] = True
    return chosen_N
