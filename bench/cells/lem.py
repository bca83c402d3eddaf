"""Long expressive memory: a recurrent network with learned time steps, discretised from differential equations with two
time scales.

Rusch, Mishra, Erichson & Mahoney, "Long expressive memory for sequence modeling", ICLR 2022.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bench.api import Cell
from bench.cells.uniform import draw_uniform


class LEM(Cell):
    """Blocks of the input map V in the order 1, 2, z, y, and of the output map W in the order 1, 2, z:

        d_1 = dt sigmoid(W_1 y + V_1 x + b_1)        d_2 = dt sigmoid(W_2 y + V_2 x + b_2)
        z' = (1 - d_1) * z + d_1 * tanh(W_z y + V_z x + b_z)
        y' = (1 - d_2) * y + d_2 * tanh(W_y z' + V_y x + b_y)        parameters: 4 H (F + H + 1)

    y is the output. `dt` is the longest time step, in units of the sequence's time step; for dt <= 1 both states stay
    in [-1, 1]. Raises ValueError unless dt is above 0.
    """

    def __init__(self, input_size: int, hidden_size: int, dt: float = 1.0) -> None:
        super().__init__(input_size, hidden_size)
        if not dt > 0:
            raise ValueError(f"dt={dt}: must be above 0")
        self.dt = dt
        self.input = nn.Linear(input_size, 4 * hidden_size)
        self.output = nn.Linear(hidden_size, 3 * hidden_size, bias=False)
        self.memory = nn.Linear(hidden_size, hidden_size, bias=False)
        draw_uniform(self)

    def initial_state(self, batch_size: int, like: Tensor) -> tuple[Tensor, Tensor]:
        return like.new_zeros(batch_size, self.hidden_size), like.new_zeros(batch_size, self.hidden_size)

    def step(self, x_BF: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, tuple[Tensor, Tensor]]:  # type: ignore[override]
        y, z = state
        x_1, x_2, x_z, x_y = self.input(x_BF).chunk(4, dim=-1)
        u_1, u_2, u_z = self.output(y).chunk(3, dim=-1)
        d_1, d_2 = self.dt * torch.sigmoid(x_1 + u_1), self.dt * torch.sigmoid(x_2 + u_2)
        z = z + d_1 * (torch.tanh(x_z + u_z) - z)
        y = y + d_2 * (torch.tanh(x_y + self.memory(z)) - y)
        return y, (y, z)
