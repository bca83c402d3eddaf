"""Timing repeated work on a synchronised device, after a warm-up."""

from __future__ import annotations

import time
from collections.abc import Callable

from bench.hardware.machine import Machine

_WARM_UP, _LEAST, _MOST = 3, 5, 50  # samples


def sample(
    work: Callable[[], int],
    machine: Machine,
    seconds: float,
    clock: Callable[[], float] = time.perf_counter,
) -> list[tuple[int, float]]:
    """Pairs (tokens, seconds) of repeated `work`, after a warm-up. `work` returns its number of tokens.

    Sampling lasts about `seconds`: at least 5 samples, at most 50. `clock` returns seconds.
    """
    for _ in range(_WARM_UP):
        work()
    samples: list[tuple[int, float]] = []
    spent = 0.0
    while len(samples) < _LEAST or (spent < seconds and len(samples) < _MOST):
        machine.synchronize()
        start = clock()
        tokens = work()
        machine.synchronize()
        samples.append((tokens, clock() - start))
        spent += samples[-1][1]
    return samples
