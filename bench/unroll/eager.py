"""The plain loop over time: the oracle that every faster form is held against."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from bench.api import Cell, GatedCell, State


def unroll_eager(cell: Cell, x_TBF: Tensor, state: State) -> tuple[Tensor, State]:
    """Step `cell` through `x [T, B, F]`; outputs `[T, B, H]` and the last state.

    A gated cell's input projection is one matrix product for all steps, before the loop (unless its step is its own).
    """
    if isinstance(cell, GatedCell) and type(cell).step is GatedCell.step:
        inputs = cell.project(x_TBF)
        advance: Callable[[Tensor, State], tuple[Tensor, State]] = cell.advance
    else:
        inputs, advance = x_TBF, cell.step
    outputs = []
    for x_BF in inputs.unbind(0):
        y_BH, state = advance(x_BF, state)
        outputs.append(y_BH)
    return torch.stack(outputs), state
