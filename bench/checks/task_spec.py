"""The law that a task's batches agree with its spec."""

from __future__ import annotations

import re
from collections.abc import Iterator

import torch
from torch import Tensor

from bench.api import END, Batch, Features, Task, TaskSpec, Tokens
from bench.checks.law import Broken, law
from bench.checks.task_probe import SPLITS, TaskProbe

_EACH = 20


@law("make `spec` and `batches` agree; see the shapes in bench.api.Batch and give the id a version, as in name-v1")
def spec_is_honoured(probe: TaskProbe) -> None:
    """Shapes, dtypes and ranges of all parts of a batch agree with the spec, and the spec's id has a version."""
    spec = probe.task.spec
    metric = spec.metric
    if not re.search(r"-v\d+$", spec.id):
        raise Broken(f"spec.id is {spec.id}, without a version")
    if metric.solved is not None and not metric.better(metric.solved, metric.chance):
        raise Broken(f"the metric's solved score, {metric.solved}, is no better than its chance score, {metric.chance}")
    for split in SPLITS:
        for number, batch in enumerate(probe.batches(split, _EACH)):
            if fault := next(_faults(probe.task, spec, batch), None):
                raise Broken(f"{split}, batch {number}: {fault}")
    if not probe.batches("train", 1) or not probe.batches("valid", 1):
        raise Broken("train or valid is empty")


def _faults(task: Task, spec: TaskSpec, batch: Batch) -> Iterator[str]:
    """The faults of a batch, one line each."""
    read, lanes = batch.inputs.shape[:2]
    steps = len(batch.targets) if spec.reads == "sequence" else read
    if isinstance(spec.inputs, Tokens):
        yield from _tensor_faults("inputs", batch.inputs, (read, lanes), torch.int64, spec.inputs.size)
    else:
        assert isinstance(spec.inputs, Features)
        yield from _tensor_faults("inputs", batch.inputs, (read, lanes, spec.inputs.size), torch.float32)
    if batch.targets.is_floating_point():
        yield from _tensor_faults("targets", batch.targets, (steps, lanes, *batch.targets.shape[2:]), torch.float32)
    else:
        yield from _tensor_faults("targets", batch.targets, (steps, lanes), torch.int64, spec.outputs)
    yield from _tensor_faults("weight", batch.weight, (steps, lanes), torch.float32)
    yield from _tensor_faults("fresh", batch.fresh, (lanes,), torch.bool)
    if batch.weight.lt(0).any():
        yield "weight is below 0 somewhere"
    lengths = torch.full((lanes,), steps) if batch.lengths is None else batch.lengths
    if spec.reads == "sequence":
        yield from _sequence_faults(spec, batch)
        lengths = lengths - read
    yield from _tensor_faults("lengths", lengths, (lanes,), torch.int64, steps + 1)
    time_T1 = torch.arange(steps)[:, None]
    if batch.weight[time_T1 >= lengths].any():
        yield "weight is above 0 beyond the length of a lane"
    if spec.reads == "last_step" and batch.weight[time_T1 != lengths - 1].any():
        yield "weight is above 0 before the last step, but spec.reads is last_step"
    loss_TB = task.loss(torch.zeros(steps, lanes, spec.outputs), batch)
    yield from _tensor_faults("loss", loss_TB, (steps, lanes), torch.float32)


def _sequence_faults(spec: TaskSpec, batch: Batch) -> Iterator[str]:
    """The further faults of a batch of a task that reads a `sequence`."""
    if spec.longest < 1:
        yield "spec.longest is not set: a model must know when to stop writing"
    if not batch.fresh.all():
        yield "a lane is not fresh, but spec.reads is sequence: each sequence is read as a whole"
    if batch.lengths is None:
        yield "lengths is None: it must count the steps read and written"
    elif not torch.equal((batch.targets == END).int().argmax(0), batch.lengths - len(batch.inputs) - 1):
        yield f"the first END, {END}, of a lane's targets is not at its last step"


def _tensor_faults(
    name: str, tensor: Tensor, shape: tuple[int, ...], dtype: torch.dtype, size: int | None = None
) -> Iterator[str]:
    if tuple(tensor.shape) != shape or tensor.dtype != dtype:
        yield f"{name} is {tensor.dtype} {list(tensor.shape)} instead of {dtype} {list(shape)}"
    elif tensor.is_floating_point() and not tensor.isfinite().all():
        yield f"{name} is not finite somewhere"
    elif size is not None and tensor.numel() and not 0 <= int(tensor.min()) <= int(tensor.max()) < size:
        yield f"{name} reaches from {int(tensor.min())} to {int(tensor.max())}, outside 0 to {size - 1}"
