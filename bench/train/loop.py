"""The training loop, as a generator of steps: whoever iterates decides when to validate and when to stop."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple

import torch
from torch import Generator, Tensor
from torch.optim import Optimizer
from torch.utils.checkpoint import checkpoint

from bench.api import Batch, State, Task
from bench.config.schema import Config
from bench.errors import Diverged
from bench.hardware.machine import Machine
from bench.model.sequence import SequenceModel
from bench.train.bptt import scored_in, windows
from bench.train.clip import Clip, Clipped
from bench.train.gradient.forward import ForwardMode, ForwardState

Carried = tuple[State, ...] | ForwardState
"""What lanes go on from: every layer's state, with its influence where gradients go forward in time."""


class Step(NamedTuple):
    """What one batch of training came to. `loss` is nats (or the task's own unit) per scored position.

    `grad_norm` is the global norm before clipping, of the batch's last update; NaN where nothing was scored. `clipped`
    counts those of its `updates` that clipping changed. `state` is what the next batch's lanes go on from.
    """

    number: int
    sequences: int
    tokens: int
    loss: float
    grad_norm: float
    updates: int
    clipped: int
    state: Carried | None = None


def train(
    model: SequenceModel,
    task: Task,
    optimizer: Optimizer,
    batches: Iterable[Batch],
    config: Config,
    machine: Machine,
    offsets: Generator | None = None,
    state: Carried | None = None,
    done: int = 0,
    forward: ForwardMode | None = None,
) -> Iterator[Step]:
    """Train `model` on `batches`, one step a batch; raises Diverged when a loss is NaN or infinite.

    The state goes from batch to batch in lanes that are not fresh, and from window to window within a batch; the
    gradient is cut at every border (`bench.bptt.windows`). With `bptt.update=window` the weights change after every
    window, by the mean over its scored positions; with `sequence` once a batch, by the truncated gradient of the
    batch's mean. Where windows overlap, and in the sliding form, the state before the next one is computed anew with
    the changed weights. A step of `accumulate` batches makes the one update that a batch of all their lanes would make.

    With `forward`, which `config.gradient` names, gradients go forward in time and nothing is cut: windows only say
    when weights change.

    `offsets` draws random borders; `state` is the state after the `done` steps from which training goes on.
    """
    assert (forward is None) == (config.gradient == "bptt"), f"the gradient is to be {config.gradient}"
    clip, offsets = Clip(config.clip, model), offsets or Generator()
    every_window = config.bptt.update == "window" and config.accumulate == 1
    sliding = config.bptt.kind == "sliding"
    for number, group in enumerate(groups(batches, config.accumulate), done + 1):
        if not model.training:
            model.train()
        loss_sum, seen, scored = 0.0, 0.0, sum(scored_in(batch, config.bptt) for batch in group)
        updates: list[Clipped] = []
        for window in (window for batch in group for window in windows(batch, config.bptt, offsets)):
            part = window.part
            part_scored = scored if len(group) == 1 and part is group[0] else float(part.weight.sum())
            part = part.to(machine.device)
            divisor = part_scored and (part_scored if every_window else scored)  # of the weighted mean
            start: Any = state if config.bptt.carry else None
            if forward:
                part_loss, state = forward.accumulate(task, part, start, 1 / divisor if divisor else 0.0)
            else:
                before = model.carry(start, part.fresh)
                part_loss, state = backpropagate(model, task, part, before, divisor, config.bptt.checkpoint, machine)
            loss_sum, seen = loss_sum + part_loss, seen + part_scored
            if not math.isfinite(loss_sum):
                raise Diverged(f"the training loss became {loss_sum} at step {number}")
            if part_scored and every_window:
                updates.append(update(optimizer, clip))
            if config.bptt.carry and (sliding or window.stride < len(part.inputs)):
                state = advance(model, part.span(0, window.stride), before, machine)
        if scored and not every_window:
            updates.append(update(optimizer, clip))
        yield Step(
            number,
            sequences=sum(len(batch.fresh) for batch in group),
            tokens=sum(batch.tokens for batch in group),
            loss=loss_sum / seen if seen else math.nan,
            grad_norm=updates[-1].norm if updates else math.nan,
            updates=len(updates),
            clipped=sum(each.acted for each in updates),
            state=state,
        )


def backpropagate(
    model: SequenceModel,
    task: Task,
    part: Batch,
    state: tuple[State, ...],
    divisor: float,
    checkpointed: bool,
    machine: Machine,
) -> tuple[float, tuple[State, ...]]:
    """The weighted sum of losses over `part`, and the state after it; the gradient of the sum over `divisor` is added
    to the parameters'.

    `checkpointed` keeps activations only at the borders of about sqrt(T) segments and computes those between anew in
    the backward pass: memory of order sqrt(T) for one more forward pass (Chen et al., "Training deep nets with
    sublinear memory cost", arXiv:1604.06174, 2016).
    """
    if checkpointed:
        steps = len(part.inputs)
        length = math.isqrt(steps - 1) + 1
        loss = torch.zeros((), device=machine.device)
        for start in range(0, steps, length):
            segment = part.span(start, min(start + length, steps))
            added, state = checkpoint(objective, model, task, segment, state, machine, use_reentrant=False)
            loss = loss + added
    else:
        loss, state = objective(model, task, part, state, machine)
    total = loss.item()
    if divisor and math.isfinite(total):
        loss.backward(torch.full_like(loss, 1 / divisor))
    return total, state


def objective(
    model: SequenceModel, task: Task, part: Batch, state: tuple[State, ...], machine: Machine
) -> tuple[Tensor, tuple[State, ...]]:
    """The weighted sum of the losses over `part`, a scalar, and the state after it."""
    with machine.autocast():
        logits, state = model.predict(part, state)
        loss_TB = task.loss(logits, part)
    return (loss_TB * part.weight.to(loss_TB)).sum(), state


@torch.no_grad()
def advance(model: SequenceModel, part: Batch, state: tuple[State, ...], machine: Machine) -> tuple[State, ...]:
    """The state after `part`, which may be without a time step."""
    if not len(part.inputs):
        return state
    with machine.autocast():
        return model.predict(part, state)[1]


def update(optimizer: Optimizer, clip: Clip) -> Clipped:
    """One optimiser step from the gradients that lie on the parameters, clipped first; what clipping found and did."""
    clipped = clip()
    optimizer.step()
    for parameter in clip.parameters:  # optimizer.zero_grad does the same, and takes 2% of a step of 1 ms
        parameter.grad = None
    return clipped


def groups(batches: Iterable[Batch], size: int) -> Iterator[list[Batch]]:
    """The batches by `size` at a time, and what is left."""
    iterator = iter(batches)
    while group := list(islice(iterator, size)):
        yield group
