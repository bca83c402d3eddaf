"""The vanilla (Elman) recurrent network. Elman, "Finding structure in time", Cognitive Science 14 (1990)."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.api import GatedCell

_ACTIVATIONS = {"tanh": torch.tanh, "relu": torch.relu, "leaky_relu": F.leaky_relu, "sigmoid": torch.sigmoid}


class Vanilla(GatedCell):
    """h' = act(W_ih x + b_ih + W_hh h + b_hh)        parameters: H (F + H + 2)

    `activation` is tanh, relu, leaky_relu (slope 0.01 below 0) or sigmoid. All parameters start uniform in
    +-1/sqrt(H), as in torch.nn.
    """

    blocks = 1

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        activation: Literal["tanh", "relu", "leaky_relu", "sigmoid"] = "tanh",
    ) -> None:
        self.activation = activation
        super().__init__(input_size, hidden_size)

    def gates(self, x_proj: Tensor, h_proj: Tensor, h: Tensor) -> Tensor:  # type: ignore[override]
        return _ACTIVATIONS[self.activation](x_proj + h_proj)

    def vendor(self) -> nn.RNNBase | None:
        if self.activation not in ("tanh", "relu"):
            return None
        return nn.RNN(self.input_size, self.hidden_size, nonlinearity=self.activation, device="meta")
