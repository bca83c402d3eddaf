"""Minimal gated unit: a GRU with a single gate.

Zhou, Wu, Zhang & Zhou, "Minimal gated unit for recurrent neural networks", Int. J. Automation and Computing 13 (2016).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bench.api import Cell
from bench.cells.uniform import draw_uniform


class MGU(Cell):
    """A GRU with one gate, which both resets and updates:

        f = sigmoid(W_f x + b_f + U_f h)
        n = tanh(W_n x + b_n + U_n (f * h))
        h' = (1 - f) * h + f * n      (f near 0 keeps the old state)        parameters: 2 H (F + H + 1)

    The reset comes before the product, as in the paper.
    """

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.input = nn.Linear(input_size, 2 * hidden_size)
        self.gate = nn.Linear(hidden_size, hidden_size, bias=False)
        self.candidate = nn.Linear(hidden_size, hidden_size, bias=False)
        draw_uniform(self)

    def initial_state(self, batch_size: int, like: Tensor) -> Tensor:
        return like.new_zeros(batch_size, self.hidden_size)

    def step(self, x_BF: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        h = state
        x_f, x_n = self.input(x_BF).chunk(2, dim=-1)
        f = torch.sigmoid(x_f + self.gate(h))
        n = torch.tanh(x_n + self.candidate(f * h))
        h = h + f * (n - h)
        return h, h
