"""JANET: an LSTM that keeps only the forget gate.

Van der Westhuizen & Lasenby, "The unreasonable effectiveness of the forget gate", arXiv:1804.04849 (2018).
"""

from __future__ import annotations

import torch
from torch import Tensor

from bench.api import GatedCell


class JANET(GatedCell):
    """Gate blocks in the order f, c, of the sum a = W_ih x + b_ih + W_hh h + b_hh:

        h' = sigmoid(a_f) * h + (1 - sigmoid(a_f - beta)) * tanh(a_c)        parameters: 2 H (F + H + 2)

    With `beta` above 0 the input's weight is larger than the forgotten share. Biases start as in torch.nn; the paper
    draws them by the chrono initialisation, `init.chrono` with its longest dependency T_max.
    """

    blocks = 2
    keeps = 0

    def __init__(self, input_size: int, hidden_size: int, beta: float = 1.0) -> None:
        self.beta = beta
        super().__init__(input_size, hidden_size)

    def gates(self, x_proj: Tensor, h_proj: Tensor, h: Tensor) -> Tensor:  # type: ignore[override]
        a_f, a_c = (x_proj + h_proj).chunk(2, dim=-1)
        return torch.sigmoid(a_f) * h + (1 - torch.sigmoid(a_f - self.beta)) * torch.tanh(a_c)
