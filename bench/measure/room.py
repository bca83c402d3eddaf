"""Whether a training step has room in memory, estimated before the first one is tried."""

from __future__ import annotations

import time
from collections.abc import Callable

from bench.api import Batch
from bench.hardware.free import free_bytes
from bench.measure.peak import peak_of
from bench.train.loop import backpropagate
from bench.train.setup import Setup

_UNITS = 16
"""Numbers for a unit and a time step of which the estimate without a look assumes that the backward pass reads them."""
_SHARE = 0.01
"""Of the free memory: where the estimate without a look needs less, no look is taken."""
_LANES, _STEPS = 2, 64
"""What is looked at first, and twice as much."""
_PATIENCE = 2.0
"""Seconds after which no further look is taken; the last one takes about as long as all before it."""


def lack_of_room(setup: Setup, batch: Batch) -> str | None:
    """That a training step on the batch needs more memory than is free, in a line with a remedy; None where it fits.

    Small batches are taken to fit. Of a large one two and four lanes are looked at, or time steps where there are few
    lanes, and each further one is taken to need as much again; where it would not fit then, twice as many are looked
    at, and so on for some seconds and up to half of the free memory. Nothing is told where the system does not say what
    is free, where gradients go forward in time, and where a part of the batch cannot be trained on alone.
    """
    free = free_bytes(setup.machine)
    if free is None or setup.forward or _without_a_look(setup, batch) < _SHARE * free:
        return None
    needed = _needed(setup, setup.machine.ranks.lanes(batch), free)
    if needed <= free:
        return None
    steps, lanes = len(batch.inputs), len(batch.fresh)
    return (
        f"a training step on {lanes:,} lanes of {steps:,} time steps takes about {_said(needed)}, and {_said(free)} "
        "are free: lower batch_size or the length of the sequences, or set bptt.checkpoint=true or bptt=truncated"
    )


def _without_a_look(setup: Setup, batch: Batch) -> int:
    model = setup.config.model
    numbers = model.hidden * model.layers * _UNITS + setup.task.spec.outputs
    return max(len(batch.inputs), len(batch.targets)) * len(batch.fresh) * numbers * setup.machine.dtype.itemsize


def _needed(setup: Setup, batch: Batch, free: int, clock: Callable[[], float] = time.perf_counter) -> float:
    """About the bytes of a step on the batch above what is there, from those of two smaller parts of it; 0 where they
    cannot be told."""
    lanes = len(batch.fresh)
    along_lanes = setup.task.spec.reads == "sequence" or lanes >= 2 * _LANES
    count, part = (lanes, _LANES) if along_lanes else (len(batch.inputs), _STEPS)

    def bytes_of(size: int) -> int:
        return _bytes_of_step(setup, batch.lanes(slice(size)) if along_lanes else batch.span(0, size))

    needed, began = 0.0, clock()
    try:
        of_part = bytes_of(part) if 2 * part <= count else 0
        while 2 * part <= count:
            of_twice = bytes_of(2 * part)
            needed = of_part + (of_twice - of_part) * (count - part) / part
            if needed <= free or 2 * of_twice > free / 2 or clock() - began > _PATIENCE:
                break
            part, of_part = 2 * part, of_twice
    except Exception:  # what is wrong with the whole batch, its first step says
        pass
    return needed


def _bytes_of_step(setup: Setup, part: Batch) -> int:
    """The bytes that a forward and a backward pass over the first window need. The model and torch's generators stay as
    they are."""
    model, machine, bptt = setup.model.train(), setup.machine, setup.config.bptt
    if window := bptt.horizon or bptt.window:
        part = part.span(0, min(len(part.inputs), window))
    buffers, states = [buffer.clone() for buffer in model.buffers()], machine.random_state()
    part = part.to(machine.device)
    before = model.carry(None, part.fresh)
    try:
        return peak_of(lambda: backpropagate(model, setup.task, part, before, 1.0, bptt.checkpoint, machine), machine)
    finally:
        machine.set_random_state(states)
        for buffer, value in zip(model.buffers(), buffers, strict=True):
            buffer.copy_(value)
        for parameter in model.parameters():
            parameter.grad = None


def _said(count: float) -> str:
    return f"{count / 2**30:,.1f} GiB" if count >= 2**30 else f"{count / 2**20:,.0f} MiB"
