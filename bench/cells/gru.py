"""Gated recurrent unit, in the variant of torch.nn and cuDNN: reset after the product.

Cho et al., "Learning phrase representations using RNN encoder-decoder", EMNLP 2014. The paper's first version on arXiv
(1406.1078v1) resets W_hh h after the product, as here and by default in Keras (`reset_after=True`), so that a step has
one product with h. Its later version (v3) resets h before it: `bench.cells.gru_before`, Keras's `reset_after=False`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bench.api import GatedCell


class GRU(GatedCell):
    """Gate blocks in the order r, z, n, with x = W_ih x + b_ih and u = W_hh h + b_hh:

        r = sigmoid(x_r + u_r)        z = sigmoid(x_z + u_z)        n = tanh(x_n + r * u_n)
        h' = (1 - z) * n + z * h      (z near 1 keeps the old state)        parameters: 3 H (F + H + 2)

    The reset gate acts on the bias of W_hh h, too, as in torch.nn, cuDNN and Keras.
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
