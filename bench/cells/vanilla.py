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

    `activation` is tanh, relu, leaky_relu (slope 0.01 below 0) or sigmoid. `init` is the distribution of the weights:

        default     all parameters uniform in +-1/sqrt(H), as in torch.nn
        identity    W_hh = I, W_ih normal, biases 0; with relu this is the IRNN of Le, Jaitly & Hinton, "A simple way to
                    initialize recurrent networks of rectified linear units", arXiv:1504.00941 (2015)
        normal      W_ih and W_hh normal, biases 0
        orthogonal  W_hh a random orthogonal matrix, the others as default; Saxe, McClelland & Ganguli, ICLR 2014

    `sigma` is the standard deviation of normal weights; None means 0.001 for identity (as in Le et al.), 1 for normal.
    """

    blocks = 1

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        activation: Literal["tanh", "relu", "leaky_relu", "sigmoid"] = "tanh",
        init: Literal["default", "identity", "normal", "orthogonal"] = "default",
        sigma: float | None = None,
    ) -> None:
        self.activation = activation
        self.init = init
        self.sigma = sigma if sigma is not None else 0.001 if init == "identity" else 1.0
        super().__init__(input_size, hidden_size)

    def reset_parameters(self) -> None:
        super().reset_parameters()
        if self.init in ("identity", "normal"):
            nn.init.normal_(self.weight_ih, std=self.sigma)
            nn.init.zeros_(self.bias_ih)
            nn.init.zeros_(self.bias_hh)
        if self.init == "identity":
            nn.init.eye_(self.weight_hh)
        elif self.init == "normal":
            nn.init.normal_(self.weight_hh, std=self.sigma)
        elif self.init == "orthogonal":
            nn.init.orthogonal_(self.weight_hh)

    def gates(self, x_proj: Tensor, h_proj: Tensor, h: Tensor) -> Tensor:  # type: ignore[override]
        return _ACTIVATIONS[self.activation](x_proj + h_proj)

    def vendor(self) -> nn.RNNBase | None:
        if self.activation not in ("tanh", "relu"):
            return None
        return nn.RNN(self.input_size, self.hidden_size, nonlinearity=self.activation, device="meta")
