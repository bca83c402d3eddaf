"""Echo state network. Jaeger, "The echo state approach to analysing and training recurrent neural networks", GMD Report
148 (2001).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.api import Cell, State


class EchoState(Cell):
    """h' = (1 - leak) h + leak * tanh(W_in x + b + W h), where W is random, scaled to a spectral radius, and fixed.

    The input weights are trained here, unlike in the paper, where only the read-out is. Parameters: H (I + 1).
    """

    def __init__(self, input_size: int, hidden_size: int, radius: float = 0.9, leak: float = 1.0) -> None:
        if not radius > 0 or not 0 < leak <= 1:
            raise ValueError(f"cell.radius={radius} must be above 0 and cell.leak={leak} above 0 and up to 1")
        super().__init__(input_size, hidden_size)
        self.leak = leak
        self.input = nn.Linear(input_size, hidden_size)
        matrix_HH = torch.randn(hidden_size, hidden_size)
        largest = torch.linalg.eigvals(matrix_HH).abs().max().clamp_min(1e-6)
        self.register_buffer("weight_HH", matrix_HH * (radius / largest))

    def initial_state(self, batch_size: int, like: Tensor) -> State:
        return like.new_zeros(batch_size, self.hidden_size)

    def step(self, x_BF: Tensor, state: State) -> tuple[Tensor, State]:
        new_BH = torch.tanh(self.input(x_BF) + F.linear(state, self.weight_HH))
        h_BH = (1 - self.leak) * state + self.leak * new_BH
        return h_BH, h_BH
