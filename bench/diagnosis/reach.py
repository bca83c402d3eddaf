"""How far an input's influence reaches: the effective memory of a model."""

from __future__ import annotations

import math

import pandas as pd
import torch
from torch import Tensor

from bench.api import Batch, Cell, State
from bench.diagnosis.lanes import by_lag, disturbed_inputs, last_step, real_steps
from bench.model.sequence import SequenceModel
from bench.model.transition import CellStep, stepped_by

_DIRECTIONS = 32  # number of directions of the last output; for wider outputs the norm is an estimate


def reach(model: SequenceModel, batch: Batch) -> pd.DataFrame:
    """The Frobenius norm of dy_T/dx_{T-lag}: columns lag, norm, share, lanes.

    y_T is the output of the last layer's cell at a lane's last real time step, and x is the first layer's input (for
    symbols their embedding). `norm` is the mean over the lanes with a step T - lag, and `lanes` is their number.
    `share` is the ratio of `norm` to the same lanes' mean at lag 0. For outputs wider than 32 the norm is estimated
    from 32 random orthogonal directions. The batch begins from the initial state.
    """
    given: list[Tensor] = []

    def watched(layer: int, cell: Cell) -> CellStep:
        def step(x_BF: Tensor, state: State) -> tuple[Tensor, State]:
            y_BH, state = type(cell).step(cell, x_BF, state)
            if layer == len(model.layers) - 1:
                given.append(y_BH)
            return y_BH, state

        return step

    state = model.initial_state(len(batch.fresh))
    with disturbed_inputs(model) as read, stepped_by(model, watched):
        for inputs in batch.inputs:
            _, state = model.step(inputs, state)
    last_B = last_step(real_steps(batch))
    y_BH = torch.stack(given)[last_B, torch.arange(len(last_B))]
    squares_TB = torch.zeros(len(read), len(last_B), dtype=y_BH.dtype, device=y_BH.device)
    for direction_H in _directions(y_BH):
        found = torch.autograd.grad((y_BH @ direction_H).sum(), read, retain_graph=True, materialize_grads=True)
        squares_TB += torch.stack(found).square().sum(2)
    return by_lag(squares_TB.sqrt(), last_B)


def steps_until(frame: pd.DataFrame, share: float) -> float:
    """The first lag from which on less than `share` of an input's influence is left; infinity if it is beyond `frame`.

    `frame` is a table of `reach`.
    """
    above = frame.loc[frame["share"] >= share, "lag"]
    first = 0 if above.empty else int(above.max()) + 1
    return first if first <= frame["lag"].max() else math.inf


def _directions(y_BH: Tensor) -> Tensor:
    """Directions, as rows. The squared products of a matrix with them add up to its squared Frobenius norm: exactly up
    to width 32, else in expectation.
    """
    width = y_BH.shape[1]
    if width <= _DIRECTIONS:
        return torch.eye(width, dtype=y_BH.dtype, device=y_BH.device)
    draws = torch.Generator().manual_seed(0)
    basis_HK = torch.linalg.qr(torch.randn(width, _DIRECTIONS, generator=draws, dtype=torch.float64))[0]
    return (basis_HK.T * math.sqrt(width / _DIRECTIONS)).to(y_BH)
