"""Timing repeated work: calibrated, on a device that has finished, without garbage collection, until it is steady."""

from __future__ import annotations

import gc
import math
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple, Protocol

import torch

from bench.hardware.machine import Machine
from bench.stats.trend import is_steady, shift

_WARM_UP, _LEAST, _MOST = 3, 5, 50  # calls, and samples
_SHORTEST = 1e-3  # seconds of a sample: so the clock's resolution and its call are less than a thousandth of it
_SPAN = 0.25  # seconds that the most samples are to cover at least: the machine's own counters are too coarse for less
_ROUNDS = 4  # of sampling, each after the first without the earlier half of the samples


class Sample(NamedTuple):
    """A sample: the tokens of its calls, and the seconds that they took."""

    tokens: int
    seconds: float


class Sampled(Protocol):
    """Work that can be sampled, here or in another process."""

    def sample(self) -> Sample: ...


class Timed:
    """Work that is called again and again and timed, several calls a sample where one is short.

    `work` returns its number of tokens. `warm_up` comes first. A GPU of CUDA is timed by events on its stream, between
    which nothing but the work lies; work that is `waited` for within, and work on other devices, by `clock`, which
    returns seconds. `first_s` is the time of the first call, in which kernels are compiled or loaded,
    `calibration_s` that of the two by which the number of `calls` in a sample is chosen, and `warm_up_s` that of
    samples which were left out because speed was still changing.
    """

    def __init__(
        self,
        work: Callable[[], int],
        machine: Machine,
        clock: Callable[[], float] = time.perf_counter,
        waited: bool = False,
    ) -> None:
        self._work, self._machine, self._clock = work, machine, clock
        self._by_events = machine.device.type == "cuda" and not waited
        self.calls = 1
        self.first_s = self.calibration_s = self.warm_up_s = 0.0

    def warm_up(self, shortest: float = _SHORTEST) -> None:
        """Call the work three times, and choose how many calls a sample has: as many as last for `shortest` seconds."""
        self.first_s = self.sample().seconds
        again = [self.sample().seconds for _ in range(_WARM_UP - 1)]
        self.calibration_s = sum(again)
        self.calls = max(1, math.ceil(shortest / max(min(again), 1e-9)))

    def sample(self) -> Sample:
        """Time the next calls, after all earlier work of the device."""
        with without_collection():
            self._machine.synchronize()
            return self._by_event() if self._by_events else self._by_clock()

    def _by_clock(self) -> Sample:
        start = self._clock()
        tokens = self._call()
        self._machine.synchronize()
        return Sample(tokens, self._clock() - start)

    def _by_event(self) -> Sample:
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        tokens = self._call()
        end.record()
        end.synchronize()
        return Sample(tokens, start.elapsed_time(end) / 1e3)

    def _call(self) -> int:
        return sum(self._work() for _ in range(self.calls))


def unsettled(samples: Sequence[Sample]) -> str | None:
    """That the speed of samples was still changing, in words; None where they are steady."""
    pace = [each.seconds / each.tokens for each in samples]
    if is_steady(pace):
        return None
    return f"time a token changed by {shift(pace):+.0%} from the first half of the samples to the second"


def sample(timed: Timed, seconds: float) -> list[Sample]:
    """Samples of warm work over about `seconds`: at least 5, at most 50.

    Where they have a trend, which `bench.stats.trend` tells, the earlier half was warm-up: it is left out and as many
    are taken again, up to three times. Samples that have a trend even then are `unsettled`.
    """
    kept: list[Sample] = []
    for turn in range(_ROUNDS):
        if turn:
            half = len(kept) // 2
            timed.warm_up_s += sum(each.seconds for each in kept[:half])
            kept = kept[half:]
        while len(kept) < _LEAST or (sum(each.seconds for each in kept) < seconds and len(kept) < _MOST):
            kept.append(timed.sample())
        if not unsettled(kept):
            break
    return kept


def shortest_sample(seconds: float) -> float:
    """How long a sample is to last at least where work is sampled for so many `seconds`."""
    return max(_SHORTEST, min(seconds, _SPAN) / _MOST)


def interleaved(members: Sequence[Sampled], rounds: int, seed: int = 0) -> list[list[Sample]]:
    """Samples of each member, warm before: in each round one of every member, in an order that is drawn by `seed`.

    What the machine does meanwhile, and who comes after whom, is then shared by all: `bench.stats.bootstrap` has the
    ratio of two.
    """
    order, draw = [*range(len(members))], random.Random(seed)
    samples: list[list[Sample]] = [[] for _ in members]
    for _ in range(rounds):
        draw.shuffle(order)
        for member in order:
            samples[member].append(members[member].sample())
    return samples


@contextmanager
def without_collection() -> Iterator[None]:
    """Let Python look for no garbage: that of other work would count as this one's."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
