"""Update-gate RNN: a plain recurrent network with one gate, which keeps or replaces the state.

Collins, Sohl-Dickstein & Sussillo, "Capacity and trainability in recurrent neural networks", ICLR 2017.
"""

from __future__ import annotations

import torch
from torch import Tensor

from bench.api import GatedCell


class UGRNN(GatedCell):
    """Gate blocks in the order g, c, of the sum a = W_ih x + b_ih + W_hh h + b_hh:

        g = sigmoid(a_g + gate_bias)        c = tanh(a_c)
        h' = g * h + (1 - g) * c      (g near 1 keeps the old state)        parameters: 2 H (F + H + 2)

    `gate_bias` is a constant that the paper tunes; a positive one makes an untrained cell keep its state. The biases
    that `init.forget_bias` and `init.chrono` ask for are sums with it.
    """

    blocks = 2
    keeps = 0

    def __init__(self, input_size: int, hidden_size: int, gate_bias: float = 1.0) -> None:
        self.gate_bias = self.keeps_constant = gate_bias
        super().__init__(input_size, hidden_size)

    def gates(self, x_proj: Tensor, h_proj: Tensor, h: Tensor) -> Tensor:  # type: ignore[override]
        a_g, a_c = (x_proj + h_proj).chunk(2, dim=-1)
        c = torch.tanh(a_c)
        return c + torch.sigmoid(a_g + self.gate_bias) * (h - c)
