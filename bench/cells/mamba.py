"""Selective state space model (S6), the recurrence inside Mamba.

Gu & Dao, "Mamba: linear-time sequence modeling with selective state spaces", arXiv:2312.00752 (2023), algorithm 2.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.api.linear import LinearCell

_LEAST_STEP, _MOST_STEP = 1e-3, 1e-1  # range of the initial Delta, as in the paper


class S6(LinearCell):
    """u = W_in x maps the input to H channels. Each channel has N states of its own:

        Delta = softplus(W_Delta W_low u + b_Delta)        B = W_B u        C = W_C u        A = -exp(log_A)
        h' = exp(Delta A) * h + Delta B u                  y = C h' + D * u

    W_low has R = ceil(H / 16) rows, and N is `state_size`. As in the paper, A is real and starts at -1 .. -N,
    softplus(b_Delta) starts between 0.001 and 0.1, uniform in its logarithm, and B has the simplified (Euler)
    discretisation. The convolution, activation and gate of Mamba are the parts of `block=mamba`.
    Parameters: H F + (R + 2 N) H + H R + H + H N + H.
    """

    published_block = "mamba"
    undecayed = ("log_A",)

    def __init__(self, input_size: int, hidden_size: int, state_size: int = 16) -> None:
        super().__init__(input_size, hidden_size)
        self.state_shape = (hidden_size, state_size)
        self.rank = math.ceil(hidden_size / 16)
        self.project: nn.Module = nn.Linear(input_size, hidden_size, bias=False)
        self.select = nn.Linear(hidden_size, self.rank + 2 * state_size, bias=False)
        self.widen = nn.Linear(self.rank, hidden_size)
        self.log_A = nn.Parameter(torch.log(torch.arange(1.0, state_size + 1)).repeat(hidden_size, 1))
        self.D = nn.Parameter(torch.ones(hidden_size))
        span = math.log(_MOST_STEP / _LEAST_STEP)
        step = _LEAST_STEP * torch.exp(span * torch.rand(hidden_size))
        with torch.no_grad():
            self.widen.bias.copy_(torch.log(torch.expm1(step)))  # the inverse of softplus

    def leave_to_block(self, input_map: bool, output_map: bool, gate: bool) -> None:
        """A block's own map takes the place of W_in."""
        if input_map:
            self.project = nn.Identity()

    def recurrence(self, x: Tensor) -> tuple[Tensor, ...]:
        u = self.project(x)
        size = self.state_shape[1]
        low, B, C = self.select(u).split((self.rank, size, size), dim=-1)
        step = F.softplus(self.widen(low))
        a = torch.exp(step.unsqueeze(-1) * -torch.exp(self.log_A))
        return a, (step * u).unsqueeze(-1) * B.unsqueeze(-2), C, u

    def output(self, h: Tensor, *others: Tensor) -> Tensor:
        C, u = others
        return (h * C.unsqueeze(-2)).sum(-1) + self.D * u  # on CPUs faster than one matrix product for each lane
