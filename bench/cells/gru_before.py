"""Gated recurrent unit in the later of its two published forms: reset before the product.

Cho et al., "Learning phrase representations using RNN encoder-decoder", EMNLP 2014, as in arXiv:1406.1078v3 (Keras:
`reset_after=False`). The form of the paper's first version, which torch.nn, cuDNN and by default Keras have, resets
after the product: `bench.cells.gru`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bench.api import Cell
from bench.cells.uniform import draw_uniform


class GRUBefore(Cell):
    """Gate blocks in the order r, z, n:

        r = sigmoid(W_r x + b_r + U_r h)        z = sigmoid(W_z x + b_z + U_z h)
        n = tanh(W_n x + b_n + U_n (r * h))
        h' = (1 - z) * n + z * h      (z near 1 keeps the old state)        parameters: 3 H (F + H + 1)

    The candidate's product needs the reset gate, so that a step makes two products in sequence. The cell is therefore
    not a GatedCell, and has no vendor form.
    """

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.input = nn.Linear(input_size, 3 * hidden_size)
        self.gate = nn.Linear(hidden_size, 2 * hidden_size, bias=False)
        self.candidate = nn.Linear(hidden_size, hidden_size, bias=False)
        draw_uniform(self)

    def set_forget_bias(self, value: float) -> None:
        nn.init.constant_(self.input.bias[self.hidden_size : 2 * self.hidden_size], value)

    def initial_state(self, batch_size: int, like: Tensor) -> Tensor:
        return like.new_zeros(batch_size, self.hidden_size)

    def step(self, x_BF: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        h = state
        x_r, x_z, x_n = self.input(x_BF).chunk(3, dim=-1)
        u_r, u_z = self.gate(h).chunk(2, dim=-1)
        r, z = torch.sigmoid(x_r + u_r), torch.sigmoid(x_z + u_z)
        n = torch.tanh(x_n + self.candidate(r * h))
        h = n + z * (h - n)
        return h, h
