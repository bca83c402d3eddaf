"""Tasks that read and write sequences and are each wrong in one way, made from a correct one."""

from __future__ import annotations

from dataclasses import replace

import torch

from bench.api import Batch
from bench.tasks.translation import Translation


class Good(Translation):
    """A small translation. Mutants change one method."""

    def __init__(self, largest: int = 999) -> None:
        super().__init__(largest=largest)

    def change(self, batch: Batch) -> Batch:
        return batch

    def batches(self, split, batch_size, generator):
        return map(self.change, super().batches(split, batch_size, generator))


class WritesForEver(Good):
    @property
    def spec(self):
        return replace(super().spec, longest=0)


class GoesOn(Good):
    def change(self, batch):
        return replace(batch, fresh=torch.zeros_like(batch.fresh))


class CountsNoSteps(Good):
    def change(self, batch):
        return replace(batch, lengths=None)


class StopsEarly(Good):
    """Each output begins with END."""

    def change(self, batch):
        return replace(batch, targets=batch.targets.index_fill(0, torch.tensor([0]), 0))


class AlignedTargets(Good):
    """A weight for each step read instead of each step written."""

    def change(self, batch):
        return replace(batch, weight=torch.ones(batch.inputs.shape))


class MeanOfOutputs(Good):
    def tally_decoded(self, decoded, batch):
        return {name: value / len(batch.fresh) for name, value in super().tally_decoded(decoded, batch).items()}


class ReadsPadding(Good):
    def tally_decoded(self, decoded, batch):
        return {**super().tally_decoded(decoded, batch), "wanted": (batch.targets > 0).sum()}


class RosyChance(Good):
    @property
    def spec(self):
        spec = super().spec
        return replace(spec, metric=replace(spec.metric, chance=0.5))
