"""A layer: a cell, and the optional parts around it; they are the same for every cell, so that cells compare."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.api import Cell, State
from bench.model.noise import NoisyCell
from bench.model.norm import make_norm

Through = Callable[[Tensor, State], tuple[Tensor, State]]
"""Runs a cell over inputs of one time step or of several: inputs and a state to outputs and the next state."""


@dataclass(frozen=True)
class Around:
    """The parts around each cell, by default none. The fields are options of `model`.

    norm              normalisation of the cell's output: none, layer, batch or batch_per_step (`bench.model.norm`)
    residual          add the layer's input to its output, if both have the same width
    gate              multiply the cell's output by silu(W x) of the layer's input, as blocks of Mamba and Griffin do
    mlp               add a residual two-layer perceptron, `mlp` times as wide as the cell; 0: none
    dropout           share of the layer's output dropped in training
    variational       use one dropout mask for all time steps
    zoneout, recurrent_dropout   noise on the cell's state in training (`bench.model.noise`)
    """

    norm: str = "none"
    residual: bool = False
    gate: bool = False
    mlp: int = 0
    dropout: float = 0.0
    variational: bool = False
    zoneout: float = 0.0
    recurrent_dropout: float = 0.0


class Layer(nn.Module):
    """The cell f over time, followed by the parts that `around` switches on:

        y = norm(f(x) * silu(W x))        y = x + dropout(y)        y = y + dropout(norm'(V' gelu(V y)))

    Norms apply to the residual branches and not to their inputs (res-post-norm: Liu et al., "Swin Transformer V2", CVPR
    2022), so that the layer's input may have any width.
    """

    def __init__(self, cell: Cell, around: Around) -> None:
        super().__init__()
        size = cell.hidden_size
        noise = around.zoneout, around.recurrent_dropout
        self.around = around
        self.adds_input = around.residual and cell.input_size == size
        self.counts_steps = around.norm == "batch_per_step"
        self.cell = NoisyCell(cell, *noise) if any(noise) else cell
        self.gate = nn.Linear(cell.input_size, size) if around.gate else None
        self.norm = make_norm(around.norm, size)
        self.mlp, self.mlp_norm = None, None
        if around.mlp:
            wide = around.mlp * size
            self.mlp = nn.Sequential(nn.Linear(size, wide), nn.GELU(), nn.Linear(wide, size))
            self.mlp_norm = make_norm(around.norm, size)

    def initial_state(self, batch_size: int, like: Tensor) -> State:
        """The cell's initial state; with norm=batch_per_step a pair of it and the number of steps so far, `[B, 1]`."""
        own = self.cell.initial_state(batch_size, like)
        return (own, like.new_zeros(batch_size, 1)) if self.counts_steps else own

    def from_step_zero(self, state: State) -> State:
        """The same state, with its count of time steps set to 0."""
        return (state[0], torch.zeros_like(state[1])) if self.counts_steps else state

    def with_new_noise(self, state: State) -> State:
        """The same state with a new mask of recurrent dropout; else an endless stream would keep its first mask."""
        if not isinstance(self.cell, NoisyCell):
            return state
        own, steps = state if self.counts_steps else (state, None)
        own = self.cell.with_new_mask(own)
        return own if steps is None else (own, steps)

    def forward(self, x: Tensor, state: State, through: Through) -> tuple[Tensor, State]:
        """Outputs `[T, B, H]` and the last state of inputs `[T, B, F]`; or of one step, without T."""
        own, steps = state if self.counts_steps else (state, None)
        y, own = through(x, own)
        if self.gate is not None:
            y = y * F.silu(self.gate(x))
        if self.norm is not None:
            y = self.norm(y, steps)
        y = self._drop(y)
        if self.adds_input:
            y = x + y
        if self.mlp is not None:
            z = self.mlp(y)
            y = y + self._drop(z if self.mlp_norm is None else self.mlp_norm(z, steps))
        if steps is not None:
            return y, (own, steps + (len(x) if x.dim() == 3 else 1))
        return y, own

    def _drop(self, y: Tensor) -> Tensor:
        return dropout(y, self.around.dropout, self.training, self.around.variational)


def dropout(x: Tensor, share: float, training: bool, same_over_time: bool) -> Tensor:
    """Dropout of `x [T, B, H]` or `[B, H]`. `same_over_time` uses one mask for all time steps (variational dropout: Gal
    & Ghahramani, NeurIPS 2016).
    """
    if not (share and training):
        return x
    if not same_over_time or x.dim() == 2:
        return F.dropout(x, share)
    return x * F.dropout(torch.ones_like(x[:1]), share)
