"""Long short-term memory, with forget gate and without peepholes.

Hochreiter & Schmidhuber, "Long short-term memory", Neural Computation 9 (1997); the forget gate from Gers,
Schmidhuber & Cummins, "Learning to forget", Neural Computation 12 (2000).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bench.api import GatedCell


class LSTM(GatedCell):
    """Gate blocks in the order i, f, g, o, each of the sum a = W_ih x + b_ih + W_hh h + b_hh:

        c' = sigmoid(a_f) * c + sigmoid(a_i) * tanh(a_g)
        h' = sigmoid(a_o) * tanh(c')

    `forget_bias` sets the two forget biases to sum to this value (1 opens the gate at the start, as Jozefowicz et al.
    2015 recommend); None leaves them as drawn.
    """

    blocks = 4
    states = ("h", "c")

    def __init__(self, input_size: int, hidden_size: int, forget_bias: float | None = None) -> None:
        self.forget_bias = forget_bias
        super().__init__(input_size, hidden_size)

    def reset_parameters(self) -> None:
        super().reset_parameters()
        if self.forget_bias is not None:
            forget = slice(self.hidden_size, 2 * self.hidden_size)
            nn.init.constant_(self.bias_ih[forget], self.forget_bias)
            nn.init.zeros_(self.bias_hh[forget])

    def gates(self, x_proj: Tensor, h_proj: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        i, f, g, o = (x_proj + h_proj).chunk(4, dim=-1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(c), c

    def vendor(self) -> nn.RNNBase:
        return nn.LSTM(self.input_size, self.hidden_size, device="meta")
