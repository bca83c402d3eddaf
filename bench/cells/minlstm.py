"""Minimal long short-term memory: an LSTM whose gates depend on the input alone and sum to 1.

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

    This is the paper's plain form: the candidate is linear and the output has no gate. f / (f + i) is computed as
    sigmoid(softplus(-a_i) - softplus(-a_f)), which avoids 0 / 0 when both gates are near 0. Biases start as in
    torch.nn; the paper raises the forget gate's (`init.forget_bias`) to remember longer. Parameters: 3 H (F + 1).
    """

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.state_shape = (hidden_size,)
        self.project = nn.Linear(input_size, 3 * hidden_size)

    def set_forget_bias(self, value: float) -> None:
        nn.init.constant_(self.project.bias[: self.hidden_size], value)

    def recurrence(self, x: Tensor) -> tuple[Tensor, ...]:
        f, i, n = self.project(x).chunk(3, dim=-1)
        keep = F.softplus(-i) - F.softplus(-f)
        return torch.sigmoid(keep), torch.sigmoid(-keep) * n
