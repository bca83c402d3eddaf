"""The peak of the memory that a piece of work allocates."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.autograd.profiler import profile  # that of torch.profiler imports torch's compiler

from bench.hardware.machine import Machine
from bench.hardware.timing import without_collection


def peak_of(work: Callable[[], object], machine: Machine) -> int:
    """The peak of the bytes allocated by `work`, above what there is before it.

    CUDA counts by its allocator, the CPU by the profiler's allocation events, which, unlike the resident set, exclude
    other work in the process.
    """
    if machine.device.type == "cuda":
        machine.synchronize()
        torch.cuda.reset_peak_memory_stats(machine.device)
        before = torch.cuda.memory_allocated(machine.device)
        work()
        machine.synchronize()
        return torch.cuda.max_memory_allocated(machine.device) - before
    with (
        _without_lines_of_cpp(),
        without_collection(),
        profile(use_kineto=True, profile_memory=True) as profiler,
    ):
        work()
    events = [e for e in profiler.kineto_results.events() if e.name() == "[memory]"]
    changes = (e.nbytes() for e in sorted(events, key=lambda e: e.start_ns()))
    return max(itertools.accumulate(changes, initial=0))


def bytes_of(tensors: Iterable[Tensor]) -> int:
    """The bytes that `tensors` keep: a view keeps all of the tensor that it is a part of, and two keep it once."""
    return sum({each._cdata: each.nbytes() for each in (tensor.untyped_storage() for tensor in tensors)}.values())


@contextmanager
def _without_lines_of_cpp() -> Iterator[None]:
    """Keep off the screen what the profiler's C++ writes, past Python, to the file descriptor of stderr.

    Its environment variables would do the same only where they are set before torch is imported.
    """
    try:
        kept = os.dup(2)
    except OSError:  # a process without stderr
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
