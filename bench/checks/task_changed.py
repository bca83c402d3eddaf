"""A task whose batches are changed: other sequences' labels, time from its end, time in an order drawn anew."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import torch
from torch import Generator, Tensor

from bench.api import Batch, Split, Task, TaskSpec

Change = Callable[[Batch, Generator], Batch]
"""Makes another batch of one; what it draws, it draws by the generator."""


class Changed(Task):
    """The task, each batch of every split passed through `change`; scores and loss are the task's own."""

    def __init__(self, task: Task, change: Change) -> None:
        self._task, self._change = task, change

    @property
    def spec(self) -> TaskSpec:
        """The task's own."""
        return self._task.spec

    def batches(self, split: Split, batch_size: int, generator: Generator) -> Iterator[Batch]:
        """The task's batches, changed."""
        own = Generator().manual_seed(0)  # held-out batches are the same whenever they are asked for
        return (self._change(batch, own) for batch in self._task.batches(split, batch_size, generator))

    def loss(self, logits: Tensor, batch: Batch) -> Tensor:
        """The task's own."""
        return self._task.loss(logits, batch)

    def tally(self, logits: Tensor, batch: Batch) -> dict[str, Tensor]:
        """The task's own."""
        return self._task.tally(logits, batch)

    def tally_decoded(self, decoded: Tensor, batch: Batch) -> dict[str, Tensor]:
        """The task's own."""
        return self._task.tally_decoded(decoded, batch)

    def scores(self, totals: Mapping[str, float]) -> dict[str, float]:
        """The task's own."""
        return self._task.scores(totals)


def as_it_is(batch: Batch, generator: Generator) -> Batch:
    """No change."""
    return batch


def labels_shuffled(batch: Batch, generator: Generator) -> Batch:
    """Each sequence has the labels of another one of its batch; where lanes go on, always of the same lane."""
    return replace(batch, inputs=batch.inputs.roll(max(batch.inputs.shape[1] // 2, 1), 1))


def time_reversed(batch: Batch, generator: Generator) -> Batch:
    """Each sequence is read from its end; what is padding stays at the end."""
    return _in_order(batch, lambda steps: torch.arange(steps).flip(0))


def time_shuffled(batch: Batch, generator: Generator) -> Batch:
    """Each sequence is read in an order drawn anew; what is padding stays at the end."""
    return _in_order(batch, lambda steps: torch.randperm(steps, generator=generator))


def _in_order(batch: Batch, order: Callable[[int], Tensor]) -> Batch:
    steps, lanes = batch.inputs.shape[:2]
    lengths = [steps] * lanes if batch.lengths is None else [min(int(n), steps) for n in batch.lengths]
    inputs = batch.inputs.clone()
    for lane, length in enumerate(lengths):
        inputs[:length, lane] = batch.inputs[order(length), lane]
    return replace(batch, inputs=inputs)
