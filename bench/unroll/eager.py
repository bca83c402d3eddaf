"""The plain loop over time: the oracle to which every faster form is compared."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from bench.api import Cell, GatedCell, State


def unroll_eager(cell: Cell, x_TBF: Tensor, state: State) -> tuple[Tensor, State]:
    """Step `cell` through `x [T, B, F]`; returns the outputs `[T, B, H]` and the last state.

    A gated cell that does not override `step` projects the inputs of all steps in one matrix product before the loop.
    """
    if isinstance(cell, GatedCell) and type(cell).step is GatedCell.step:
        inputs = cell.project(x_TBF)
        step: Callable[[Tensor, State], tuple[Tensor, State]] = cell.step_projected
    else:
        inputs, step = x_TBF, cell.step
    outputs = []
    for x_BF in inputs.unbind(0):
        y_BH, state = step(x_BF, state)
        outputs.append(y_BH)
    return torch.stack(outputs), state
