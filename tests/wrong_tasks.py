"""Tasks that are each wrong in one way which their spec, their first batches or one tally show."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from mutants_tasks import Changed, Good
from torch import Generator, Tensor

from bench.api import Batch, Features, Metric, Split, Task, TaskSpec


class OfSpec(Good):
    """The spec, with `facts` of its own; those of its metric in `metric`."""

    facts: ClassVar[Mapping[str, object]] = {}
    metric: ClassVar[Mapping[str, object]] = {}

    @property
    def spec(self) -> TaskSpec:
        spec = super().spec
        return replace(spec, **{"metric": replace(spec.metric, **self.metric), **self.facts})  # type: ignore[arg-type]


class NoVersion(OfSpec):
    facts: ClassVar = {"id": "copy"}


class SolvedBelowChance(OfSpec):
    metric: ClassVar = {"solved": 0.1}


class TargetBelowChance(OfSpec):
    metric: ClassVar = {"target": 0.1}


class TargetBeyondSolved(OfSpec):
    metric: ClassVar = {"target": 1.0, "solved": 0.9}


class ChanceAboveOne(OfSpec):
    metric: ClassVar = {"chance": 12.5, "solved": None}


class ChanceOfNothing(OfSpec):
    metric: ClassVar = {"chance": math.nan}


class ChanceInWords(OfSpec):
    metric: ClassVar = {"chance": "1/8"}


class InfiniteBaseline(OfSpec):
    metric: ClassVar = {"baselines": {"majority": math.inf}}


class UpIsHigher(OfSpec):
    metric: ClassVar = {"direction": "higher"}


class SmallerIsBetter(OfSpec):
    metric: ClassVar = {"direction": "min", "chance": 0.125, "solved": 0.0}


class ReadsAll(OfSpec):
    facts: ClassVar = {"reads": "all_steps"}


class FewerOutputs(OfSpec):
    facts: ClassVar = {"outputs": 3}


class MetricByName(OfSpec):
    facts: ClassVar = {"metric": "accuracy"}


class NoOutputs(OfSpec):
    facts: ClassVar = {"outputs": 0}


class OneNote(OfSpec):
    facts: ClassVar = {"notes": "read 3 files"}


class PercentAsShare(Good):
    """Scores in hundredths beside a chance as a share of one."""

    @property
    def spec(self) -> TaskSpec:
        spec = super().spec
        return replace(spec, metric=replace(spec.metric, unit="percent", chance=125.0, solved=None))

    def scores(self, totals):
        return {"recall_accuracy": 100 * super().scores(totals)["recall_accuracy"]}


class Growing(Good):
    """A vocabulary that grows with what was drawn."""

    drawn = 0

    @property
    def spec(self) -> TaskSpec:
        spec = super().spec
        return replace(spec, outputs=spec.outputs + self.drawn)

    def batches(self, split, batch_size, generator):
        self.drawn += 1
        return super().batches(split, batch_size, generator)


class ShortSymbols(Changed):
    def change(self, batch, split):
        return replace(batch, inputs=batch.inputs.int())


class SymbolsAsNumbers(Changed):
    def change(self, batch, split):
        return replace(batch, inputs=batch.inputs.float())


class WideTargets(Changed):
    def change(self, batch, split):
        return replace(batch, targets=batch.targets.double())


class WholeWeights(Changed):
    def change(self, batch, split):
        return replace(batch, weight=batch.weight.long())


class FreshInNumbers(Changed):
    def change(self, batch, split):
        return replace(batch, fresh=batch.fresh.float())


class LanesFirst(Changed):
    def change(self, batch, split):
        return replace(batch, inputs=batch.inputs.T, targets=batch.targets.T, weight=batch.weight.T)


class OneTooLong(Changed):
    def change(self, batch, split):
        return replace(batch, targets=torch.cat([batch.targets, batch.targets[:1]]))


class SymbolOutside(Changed):
    def change(self, batch, split):
        return replace(batch, inputs=batch.inputs + (99 if split == "test" else 0))


class SymbolBelow(Changed):
    def change(self, batch, split):
        return replace(batch, inputs=batch.inputs - 1)


class TargetOutside(Changed):
    def change(self, batch, split):
        return replace(batch, targets=batch.targets + (8 if split == "valid" else 0))


class NothingScored(Changed):
    def change(self, batch, split):
        return replace(batch, weight=torch.zeros_like(batch.weight))


class NegativeWeight(Changed):
    def change(self, batch, split):
        return replace(batch, weight=-batch.weight)


class TooLong(Changed):
    def change(self, batch, split):
        return replace(batch, lengths=torch.full(batch.fresh.shape, len(batch.inputs) + 5))


class TupleForBatch(Changed):
    def change(self, batch, split):
        return batch.inputs, batch.targets


class ArraysForTensors(Changed):
    def change(self, batch, split):
        return replace(batch, weight=batch.weight.numpy())


class EmptyValid(Good):
    def batches(self, split, batch_size, generator):
        return iter(()) if split == "valid" else super().batches(split, batch_size, generator)


class TrainIsValid(Good):
    def batches(self, split, batch_size, generator):
        return super().batches("valid", batch_size, generator)


class TrainIsTestOfData(TrainIsValid):
    """The same of a task with data that might repeat itself."""

    @property
    def spec(self) -> TaskSpec:
        return replace(super().spec, fingerprint="0123")

    def batches(self, split, batch_size, generator):
        return Good.batches(self, "valid" if split == "valid" else "test", batch_size, generator)


class DrawsFromTorch(Changed):
    def change(self, batch, split):
        return replace(batch, weight=batch.weight * (1 + 0 * torch.rand(())))


class DrawsFromNumpy(Changed):
    def change(self, batch, split):
        np.random.rand()
        return batch


class DrawsFromPython(Changed):
    def change(self, batch, split):
        random.random()
        return batch


class OwnNoise(Changed):
    """Weights by a generator that nobody seeded."""

    def change(self, batch, split):
        generator = Generator()
        generator.seed()
        return replace(batch, weight=batch.weight * (1 + torch.rand((), generator=generator)))


class MeanLoss(Good):
    def loss(self, logits, batch):
        return super().loss(logits, batch).mean()


class LossOfNothing(Good):
    def loss(self, logits, batch):
        return super().loss(logits, batch) / 0 * 0


class LossWithoutGradient(Good):
    def loss(self, logits, batch):
        return (logits.argmax(-1) != batch.targets).float()


class MeanOfLanes(Good):
    def tally(self, logits, batch):
        return {name: value / len(batch.fresh) for name, value in super().tally(logits, batch).items()}


class ShareForSum(Good):
    """The accuracy itself, beside a count that is never divided by."""

    def tally(self, logits, batch):
        tally = super().tally(logits, batch)
        return {"right": tally["right"] / tally["scored"], "scored": tally["scored"]}


class PlainNumbers(Good):
    def tally(self, logits, batch):
        return {name: value.item() for name, value in super().tally(logits, batch).items()}


class SumsOfLanes(Good):
    def tally(self, logits, batch):
        return {name: value.expand(len(batch.fresh) + 1) for name, value in super().tally(logits, batch).items()}


class TallyInOrder(Good):
    def tally(self, logits, batch):
        return list(super().tally(logits, batch).values())


class OtherName(Good):
    def scores(self, totals):
        return {"accuracy": super().scores(totals)["recall_accuracy"]}


class OneNumber(Good):
    def scores(self, totals):
        return super().scores(totals)["recall_accuracy"]


class ScoresNothing(Good):
    def scores(self, totals):
        return {"recall_accuracy": math.nan}


class MissingCount(Good):
    def scores(self, totals):
        return {"recall_accuracy": totals["right"] / totals["positions"]}


class NoFile(Good):
    def batches(self, split, batch_size, generator):
        yield from Path("/there/is/no/such/file").read_text().splitlines()


class Sums(Task):
    """Features and a number for each sequence: right, for mutants to break."""

    def change(self, batch: Batch, split: str) -> Batch:
        return batch

    @property
    def spec(self) -> TaskSpec:
        metric = Metric("mse", "squared error", "min", chance=3.0, solved=0.0)
        return TaskSpec("sums-v1", Features(3), 1, "every_step", metric, source="drawn", licence="none")

    def batches(self, split: Split, batch_size: int, generator: Generator) -> Iterator[Batch]:
        if split != "train":
            generator = Generator().manual_seed(1 if split == "valid" else 2)
        for _ in range(4):
            x_TBF = torch.randn(5, batch_size, 3, generator=generator)
            yield self.change(Batch(x_TBF, x_TBF.sum(-1, keepdim=True), torch.ones(5, batch_size)), split)

    def loss(self, logits: Tensor, batch: Batch) -> Tensor:
        return (logits - batch.targets).square().sum(-1)

    def tally(self, logits: Tensor, batch: Batch) -> dict[str, Tensor]:
        return {"error": (self.loss(logits, batch) * batch.weight).sum(), "scored": batch.weight.sum()}

    def scores(self, totals: Mapping[str, float]) -> dict[str, float]:
        return {"mse": totals["error"] / totals["scored"]}


class NumberMissing(Sums):
    def change(self, batch, split):
        return replace(batch, inputs=batch.inputs * (math.nan if split == "test" else 1))


class TargetMissing(Sums):
    def change(self, batch, split):
        return replace(batch, targets=batch.targets / (0 if split == "valid" else 1))


class DoubleFeatures(Sums):
    def change(self, batch, split):
        return replace(batch, inputs=batch.inputs.double())


class FewerFeatures(Sums):
    def change(self, batch, split):
        return replace(batch, inputs=batch.inputs[..., :2])


class NoFeatures(Sums):
    def change(self, batch, split):
        return replace(batch, inputs=batch.inputs[..., 0])


WRONG = {
    # task, what the line says of it
    NoVersion: "`spec is honoured`: spec.id is copy, without a version",
    SolvedBelowChance: "the metric's solved score, 0.1, is no better than its chance score, 0.125",
    TargetBelowChance: "the metric's target score, 0.1, is no better than its chance score, 0.125",
    TargetBeyondSolved: "the metric's target, 1.0, is better than the best possible score, 0.9",
    ChanceAboveOne: "the metric's score of chance is 12.5, and its range is 0 to 1",
    ChanceOfNothing: "the metric's score of chance is nan, not a finite number",
    ChanceInWords: "the metric's score of chance is '1/8', not a finite number",
    InfiniteBaseline: "the metric's score of majority is inf, not a finite number",
    UpIsHigher: "spec.metric.direction is 'higher', not one of max, min",
    SmallerIsBetter: "metric.direction is min, but right predictions score 1, wrong ones 0",
    ReadsAll: "spec.reads is 'all_steps', not one of every_step, last_step, sequence",
    FewerOutputs: "train, batch 0: targets reaches from 0 to 7, outside 0 to 2",
    MetricByName: "spec.metric is 'accuracy', and no bench.api.Metric",
    NoOutputs: "spec.outputs is 0, not a whole number of 1 or more",
    OneNote: "spec.notes is 'read 3 files', not a tuple of lines",
    PercentAsShare: "the metric's score of chance is 125, but scores reach from 0 to 100",
    Growing: "spec.outputs was 8 at first, and became",
    ShortSymbols: r"train, batch 0: inputs is torch.int32 \[10, 4\] instead of torch.int64 \[10, 4\]",
    SymbolsAsNumbers: "train, batch 0: inputs is torch.float32",
    WideTargets: "train, batch 0: targets is torch.float64",
    WholeWeights: "train, batch 0: weight is torch.int64",
    FreshInNumbers: "train, batch 0: fresh is torch.float32",
    LanesFirst: r"train, batch 0: fresh is torch.bool \[4\] instead of torch.bool \[10\]",
    OneTooLong: r"train, batch 0: targets is torch.int64 \[11, 4\] instead of torch.int64 \[10, 4\]",
    SymbolOutside: "test, batch 0: inputs reaches from 99 to 108, outside 0 to 9",
    SymbolBelow: "train, batch 0: inputs reaches from -1 to 8, outside 0 to 9",
    TargetOutside: "valid, batch 0: targets reaches from 8 to 15, outside 0 to 7",
    NothingScored: "`weights cover what is scored`: train: no position in its first batches has a weight above 0",
    NegativeWeight: "train, batch 0: weight is below 0 somewhere",
    TooLong: "train, batch 0: lengths reaches from 15 to 15, outside 0 to 10",
    TupleForBatch: "train, batch 0: it is tuple, and no bench.api.Batch",
    ArraysForTensors: "train, batch 0: weight is ndarray, and no tensor",
    EmptyValid: "has an empty valid split, which is needed to choose the best weights",
    TrainIsValid: "`splits are disjoint`: 8 of the first 8 sequences in valid are also in train",
    TrainIsTestOfData: "8 of the first 8 sequences in test are also in train",
    DrawsFromTorch: "`same seed same batches`: batches draws from a global generator",
    DrawsFromNumpy: "batches draws from a global generator",
    DrawsFromPython: "batches draws from a global generator",
    OwnNoise: "weight of the first batch of train differs a second time for the same seed",
    MeanLoss: r"loss is torch.float32 \[\] instead of torch.float32 \[10, 4\]",
    LossOfNothing: r"loss is not finite somewhere \(nan\)",
    LossWithoutGradient: "loss has no gradient with respect to the logits",
    MeanOfLanes: "`tallies add up`: train: `right` of a batch is",
    ShareForSum: "`tallies add up`: train: `right` of a batch is",
    PlainNumbers: "of the tally is .* instead of a scalar tensor",
    SumsOfLanes: r"of the tally is a tensor \[5\] instead of a scalar tensor",
    TallyInOrder: "tally returns list instead of a dict of sums and counts by name",
    OtherName: "scores returns accuracy, but not the metric recall_accuracy",
    OneNumber: "scores returns float instead of a dict of scores by name",
    ScoresNothing: "recall_accuracy of random predictions is nan",
    MissingCount: "KeyError at wrong_tasks.py:.* in scores: 'positions'",
    NoFile: "gives no batch of train: FileNotFoundError at .*No such file or directory",
    NumberMissing: r"test, batch 0: inputs is not finite somewhere \(nan\)",
    TargetMissing: r"valid, batch 0: targets is not finite somewhere \(-?inf\)",
    DoubleFeatures: "train, batch 0: inputs is torch.float64",
    FewerFeatures: r"train, batch 0: inputs is torch.float32 \[5, 4, 2\] instead of torch.float32 \[5, 4, 3\]",
    NoFeatures: r"train, batch 0: inputs is torch.float32 \[5, 4\] instead of torch.float32 \[5, 4, 3\]",
}
