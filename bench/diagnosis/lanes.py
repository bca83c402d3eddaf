"""Parts of the diagnoses: where lanes end, gradients of the inputs, and which parts of a state are memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pandas as pd
import torch
from torch import Tensor

from bench.api import Batch, State, leaves
from bench.errors import ConfigError
from bench.model.sequence import SequenceModel


def real_steps(batch: Batch) -> Tensor:
    """Which time steps are real and not padding, `[T, B]` bool."""
    if batch.lengths is None:
        return torch.ones_like(batch.weight, dtype=torch.bool)
    return torch.arange(len(batch.inputs), device=batch.lengths.device).unsqueeze(1) < batch.lengths


def last_step(wanted_TB: Tensor) -> Tensor:
    """The last time step of each lane at which `wanted_TB` is true, `[B]`; -1 if there is none."""
    count_T = torch.arange(1, len(wanted_TB) + 1, device=wanted_TB.device)
    return (wanted_TB * count_T.unsqueeze(1)).amax(0) - 1


@contextmanager
def disturbed_inputs(model: SequenceModel) -> Iterator[list[Tensor]]:
    """Within the block, each step adds zeros `[B, F]` to the encoded inputs and appends them to the list.

    The gradient of the zeros is the gradient of the encoded inputs; symbols themselves have none.
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


def is_memory(model: SequenceModel, batch: Batch) -> list[list[bool]]:
    """For each tensor of each layer's state, whether it depends on inputs or weights; a count of steps does not.

    Raises ConfigError where nothing in a layer's state does.
    """
    with torch.enable_grad(), disturbed_inputs(model):
        _, state = model.step(batch.inputs[0], model.initial_state(len(batch.fresh)))
    found = [[leaf.requires_grad for leaf in leaves(layer)] for layer in state]
    for number, layer in enumerate(found, 1):
        if not any(layer):
            raise ConfigError(f"the state of layer {number} depends on neither inputs nor weights: it keeps no memory")
    return found


def memory_leaves(layer_state: State, which: list[bool]) -> list[Tensor]:
    """The tensors of a layer's state that `which`, from `is_memory`, marks."""
    return [leaf for leaf, wanted in zip(leaves(layer_state), which, strict=True) if wanted]


def by_lag(norms_TB: Tensor, last_B: Tensor) -> pd.DataFrame:
    """The mean over lanes of `norms_TB`, `lag` steps before each lane's last: columns lag, norm, share, lanes.

    Lanes without such a step are left out; `lanes` is the number of the others. `share` is the ratio of their mean norm
    to their mean norm at lag 0, NaN if that is 0.
    """
    rows = []
    for lag in range(int(last_B.max()) + 1):
        there_B = (last_B >= lag).nonzero().squeeze(1)
        norm = norms_TB[last_B[there_B] - lag, there_B].mean().item()
        start = norms_TB[last_B[there_B], there_B].mean().item()
        rows.append((lag, norm, norm / start if start else float("nan"), len(there_B)))
    return pd.DataFrame(rows, columns=["lag", "norm", "share", "lanes"])
