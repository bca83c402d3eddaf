"""JANET: an LSTM that keeps only the forget gate.

Van der Westhuizen & Lasenby, "The unreasonable effectiveness of the forget gate", arXiv:1804.04849 (2018).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bench.api import GatedCell


class JANET(GatedCell):
    """Gate blocks in the order f, c, of the sum a = W_ih x + b_ih + W_hh h + b_hh:

        h' = sigmoid(a_f) * h + (1 - sigmoid(a_f - beta)) * tanh(a_c)        parameters: 2 H (F + H + 2)

    With `beta` above 0 the input's weight is larger than the forgotten share. `t_max` is the longest dependency in time
    steps: as in the paper, forget biases are then drawn as log(uniform in [1, t_max - 1]), the chrono initialisation of
    Tallec & Ollivier (ICLR 2018), and candidate biases are 0. None draws biases as torch.nn does. Raises ValueError
    unless t_max is None or above 2.
    """

    blocks = 2
    keeps = 0

    def __init__(self, input_size: int, hidden_size: int, beta: float = 1.0, t_max: int | None = None) -> None:
        if t_max is not None and t_max <= 2:
            raise ValueError(f"t_max={t_max}: must be above 2 time steps, or null")
        self.beta = beta
        self.t_max = t_max
        super().__init__(input_size, hidden_size)

    def reset_parameters(self) -> None:
        super().reset_parameters()
        if self.t_max is not None:
            nn.init.zeros_(self.bias_ih)
            nn.init.zeros_(self.bias_hh)
            with torch.no_grad():
                self.bias_ih[: self.hidden_size].uniform_(1, self.t_max - 1).log_()

    def gates(self, x_proj: Tensor, h_proj: Tensor, h: Tensor) -> Tensor:  # type: ignore[override]
        a_f, a_c = (x_proj + h_proj).chunk(2, dim=-1)
        return torch.sigmoid(a_f) * h + (1 - torch.sigmoid(a_f - self.beta)) * torch.tanh(a_c)
