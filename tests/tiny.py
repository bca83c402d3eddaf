"""Tiny tasks, models and set-ups, for tests that train."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from hypothesis import settings
from torch import Generator, Tensor, nn

from bench.api import Batch, Cell, Features, Metric, Split, Task, TaskSpec, Tokens
from bench.cells.gru import GRU
from bench.cells.lstm import LSTM
from bench.cells.vanilla import Vanilla
from bench.config.schema import BPTTConfig, BudgetConfig, ClipConfig, Config, HardwareConfig, ModelConfig
from bench.hardware.machine import Machine
from bench.job.build import build
from bench.model.around import Around
from bench.model.sequence import MakeCell, SequenceModel
from bench.train.fit import Fit
from bench.train.progress import Progress
from bench.train.setup import Setup

CELLS = (Vanilla, LSTM, GRU)
CPU64 = Machine(torch.device("cpu"), "float64", 1)
FEATURES, CLASSES = 3, 4

few = settings(max_examples=15, deadline=None)
"""For properties of things that run a model; the first call of torch takes longer than hypothesis allows."""


def seeded(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


def a_batch(T: int = 6, B: int = 2, seed: int = 0, fresh: bool = True, scored: slice = slice(None)) -> Batch:
    """Random features in float64 and random classes; the time steps `scored` count, no others."""
    generator = seeded(seed)
    weight_TB = torch.zeros(T, B, dtype=torch.float64)
    weight_TB[scored] = 1
    return Batch(
        inputs=torch.randn(T, B, FEATURES, generator=generator, dtype=torch.float64),
        targets=torch.randint(CLASSES, (T, B), generator=generator),
        weight=weight_TB,
        fresh=torch.full((B,), fresh),
    )


class Given(Task):
    """Classification, every step, of the batches that are given for each split; counts how often a split is read."""

    def __init__(self, **splits: list[Batch]) -> None:
        self.splits = splits
        self.reads: Counter[str] = Counter()

    @property
    def spec(self) -> TaskSpec:
        inputs = next(batch.inputs for batches in self.splits.values() for batch in batches)
        return TaskSpec(
            id="given-v1",
            inputs=Features(inputs.shape[2]) if inputs.dim() == 3 else Tokens(CLASSES),
            outputs=CLASSES,
            reads="every_step",
            metric=Metric("accuracy", "share", "max", chance=1 / CLASSES, solved=1.0),
            source="generated",
            licence="none needed",
        )

    def batches(self, split: Split, batch_size: int, generator: Generator) -> Iterator[Batch]:
        self.reads[split] += 1
        yield from self.splits.get(split, ())

    def tally(self, logits: Tensor, batch: Batch) -> dict[str, Tensor]:
        right_TB = (logits.argmax(-1) == batch.targets) * batch.weight
        nll_TB = self.loss(logits, batch) * batch.weight
        return {"right": right_TB.sum(), "nll": nll_TB.sum(), "scored": batch.weight.sum()}

    def scores(self, totals: Mapping[str, float]) -> dict[str, float]:
        return {"accuracy": totals["right"] / totals["scored"], "nll": totals["nll"] / totals["scored"]}


class Turning(Given):
    """Trains on class 1 for ten steps and on class 2 ever after, while valid and test ask for class 1: the best weights
    are not the last ones."""

    def __init__(self) -> None:
        one, two = (self._all_of(target) for target in (1, 2))
        super().__init__(train=[one] * 10 + [two] * 1000, valid=[one], test=[one])

    def _all_of(self, target: int) -> Batch:
        inputs_TB = torch.randint(CLASSES, (4, 8), generator=seeded())
        return Batch(inputs_TB, torch.full((4, 8), target), torch.ones(4, 8), torch.ones(8, dtype=torch.bool))


class Spy(torch.optim.SGD):
    """Keeps the gradients that it is given at each step, and leaves the weights as they are."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__(model.parameters(), lr=0.0)
        self.gradients: list[list[Tensor]] = []

    def step(self, closure: None = None) -> None:  # type: ignore[override]
        self.gradients.append([p.grad.clone() for group in self.param_groups for p in group["params"]])


def truncated(window: int | None, **options: object) -> BPTTConfig:
    """Truncated BPTT in windows of so many steps; full BPTT for None."""
    return BPTTConfig("full" if window is None else "truncated", window, **options)  # type: ignore[arg-type]


def a_model(
    cell: MakeCell | type[Cell] = GRU, layers: int = 1, hidden: int = 5, dropout: float = 0.0, seed: int = 0
) -> SequenceModel:
    """A float64 model of `Given` features, unrolled eagerly."""
    torch.manual_seed(seed)
    model = SequenceModel(Given(train=[a_batch()]).spec, cell, hidden, layers, around=Around(dropout=dropout)).double()
    model.choose_unroll("eager")
    return model


def a_config(
    window: int | None = None,
    update: str = "window",
    bptt: BPTTConfig | None = None,
    clip: float | ClipConfig | None = None,
    cell: str = "bench.cells.gru.GRU",
    precision: str = "float64",
    **changes: object,
) -> Config:
    """The configuration of a tiny run: full BPTT without clipping, but for `changes`."""
    given = {
        "bptt": bptt or truncated(window, update=update),
        "clip": clip if isinstance(clip, ClipConfig) else ClipConfig(clip),
        "cell": {"_target_": cell},
        "optimizer": {"_target_": "torch.optim.Adam", "lr": 0.05},
        "model": ModelConfig(hidden=5),
        "budget": BudgetConfig(steps=4),
        "hardware": HardwareConfig(device="cpu", precision=precision),
        "batch_size": 2,
        **changes,
    }
    return Config(**given)  # type: ignore[arg-type]


def a_setup(task: Task, **changes: object) -> Setup:
    """All that a tiny run of `task` needs."""
    return build(a_config(**changes), task)  # type: ignore[arg-type]


def fitted(setup: Setup, **options: Any) -> Progress:
    """What training to the end comes to; `options` are those of `Fit`."""
    fit = Fit(setup, **options)
    for _ in fit:
        pass
    return fit.progress
