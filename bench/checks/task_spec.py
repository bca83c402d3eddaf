"""The law that a task's spec is sound, and that its batches agree with it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from bench.api import END, Batch, Features, Metric, Task, TaskSpec, Tokens
from bench.checks.law import Broken, law
from bench.checks.task_probe import SPLITS, TaskProbe

_EACH = 20
_READS = ("every_step", "last_step", "sequence")
_DIRECTIONS = ("max", "min")


@law("make `spec` and `batches` agree; see the shapes in bench.api.Batch and give the id a version, as in name-v1")
def spec_is_honoured(probe: TaskProbe) -> None:
    """The spec is sound, always the same, and its id has a version; shapes, dtypes and ranges of all parts of a batch
    agree with it, and the loss is one for each position and depends on the logits.
    """
    spec = probe.task.spec
    must_be_sound(spec)
    for split in SPLITS:
        for number, batch in enumerate(probe.batches(split, _EACH)):
            must_honour(probe.task, spec, batch, f"{split}, batch {number}", lambda whole: whole)
    if not probe.batches("train", 1) or not probe.batches("valid", 1):
        raise Broken("train or valid is empty")
    must_be_constant(spec, probe.task)


def must_be_sound(spec: TaskSpec) -> None:
    """Raise Broken, naming the first fault, where the facts of a spec cannot be true."""
    if fault := next(_spec_faults(spec), None):
        raise Broken(fault)


def must_be_constant(spec: TaskSpec, task: Task) -> None:
    """Raise Broken where the spec is another than it was at first."""
    if (now := task.spec) != spec:
        name = next(name for name in vars(spec) if getattr(now, name) != getattr(spec, name))
        raise Broken(f"spec.{name} was {getattr(spec, name)} at first, and became {getattr(now, name)}")


def must_honour(task: Task, spec: TaskSpec, batch: Batch, place: str, few: Callable[[Batch], Batch]) -> None:
    """Raise Broken, `{place}: {fault}`, where a batch does not agree with the spec, or the loss of a `few` lanes."""
    fault = next(_batch_faults(task, spec, batch), None)
    if fault := fault or next(_loss_faults(task, spec, few(batch)), None):
        raise Broken(f"{place}: {fault}")


def _spec_faults(spec: TaskSpec) -> Iterator[str]:
    metric = spec.metric
    if not isinstance(metric, Metric):
        yield f"spec.metric is {metric!r}, and no bench.api.Metric"
        return
    if not isinstance(spec.inputs, Tokens | Features):
        yield f"spec.inputs is {spec.inputs!r}, neither Tokens(size) nor Features(size)"
        return
    if not re.search(r"-v\d+$", str(spec.id)):
        yield f"spec.id is {spec.id}, without a version"
    if spec.rate is not None and not 0 < spec.rate < math.inf:
        yield f"spec.rate is {spec.rate!r}, no number of time steps a second; leave it out where they have no length"
    for name, size in (("inputs.size", spec.inputs.size), ("outputs", spec.outputs)):
        if not isinstance(size, int) or size < 1:
            yield f"spec.{name} is {size!r}, not a whole number of 1 or more"
    for name, value, words in (("reads", spec.reads, _READS), ("metric.direction", metric.direction, _DIRECTIONS)):
        if value not in words:
            yield f"spec.{name} is {value!r}, not one of {', '.join(words)}"
    scores = {"chance": metric.chance, "solved": metric.solved, "target": metric.target, **metric.baselines}
    lowest, highest = metric.scale.range
    for name, score in scores.items():
        if name in ("solved", "target") and score is None:
            continue
        if isinstance(score, bool) or not isinstance(score, int | float) or not math.isfinite(score):
            yield f"the metric's score of {name} is {score!r}, not a finite number"
        elif not lowest <= score <= highest:
            yield f"the metric's score of {name} is {score}, and its range is {lowest:g} to {highest:g}"
    if isinstance(spec.notes, str) or not all(isinstance(note, str) for note in spec.notes):
        yield f"spec.notes is {spec.notes!r}, not a tuple of lines"
    for name, score in (("solved", metric.solved), ("target", metric.target)):
        if score is not None and not metric.better(score, metric.chance):
            yield f"the metric's {name} score, {score}, is no better than its chance score, {metric.chance}"
    if metric.target is not None and metric.solved is not None and metric.better(metric.target, metric.solved):
        yield f"the metric's target, {metric.target}, is better than the best possible score, {metric.solved}"


def _batch_faults(task: Task, spec: TaskSpec, batch: Batch) -> Iterator[str]:
    """The faults of a batch, one line each."""
    if fault := _form_fault(spec, batch):
        yield fault
        return
    read, lanes = batch.inputs.shape[:2]
    steps = len(batch.targets) if spec.reads == "sequence" else read
    if isinstance(spec.inputs, Tokens):
        yield from _tensor_faults("inputs", batch.inputs, (read, lanes), torch.int64, spec.inputs.size)
    else:
        yield from _tensor_faults("inputs", batch.inputs, (read, lanes, spec.inputs.size), torch.float32)
    if batch.targets.is_floating_point():
        yield from _tensor_faults("targets", batch.targets, (steps, lanes, *batch.targets.shape[2:]), torch.float32)
    else:
        classes = spec.outputs if type(task).loss is Task.loss else None  # a loss of its own may read targets otherwise
        yield from _tensor_faults("targets", batch.targets, (steps, lanes), torch.int64, classes)
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


def _form_fault(spec: TaskSpec, batch: object) -> str | None:
    """What keeps a batch from being looked at more closely."""
    if not isinstance(batch, Batch):
        return f"it is {type(batch).__name__}, and no bench.api.Batch"
    for name in ("inputs", "targets", "weight", "fresh"):
        if not isinstance(part := getattr(batch, name), Tensor):
            return f"{name} is {type(part).__name__}, and no tensor"
    if batch.inputs.dim() < 2:
        return f"inputs is {_form(batch.inputs)}, without time and lanes"
    if 0 in batch.inputs.shape or not batch.targets.numel():
        return f"inputs is {_form(batch.inputs)} and targets {_form(batch.targets)}: it is empty"
    return None


def _loss_faults(task: Task, spec: TaskSpec, batch: Batch) -> Iterator[str]:
    logits_TBC = torch.zeros(*batch.weight.shape, spec.outputs, requires_grad=True)
    loss_TB = task.loss(logits_TBC, batch)
    if not isinstance(loss_TB, Tensor):
        yield f"loss is {type(loss_TB).__name__}, and no tensor"
        return
    yield from _tensor_faults("loss", loss_TB, tuple(batch.weight.shape), torch.float32)
    if not loss_TB.requires_grad:
        yield "loss has no gradient with respect to the logits"


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
        yield f"{name} is {_form(tensor)} instead of {dtype} {list(shape)}"
    elif tensor.is_floating_point() and not tensor.isfinite().all():
        yield f"{name} is not finite somewhere ({tensor[~tensor.isfinite()][0].item()})"
    elif size is not None and tensor.numel() and not 0 <= int(tensor.min()) <= int(tensor.max()) < size:
        yield f"{name} reaches from {int(tensor.min())} to {int(tensor.max())}, outside 0 to {size - 1}"


def _form(tensor: Tensor) -> str:
    return f"{tensor.dtype} {list(tensor.shape)}"
