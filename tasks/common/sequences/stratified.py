"""Sequences held out of labelled data: the same share of every class, the same ones in every run."""

from __future__ import annotations

import hashlib

import torch
from torch import Generator, Tensor

__all__ = ["refuse_drawn", "stratified"]


def stratified(labels_N: Tensor, share: float, seed: int, drawn: int | None = None) -> Tensor:
    """A mask `[N]` of the sequences to hold out: a `share` of each class, rounded, and at least one of each class with
    two or more. It depends on the labels and the constant `seed` alone, and where others are to be held out on the
    number `drawn`.
    """
    if drawn is not None:
        seed = int.from_bytes(hashlib.sha256(f"{drawn} split {seed}".encode()).digest()[:8], "big") >> 1
    order_N = torch.randperm(len(labels_N), generator=Generator().manual_seed(seed))
    chosen_N = torch.zeros(len(labels_N), dtype=torch.bool)
    for label in labels_N.unique():
        of_class = order_N[labels_N[order_N] == label]
        count = round(share * len(of_class))
        chosen_N[of_class[: max(count, int(share > 0 and len(of_class) > 1))]] = True
    return chosen_N


def refuse_drawn(split_seed: int | None) -> None:
    """Raise ValueError for a seed of the split where a task has no split to draw."""
    if split_seed is not None:
        raise ValueError(
            f"seed.split={split_seed}: the splits of task.source=builtin are generated apart, none is drawn; leave it "
            "out, or name files"
        )
