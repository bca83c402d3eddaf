"""The training loop, as a generator of steps: whoever iterates decides when to validate and when to stop."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from torch import Generator, nn
from torch.optim import Optimizer

from bench.api import Batch, Split, Task
from bench.bptt import windows
from bench.config import Config
from bench.errors import DataError, Diverged
from bench.machine import Machine
from bench.model import SequenceModel


class Step(NamedTuple):
    """What one batch of training came to. `loss` is nats (or the task's own unit) per scored position.

    `grad_norm` is the global norm before clipping, of the batch's last update; NaN where nothing was scored.
    """

    number: int
    sequences: int
    tokens: int
    loss: float
    grad_norm: float


def train(
    model: SequenceModel, task: Task, optimizer: Optimizer, batches: Iterable[Batch], config: Config, machine: Machine
) -> Iterator[Step]:
    """Train `model` on `batches`, one step a batch; raises Diverged when a loss is NaN or infinite.

    The state goes from batch to batch in lanes that are not fresh, and from window to window within a batch; the
    gradient is cut at every border. With `bptt.update=window` the weights change after every window, by the mean over
    its scored positions; with `sequence` once a batch, by the truncated gradient of the batch's mean.
    """
    parameters = list(model.parameters())
    every_window = config.bptt.update == "window"
    state = None
    for number, batch in enumerate(batches, 1):
        if not model.training:
            model.train()
        loss_sum, scored, grad_norm = 0.0, float(batch.weight.sum()), math.nan
        parts = list(windows(batch, config.bptt.window))
        for part in parts:
            part_scored = scored if len(parts) == 1 else float(part.weight.sum())
            state = model.carry(state, part.fresh)
            part = part.to(machine.device)
            with machine.autocast():
                logits, state = model.predict(part, state)
                loss_TB = task.loss(logits, part)
            weight_TB = part.weight.to(loss_TB)
            loss_sum += (loss_TB.detach() * weight_TB).sum().item()
            if not math.isfinite(loss_sum):
                raise Diverged(f"the training loss became {loss_sum} at step {number}")
            if part_scored:
                loss_TB.backward(weight_TB / (part_scored if every_window else scored))  # of the weighted mean
            if part_scored and every_window:
                grad_norm = update(optimizer, parameters, config.clip.norm)
        if scored and not every_window:
            grad_norm = update(optimizer, parameters, config.clip.norm)
        yield Step(number, len(batch.fresh), batch.tokens, loss_sum / scored if scored else math.nan, grad_norm)


def update(optimizer: Optimizer, parameters: list[nn.Parameter], clip_norm: float | None) -> float:
    """One optimiser step from the gradients that lie on `parameters`, clipped first; their global norm before that."""
    gradients = [p.grad for p in parameters if p.grad is not None]
    norm = nn.utils.get_total_norm(gradients).item()
    if clip_norm is not None and norm > clip_norm:
        for gradient in gradients:
            gradient.mul_(clip_norm / norm)
    optimizer.step()
    for parameter in parameters:  # optimizer.zero_grad does the same, and takes 2% of a step of 1 ms
        parameter.grad = None
    return norm


def passes(task: Task, split: Split, batch_size: int, generator: Generator) -> Iterator[Batch]:
    """Batches of a split without end, pass after pass; raises DataError where a pass is empty."""
    while True:
        empty = True
        for batch in task.batches(split, batch_size, generator):
            empty = False
            yield batch
        if empty:
            raise DataError(f"{task.spec.id} has no batch of {batch_size} in its {split} split: lower batch_size")
