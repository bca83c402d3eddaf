"""Weights of a cell disturbed for a while, to see whether rounding errors grow in it, or made smaller, so none do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Generator, Tensor

from bench.api import Cell


def weights_of(cell: Cell) -> list[Tensor]:
    """The cell's weights, to be written to."""
    return [weight.detach() for weight in cell.parameters() if weight.numel()]


@contextmanager
def kept(weights: list[Tensor]) -> Iterator[None]:
    """In the block the weights may be written to; after it they are what they were."""
    before = [weight.clone() for weight in weights]
    try:
        yield
    finally:
        for weight, old in zip(weights, before, strict=True):
            weight.copy_(old)


def disturb(tensors: list[Tensor], rounding: float, generator: Generator) -> None:
    """Make each number larger or smaller by a share `rounding` of it."""
    for tensor in tensors:
        up_or_down = 2.0 * torch.randint(2, tensor.shape, generator=generator) - 1
        tensor.mul_(1 + rounding * up_or_down.to(tensor))


def halve_largest(weights: list[Tensor]) -> None:
    """Scale each tensor so that no number in it is above half the largest number in all of them.

    Tensors of small numbers stay as they are, so that what they do is still seen: biases, where a matrix is large.
    """
    largest = [weight.abs().max().item() for weight in weights]
    bound = max(largest, default=0.0) / 2
    for weight, size in zip(weights, largest, strict=True):
        if size > bound:
            weight.mul_(bound / size)
