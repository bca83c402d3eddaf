"""Peak memory of a training step."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Generator
from torch.optim import Optimizer
from torch.profiler import ProfilerActivity, profile

from bench.hardware.machine import Machine
from bench.model.sequence import SequenceModel
from bench.train.loop import train
from bench.train.passes import Passes
from bench.train.setup import Setup


def measure_memory(setup: Setup) -> dict[str, float | None]:
    """Peak memory of a training step in MiB.

    `peak_mib` counts all tensors alive at once; `activations_mib` is the part beyond weights and optimiser state. CUDA
    counts by its allocator, the CPU by the profiler's allocation events, which, unlike the resident set, exclude other
    work in the process. On Apple's MPS both are None. Training steps change the model's weights.
    """
    model, optimizer, config, machine = setup.model, setup.optimizer, setup.config, setup.machine
    if machine.device.type == "mps":
        return {"peak_mib": None, "activations_mib": None}
    batches = Passes(setup.task, "train", config.batch_size, Generator().manual_seed(0))
    steps = train(model, setup.task, optimizer, batches, config, machine, forward=setup.forward)
    next(steps)  # optimiser state exists from here on
    kept = sum(t.numel() * t.element_size() for t in _kept_tensors(model, optimizer))
    added = _peak_of(lambda: next(steps), machine)
    return {"peak_mib": round((kept + added) / 2**20, 3), "activations_mib": round(added / 2**20, 3)}


def _kept_tensors(model: SequenceModel, optimizer: Optimizer) -> Iterator[torch.Tensor]:
    yield from model.parameters()
    for values in optimizer.state.values():
        yield from (v for v in values.values() if isinstance(v, torch.Tensor))


def _peak_of(work: Callable[[], object], machine: Machine) -> int:
    """The peak of the bytes allocated by `work`."""
    if machine.device.type == "cuda":
        machine.synchronize()
        torch.cuda.reset_peak_memory_stats(machine.device)
        before = torch.cuda.memory_allocated(machine.device)
        work()
        machine.synchronize()
        return torch.cuda.max_memory_allocated(machine.device) - before
    with _without_lines_of_cpp(), profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        work()
    events = [e for e in profiler.profiler.kineto_results.events() if e.name() == "[memory]"]
    changes = (e.nbytes() for e in sorted(events, key=lambda e: e.start_ns()))
    return max(itertools.accumulate(changes, initial=0))


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
