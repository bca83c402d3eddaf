"""Sequences of different lengths: stored end to end, batched by length, padded at the end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Generator, Tensor

__all__ = ["Ragged", "by_equal_length", "by_length"]

_POOL = 32  # batches that are sorted by length together: little padding, and yet every pass mixes anew
_MOST_STEPS = 2**16  # of a held-out batch, padding included


@dataclass(frozen=True)
class Ragged:
    """N sequences, end to end in `values [sum of lengths, ...]`; sequence i is `values[starts[i]:starts[i + 1]]`."""

    values: Tensor
    starts: Tensor

    @classmethod
    def of(cls, sequences: Iterable[Tensor]) -> Ragged:
        """The given tensors `[T, ...]`, each of its own T; at least one."""
        parts = list(sequences)
        lengths = torch.tensor([0, *(len(part) for part in parts)])
        return cls(torch.cat(parts), lengths.cumsum(0))

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __iter__(self) -> Iterator[Tensor]:
        return (self.values[start:stop] for start, stop in pairwise(self.starts.tolist()))

    @property
    def lengths(self) -> Tensor:
        """Time steps of each sequence, `[N]`."""
        return self.starts.diff()

    def padded(self, chosen_B: Tensor) -> tuple[Tensor, Tensor]:
        """The sequences of these numbers, `[T, B, ...]` with zeros after each one's end, and their lengths `[B]`."""
        starts_B = self.starts[chosen_B]
        lengths_B = self.starts[chosen_B + 1] - starts_B
        time_T1 = torch.arange(int(lengths_B.max()))[:, None]
        inside_TB = time_T1 < lengths_B
        picked = self.values[torch.where(inside_TB, starts_B + time_T1, 0)]
        return picked * inside_TB.view(*inside_TB.shape, *[1] * (picked.dim() - 2)), lengths_B


def by_length(lengths: Tensor, batch_size: int, generator: Generator | None = None) -> Iterator[Tensor]:
    """The numbers of all sequences, in batches of similar length, each number once.

    With a generator they are shuffled, sorted by length within pools of 32 batches, and the batches of a pool come in
    random order. Without one they are sorted as a whole, shortest first, and where a batch would have more than
    2**16 time steps, it has fewer sequences: so held-out data of any length need the same memory.
    """
    if generator is None:
        for batch in lengths.argsort(stable=True).split(batch_size):
            yield from _halved(batch, lengths)
        return
    for pool in torch.randperm(len(lengths), generator=generator).split(_POOL * batch_size):
        batches = pool[lengths[pool].argsort(stable=True)].split(batch_size)
        for number in torch.randperm(len(batches), generator=generator).tolist():
            yield batches[number]


def _halved(batch: Tensor, lengths: Tensor) -> Iterator[Tensor]:
    """The numbers of a batch, shortest first, in as many parts as its padded size needs."""
    if len(batch) > 1 and len(batch) * int(lengths[batch[-1]]) > _MOST_STEPS:
        for half in batch.tensor_split(2):
            yield from _halved(half, lengths)
    else:
        yield batch


def by_equal_length(lengths: Tensor, batch_size: int, generator: Generator | None = None) -> Iterator[Tensor]:
    """The numbers of all sequences, each once, in batches of equal length: no lane needs padding.

    The last batch of a length may be smaller. With a generator sequences and batches come in random order; without one,
    the shortest come first.
    """
    order = torch.arange(len(lengths)) if generator is None else torch.randperm(len(lengths), generator=generator)
    order = order[lengths[order].argsort(stable=True)]
    sizes = lengths[order].unique_consecutive(return_counts=True)[1].tolist()
    batches = [batch for group in order.split(sizes) for batch in group.split(batch_size)]
    if generator is not None:
        batches = [batches[number] for number in torch.randperm(len(batches), generator=generator).tolist()]
    yield from batches
