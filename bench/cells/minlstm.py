"""Minimal long short-term memory: an LSTM whose gates and candidate do not look at the state, and sum to one.

Feng, Tung, Ahmed, Bengio & Hajimirsadeghi, "Were RNNs all we needed?", arXiv:2410.01201 (2024), section 3.2.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.api.linear import LinearCell


class MinLSTM(LinearCell):
    """Blocks in the order f, i, n, each a = W x + b:

        f = sigmoid(a_f)        i = sigmoid(a_i)        n = a_n
        h' = f / (f + i) * h + i / (f + i) * n          y = h'

    The plain form with a linear candidate, its output without gate. f / (f + i) is computed as
    sigmoid(softplus(-a_i) - softplus(-a_f)), which no gate near 0 turns into 0 / 0. `forget_bias` is the forget gate's
    bias at the start (the paper raises it to remember longer); None leaves it as drawn. Parameters: 3 H (F + 1).
    """

    def __init__(self, input_size: int, hidden_size: int, forget_bias: float | None = None) -> None:
        super().__init__(input_size, hidden_size)
        self.state_shape = (hidden_size,)
        self.project = nn.Linear(input_size, 3 * hidden_size)
        if forget_bias is not None:
            nn.init.constant_(self.project.bias[:hidden_size], forget_bias)

    def recurrence(self, x: Tensor) -> tuple[Tensor, ...]:
        f, i, n = self.project(x).chunk(3, dim=-1)
        keep = F.softplus(-i) - F.softplus(-f)
        return torch.sigmoid(keep), torch.sigmoid(-keep) * n
