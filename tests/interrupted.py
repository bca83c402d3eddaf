"""Tiny trainings that are cut off and go on from a checkpoint, watched in every field at every step."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FunctionType, GeneratorType, MethodType
from typing import Any
from unittest.mock import patch

import torch
from clock import Clock
from tiny import Given, a_batch, a_setup, truncated
from torch import Generator, Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from bench.api import Task
from bench.config.schema import BudgetConfig, CheckpointConfig, Config, ModelConfig
from bench.train.checkpoint import Checkpoints
from bench.train.fit import Fit
from bench.train.largest import Largest
from bench.train.life import Life
from bench.train.position import Position

STEPS, EVERY, A_PASS = 24, 3, 5
"""The steps of a training, those from checkpoint to checkpoint, and the batches of a pass."""


class Shuffled(Given):
    """Each pass over the five batches draws their order anew. A training step takes a second, a validation a hundred.

    Lanes of three batches go on from the batch before, whichever that is.
    """

    def __init__(self, clock: Clock) -> None:
        train = [a_batch(seed=seed, fresh=seed < 2) for seed in range(A_PASS)]
        super().__init__(train=train, valid=[a_batch(T=8, B=3, seed=9)])
        self.clock = clock

    def batches(self, split: Any, batch_size: int, generator: Generator) -> Iterator[Any]:
        batches = list(super().batches(split, batch_size, generator))
        shuffled = torch.randperm(len(batches), generator=generator).tolist()
        return iter([batches[i] for i in shuffled])

    def loss(self, logits: Tensor, batch: Any) -> Tensor:
        self.clock.now += 1 if torch.is_grad_enabled() else 0
        return super().loss(logits, batch)

    def tally(self, logits: Tensor, batch: Any) -> dict[str, Tensor]:
        self.clock.now += 100
        return super().tally(logits, batch)


class Cut(Exception):
    """What ends a training in the middle."""


class WatchedFit(Fit):
    """A Fit whose position can be looked at."""

    def _begin(self) -> Position:
        self.position = super()._begin()
        return self.position


@dataclass
class Ran:
    """A training as it went: all fields after each step, the rate of each step, and what its user is left with."""

    fields: dict[int, dict[str, Any]] = field(default_factory=dict)
    rates: dict[int, float] = field(default_factory=dict)
    saved: list[int] = field(default_factory=list)
    left: dict[str, Any] = field(default_factory=dict)

    def end(self, since: int) -> dict[str, Any]:
        """What a user sees of the training at its end; of rates and checkpoints those after the step `since`."""
        rates = [rate for step, rate in self.rates.items() if step > since]
        return flat({**self.left, "rates": rates, "saved": [step for step in self.saved if step > since]})


def run(folder: Path, options: Mapping[str, Any], cut: int = 0, watch: bool = False) -> Ran:
    """Train to the end, or to the step `cut`, from the latest checkpoint in `folder` on; `watch` keeps all fields."""
    clock, ran = Clock(), Ran()
    setup = a_setup(Shuffled(clock), **{"budget": BudgetConfig(steps=STEPS), **options})
    checkpoints = Checkpoints(folder, CheckpointConfig(steps=EVERY), clock=clock)

    def on_step(progress: Any, *_: float) -> None:
        if progress.steps == cut:
            raise Cut
        ran.rates[progress.steps] = setup.schedule.rate
        ran.saved = sorted({*ran.saved, checkpoints._saved_step})
        ran.left["latest weights"] = copy.deepcopy(setup.model.state_dict())
        if watch:
            watched = {"fit": fit.position, "checkpoints": checkpoints, "random": setup.machine.random_state()}
            ran.fields[progress.steps] = flat(watched)

    fit = WatchedFit(setup, checkpoints, on_step, clock)
    with suppress(Cut), patch("os.fsync"):  # nobody cuts the power here
        list(fit)
    progress = fit.progress
    ran.left |= {
        "weights": setup.model.state_dict(),
        "curve": progress.curve.rows,
        "clipped": progress.clipped_share,
        "best score": progress.best_score,
        "steps": progress.steps,
        "seconds": progress.before + clock.now,
    }
    return ran


_LEFT_OUT = (
    *(FunctionType, MethodType, GeneratorType, type(iter([])), type, Path, Config, CheckpointConfig, Task, Clock),
    *(Largest, Life),  # what this process has drawn and how long that took: nothing is trained by it
)


def flat(thing: Any, path: str = "") -> dict[str, Any]:
    """All tensors and plain values that `thing` holds, by their paths, as copies; TypeError for an unknown kind.

    Functions, files, options and what a task holds are left out. The place of a Python iterator cannot be looked at:
    what follows from it shows in later steps.
    """
    if isinstance(thing, Tensor):
        return {path: thing.detach().clone()}
    if thing is None or isinstance(thing, (bool, int, float, str)):
        return {path: thing}
    if isinstance(thing, Generator):
        return {path: thing.get_state()}
    if isinstance(thing, nn.Module):
        modes = {f"{name or 'model'} trains": module.training for name, module in thing.named_modules()}
        return flat({**thing.state_dict(), **modes}, path)
    if isinstance(thing, (Optimizer, LRScheduler)):
        return flat(thing.state_dict(), path)
    if isinstance(thing, _LEFT_OUT) or thing in (torch.float64, torch.device("cpu")):
        return {}
    if isinstance(thing, (list, tuple)):
        thing = dict(enumerate(thing))
    elif not isinstance(thing, dict):
        if not type(thing).__module__.startswith(("bench.", "interrupted")):
            raise TypeError(f"{path} is a {type(thing).__name__}: say how it is compared")
        thing = vars(thing)
    return {
        key: value
        for name, part in thing.items()
        for key, value in flat(part, f"{path}.{name}" if path else str(name)).items()
    }


def same(a: Any, b: Any) -> bool:
    """Whether two values are equal to the last bit; NaN equals NaN."""
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return a.dtype == b.dtype and torch.equal(a.nan_to_num(), b.nan_to_num())
    return type(a) is type(b) and (a == b or (a != a and b != b))


def differing(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[str]:
    """The paths whose values differ."""
    return sorted(key for key in {*a, *b} if key not in a or key not in b or not same(a[key], b[key]))


TRAININGS: dict[str, dict[str, Any]] = {
    "plateau, patience": {
        "schedule": {"_target_": "bench.train.schedule.Plateau", "patience": 0, "warmup": 0.2},
        "optimizer": {"_target_": "torch.optim.SGD", "lr": 0.5, "momentum": 0.9},
        "bptt": truncated(3),
        "clip": 0.2,
        "patience": 4,
        "evaluations": 12,
    },
    "seconds, long warm-up": {
        "budget": BudgetConfig(steps=None, seconds=STEPS),
        "schedule": {"_target_": "bench.train.schedule.Constant", "warmup": 0.8},
        "evaluations": 8,
        "accumulate": 2,
    },
    "noise, average, cosine": {
        "model": ModelConfig(hidden=5, dropout=0.3, zoneout=0.1, recurrent_dropout=0.2, norm="batch"),
        "ema": 0.8,
        "schedule": {"_target_": "bench.train.schedule.Cosine", "warmup": 0.2},
        "bptt": truncated(2, offset="random"),
        "clip": 0.3,
        "evaluations": 5,
    },
    "forward in time": {"model": ModelConfig(hidden=3), "gradient": "rtrl", "bptt": truncated(3), "evaluations": 4},
}
"""Trainings in which each field of a checkpoint comes to matter."""
