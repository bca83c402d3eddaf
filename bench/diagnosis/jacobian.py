"""Whether time steps stretch or shrink the state: the Jacobian of a step, and the growth under the product of them all.

The Lyapunov exponent follows Benettin, Galgani, Giorgilli & Strelcyn, Meccanica 15 (1980); for recurrent networks see
Vogt, Puelma Touzel, Shlizerman & Lajoie, "On Lyapunov exponents for RNNs", Frontiers in Applied Mathematics 8 (2022).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import pandas as pd
import torch
from torch import Tensor
from torch.func import jvp
from torch.nn.attention import SDPBackend, sdpa_kernel

from bench.api import Batch, State, leaves
from bench.diagnosis.lanes import is_memory, real_steps
from bench.errors import ConfigError
from bench.model.sequence import SequenceModel
from bench.model.transition import flatten, unflatten, width

_STEPS = 16  # number of steps whose Jacobians are computed, evenly spaced over the batch
_WIDEST = 1024  # largest number of states in a layer; the time for eigenvalues grows with its cube
_SETTLING = 4  # the first 1/4 of a lane's steps, in which a random direction turns to the fastest-growing one


def jacobians(model: SequenceModel, batch: Batch) -> pd.DataFrame:
    """The Jacobian ds_t/ds_{t-1} of a layer's state, by `layer` (from 1, the lowest) and time step `t` (from 0).

    Columns layer, t, radius, norm: the spectral radius (the largest absolute eigenvalue) and the spectral norm (the
    largest factor by which the step stretches any direction), as means over lanes, at up to 16 time steps. The batch
    begins from the initial state. Raises ConfigError for a layer with more than 1024 numbers in its state.
    """
    state, wanted = model.initial_state(len(batch.fresh)), _memory_indices(model, batch)
    if (widest := max(map(len, wanted))) > _WIDEST:
        raise ConfigError(
            f"the state of a layer has {widest} numbers, and eigenvalues are computed for at most {_WIDEST}"
        )
    chosen = set(torch.linspace(0, len(batch.inputs) - 1, min(_STEPS, len(batch.inputs))).round().int().tolist())
    rows = []
    for t, (inputs, real_B) in enumerate(zip(batch.inputs, real_steps(batch), strict=True)):
        if t in chosen and bool(real_B.any()):
            for layer, J_BNN in enumerate(_of_layers(_flat_step(model, inputs, state), flatten(state), wanted), 1):
                radius = torch.linalg.eigvals(J_BNN[real_B]).abs().amax(1)
                norm = torch.linalg.matrix_norm(J_BNN[real_B], 2)
                rows.append((layer, t, radius.mean().item(), norm.mean().item()))
        with torch.no_grad():
            _, state = model.step(inputs, state)
    return pd.DataFrame(rows, columns=["layer", "t", "radius", "norm"])


@torch.no_grad()
def lyapunov(model: SequenceModel, batch: Batch) -> pd.DataFrame:
    """The largest Lyapunov exponent of each lane's path through the batch: columns lane, steps, exponent.

    `exponent` is the mean, over `steps` time steps, of the logarithm of the factor by which a step stretches a small
    disturbance of the state. Below 0 the disturbance dies out; above 0 it grows (chaos). The first quarter of a lane's
    steps is left out: in it the disturbance turns to the fastest-growing direction. Raises ConfigError if torch has no
    forward-mode derivative of the step.
    """
    state = model.initial_state(len(batch.fresh))
    flat_BN, growth = flatten(state), []
    draws = torch.Generator().manual_seed(0)
    tangent_BN = torch.zeros_like(flat_BN)
    for numbers in _memory_indices(model, batch):
        drawn = torch.randn(len(flat_BN), len(numbers), generator=draws, dtype=torch.float64)
        tangent_BN[:, numbers] = drawn.to(flat_BN)
    for inputs in batch.inputs:
        step = _flat_step(model, inputs, state)
        try:
            with sdpa_kernel(SDPBackend.MATH):  # the faster kernels of attention have no forward-mode derivative
                flat_BN, tangent_BN = jvp(step, (flat_BN,), (_unit(tangent_BN),))  # type: ignore[misc]
        except (NotImplementedError, RuntimeError) as error:
            raise ConfigError(f"the step has no forward-mode derivative ({str(error).splitlines()[0]})") from error
        growth.append(tangent_BN.norm(dim=1).log())
    growth_TB = torch.stack(growth)
    rows = []
    for lane, length in enumerate(real_steps(batch).sum(0).tolist()):
        first = length // _SETTLING
        rows.append((lane, length - first, growth_TB[first:length, lane].mean().item()))
    return pd.DataFrame(rows, columns=["lane", "steps", "exponent"])


def _flat_step(model: SequenceModel, inputs: Tensor, like: tuple[State, ...]) -> Callable[[Tensor], Tensor]:
    """A time step as a function of the flat state `[B, N]` alone."""
    return lambda flat_BN: flatten(model.step(inputs, cast(tuple[State, ...], unflatten(flat_BN, like)))[1])


def _memory_indices(model: SequenceModel, batch: Batch) -> list[list[int]]:
    """For each layer, the indices in the flat state of the tensors that `is_memory` marks."""
    start, found = 0, []
    for layer, which in zip(model.initial_state(1), is_memory(model, batch), strict=True):
        numbers: list[int] = []
        for leaf, wanted in zip(leaves(layer), which, strict=True):
            numbers += range(start, start + width(leaf)) if wanted else ()
            start += width(leaf)
        found.append(numbers)
    return found


def _of_layers(step: Callable[[Tensor], Tensor], flat_BN: Tensor, wanted: list[list[int]]) -> list[Tensor]:
    """Each layer's own Jacobian `[B, N, N]`.

    No layer reads the layers above it, so that these blocks together have all eigenvalues of the model's Jacobian.
    """
    flat_BN = flat_BN.detach().requires_grad_()
    with torch.enable_grad():
        new_BN = step(flat_BN)
    return [torch.stack([_row(new_BN[:, n], flat_BN)[:, numbers] for n in numbers], 1) for numbers in wanted]


def _row(new_B: Tensor, flat_BN: Tensor) -> Tensor:
    """The gradient `[B, N]` of one number of every lane's state; lanes do not mix, so that one backward pass of the sum
    gives all of them.
    """
    return torch.autograd.grad(new_B.sum(), flat_BN, retain_graph=True, materialize_grads=True)[0]


def _unit(tangent_BN: Tensor) -> Tensor:
    norm_B1 = tangent_BN.norm(dim=1, keepdim=True)
    return tangent_BN / norm_B1.clamp(min=torch.finfo(norm_B1.dtype).tiny)
