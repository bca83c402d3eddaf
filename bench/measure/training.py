"""Training steps that are timed, on one device or by all ranks of a run together."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from bench.api import Batch
from bench.hardware.ranks import Ranks
from bench.train.loop import TrainStep, train
from bench.train.setup import Setup

_END, _STEP, _BATCHES = range(3)  # what the first rank says next


def training(setup: Setup, batches: list[Batch]) -> Iterator[int]:
    """Training steps over `batches`, again and again; yields the tokens of each. Other ranks are to `accompany` it."""
    ranks = setup.machine.ranks
    steps = _steps(setup, batches)
    if ranks.count > 1:
        ranks.sum(_BATCHES)
        ranks.first_says(batches)
        steps = _led(steps, ranks)
    return (step.tokens for step in steps)


def accompany(setup: Setup) -> None:
    """Take part in all training steps that the first rank times, until it says that there are no more."""
    ranks, steps = setup.machine.ranks, _steps(setup, [])
    while (said := ranks.sum(0)) != _END:
        if said == _BATCHES:
            steps = _steps(setup, ranks.first_says([]))
        else:
            next(steps)


def release(setup: Setup) -> None:
    """Tell the other ranks that no more is timed."""
    setup.machine.ranks.sum(_END)


def _led(steps: Iterator[TrainStep], ranks: Ranks) -> Iterator[TrainStep]:
    while True:
        ranks.sum(_STEP)
        yield next(steps)


def _steps(setup: Setup, batches: list[Batch]) -> Iterator[TrainStep]:
    cycled = itertools.cycle(batches)
    return train(setup.model, setup.task, setup.optimizer, cycled, setup.config, setup.machine, forward=setup.forward)
