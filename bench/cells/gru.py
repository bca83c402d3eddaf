"""Gated recurrent unit, in the variant of torch.nn and cuDNN: reset after the product.

Cho et al., "Learning phrase representations using RNN encoder-decoder", EMNLP 2014. The paper resets h before the
product; its reference implementation resets W_hh h after it, as here, so that W_hh h is one product.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bench.api import GatedCell


class GRU(GatedCell):
    """Gate blocks in the order r, z, n, with x = W_ih x + b_ih and u = W_hh h + b_hh:

        r = sigmoid(x_r + u_r)        z = sigmoid(x_z + u_z)        n = tanh(x_n + r * u_n)
        h' = (1 - z) * n + z * h      (z near 1 keeps the old state)        parameters: 3 H (F + H + 2)

    The published form, which resets before the product, is in `bench.cells.gru_before`.
    """

    blocks = 3
    keeps = 1

    def gates(self, x_proj: Tensor, h_proj: Tensor, h: Tensor) -> Tensor:  # type: ignore[override]
        x_r, x_z, x_n = x_proj.chunk(3, dim=-1)
        u_r, u_z, u_n = h_proj.chunk(3, dim=-1)
        r, z = torch.sigmoid(x_r + u_r), torch.sigmoid(x_z + u_z)
        n = torch.tanh(x_n + r * u_n)
        return n + z * (h - n)

    def vendor(self) -> nn.RNNBase:
        return nn.GRU(self.input_size, self.hidden_size, device="meta")
