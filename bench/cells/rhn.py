"""Recurrent highway network. Zilly, Srivastava, Koutnik & Schmidhuber, "Recurrent highway networks", ICML 2017."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bench.api import Cell
from bench.cells.uniform import draw_uniform


class RHN(Cell):
    """`depth` highway layers within each time step; only the first reads the input. With s_0 = h and h' = s_depth:

        a = tanh(W_a x [l = 1] + R_a,l s_(l-1) + b_a,l)        t = sigmoid(W_t x [l = 1] + R_t,l s_(l-1) + b_t,l)
        s_l = t * a + (1 - t) * s_(l-1)                        parameters: 2 H F + depth 2 H (H + 1)

    The carry gate is 1 - t, as in the paper's experiments. `transform_bias` is the initial value of b_t; a negative one
    lets the layers start close to the identity. Raises ValueError for a depth below 1.
    """

    def __init__(self, input_size: int, hidden_size: int, depth: int = 2, transform_bias: float = -2.0) -> None:
        super().__init__(input_size, hidden_size)
        if depth < 1:
            raise ValueError(f"depth={depth}: must be 1 or more")
        self.input = nn.Linear(input_size, 2 * hidden_size, bias=False)
        layers = [nn.Linear(hidden_size, 2 * hidden_size) for _ in range(depth)]
        self.layers = nn.ModuleList(layers)
        draw_uniform(self)
        for layer in layers:
            nn.init.constant_(layer.bias[hidden_size:], transform_bias)

    def initial_state(self, batch_size: int, like: Tensor) -> Tensor:
        return like.new_zeros(batch_size, self.hidden_size)

    def step(self, x_BF: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        first, *others = self.layers
        s = _highway(first(state) + self.input(x_BF), state)
        for layer in others:
            s = _highway(layer(s), s)
        return s, s


def _highway(sums: Tensor, s: Tensor) -> Tensor:
    a, t = sums.chunk(2, dim=-1)
    return s + torch.sigmoid(t) * (torch.tanh(a) - s)
