"""Gradients by forward modes and by autograd over the whole graph, to hold one against the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from tiny import Given
from torch import Tensor

from bench.api import Batch, TaskSpec
from bench.model.sequence import SequenceModel
from bench.train.gradient.forward import ForwardMode

Mode = Callable[[SequenceModel, TaskSpec, int], ForwardMode]


def backward(model: SequenceModel, batches: Sequence[Batch]) -> Sequence[Tensor]:
    """The gradient of the sum of all weighted losses, by autograd over the whole graph."""
    task, state, loss = Given(train=batches), model.initial_state(len(batches[0].fresh)), 0.0
    for batch in batches:
        logits, state = model(batch.inputs, state)
        loss = loss + (task.loss(logits, batch) * batch.weight).sum()
    return torch.autograd.grad(loss, list(model.parameters()))


def forward(mode: Mode, model: SequenceModel, batches: Sequence[Batch]) -> Sequence[Tensor | None]:
    """The same by a forward mode, window by window or batch by batch."""
    algorithm = mode(model, Given(train=batches).spec, len(batches[0].fresh))
    model.zero_grad()
    memory = None
    for batch in batches:
        _, memory = algorithm.accumulate(Given(train=batches), batch, memory, scale=1.0)
    return [p.grad for p in model.parameters()]


def in_windows(batch: Batch, window: int) -> list[Batch]:
    """The batch cut into windows, the last one shorter."""
    return [batch.span(start, start + window) for start in range(0, len(batch.inputs), window)]


def check_same(found: Sequence[Tensor | None], wanted: Sequence[Tensor]) -> None:
    """Fail where gradients differ by more than rounding."""
    for a, b in zip(found, wanted, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-11)
