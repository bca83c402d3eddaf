"""The A/A test: one piece of work measured as if it were two, which have to be found equal."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Generator

from bench.hardware.load import Gauge, Load, between
from bench.hardware.machine import Machine
from bench.hardware.timing import Timed, interleaved, shortest_sample
from bench.measure.figure import marks, microseconds
from bench.stats.bootstrap import Ratio, ratio_interval

_WIDTH, _LANES, _STEPS = 128, 32, 8
_ROUNDS = 50


class Same(NamedTuple):
    """The ratio of the two, the load meanwhile, and the marks of doubt that a figure would have had."""

    ratio: Ratio
    load: Load
    marks: dict[str, str]


def same_twice(
    machine: Machine,
    gauge: Gauge,
    seconds: float = 0.25,
    seed: int = 0,
    clock: Callable[[], float] = time.perf_counter,
) -> Same:
    """Measure one loop over time twice, in turns that `seed` draws, each for some `seconds`.

    As little speaks against the timer as the interval of the ratio is narrow and has 1 in it.
    """
    work = _steps(machine)  # one for both: where two copies lie in memory makes a difference of some percent
    pair = [Timed(work, machine, clock) for _ in range(2)]
    for timed in pair:
        timed.warm_up(shortest_sample(seconds))
    before = gauge.read()
    ours, theirs = interleaved(pair, _ROUNDS, seed)
    load = between(before, gauge.read(), gauge.cores)
    first, second = ([microseconds(*each) for each in samples] for samples in (ours, theirs))
    return Same(
        ratio_interval(first, second), load, marks(ours, load, machine, gauge) | marks(theirs, load, machine, gauge)
    )


def _steps(machine: Machine) -> Callable[[], int]:
    """Some steps of a plain recurrent cell: products of matrices, and operations element by element."""
    weight = torch.randn(_WIDTH, _WIDTH, generator=Generator().manual_seed(0)).to(machine.device, machine.dtype)
    weight /= _WIDTH**0.5
    start = torch.ones(_LANES, _WIDTH, device=machine.device, dtype=machine.dtype)

    def work() -> int:
        h = start
        with torch.inference_mode():
            for _ in range(_STEPS):
                h = torch.tanh(h @ weight)
        return _STEPS * _LANES

    return work
