"""The speed of the machine's large products of matrices: what no model of products can exceed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import cache, partial

import torch
from torch import Tensor

from bench.hardware.machine import Machine
from bench.hardware.timing import Timed

_SIZES = (256, 512, 1024, 2048, 4096, 8192)
_LONG = 0.01  # seconds of a product: larger ones are no faster
_REPEATS = 5


ONEDNN = torch.ops.aten.mkldnn_linear.default
"""oneDNN's product of a matrix and a transposed one, both laid out as it wants them (`Tensor.to_mkldnn`)."""


@cache
def product_flop_per_s(machine: Machine, clock: Callable[[], float] = time.perf_counter) -> float:
    """Floating-point operations a second in a large square product, in the precision and on the threads of the run.

    The best of some, since other work only slows them, and of the libraries that torch has: on a CPU its own (MKL or
    OpenBLAS) and oneDNN, of which the first takes half of what some processors can. It takes a fraction of a second,
    once in a process. Torch's arithmetic and threads are to be set as `choose_machine` does.
    """
    best = 0.0
    for size in _SIZES:
        factor = torch.full((size, size), 0.5, dtype=machine.product_dtype, device=machine.device)
        shortest = min(_shortest(machine, product, clock) for product in _products(factor))
        best = max(best, 2 * size**3 / shortest)
        if shortest > _LONG:
            break
    return best


def _products(factor: Tensor) -> Iterator[Callable[[], Tensor]]:
    """The product of a matrix with itself, by each library."""
    yield partial(torch.mm, factor, factor, out=torch.mm(factor, factor))
    if has_onednn(factor):
        inside = factor.to_mkldnn()
        yield partial(ONEDNN, inside, inside)


def has_onednn(factor: Tensor) -> bool:
    """Whether oneDNN multiplies such a factor, beside the library that torch takes by itself."""
    return factor.device.type == "cpu" and factor.dtype == torch.float32 and torch.backends.mkldnn.is_available()


def _shortest(machine: Machine, product: Callable[[], Tensor], clock: Callable[[], float]) -> float:
    """The shortest of some times of a product, in seconds."""

    def work() -> int:
        product()
        return 1

    timed = Timed(work, machine, clock)
    return min(timed.sample().seconds for _ in range(_REPEATS))
