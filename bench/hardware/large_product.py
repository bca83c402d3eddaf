"""The speed of the machine's large products of matrices: what no model of products can exceed."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache

import torch

from bench.hardware.machine import Machine
from bench.hardware.timing import Timed

_SIZES = (256, 512, 1024, 2048, 4096, 8192)
_LONG = 0.01  # seconds of a product: larger ones are no faster
_REPEATS = 5


@cache
def product_flop_per_s(machine: Machine, clock: Callable[[], float] = time.perf_counter) -> float:
    """Floating-point operations a second in a large square product, in the precision and on the threads of the run.

    The best of some, since other work only slows them; it takes a fraction of a second, once in a process. Torch's
    arithmetic and threads are to be set as `choose_machine` does.
    """
    best = 0.0
    for size in _SIZES:
        factor = torch.full((size, size), 0.5, dtype=machine.product_dtype, device=machine.device)
        out = torch.mm(factor, factor)
        shortest = _shortest(machine, factor, out, clock)
        best = max(best, 2 * size**3 / shortest)
        if shortest > _LONG:
            break
    return best


def _shortest(machine: Machine, factor: torch.Tensor, out: torch.Tensor, clock: Callable[[], float]) -> float:
    """The shortest of some times of a product, in seconds."""

    def work() -> int:
        torch.mm(factor, factor, out=out)
        return 1

    timed = Timed(work, machine, clock)
    return min(timed.sample().seconds for _ in range(_REPEATS))
