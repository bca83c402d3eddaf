"""The vanilla (Elman) recurrent network. Elman, "Finding structure in time", Cognitive Science 14 (1990)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bench.api import GatedCell


class Vanilla(GatedCell):
    """h' = tanh(W_ih x + b_ih + W_hh h + b_hh)"""

    blocks = 1

    def gates(self, x_proj: Tensor, h_proj: Tensor, h: Tensor) -> Tensor:  # type: ignore[override]
        return torch.tanh(x_proj + h_proj)

    def vendor(self) -> nn.RNNBase:
        return nn.RNN(self.input_size, self.hidden_size, nonlinearity="tanh", device="meta")
