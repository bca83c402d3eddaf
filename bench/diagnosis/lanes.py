"""A model's way through a batch, lane by lane: what is disturbed, what is carried, and where lanes end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pandas as pd
import torch
from torch import Tensor

from bench.api import Batch, State, leaves
from bench.model.sequence import SequenceModel


def real_steps(batch: Batch) -> Tensor:
    """Which time steps are no padding, `[T, B]` bool."""
    if batch.lengths is None:
        return torch.ones_like(batch.weight, dtype=torch.bool)
    return torch.arange(len(batch.inputs), device=batch.lengths.device).unsqueeze(1) < batch.lengths


def last_step(wanted_TB: Tensor) -> Tensor:
    """The last time step at which each lane is wanted, `[B]`; -1 for none."""
    count_T = torch.arange(1, len(wanted_TB) + 1, device=wanted_TB.device)
    return (wanted_TB * count_T.unsqueeze(1)).amax(0) - 1


@contextmanager
def disturbed_inputs(model: SequenceModel) -> Iterator[list[Tensor]]:
    """Within, each step adds zeros `[B, F]` to what the first layer reads and keeps them in the list: their gradients
    are those of the inputs, which symbols do not have.
    """
    added: list[Tensor] = []

    def disturb(module: object, arguments: object, x_BF: Tensor) -> Tensor:
        added.append(torch.zeros_like(x_BF, requires_grad=True))
        return x_BF + added[-1]

    hook = model.encoder.register_forward_hook(disturb)
    try:
        yield added
    finally:
        hook.remove()


def remembered(model: SequenceModel, batch: Batch) -> list[list[bool]]:
    """For each tensor of each layer's state whether inputs or weights can change it: a count of steps is no memory."""
    with torch.enable_grad(), disturbed_inputs(model):
        _, state = model.step(batch.inputs[0], model.initial_state(len(batch.fresh)))
    return [[leaf.requires_grad for leaf in leaves(layer)] for layer in state]


def memory(layer_state: State, which: list[bool]) -> list[Tensor]:
    """The tensors of a layer's state that `remembered` is true of."""
    return [leaf for leaf, wanted in zip(leaves(layer_state), which, strict=True) if wanted]


def by_lag(norms_TB: Tensor, last_B: Tensor) -> pd.DataFrame:
    """The mean of norms `lag` steps before each lane's last: columns lag, norm, share, lanes.

    Lanes that are shorter than the lag are left out of its mean, and `lanes` counts the others. `share` is what they
    keep of their own norms at lag 0.
    """
    rows = []
    for lag in range(int(last_B.max()) + 1):
        there_B = (last_B >= lag).nonzero().squeeze(1)
        norm = norms_TB[last_B[there_B] - lag, there_B].mean().item()
        start = norms_TB[last_B[there_B], there_B].mean().item()
        rows.append((lag, norm, norm / start if start else float("nan"), len(there_B)))
    return pd.DataFrame(rows, columns=["lag", "norm", "share", "lanes"])
