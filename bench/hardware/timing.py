"""Timing repeated work on a synchronised device, after a warm-up."""

from __future__ import annotations

import time
from collections.abc import Callable

from bench.hardware.machine import Machine

_WARM_UP, _LEAST, _MOST = 3, 5, 50  # samples
_SECONDS = 1.0  # of sampling for each figure, unless the least number of samples takes longer


def sample(work: Callable[[], int], machine: Machine) -> list[tuple[int, float]]:
    """Pairs of tokens done and seconds taken, after a warm-up of the same work."""
    for _ in range(_WARM_UP):
        work()
    samples: list[tuple[int, float]] = []
    spent = 0.0
    while len(samples) < _LEAST or (spent < _SECONDS and len(samples) < _MOST):
        machine.synchronize()
        start = time.perf_counter()
        tokens = work()
        machine.synchronize()
        samples.append((tokens, time.perf_counter() - start))
        spent += samples[-1][1]
    return samples
