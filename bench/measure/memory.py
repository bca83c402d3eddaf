"""Peak memory of a training step."""

from __future__ import annotations

import gc
import itertools
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Generator, Tensor
from torch.profiler import ProfilerActivity, profile
from torch.utils._pytree import tree_leaves

from bench.api import leaves
from bench.hardware.machine import Machine
from bench.train.loop import Carried, TrainStep, train
from bench.train.passes import Passes
from bench.train.setup import Setup


def measure_memory(setup: Setup) -> dict[str, float | None]:
    """Peak memory of a training step in MiB.

    `peak_mib` counts all tensors alive at once; `activations_mib` is the part that a step needs: all but the weights
    and buffers, the copy of the best of them, the averaged weights and the optimiser's state. CUDA counts by its
    allocator, the CPU by the profiler's allocation events, which, unlike the resident set, exclude other work in the
    process. On Apple's MPS both are None. Training steps change the model's weights.
    """
    config, machine = setup.config, setup.machine
    if machine.device.type == "mps":
        return {"peak_mib": None, "activations_mib": None}
    batches = Passes(setup.task, "train", config.batch_size, Generator().manual_seed(0))

    def step(state: Carried | None = None) -> TrainStep:
        """A step of a loop of its own, which keeps no batch of a step before it."""
        return next(
            train(setup.model, setup.task, setup.optimizer, batches, config, machine, None, state, 0, setup.forward)
        )

    state = step().state  # the optimiser's state exists from here on
    kept = _bytes(_kept_tensors(setup)) + sum(best.nbytes for best in setup.model.state_dict().values())
    needed = _peak_of(lambda: step(state), machine) + _bytes([] if state is None else leaves(state))
    return {"peak_mib": round((kept + needed) / 2**20, 3), "activations_mib": round(needed / 2**20, 3)}


def _kept_tensors(setup: Setup) -> Iterator[Tensor]:
    """All that is kept from step to step, but for the carried state and the copy of the best weights."""
    yield from setup.model.parameters()
    yield from setup.model.buffers()
    yield from (kept for kept in tree_leaves(setup.optimizer.state_dict()["state"]) if isinstance(kept, Tensor))
    yield from setup.average.tensors if setup.average else ()


def _bytes(tensors: Iterable[Tensor]) -> int:
    """The bytes that `tensors` keep: a view keeps all of the tensor that it is a part of, and two keep it once."""
    return sum({each._cdata: each.nbytes() for each in (tensor.untyped_storage() for tensor in tensors)}.values())


def _peak_of(work: Callable[[], object], machine: Machine) -> int:
    """The peak of the bytes allocated by `work`."""
    if machine.device.type == "cuda":
        machine.synchronize()
        torch.cuda.reset_peak_memory_stats(machine.device)
        before = torch.cuda.memory_allocated(machine.device)
        work()
        machine.synchronize()
        return torch.cuda.max_memory_allocated(machine.device) - before
    with (
        _without_lines_of_cpp(),
        _without_collection(),
        profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler,
    ):
        work()
    events = [e for e in profiler.profiler.kineto_results.events() if e.name() == "[memory]"]
    changes = (e.nbytes() for e in sorted(events, key=lambda e: e.start_ns()))
    return max(itertools.accumulate(changes, initial=0))


@contextmanager
def _without_collection() -> Iterator[None]:
    """Let Python look for no garbage: what it would free is of an earlier time, and would be taken off the peak."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


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
