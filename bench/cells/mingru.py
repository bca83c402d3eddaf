"""Minimal gated recurrent unit: a GRU whose gate and candidate depend on the input alone.

Feng, Tung, Ahmed, Bengio & Hajimirsadeghi, "Were RNNs all we needed?", arXiv:2410.01201 (2024), section 3.1.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bench.api.linear import LinearCell


class MinGRU(LinearCell):
    """Blocks in the order z, n, each a = W x + b:

        z = sigmoid(a_z)        n = a_n        h' = (1 - z) * h + z * n        y = h'

    This is the paper's plain form. Its log-space form is for scans that divide by products of coefficients; our scan
    only multiplies. `positive` uses the candidate of the log-space form, n = g(a_n) with g(v) = v + 1/2 for v >= 0 and
    g(v) = sigmoid(v) for v < 0, so that h stays positive. Parameters: 2 H (F + 1).
    """

    def __init__(self, input_size: int, hidden_size: int, positive: bool = False) -> None:
        super().__init__(input_size, hidden_size)
        self.state_shape = (hidden_size,)
        self.positive = positive
        self.project = nn.Linear(input_size, 2 * hidden_size)

    def recurrence(self, x: Tensor) -> tuple[Tensor, ...]:
        z, n = self.project(x).chunk(2, dim=-1)
        if self.positive:
            n = torch.where(n >= 0, n + 0.5, torch.sigmoid(n))
        return torch.sigmoid(-z), torch.sigmoid(z) * n
