"""Independently recurrent network.

Li, Li, Cook, Zhu & Gao, "Independently recurrent neural network (IndRNN): building a longer and deeper RNN", CVPR 2018.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.api import Cell


class IndRNN(Cell):
    """Each unit has one recurrent weight, to itself; units mix only in the next layer:

        h' = relu(W x + b + u * h)        parameters: H (F + 2)

    u is drawn uniformly from [0, 1], W and b as in torch.nn's recurrent layers. `u_max` clips u to [-u_max, u_max], at
    the start and after each update; None does not clip. For sequences of T steps the paper recommends 2^(1/T), so that
    the state at most doubles within a sequence. Raises ValueError unless u_max is above 0 or None.
    """

    def __init__(self, input_size: int, hidden_size: int, u_max: float | None = None) -> None:
        super().__init__(input_size, hidden_size)
        if u_max is not None and u_max <= 0:
            raise ValueError(f"u_max={u_max}: must be above 0, or null")
        self.u_max = u_max
        bound = 1 / math.sqrt(hidden_size)
        self.weight_ih = nn.Parameter(torch.empty(hidden_size, input_size).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(hidden_size).uniform_(-bound, bound))
        self.weight_hh = nn.Parameter(torch.empty(hidden_size).uniform_(0, 1))
        self.after_update()

    @torch.no_grad()
    def after_update(self) -> None:
        if self.u_max is not None:
            self.weight_hh.clamp_(-self.u_max, self.u_max)

    def initial_state(self, batch_size: int, like: Tensor) -> Tensor:
        return like.new_zeros(batch_size, self.hidden_size)

    def step(self, x_BF: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        h = torch.relu(F.linear(x_BF, self.weight_ih, self.bias) + self.weight_hh * state)
        return h, h
