"""A tiny task of each form: features and classes, symbols and classes, a sequence of symbols and another one."""

from __future__ import annotations

from dataclasses import replace

import torch
from tiny import CLASSES, Given, a_batch

from bench.api import END, Batch, TaskSpec


class Reading(Given):
    """Symbols that are read as a whole before others are written."""

    @property
    def spec(self) -> TaskSpec:
        return replace(super().spec, reads="sequence", longest=4)


def _batches(symbols: bool = False) -> list[Batch]:
    """Four batches of 6 time steps; the lanes of all but the first go on."""
    batches = [a_batch(6, 3, seed=i, fresh=i == 0) for i in range(4)]
    if not symbols:
        return batches
    return [replace(batch, inputs=batch.inputs[..., 0].abs().mul(3).long() % CLASSES) for batch in batches]


def _written(batch: Batch) -> Batch:
    """The same symbols as a target that ends with END in every lane."""
    targets_UB = torch.where(batch.targets == END, 1, batch.targets)
    targets_UB[-1] = END
    return replace(batch, targets=targets_UB, fresh=torch.ones_like(batch.fresh))


TASKS = {
    "features": Given(train=_batches()),
    "symbols": Given(train=_batches(symbols=True)),
    "sequence": Reading(train=[_written(batch) for batch in _batches(symbols=True)]),
}
