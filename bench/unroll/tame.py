"""Weights of a cell made smaller for a while, until rounding errors no longer grow in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor

from bench.api import Cell


@contextmanager
def weights_kept(cell: Cell) -> Iterator[list[Tensor]]:
    """In the block the cell's weights may be written to; after it they are what they were."""
    weights = [weight.detach() for weight in cell.parameters() if weight.numel()]
    before = [weight.clone() for weight in weights]
    try:
        yield weights
    finally:
        for weight, old in zip(weights, before, strict=True):
            weight.copy_(old)


def halve_largest(weights: list[Tensor]) -> None:
    """Scale each tensor so that no number in it is above half the largest number in all of them.

    Tensors of small numbers stay as they are, so that what they do is still seen: biases, where a matrix is large.
    """
    largest = [weight.abs().max().item() for weight in weights]
    bound = max(largest, default=0.0) / 2
    for weight, size in zip(weights, largest, strict=True):
        if size > bound:
            weight.mul_(bound / size)
