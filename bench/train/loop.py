"""The training loop, as a generator of steps: the caller decides when to validate and when to stop."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple

import torch
from torch import Generator, Tensor
from torch.optim import Optimizer
from torch.utils.checkpoint import checkpoint

from bench.api import Batch, State, Task, map_state
from bench.config.schema import Config
from bench.hardware.machine import Machine
from bench.hardware.ranks import ALONE, Ranks
from bench.kernels.uncompiled import uncompiled
from bench.model.sequence import SequenceModel
from bench.train.bptt import overlapping, scored_in, windows
from bench.train.clip import Clip, Clipped
from bench.train.finite import must_stay_finite
from bench.train.gradient.forward import ForwardMode, ForwardState

Carried = tuple[State, ...] | ForwardState
"""The state between batches: every layer's, with the influence matrices where gradients go forward in time."""


class TrainStep(NamedTuple):
    """The figures of one training step. `loss` is the mean per scored position, in nats (or the task's own unit).

    `grad_norm` is the gradient's global norm before clipping, at the step's last update; NaN where nothing was scored.
    `updates` counts the optimiser's updates, `clipped` the updates with a clipped gradient. The next step starts from
    `state` in lanes that are not fresh.
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
) -> Iterator[TrainStep]:
    """Train `model` on `batches`, one step for each `accumulate` batches.

    Raises Diverged where the loss or the gradient's norm is NaN or infinite, before the weights change; or DataError,
    naming the batch, where its inputs or targets are.

    The state is carried from batch to batch in lanes that are not fresh, and from window to window within a batch. The
    gradient is cut at every border between windows (`bench.train.bptt.windows`).

    With `bptt.update=window` the weights change after every window, by the gradient of the mean over the window's
    scored positions. With `sequence` they change once a batch, by the truncated gradient of the mean over the batch.
    Where windows overlap, and in the sliding form, the next window's first state is recomputed with the new weights.
    With `accumulate` above 1 a step makes one update: the update of a single batch with all the lanes. With `loss=sum`
    the gradient is that of the sum over each sequence's scored positions, as a mean over the sequences; the loss that a
    step states is the mean per position as well.

    With `forward` (which must match `config.gradient`) gradients go forward in time and are never cut: windows only
    decide when the weights change.

    Where the machine has several ranks, all draw the same batches, and each goes through its own lanes. Sums over lanes
    are added up over the ranks, and divided by what the whole batch has, so that all figures are those of one device.

    `offsets` draws random borders. A resumed run gives the number of `done` steps and the `state` after them.
    """
    assert (forward is None) == (config.gradient == "bptt"), f"`forward` does not match gradient={config.gradient}"
    clip, offsets = Clip(config.clip, model), offsets or Generator()
    ranks = machine.ranks
    every_window = config.bptt.update == "window" and config.accumulate == 1
    sliding = config.bptt.kind == "sliding"
    for number, group in enumerate(groups(batches, config.accumulate), done + 1):
        if not model.training:
            model.train()
        loss_sum, seen, scored = 0.0, 0.0, sum(scored_in(batch, config.bptt) for batch in group)
        updates: list[Clipped] = []
        of_group = (pair for batch in group for pair in overlapping(windows(batch, config.bptt, offsets)))
        for window, known in of_group:
            part = window.part
            part_scored = scored if len(group) == 1 and part is group[0] else float(part.weight.sum())
            divisor = part_scored and (part_scored if every_window else scored)  # of the weighted mean
            if config.loss == "sum" and divisor:
                divisor = float(len(part.fresh) if every_window else sum(len(batch.fresh) for batch in group))
            part = ranks.lanes(part).to(machine.device)
            start: Any = state if config.bptt.carry else None
            if forward:
                part_loss, state = forward.accumulate(task, part, start, 1 / divisor if divisor else 0.0)
            else:
                before = model.carry(start, part.fresh)
                recompute = config.bptt.checkpoint
                part_loss, state = backpropagate(model, task, part, before, divisor, recompute, machine, known)
            loss_sum, seen = loss_sum + ranks.sum(part_loss), seen + part_scored
            must_stay_finite(loss_sum, "training loss", number, group, config.accumulate)
            if part_scored and every_window:
                updates.append(update(optimizer, clip, ranks))
                must_stay_finite(updates[-1].norm, "gradient's norm", number, group, config.accumulate)
            if config.bptt.carry and (sliding or window.stride < len(part.inputs)):
                state = state_after(model, part.span(0, window.stride), before, machine)
        if scored and not every_window:
            updates.append(update(optimizer, clip, ranks))
            must_stay_finite(updates[-1].norm, "gradient's norm", number, group, config.accumulate)
        yield TrainStep(
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
    recompute: bool,
    machine: Machine,
    known: int = 0,
) -> tuple[float, tuple[State, ...]]:
    """The weighted sum of the losses over `part`, and the state after it, detached: its graph may hold all activations.

    Adds the gradient of the sum, divided by `divisor`, to the parameters' gradients. The window before has been through
    the first `known` time steps.

    With `recompute` only the activations at the borders of about sqrt(T) segments are kept; the backward pass computes
    all others a second time. Memory is then of order sqrt(T), at the cost of one more forward pass (Chen et al.,
    "Training deep nets with sublinear memory cost", arXiv:1604.06174, 2016).
    """
    if recompute:
        steps = len(part.inputs)
        length = math.isqrt(steps - 1) + 1
        loss = torch.zeros((), device=machine.device)
        for start in range(0, steps, length):
            segment = part.span(start, min(start + length, steps))
            added, state = checkpoint(objective, model, task, segment, state, machine, use_reentrant=False)
            loss = loss + added
    else:
        loss, state = objective(model, task, part, state, machine, known)
    total = loss.item()
    if divisor and math.isfinite(total):
        (loss * (1 / divisor)).backward()  # given the gradient as a tensor, torch imports its symbolic shapes
    return total, map_state(Tensor.detach, state)  # type: ignore[return-value]


def objective(
    model: SequenceModel, task: Task, part: Batch, state: tuple[State, ...], machine: Machine, known: int = 0
) -> tuple[Tensor, tuple[State, ...]]:
    """The weighted sum of the losses over `part`, a scalar, and the state after it."""
    with machine.autocast():
        logits, state = model.predict(part, state, known)
        loss_TB = task.loss(logits, part)
    return (loss_TB * part.weight.to(loss_TB)).sum(), state


@torch.no_grad()
def state_after(model: SequenceModel, part: Batch, state: tuple[State, ...], machine: Machine) -> tuple[State, ...]:
    """The state after `part`, which a window has been through; `state` itself where `part` has no time step."""
    if not len(part.inputs):
        return state
    with machine.autocast():
        return model.predict(part, state, known=len(part.inputs))[1]


def update(optimizer: Optimizer, clip: Clip, ranks: Ranks = ALONE) -> Clipped:
    """Add up the parameters' gradients over the ranks, clip them, make one optimiser step and clear them; the report of
    the clipping.

    There is no step along a gradient without a finite norm: shortened to any length it would be zeros or NaN.
    """
    ranks.add_gradients(clip.parameters)
    clipped = clip()
    if math.isfinite(clipped.norm):
        with uncompiled(type(optimizer)):
            optimizer.step()
    for parameter in clip.parameters:  # optimizer.zero_grad does the same, and takes 2% of a step of 1 ms
        parameter.grad = None
    return clipped


def groups(batches: Iterable[Batch], size: int) -> Iterator[list[Batch]]:
    """Lists of `size` batches each; the last may be shorter."""
    iterator = iter(batches)
    while group := list(islice(iterator, size)):
        yield group
