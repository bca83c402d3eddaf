"""A layer: a cell and what may stand around it, alike for every cell, so that cells compare."""

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
"""A cell's way through some time steps, or one."""


@dataclass(frozen=True)
class Around:
    """What stands around each cell; nothing, by default. The fields are options of `model`.

    norm              of the cell's output: none, layer, batch or batch_per_step (`bench.norm`)
    residual          add the layer's input to its output, where they are of one width
    gate              multiply the cell's output by silu(W x) of the layer's input, as blocks of Mamba and Griffin do
    mlp               follow it by a two-layer perceptron of so many times the width, with a residual connection
    dropout           share of the layer's output dropped in training; `variational` drops the same at every time step
    zoneout, recurrent_dropout   noise on what the cell remembers (`bench.noise`)
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
    """With f the cell over time:

        y = norm(f(x) * silu(W x))        y = x + dropout(y)        y = y + dropout(norm'(V' gelu(V y)))

    each part as `around` says. Normalising what is added, and not what the cell is given, is the order of Liu et al.,
    "Swin Transformer V2" (CVPR 2022); it takes inputs of any width.
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
        """The cell's; beside it the number of steps so far, `[B, 1]`, where the norm is one for each."""
        own = self.cell.initial_state(batch_size, like)
        return (own, like.new_zeros(batch_size, 1)) if self.counts_steps else own

    def from_step_zero(self, state: State) -> State:
        """The state with its time steps counted from here on."""
        return (state[0], torch.zeros_like(state[1])) if self.counts_steps else state

    def with_new_noise(self, state: State) -> State:
        """The state with its recurrent dropout drawn anew, as a stream without end needs now and then."""
        if not isinstance(self.cell, NoisyCell):
            return state
        own, steps = state if self.counts_steps else (state, None)
        own = self.cell.with_new_mask(own)
        return own if steps is None else (own, steps)

    def forward(self, x: Tensor, state: State, through: Through) -> tuple[Tensor, State]:
        """Outputs and the state after them, for inputs over time `[T, B, F]` or of one step `[B, F]`."""
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
    """Dropout of `x [T, B, H]` or `[B, H]`, with `same_over_time` by one mask for all time steps (variational: Gal &
    Ghahramani, NeurIPS 2016).
    """
    if not (share and training):
        return x
    if not same_over_time or x.dim() == 2:
        return F.dropout(x, share)
    return x * F.dropout(torch.ones_like(x[:1]), share)
