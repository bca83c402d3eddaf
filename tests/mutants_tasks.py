"""Tasks that are each wrong in one way, made from a correct one."""

from __future__ import annotations

import socket
from contextlib import suppress
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from typing import ClassVar

import torch
from torch import Generator

from bench.api import Batch
from bench.tasks.copy import Copy


class Good(Copy):
    """A short copy task. Mutants change one method."""

    def __init__(self, symbols: int = 4, held_out: int = 300) -> None:
        super().__init__(symbols=symbols, delay=2, held_out=held_out)


class Unversioned(Good):
    @property
    def spec(self):
        return replace(super().spec, id="copy")


class Stands(Good):
    """Time steps of no length."""

    @property
    def spec(self):
        return replace(super().spec, rate=0.0)


class ReadsUnsaid(Good):
    """Its data is in a file that its spec does not state."""

    def batches(self, split, batch_size, generator):
        (Path(__file__).parent / "laws" / "data_versions.json").read_text()
        yield from super().batches(split, batch_size, generator)


class WrongVocabulary(Good):
    @property
    def spec(self):
        spec = super().spec
        return replace(spec, inputs=replace(spec.inputs, size=spec.inputs.size - 1))


class Changed(Good):
    """Every batch passes through `change`."""

    def change(self, batch: Batch, split: str) -> Batch:
        return batch

    def batches(self, split, batch_size, generator):
        for batch in super().batches(split, batch_size, generator):
            yield self.change(batch, split)


class BatchFirst(Changed):
    def change(self, batch, split):
        return replace(batch, weight=batch.weight.T)


class PaddingCounts(Changed):
    """Lanes are said to be shorter than their scored steps."""

    def change(self, batch, split):
        return replace(batch, lengths=torch.full(batch.fresh.shape, len(batch.inputs) - 1))


class OwnSeed(Changed):
    """Lanes in another order each time, by a generator that nobody seeded."""

    def change(self, batch, split):
        order = torch.randperm(len(batch.fresh), generator=self.generator)
        return replace(batch, inputs=batch.inputs[:, order], targets=batch.targets[:, order])

    def __init__(self, symbols: int = 4, held_out: int = 300) -> None:
        super().__init__(symbols, held_out)
        self.generator = Generator()
        self.generator.seed()


class GlobalSeed(OwnSeed):
    def __init__(self, symbols: int = 4, held_out: int = 300) -> None:
        super().__init__(symbols, held_out)
        self.generator = None


class HashOrder(Changed):
    """Depends on the hash of a string, which is another in every process."""

    def change(self, batch, split):
        return replace(batch, weight=batch.weight * (1 + hash("a string") % 1000 / 1000))


class DrawnSubset(Good):
    """Leaves out as many batches of valid and test as the run's generator says."""

    def batches(self, split, batch_size, generator):
        batches = super().batches(split, batch_size, generator)
        return batches if split == "train" else islice(batches, int(torch.randint(1, 9, (), generator=generator)), None)


class DropsTheLast(Good):
    """Leaves out the last batch of valid and test where it is smaller."""

    def batches(self, split, batch_size, generator):
        for batch in super().batches(split, batch_size, generator):
            if len(batch.fresh) == batch_size:
                yield batch


class TrainsOnTest(Good):
    def batches(self, split, batch_size, generator):
        for number, batch in enumerate(super().batches(split, batch_size, generator)):
            yield next(Good.batches(self, "test", batch_size, generator)) if (split, number) == ("train", 3) else batch


class LeakyData(Good):
    """Finite data: ten of the hundred batches of train are those of test."""

    def __init__(self, symbols: int = 8, held_out: int = 300) -> None:
        super().__init__(symbols, held_out)

    @property
    def spec(self):
        return replace(super().spec, fingerprint="0123")

    def batches(self, split, batch_size, generator):
        batches = super().batches(split, batch_size, generator)
        return batches if split != "train" else chain(self.batches("test", batch_size, generator), islice(batches, 90))


class RosyChance(Good):
    @property
    def spec(self):
        spec = super().spec
        return replace(spec, metric=replace(spec.metric, chance=0.5))


class Means(Good):
    def tally(self, logits, batch):
        return {name: value / len(batch.fresh) for name, value in super().tally(logits, batch).items()}


class OtherMetric(Good):
    def scores(self, totals):
        return {"accuracy": 0.0}


class CountsBlanks(Good):
    def tally(self, logits, batch):
        return super().tally(logits, replace(batch, weight=torch.ones_like(batch.weight)))


class Downloads(Changed):
    def change(self, batch, split):
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", 9))
        return batch


class KeepsBatches(Changed):
    def __init__(self, symbols: int = 4, held_out: int = 300) -> None:
        super().__init__(symbols, held_out)
        self.seen = []

    def change(self, batch, split):
        self.seen.append(batch)
        return batch


class KeepsNotes(KeepsBatches):
    """Less than a batch, but without end."""

    def change(self, batch, split):
        self.seen.append(str(batch.inputs.shape))
        return batch


class Enlarges(Changed):
    """Writes into one tensor, made with the task, that it makes longer for each batch."""

    def __init__(self, symbols: int = 4, held_out: int = 300) -> None:
        super().__init__(symbols, held_out)
        self.kept = torch.zeros(1)

    def change(self, batch, split):
        self.kept.resize_(self.kept.numel() + 100)
        return batch


class Endless(Good):
    def batches(self, split, batch_size, generator):
        while True:
            yield from super().batches(split, batch_size, generator)


class AdmitsToLeak(TrainsOnTest):
    expected_failures: ClassVar = {"splits are disjoint": "a toy that trains on all there is"}
